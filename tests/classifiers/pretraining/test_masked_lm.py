"""Pretraining masks whole words, learns of a teacher, resumes to the same weights; shrinking keeps what is kept."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from augment.errors import InputError, ModelError, OutputError
from augment.models.checkpoints import load_encoder, load_masked_lm
from classifiers.pretraining.loop import pooled_vectors
from classifiers.pretraining.masked_lm import PretrainConfig, PretrainTrainer, pretrain, vector_distance
from classifiers.pretraining.sentences import IGNORED, Sentences, WordMasks
from classifiers.pretraining.shrinking import cut_positions, cut_vocabulary, drop_layers, frequent_pieces, shrink

pytestmark = pytest.mark.numeric

WHO = ("the doctor", "my sister", "the waiter", "our guide", "the old man")
DID = ("opens", "closes", "knew", "asked for", "loved")
WHAT = ("the shop", "a good book", "the blue bus", "a quiet room", "the story", "a table", "the music", "the view")
TEXTS = [f"{who} {did} {what} ." for who in WHO for did in DID for what in WHAT]
"""200 short sentences."""
QUICK = PretrainConfig(epochs=3, batch_size=32, learning_rate=5e-3, max_length=32, save_steps=7, seed=1)
"""Seven steps an epoch."""


def opened(path):
    return load_masked_lm(str(path), device="cpu", dtype="float32")


@pytest.fixture
def checkpoint(bert):
    """The tiny BERT, to be changed."""
    return opened(bert)


def masked_loss(checkpoint):
    """Mean cross-entropy of one fixed masking of all texts, from the whole model's logits."""
    with torch.no_grad():
        batch = collated(checkpoint, rows_of(checkpoint.tokenizer, TEXTS), 0.3, 0.0, 9)
        model = checkpoint.model.float().eval()
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten()))


# Masks


@pytest.fixture(params=["bert", "roberta", "deberta"])
def rows(request, tiny, sentences):
    """Sentences in word pieces, and the checkpoint that they are for."""
    made = opened(tiny(request.param))
    texts = [*sentences, *(text.replace("shop", "extraordinarily") for text in sentences), "Yes"]
    return made, rows_of(made.tokenizer, texts)


def collated(checkpoint, rows, ratio, whole, seed):
    tokenizer = checkpoint.tokenizer
    return WordMasks(tokenizer.mask_token_id, tokenizer.pad_token_id, ratio, whole, seed)(rows)


def rows_of(tokenizer, texts, epochs=1):
    """Texts in word pieces, as the trainer takes them in so many epochs."""
    data = Sentences(tokenizer, texts, [0] * len(texts), 40)
    return [data[i, epoch] for epoch in range(epochs) for i in range(len(data))]


def test_masks_take_whole_words_and_never_a_special_token(rows):
    checkpoint, sentences = rows
    for seed in range(5):
        batch = collated(checkpoint, sentences, 0.3, 0.2, seed)
        masked = batch["labels"] != IGNORED
        assert masked.any()
        for i, row in enumerate(sentences):
            length, ids = len(row["input_ids"]), row["input_ids"].tolist()
            assert batch["attention_mask"][i].tolist() == [1] * length + [0] * (masked.shape[1] - length)
            assert not masked[i, length:].any()
            assert set(batch["input_ids"][i, length:].tolist()) <= {checkpoint.tokenizer.pad_token_id}
            chosen = {int(word) for word, m in zip(row["words"], masked[i], strict=False) if m}
            assert -1 not in chosen
            for p in range(length):
                whole = int(row["words"][p]) in chosen
                assert bool(masked[i, p]) == whole, "a word is masked in part"
                assert int(batch["input_ids"][i, p]) == (checkpoint.tokenizer.mask_token_id if whole else ids[p])
                assert int(batch["labels"][i, p]) == (ids[p] if whole else IGNORED)
                if ids[p] in (checkpoint.tokenizer.cls_token_id, checkpoint.tokenizer.sep_token_id):
                    assert not whole


