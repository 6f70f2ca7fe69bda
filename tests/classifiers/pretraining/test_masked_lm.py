"""Pretraining lowers the masked loss, learns of a teacher and resumes to the same weights."""

from __future__ import annotations

import errno
import json
import os
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_pretrainings import TEXTS, generator_states, in_pieces, opened, with_masks

from augment.errors import InputError, OutputError
from augment.models.checkpoints import load_encoder
from augment.models.word_masks import IGNORED
from classifiers.pretraining.loop import pooled_vectors
from classifiers.pretraining.masked_lm import PretrainConfig, PretrainTrainer, pretrain, vector_distance

pytestmark = pytest.mark.numeric

QUICK = PretrainConfig(epochs=3, batch_size=32, learning_rate=5e-3, max_length=32, save_steps=7, seed=1)
"""Seven steps an epoch."""


def masked_loss(checkpoint):
    """Mean cross-entropy of one fixed masking of all texts, from the whole model's logits."""
    with torch.no_grad():
        batch = with_masks(checkpoint, in_pieces(checkpoint.tokenizer, TEXTS), 0.3, 0.0, 9)
        model = checkpoint.model.float().eval()
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten()))


# Losses


@pytest.mark.parametrize(
    ("own", "target", "expected"),
    [
        ([[1, 0], [0, 1]], [[1, 0], [1, 0]], 0.5 + 10 * 0.5),
        ([[1, 0], [0.5, 3**0.5 / 2]], [[1, 0], [1, 0]], 0.25 + 10 * 2 * 0.5**2 / 4),
        ([[0, 1], [-1, 0]], [[1, 0], [0, 1]], 1.0),  # a quarter turn changes no pairwise cosine
        ([[1, 0]], [[-1, 0]], 2.0),
        ([[0.6, 0.8]], [[1, 0]], 0.4),
    ],
    ids=["right-angle", "sixty-degrees", "turned", "opposite", "one-row"],
)
def test_the_vector_distance_is_that_worked_out_by_hand(own, target, expected):
    own, target = torch.tensor(own, dtype=torch.float32), torch.tensor(target, dtype=torch.float32)
    assert float(vector_distance(own, target)) == pytest.approx(expected, abs=1e-6)
    lengths = torch.tensor([[3.0], [0.2]])[: len(own)]
    assert float(vector_distance(own * lengths, target * 7)) == pytest.approx(expected, abs=1e-5)
    assert float(vector_distance(own.half(), target.half())) == pytest.approx(expected, abs=0.01)


def test_the_vector_distance_and_its_gradient_are_nought_where_the_directions_agree():
    target = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    own = (target * torch.tensor([[0.1], [1], [2], [3], [0.5], [9]])).requires_grad_()
    distance = vector_distance(own, target)
    distance.backward()
    assert float(distance.detach()) == pytest.approx(0, abs=1e-6)
    assert float(own.grad.abs().max()) < 1e-5
    away = (target + 0.1 * target.roll(1, 0)).requires_grad_()
    distance = vector_distance(away, target)
    distance.backward()
    assert float(distance.detach()) > 0.01
    assert float(away.grad.abs().max()) > 1e-3
    step = (away - 0.1 * away.grad).detach()
    assert float(vector_distance(step, target)) < float(distance.detach()), "the gradient does not lead to the target"


WEIGHT = 3.0


@pytest.fixture
def losses(checkpoint, tmp_path):
    """Give the loss of a batch, with its gradients, of the tiny BERT held against given vectors."""
    from transformers import TrainingArguments

    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to=[], remove_unused_columns=False)

    def loss_of(batch, vectors):
        trainer = PretrainTrainer(model=checkpoint.model, args=arguments, vectors=vectors, distillation_weight=WEIGHT)
        checkpoint.model.eval().zero_grad()
        loss = trainer.compute_loss(checkpoint.model, dict(batch))
        loss.backward()
        gradients = {name: p.grad.clone() for name, p in checkpoint.model.named_parameters() if p.grad is not None}
        return float(loss.detach()), gradients

    return loss_of


def some_vectors(count=32, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 64)).astype(np.float16)


def batch_of(checkpoint, whole, count=32):
    """The first texts with masks, this share of them shown whole, and which those are."""
    batch = with_masks(checkpoint, in_pieces(checkpoint.tokenizer, TEXTS[:count]), 0.3, whole, 4)
    return batch, (batch["labels"] == IGNORED).all(dim=1).numpy()


