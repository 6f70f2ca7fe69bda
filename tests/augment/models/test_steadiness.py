"""The states of the words that a change leaves alone: found on both sides, compared in the middle of the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from augment.models.checkpoints import load_masked_lm
from augment.models.steadiness import ChangedText, Steadiness
from augment.words import Replacement, splice

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def bert_lm(bert):
    return load_masked_lm(str(bert), device="cpu", dtype="float32")


def changed(text, *replacements):
    made = [Replacement(*replacement) for replacement in replacements]
    return ChangedText(text, splice(text, made), made)


def middle(checkpoint, text):
    """States of the middle layer by a plain pass, and where their pieces begin."""
    encoded = checkpoint.tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
    starts = [start if end > start else None for start, end in encoded["offset_mapping"][0].tolist()]
    with torch.inference_mode():
        output = checkpoint.model.base_model(
            input_ids=encoded["input_ids"],
            attention_mask=encoded["attention_mask"],
            output_hidden_states=True,
        )
    layers = checkpoint.model.config.num_hidden_layers
    return output.hidden_states[(layers + 1) // 2][0].double().numpy(), starts


def test_the_least_cosine_is_that_of_a_plain_pass(masked_lm):
    text, old, new = "the film was good on the day", "good", "bad"
    at = text.index(old)
    change = changed(text, (at, at + len(old), new))
    before, starts = middle(masked_lm, change.old)
    after, new_starts = middle(masked_lm, change.new)
    own = {start: i for i, start in enumerate(new_starts) if start is not None}
    cosines = []
    for i, start in enumerate(starts):
        there = None if start is None else own.get(start if start <= at else start + len(new) - len(old))
        if there is not None and not at - 1 <= start < at + len(old):  # some tokenizers count the space before a word
            a, b = before[i], after[there]
            cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert Steadiness(masked_lm).least([change])[0] == pytest.approx(min(cosines), abs=1e-5)
    assert min(cosines) < 1 - 1e-4


def test_the_meaning_is_that_of_the_new_words_in_the_places_of_the_old(bert_lm):
    text = "the film was good on the day"
    at = [text.index(word) for word in ("film", "good")]
    one = changed(text, (at[1], at[1] + 4, "bad"))
    both = changed(text, (at[0], at[0] + 4, "day"), (at[1], at[1] + 4, "bad"))
    found = Steadiness(bert_lm).compare([one, both, changed(text)])
    before, starts = middle(bert_lm, text)
    for change, meaning, places in ((one, found.meaning[0], at[1:]), (both, found.meaning[1], at)):
        after, new_starts = middle(bert_lm, change.new)
        shift = len(change.replacements[0].new) - 4
        cosines = []
        for number, place in enumerate(places):
            a, b = before[starts.index(place)], after[new_starts.index(place + shift * number)]
            cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        assert meaning == pytest.approx(min(cosines), abs=1e-5)
        assert min(cosines) < 1 - 1e-4
    assert found.meaning[2] == 1


def test_layers_above_the_middle_are_not_computed(masked_lm):
    steadiness = Steadiness(masked_lm)
    if not steadiness._middle._stops:
        pytest.skip("its layers share their weights")
    steadiness._middle._stops = False
    changes = [changed("the film was good", (4, 8, "shop")), changed("a day in the shop", (2, 5, "film"))]
    whole = steadiness.least(changes)
    steadiness._middle._stops = True
    last = [m for m in masked_lm.model.base_model.modules() if isinstance(m, torch.nn.ModuleList)]
    called = []
    for blocks in last:
        if len(blocks) == masked_lm.model.config.num_hidden_layers:
            handle = blocks[-1].register_forward_hook(lambda *_: called.append(True))
    np.testing.assert_array_equal(steadiness.least(changes), whole)
    assert not called
    with torch.inference_mode():
        masked_lm.model(input_ids=torch.tensor([[5, 6, 7]]))
    handle.remove()
    assert called, "the model is whole for others"


def test_a_change_alone_gives_the_same_bits_as_among_others(bert_lm, sentences):
    changes = [changed(text, (0, len(text.split()[0]), "film")) for text in sentences]
    steadiness = Steadiness(bert_lm)
    together = steadiness.least(changes)
    assert [steadiness.least([change])[0] for change in changes] == together.tolist()
    assert (together < 1).all()


def test_long_texts_are_read_around_the_change(bert_lm, sentences):
    long = " ".join(sentences)
    at = len(long) - len(sentences[-1])
    change = changed(long, (at, at + len(sentences[-1].split()[0]), "film"))
    assert Steadiness(bert_lm).least([change])[0] < 1


def test_nothing_left_alone_and_nothing_changed_are_steady(bert_lm):
    same = ChangedText("the film", "the film", [])
    assert Steadiness(bert_lm).least([changed("film", (0, 4, "day")), same]).tolist() == [1, pytest.approx(1)]


def test_words_left_out_and_put_in_are_followed(bert_lm):
    """A deletion and an insertion shift the words behind them, which are still compared with themselves."""
    text = "the shop on the day"
    gone = changed(text, (0, 4, ""))
    more = changed(text, (0, 3, "the good film of the"))
    assert gone.new == "shop on the day"
    assert all(0 < value < 1 for value in Steadiness(bert_lm).least([gone, more]))


def test_kept_states_hold_no_other_rows_of_their_batch(bert_lm, sentences):
    steadiness = Steadiness(bert_lm)
    steadiness.least([changed(text, (0, len(text.split()[0]), "film")) for text in sentences])
    kept = [states for states, _ in steadiness._source_states._kept.values()]
    assert len(kept) > 1
    assert all(states.base is None for states in kept)