def test_word_numbers_join_the_pieces_of_a_word(rows):
    _, sentences = rows
    longest = max(np.unique(row["words"][row["words"] >= 0], return_counts=True)[1].max() for row in sentences)
    assert longest >= 3, "no word of several pieces was among them, the test above says little"
    for row in sentences:
        inside = row["words"][row["words"] >= 0]
        assert inside.tolist() == sorted(inside)
        assert set(inside.tolist()) == set(range(inside.max() + 1))


@pytest.mark.parametrize(("ratio", "whole"), [(0.2, 0.15), (0.35, 0.5), (0.5, 0.0)])
def test_shares_of_words_and_of_whole_rows_are_those_asked_for(checkpoint, sentences, ratio, whole):
    rows = rows_of(checkpoint.tokenizer, sentences, epochs=60)
    batch = collated(checkpoint, rows, ratio, whole, 0)
    shares, untouched = [], 0
    for i, row in enumerate(rows):
        chosen = {int(word) for word, label in zip(row["words"], batch["labels"][i], strict=False) if label != IGNORED}
        count = int(row["words"].max()) + 1
        untouched += not chosen
        if chosen:
            shares.append(len(chosen) / count)
            assert int(count * ratio) <= len(chosen) <= int(count * ratio) + 1
    assert untouched / len(rows) == pytest.approx(whole, abs=0.03)
    assert np.mean(shares) == pytest.approx(ratio, abs=0.01)


def test_every_word_is_masked_as_often_as_another(checkpoint):
    rows = rows_of(checkpoint.tokenizer, ["the shop opens at nine and closes at six"], epochs=3000)
    often = (collated(checkpoint, rows, 0.3, 0.0, 0)["labels"] != IGNORED).float().mean(0)[1:10]
    assert often.min() > 0.25
    assert often.max() < 0.35


def test_one_word_is_masked_at_least_and_a_row_without_words_is_left(checkpoint):
    rows = rows_of(checkpoint.tokenizer, ["shop", "", "shop closes"])
    batch = collated(checkpoint, rows, 0.01, 0.0, 0)
    assert (batch["labels"] != IGNORED).sum(1).tolist() == [1, 0, 1]
    assert batch["rows"].tolist() == [0, 1, 2]


def test_masks_depend_on_the_seed_the_row_and_the_epoch_alone(checkpoint, sentences):
    rows = rows_of(checkpoint.tokenizer, sentences, epochs=2)
    together = collated(checkpoint, rows, 0.3, 0.2, 0)["labels"]
    for i in (0, 7, len(sentences), len(rows) - 1):
        alone = collated(checkpoint, [rows[i]], 0.3, 0.2, 0)["labels"][0]
        assert torch.equal(together[i, : len(alone)], alone)
    half = len(sentences)
    assert not torch.equal(together[:half], together[half:])
    assert not torch.equal(together, collated(checkpoint, rows, 0.3, 0.2, 1)["labels"])


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
    batch = collated(checkpoint, rows_of(checkpoint.tokenizer, TEXTS[:count]), 0.3, whole, 4)
    return batch, (batch["labels"] == IGNORED).all(dim=1).numpy()


def same(first, second):
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
    assert same(losses(batch, np.where(whole[:, None], vectors, others)), felt)
    assert same(losses(batch, np.where(whole[:, None], vectors, np.float16("nan"))), felt)
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
    assert same(losses(batch, some_vectors()), alone)
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


def generator_states():
    return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002


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
    config = replace(QUICK, save_steps=save_steps)
    pretrain(opened(bert), TEXTS, tmp_path, config)
    (tmp_path / "model.safetensors").unlink()
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
    again = shutil.copytree(folder, tmp_path / "again")
    pretrain(opened(bert), TEXTS, again, QUICK, resume=True)
    pretrain(opened(bert), TEXTS, tmp_path / "fresh", QUICK, resume=True)
    for path in (again, tmp_path / "fresh"):
        new = load_file(path / "model.safetensors")
        assert all(torch.equal(old[name], new[name]) for name in old)