def same_loss(first, second):
    """Whether two losses and their gradients are the same to the bit."""
    assert first[1].keys() == second[1].keys()
    return first[0] == second[0] and all(torch.equal(first[1][name], second[1][name]) for name in first[1])


def test_the_loss_is_the_mean_over_masked_words_and_the_weighted_distance_of_whole_sentences(checkpoint, losses):
    batch, whole = batch_of(checkpoint, 0.4)
    assert 5 < whole.sum() < 27
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    checkpoint.model.eval()
    with torch.no_grad():
        logits = checkpoint.model(**inputs).logits
        states = checkpoint.model.base_model(**inputs).last_hidden_state
    masked = float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten()))
    vectors = some_vectors()
    own = [states[i, : int(batch["attention_mask"][i].sum())].mean(0) for i in whole.nonzero()[0]]
    distance = float(vector_distance(torch.stack(own), torch.from_numpy(vectors[whole])))
    assert distance > 0.5
    assert losses(batch, None)[0] == pytest.approx(masked, abs=1e-4)
    assert losses(batch, vectors)[0] == pytest.approx(masked + WEIGHT * distance, abs=1e-3)


def test_masked_sentences_do_not_feel_the_teacher_and_whole_ones_do(checkpoint, losses):
    batch, whole = batch_of(checkpoint, 0.4)
    vectors, others = some_vectors(), some_vectors(seed=1)
    felt = losses(batch, vectors)
    assert same_loss(losses(batch, np.where(whole[:, None], vectors, others)), felt)
    assert same_loss(losses(batch, np.where(whole[:, None], vectors, np.float16("nan"))), felt)
    for row in whole.nonzero()[0]:
        moved = vectors.copy()
        moved[row] = others[row]
        assert losses(batch, moved)[0] != felt[0]


def test_rows_are_held_against_their_own_vectors_wherever_they_stand_in_a_batch(checkpoint, losses):
    batch, _ = batch_of(checkpoint, 0.4)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    turned = {name: values[order] for name, values in batch.items()}
    assert torch.equal(turned["rows"], order)
    assert losses(turned, some_vectors())[0] == pytest.approx(losses(batch, some_vectors())[0], abs=1e-4)


def test_a_batch_without_whole_sentences_has_the_masked_loss_alone(checkpoint, losses):
    batch, whole = batch_of(checkpoint, 0.0)
    assert not whole.any()
    alone = losses(batch, None)
    assert same_loss(losses(batch, some_vectors()), alone)
    assert np.isfinite(alone[0])
    assert all(gradient.isfinite().all() for gradient in alone[1].values())


@pytest.mark.parametrize("count", [1, 8])
def test_a_batch_without_any_mask_has_the_distance_alone(checkpoint, losses, count):
    batch, _ = batch_of(checkpoint, 0.0, count)
    batch["input_ids"] = torch.where(batch["labels"] == IGNORED, batch["input_ids"], batch["labels"])
    batch["labels"] = torch.full_like(batch["labels"], IGNORED)
    loss, gradients = losses(batch, None)
    assert loss == 0
    assert all((gradient == 0).all() for gradient in gradients.values())
    loss, gradients = losses(batch, some_vectors())
    assert 0 < loss < np.inf
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert any((gradient != 0).any() for gradient in gradients.values())


# Training


@pytest.fixture(scope="module")
def trained(bert, tmp_path_factory):
    """A whole run: its folder, the loss before, and the state of the global generators before and after."""
    folder = tmp_path_factory.mktemp("pretrained")
    checkpoint = opened(bert)
    before = masked_loss(checkpoint)
    states = [generator_states()]
    pretrain(checkpoint, TEXTS, folder, QUICK)
    states.append(generator_states())
    return folder, before, states


def test_training_lowers_the_masked_loss(trained):
    folder, before, _ = trained
    after = masked_loss(opened(folder))
    assert after < 0.6 * before, (before, after)  # of 4 seeds .43 of it
    history = json.loads((folder / "training" / "checkpoint-21" / "trainer_state.json").read_text())
    assert history["global_step"] == 21


def test_the_saved_folder_is_a_masked_lm_in_safetensors_alone(trained):
    folder, _, _ = trained
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "training"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt"))]
    assert {weights.dtype for weights in load_file(folder / "model.safetensors").values()} == {torch.float16}
    assert (
        str(folder.parent) not in (folder / "config.json").read_text() + (folder / "tokenizer_config.json").read_text()
    )


