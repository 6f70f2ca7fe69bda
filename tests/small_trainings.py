"""Small training sets that a tiny model learns in seconds, and what trainings are compared by."""

from __future__ import annotations

import torch
from transformers import TrainerCallback

WHO = ("the doctor", "my sister", "the waiter", "our guide", "the old man", "the staff")
DID = {"neutral": ("opens", "closes", "asked for", "works in"), "positive": ("loved", "enjoyed", "adored", "praised")}
WHAT = ("the shop", "a good book", "the blue bus", "a quiet room", "the story", "a table", "the music", "the view")


def rows(start, step, neutral=1.0):
    """Sentences whose verb gives the class away; every so many of all, the neutral ones thinned out."""
    found = [
        (f"{who} {verb} {what} .", label)
        for label, verbs in DID.items()
        for who in WHO
        for verb in verbs
        for what in WHAT
    ][start::step]
    few = [row for row in found if row[1] == "neutral"]
    kept = few[: int(len(few) * neutral)]
    chosen = kept + [row for row in found if row[1] != "neutral"]
    return [text for text, _ in chosen], [label for _, label in chosen]


TRAIN = rows(0, 2)
VALIDATION = rows(1, 6)
RARE = rows(0, 2, neutral=0.25)
APART = [f"and on monday {text[:-2]} in the old town ." for text in VALIDATION[0]], VALIDATION[1]
"""Rows that are no near copies of training rows."""
WORDS = {"strategy": "nlpaug:random_word", "guards": ["none"]}
"""A quick strategy."""


def quick_config(encoder, /, **values):
    """Make the configuration of a quick training, some values changed."""
    from classifiers import TrainConfig

    quick = {"encoder": str(encoder), "learning_rate": 3e-3, "epochs": 2.0, "device": "cpu", "dtype": "float32"}
    return TrainConfig(**{**quick, **values})


def prepared(training=RARE, validation=APART, against=None):
    """Rows as a training prepares them."""
    from classifiers.data.splits import described, training_data

    return training_data(
        described(training, "the training data"),
        None if validation is None else described(validation, "the validation data"),
        against,
    )


def weights(result):
    return {name: value.clone() for name, value in result.model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Stop(TrainerCallback):
    """Ends the training by an error after some step."""

    def __init__(self, step):
        self.step = step

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


class Watch(TrainerCallback):
    """Keeps the texts of each batch that the model sees."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.steps = []

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        def look(module, given, named):
            if module.training:
                self.steps.append(self.tokenizer.batch_decode(named["input_ids"], skip_special_tokens=True))

        self.hook = model.register_forward_pre_hook(look, with_kwargs=True)

    def on_train_end(self, args, state, control, **kwargs):
        self.hook.remove()

    def epochs(self, steps):
        return [[t for batch in self.steps[i : i + steps] for t in batch] for i in range(0, len(self.steps), steps)]