def test_an_unfinished_run_is_not_gone_on_with_as_another(trained, bert, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "again")
    with pytest.raises(OutputError, match=r"is another one: config\.learning_rate was 0\.005 and is 0\.1 now"):
        pretrain(opened(bert), TEXTS, folder, replace(QUICK, learning_rate=0.1), resume=True)
    with pytest.raises(OutputError, match="is another one: texts was"):
        pretrain(opened(bert), TEXTS[1:], folder, QUICK, resume=True)


def test_another_seed_gives_other_weights(trained, bert, tmp_path):
    pretrain(opened(bert), TEXTS, tmp_path, replace(QUICK, seed=2, epochs=0.5))
    pretrain(opened(bert), TEXTS, tmp_path / "other", replace(QUICK, seed=3, epochs=0.5))
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
    config = replace(QUICK, epochs=0.5, whole_share=0.0)
    for name, one in (("alone", None), ("taught", teacher)):
        pretrain(opened(bert), TEXTS, tmp_path / name, config, teacher=one)
    alone, taught = (load_file(tmp_path / name / "model.safetensors") for name in ("alone", "taught"))
    assert all(torch.equal(alone[name], taught[name]) for name in alone)


def test_without_a_teacher_every_sentence_is_masked(bert, tmp_path):
    for name, share in (("none", 0.0), ("most", 0.9)):
        pretrain(opened(bert), TEXTS, tmp_path / name, replace(QUICK, epochs=0.5, whole_share=share))
    none, most = (load_file(tmp_path / name / "model.safetensors") for name in ("none", "most"))
    assert all(torch.equal(none[name], most[name]) for name in none)


def test_a_model_that_could_not_be_written_whole_is_none_and_the_training_goes_on(bert, tmp_path, monkeypatch):
    config, model = replace(QUICK, epochs=0.5), tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full_disk)
        with pytest.raises(OutputError, match="go on with --resume"):
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

    config = replace(QUICK, distillation_weight=5.0)
    pretrain(opened(bert), TEXTS, tmp_path / "out", config, teacher=teacher)
    # Of 4 seeds .52 or more above, and the masked loss at .53 of what it was at most.
    assert likeness(tmp_path / "out") > likeness(bert) + 0.3
    assert len(list((tmp_path / "out" / "training").glob("teacher-*.npy"))) == 1
    assert masked_loss(opened(tmp_path / "out")) < masked_loss(opened(bert))


def test_mean_vectors_are_those_of_each_text_alone(bert, sentences):
    encoder = load_encoder(str(bert), device="cpu", dtype="float32")
    seen = []
    for positions, batch in pooled_vectors(encoder, sentences, batch_size=7):
        seen += positions
        for i, vector in zip(positions, batch, strict=True):
            with torch.no_grad():
                states = encoder.model(**encoder.tokenizer(sentences[i], return_tensors="pt")).last_hidden_state[0]
            assert np.allclose(vector, states.mean(0).numpy(), atol=1e-5)
    assert sorted(seen) == list(range(len(sentences)))


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
    config = replace(QUICK, epochs=1, batch_size=4)
    pretrain(opened(bert), ["", *TEXTS[:8], *TEXTS[:8], f"  {TEXTS[0]} ", "\t"], tmp_path, config)
    assert (tmp_path / "training" / "checkpoint-2").is_dir()


def test_batches_without_any_mask_leave_the_weights_finite(bert, tmp_path):
    config = replace(QUICK, epochs=1, batch_size=1, whole_share=0.9)
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
    with pytest.raises(InputError, match=rf"^The {name} must .* Got "):
        PretrainConfig(**{name: value})


# Shrinking


def logits_of(checkpoint, text):
    """Logits of every position, and the pieces of the text."""
    batch = checkpoint.tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        logits = checkpoint.model.eval()(**batch).logits[0]
    return logits, checkpoint.tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist())