def test_the_saved_configuration_keeps_the_models_own_dropout(trained, bert):
    old, new = (json.loads((path / "config.json").read_text()) for path in (bert, trained[0]))
    assert new["hidden_dropout_prob"] == old["hidden_dropout_prob"] == 0.1


def test_global_generators_are_left_alone(trained):
    _, _, (before, after) = trained
    assert before == after


@pytest.mark.parametrize(
    ("save_steps", "last"),
    [(7, 14), (8, 16)],
    ids=["between-epochs", "within-an-epoch"],
)
def test_a_resumed_run_ends_in_the_weights_of_an_uninterrupted_one(trained, bert, tmp_path, save_steps, last):
    config = QUICK.changed(save_steps=save_steps)
    pretrain(opened(bert), TEXTS, tmp_path, config)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).unlink()
    shutil.rmtree(tmp_path / "training" / "checkpoint-21")
    assert [path.name for path in (tmp_path / "training").glob("checkpoint-*")] == [f"checkpoint-{last}"]
    checkpoint, steps = opened(bert), []
    checkpoint.model.register_forward_pre_hook(lambda *_: steps.append(1))
    with torch.random.fork_rng():
        torch.manual_seed(77)
        pretrain(checkpoint, TEXTS, tmp_path, config, resume=True)
    assert len(steps) == 21 - last, "it did not go on from there"
    old, new = (load_file(path / "model.safetensors") for path in (trained[0], tmp_path))
    assert old.keys() == new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old)


def test_resuming_a_finished_run_changes_nothing_and_one_not_begun_begins(trained, bert, tmp_path):
    folder, _, _ = trained
    old = load_file(folder / "model.safetensors")
    again, said = shutil.copytree(folder, tmp_path / "again"), []
    there = {path: path.stat().st_mtime_ns for path in again.rglob("*")}
    pretrain(opened(bert), TEXTS, again, QUICK, resume=True, log=said.append)
    assert said == [f"{again}: this training has finished already. Nothing is made or changed."]
    assert {path: path.stat().st_mtime_ns for path in again.rglob("*")} == there
    pretrain(opened(bert), TEXTS, tmp_path / "fresh", QUICK, resume=True)
    for path in (again, tmp_path / "fresh"):
        new = load_file(path / "model.safetensors")
        assert all(torch.equal(old[name], new[name]) for name in old)


def test_an_unfinished_run_is_not_gone_on_with_as_another(trained, bert, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "again")
    with pytest.raises(OutputError, match=r"is another one: config\.learning_rate was 0\.005 and is 0\.1 now"):
        pretrain(opened(bert), TEXTS, folder, QUICK.changed(learning_rate=0.1), resume=True)
    with pytest.raises(OutputError, match="is another one: texts was"):
        pretrain(opened(bert), TEXTS[1:], folder, QUICK, resume=True)


def test_another_seed_gives_other_weights(trained, bert, tmp_path):
    pretrain(opened(bert), TEXTS, tmp_path, QUICK.changed(seed=2, epochs=0.5))
    pretrain(opened(bert), TEXTS, tmp_path / "other", QUICK.changed(seed=3, epochs=0.5))
    first, second = (load_file(path / "model.safetensors") for path in (tmp_path, tmp_path / "other"))
    assert any(not torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def teacher(bert, tmp_path_factory):
    """An encoder of the tiny BERT's shape with other weights."""
    from tiny_models import bert_shape
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("teacher")
    tokenizer = opened(bert).tokenizer
    with torch.random.fork_rng():
        torch.manual_seed(5)
        BertModel(BertConfig(**bert_shape(len(tokenizer), hidden_size=64))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_encoder(str(folder), device="cpu", dtype="float32")


def test_without_whole_sentences_a_teacher_changes_nothing(bert, teacher, tmp_path):
    config = QUICK.changed(epochs=0.5, whole_share=0.0)
    for name, one in (("alone", None), ("taught", teacher)):
        pretrain(opened(bert), TEXTS, tmp_path / name, config, teacher=one)
    alone, taught = (load_file(tmp_path / name / "model.safetensors") for name in ("alone", "taught"))
    assert all(torch.equal(alone[name], taught[name]) for name in alone)


def test_without_a_teacher_every_sentence_is_masked(bert, tmp_path):
    for name, share in (("none", 0.0), ("most", 0.9)):
        pretrain(opened(bert), TEXTS, tmp_path / name, QUICK.changed(epochs=0.5, whole_share=share))
    none, most = (load_file(tmp_path / name / "model.safetensors") for name in ("none", "most"))
    assert all(torch.equal(none[name], most[name]) for name in none)


def test_a_model_that_could_not_be_written_whole_is_none_and_the_training_goes_on(bert, tmp_path, monkeypatch):
    config, model = QUICK.changed(epochs=0.5), tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full_disk)
        with pytest.raises(OutputError, match="go on with `resume=True`"):
            pretrain(opened(bert), TEXTS, model, config)
    assert not {"config.json", "model.safetensors"} & {path.name for path in model.iterdir()}
    assert not list(model.glob(".*"))
    pretrain(opened(bert), TEXTS, model, config, resume=True)
    assert {"config.json", "model.safetensors", "tokenizer.json"} < {path.name for path in model.iterdir()}


def full_disk(*given):
    if str(given[1]).endswith(("config.json", "model.safetensors")) and "training" not in str(given[1]):
        raise OSError(errno.ENOSPC, "No space left on device")
    os.rename(*given)


def test_a_teacher_draws_the_sentence_vectors_near(bert, teacher, tmp_path):
    def likeness(path):
        columns = []
        for encoder in (load_encoder(str(path), device="cpu", dtype="float32"), teacher):
            vectors = np.zeros((len(TEXTS), 64))
            for positions, batch in pooled_vectors(encoder, TEXTS):
                vectors[positions] = batch / np.linalg.norm(batch, axis=1, keepdims=True)
            columns.append(vectors)
        return float((columns[0] * columns[1]).sum(1).mean())

    config = QUICK.changed(distillation_weight=5.0)
    pretrain(opened(bert), TEXTS, tmp_path / "out", config, teacher=teacher)
    # Of 4 seeds .52 or more above, and the masked loss at .53 of what it was at most.
    assert likeness(tmp_path / "out") > likeness(bert) + 0.3
    assert len(list((tmp_path / "out" / "training").glob("teacher-*.npy"))) == 1
    assert masked_loss(opened(tmp_path / "out")) < masked_loss(opened(bert))


def test_a_teacher_of_another_width_is_refused(checkpoint, tiny, tmp_path):
    teacher = load_encoder(str(tiny("roberta")), device="cpu")
    with pytest.raises(InputError, match=r"have 32 columns and the model's 64\. Give a teacher of the same width\."):
        pretrain(checkpoint, TEXTS, tmp_path / "out", QUICK, teacher=teacher)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("texts", [[], ["", "  ", "\n\t"]])
def test_no_text_at_all_is_refused(checkpoint, tmp_path, texts):
    with pytest.raises(InputError, match=r"^There is no text to train on\."):
        pretrain(checkpoint, texts, tmp_path / "out", QUICK)
    assert not (tmp_path / "out").exists()


def test_empty_texts_and_repetitions_are_left_out(bert, tmp_path):
    config = QUICK.changed(epochs=1, batch_size=4)
    pretrain(opened(bert), ["", *TEXTS[:8], *TEXTS[:8], f"  {TEXTS[0]} ", "\t"], tmp_path, config)
    assert (tmp_path / "training" / "checkpoint-2").is_dir()


def test_batches_without_any_mask_leave_the_weights_finite(bert, tmp_path):
    config = QUICK.changed(epochs=1, batch_size=1, whole_share=0.9)
    pretrain(opened(bert), TEXTS[:20], tmp_path, config)
    assert all(weights.isfinite().all() for weights in load_file(tmp_path / "model.safetensors").values())


def test_a_text_longer_than_the_model_takes_is_cut(bert, sentences, tmp_path):
    pretrain(opened(bert), [" ".join(sentences)], tmp_path, PretrainConfig(epochs=1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mask_ratio", 0.0),
        ("mask_ratio", 1.0),
        ("mask_ratio", float("nan")),
        ("learning_rate", 0.0),
        ("epochs", 0.0),
        ("epochs", float("inf")),
        ("whole_share", 1.0),
        ("whole_share", -0.1),
        ("batch_size", 0),
        ("max_length", 2),
        ("seed", -1),
        ("save_steps", 0),
        ("weight_decay", -0.1),
        ("distillation_weight", float("nan")),
    ],
)
def test_a_configuration_out_of_range_is_refused(name, value):
    with pytest.raises(InputError, match=rf"^`{name}` must be .* Got "):
        PretrainConfig(**{name: value})