TEXT = "the shop on the corner and the old house by the river"


@pytest.mark.parametrize("name", ["bert", "electra"])
def test_a_cut_vocabulary_keeps_the_logits_of_the_pieces_kept(tiny, name, sentences, tmp_path):
    checkpoint = opened(tiny(name))
    pieces = frequent_pieces(checkpoint.tokenizer, sentences, 260)
    before, spelling = logits_of(checkpoint, TEXT)
    assert set(spelling) <= set(pieces), "the text is spelt otherwise after the cut, the logits cannot be compared"
    kept = [checkpoint.tokenizer.get_vocab()[piece] for piece in pieces]
    small = shrink(checkpoint, sentences, vocabulary=260)
    after, new_spelling = logits_of(small, TEXT)
    assert new_spelling == spelling
    assert after.shape[1] == len(pieces) == 260
    assert torch.allclose(after, before[:, kept], atol=1e-5)
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    again, _ = logits_of(opened(tmp_path), TEXT)
    assert torch.allclose(again, after, atol=1e-6)
    assert opened(tmp_path).tokenizer.model_max_length == checkpoint.tokenizer.model_max_length


def test_a_cut_tokenizer_numbers_its_pieces_from_nought_and_keeps_the_special_ones(checkpoint, sentences):
    pieces = frequent_pieces(checkpoint.tokenizer, sentences, 250)
    tokenizer = cut_vocabulary(checkpoint.model, checkpoint.tokenizer, pieces)
    assert tokenizer.get_vocab() == {piece: i for i, piece in enumerate(pieces)}
    for name in ("cls_token", "sep_token", "pad_token", "mask_token", "unk_token"):
        assert getattr(tokenizer, name) == getattr(checkpoint.tokenizer, name)
    assert checkpoint.model.config.vocab_size == 250
    assert checkpoint.model.config.pad_token_id == tokenizer.pad_token_id
    ids = tokenizer("The film [MASK] zzz")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[0] == "[CLS]"
    assert tokenizer.convert_ids_to_tokens(ids)[-1] == "[SEP]"
    assert tokenizer.mask_token_id in ids
    assert tokenizer.unk_token_id not in ids


def test_the_pieces_kept_are_the_frequent_ones_in_the_old_order(checkpoint, sentences):
    from collections import Counter

    tokenizer = checkpoint.tokenizer
    counts = Counter(p for text in sentences for p in tokenizer.tokenize(text))
    pieces = frequent_pieces(tokenizer, sentences, 200)
    numbers = [tokenizer.get_vocab()[piece] for piece in pieces]
    assert numbers == sorted(numbers)
    assert len(set(pieces)) == 200
    rare = max(counts[p] for p in counts if p not in pieces)
    characters = [p for p in pieces if len(p.removeprefix("##")) == 1 or p.startswith("[")]
    assert all(counts[p] >= rare for p in pieces if p not in characters)
    assert {"a", "##z", "7", "[MASK]"} <= set(pieces)


def test_too_small_a_vocabulary_is_refused(checkpoint, sentences):
    with pytest.raises(
        InputError, match=r"^The vocabulary size must be at least \d+, the characters alone\. Got 20\.$"
    ):
        shrink(checkpoint, sentences, vocabulary=20)


def test_a_vocabulary_of_another_kind_is_refused(tiny):
    checkpoint = opened(tiny("roberta"))
    with pytest.raises(ModelError, match=r"Only a WordPiece vocabulary can be cut\. This tokenizer is BPE\."):
        cut_vocabulary(checkpoint.model, checkpoint.tokenizer, ["the"])


def deep(layers, name="bert"):
    """A BERT or DistilBERT of several layers."""
    from tiny_models import bert_shape
    from transformers import BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

    if name == "bert":
        return BertForMaskedLM(BertConfig(**bert_shape(30, num_hidden_layers=layers)))
    return DistilBertForMaskedLM(DistilBertConfig(vocab_size=30, dim=16, n_heads=2, hidden_dim=16, n_layers=layers))


@pytest.mark.parametrize(
    ("total", "keep", "expected"),
    [(6, 6, [0, 1, 2, 3, 4, 5]), (6, 2, [0, 5]), (6, 4, [0, 2, 3, 5]), (5, 3, [0, 2, 4]), (6, 1, [0]), (1, 1, [0])],
)
def test_layers_kept_are_spread_with_the_first_and_the_last(total, keep, expected):
    model = deep(total)
    layers = list(model.bert.encoder.layer)
    drop_layers(model, keep)
    assert [layers.index(layer) for layer in model.bert.encoder.layer] == expected
    assert model.config.num_hidden_layers == keep


@pytest.mark.parametrize("name", ["bert", "distilbert"])
def test_a_model_of_fewer_layers_is_saved_and_opened_as_such(name, tmp_path):
    from transformers import AutoModelForMaskedLM

    model, ids = deep(4, name).eval(), torch.tensor([[1, 2, 3]])
    drop_layers(model, 2)
    model.save_pretrained(tmp_path)
    again = AutoModelForMaskedLM.from_pretrained(tmp_path)
    assert again.config.num_hidden_layers == 2
    with torch.no_grad():
        assert torch.allclose(again(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-6)


@pytest.mark.parametrize("keep", [0, 3, -1])
def test_a_number_of_layers_out_of_range_is_refused(checkpoint, keep):
    with pytest.raises(InputError, match=rf"^The number of layers must be between 1 and 2\. Got {keep}\.$"):
        drop_layers(checkpoint.model, keep)


def test_layers_that_cannot_be_found_are_refused(tiny):
    with pytest.raises(ModelError, match="No list of 2 layers was found in AlbertForMaskedLM"):
        drop_layers(opened(tiny("albert")).model, 1)


@pytest.mark.parametrize("name", ["bert", "distilbert", "electra"])
def test_cut_positions_change_no_logit_of_a_text_that_fits(tiny, name, tmp_path):
    checkpoint = opened(tiny(name))
    before, _ = logits_of(checkpoint, "the shop closes")
    small = shrink(checkpoint, [], positions=16)
    after, _ = logits_of(small, "the shop closes")
    assert torch.equal(after, before)
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    again = opened(tmp_path)
    assert again.tokenizer.model_max_length == again.model.config.max_position_embeddings == 16
    assert torch.allclose(logits_of(again, "the shop closes")[0], before, atol=1e-6)
    batch = again.tokenizer("shop " * 50, truncation=True, return_tensors="pt")
    assert again.model(**batch).logits.shape[1] == 16


def test_cut_positions_of_a_roberta_take_texts_as_long_as_they_say(tiny):
    small = shrink(opened(tiny("roberta")), [], positions=16)
    batch = small.tokenizer("shop " * 50, truncation=True, return_tensors="pt")
    assert batch["input_ids"].shape[1] == small.tokenizer.model_max_length
    small.model(**batch)


def test_positions_that_were_not_learned_cannot_be_cut(checkpoint):
    del checkpoint.model.base_model.embeddings.position_embeddings
    with pytest.raises(ModelError, match="has no learned positions to cut"):
        cut_positions(checkpoint.model, 16)


@pytest.mark.parametrize("length", [7, 65, 0])
def test_a_number_of_positions_out_of_range_is_refused(checkpoint, length):
    with pytest.raises(InputError, match=rf"^The number of positions must be between 8 and 64\. Got {length}\.$"):
        cut_positions(checkpoint.model, length)


def test_a_shrunken_model_fills_masks(checkpoint, sentences, tmp_path):
    from augment.generation.candidates import Draw
    from augment.text.fill_mask import FillMask

    small = shrink(checkpoint, sentences, vocabulary=280, layers=1, positions=24)
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    made = FillMask(model=str(tmp_path), device="cpu")
    made.prepare()
    assert made._engine.window == 22
    assert made.candidates([Draw(TEXT * 9, "x", 0, 0, 0, 0)])[0].replacements
