"""A label's words stand before its text, are never masked, and a model trained so fills masks by the label."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from transformers import AutoModelForMaskedLM

from augment.errors import InputError
from augment.models.checkpoints import load_encoder, load_masked_lm
from augment.models.label_prefix import RECORD, SEPARATOR, conditioned, prefix
from augment.models.word_masks import IGNORED, Sentences, WordMasks
from classifiers.cli.entry import main as classifiers
from classifiers.pretraining.masked_lm import PretrainConfig, pretrain

pytestmark = pytest.mark.numeric

LABELS = ("positive", "neutral", "very_negative", "not-so good", "Ärger", -1)
QUICK = PretrainConfig(epochs=1, batch_size=8, learning_rate=1e-3, max_length=32)


def opened(path):
    return load_masked_lm(str(path), device="cpu", dtype="float32")


# The words


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("neutral", "neutral"),
        ("very_negative", "very negative"),
        ("VERY-Negative", "VERY Negative"),
        ("not__so - good\tat all\n", "not so - good at all"),
        ("_private_", "_private_"),
        ("sehr_ärgerlich", "sehr ärgerlich"),
        (-1, "-1"),
        (1, "1"),
        (np.str_("a_b"), "a b"),
        ("2-3", "2 3"),
    ],
)
def test_a_label_is_written_as_words(label, words):
    assert prefix(label) == words


@pytest.mark.parametrize("text", ["It is open.", "", "  leading", "a: b", "e\u0301", "🙂"])
@pytest.mark.parametrize("label", LABELS)
def test_the_original_begins_where_it_is_said_to(text, label):
    whole, start = conditioned(text, label)
    assert whole[start:] == text
    assert whole[:start] == prefix(label) + SEPARATOR
    assert conditioned(text, label) == (whole, start)


# Masks


@pytest.mark.parametrize("label", ["not-so good", "Ärger"])
def test_the_words_of_the_label_are_never_masked_and_those_of_the_text_as_without_it(masked_lm, sentences, label):
    tokenizer = masked_lm.tokenizer
    texts, starts = zip(*(conditioned(text, label) for text in sentences), strict=True)
    plain = Sentences(tokenizer, sentences, [0] * len(sentences), 200)
    counts = [row["words"].max() + 1 for row in plain.rows]
    data = Sentences(tokenizer, texts, starts, 200)
    rows = [data[i, epoch] for epoch in range(2) for i in range(len(texts))]
    collate = WordMasks(tokenizer.mask_token_id, tokenizer.pad_token_id, 0.5, 0.0, 0)
    spans = tokenizer(list(texts), return_offsets_mapping=True)["offset_mapping"]
    masked = (collate(rows)["labels"] != IGNORED).numpy()
    for i, (row, hidden) in enumerate(zip(rows, masked, strict=True)):
        text, start = texts[i % len(texts)], starts[i % len(texts)]
        words = row["words"]
        numbers = words[words >= 0]
        assert numbers.tolist() == sorted(numbers)
        assert set(numbers) == set(range(len(set(numbers))))
        assert len(set(numbers)) == counts[i % len(texts)], "not the words of the text alone"
        assert not hidden[: len(words)][words < 0].any()
        assert not hidden[len(words) :].any()
        assert hidden.any()
        offsets = spans[i % len(texts)]
        for p in hidden.nonzero()[0]:
            begin, end = offsets[p]
            assert begin >= start - 1
            assert text[begin:end].strip() == text[max(begin, start) : end].strip()


def test_every_word_of_the_text_is_masked_as_often_as_another(bert):
    tokenizer = opened(bert).tokenizer
    text, start = conditioned("the shop opens at nine", "good book")
    data = Sentences(tokenizer, [text], [start], 40)
    batch = WordMasks(tokenizer.mask_token_id, tokenizer.pad_token_id, 0.4, 0.0, 0)(
        [data[0, epoch] for epoch in range(2000)]
    )
    often = (batch["labels"] != IGNORED).float().mean(0)
    pieces = tokenizer.convert_ids_to_tokens(data.rows[0]["input_ids"].tolist())
    assert pieces[:5] == ["[CLS]", "good", "book", "[UNK]", "the"], "the test below counts on these"
    assert often[:4].tolist() == [0] * 4
    assert often[len(pieces) - 1 :].sum() == 0
    assert (often[4 : len(pieces) - 1] - 0.4).abs().max() < 0.05


def test_a_label_longer_than_the_model_takes_leaves_nothing_to_mask(bert, tmp_path):
    pretrain(opened(bert), ["the shop"], tmp_path, QUICK, labels=["good " * 40])
    assert (tmp_path / "model.safetensors").exists()


# Training

NOUNS = ("food", "film", "room", "book", "shop", "view", "music", "garden", "staff", "story")
HELD_OUT = ("house", "coffee", "service", "city")
OPINION = {"positive": "good", "negative": "bad"}
TRAINING = PretrainConfig(epochs=30, batch_size=16, learning_rate=4e-3, mask_ratio=0.3, whole_share=0.0, max_length=32)


@pytest.fixture(scope="module")
def corpus():
    """Texts of two classes that differ in one word, and their labels."""
    rows = [
        (text.format(noun=noun, word=word), label)
        for noun in NOUNS
        for text in ("the {noun} was {word} .", "{word} {noun} .")
        for label, word in OPINION.items()
    ]
    return [text for text, _ in rows], [label for _, label in rows]


@pytest.fixture(scope="module")
def models(bert, corpus, tmp_path_factory):
    """A model trained on the texts with their labels before them, and one trained on the texts alone."""
    texts, labels = corpus
    folders = {}
    for name, given in (("label", labels), ("none", None)):
        folders[name] = tmp_path_factory.mktemp(name)
        pretrain(opened(bert), texts, folders[name], TRAINING, labels=given)
    return folders


def share_right(folder, *, shown, asked=None):
    """Share of held-out masks that the model, of the two opinions, fills with that of the label."""
    checkpoint = opened(folder)
    tokenizer = checkpoint.tokenizer
    ids = tokenizer.convert_tokens_to_ids(list(OPINION.values()))
    right = []
    for noun in HELD_OUT:
        for k, label in enumerate(OPINION):
            text = f"the {noun} was {tokenizer.mask_token} ."
            batch = tokenizer(conditioned(text, label)[0] if shown else text, return_tensors="pt")
            with torch.no_grad():
                logits = checkpoint.model(**batch).logits[0]
            best = logits[(batch["input_ids"][0] == tokenizer.mask_token_id)][0]
            right.append(int(best.argmax()) == ids[k])
    return np.mean(right)


def test_the_fill_follows_the_label_that_stands_before_the_text(models):
    # Of 5 seeds it was 1.0 where labels were learnt and shown, and .13 at most where they were shown alone. A text
    # without its label has one fill for both labels: .5 is the most.
    assert share_right(models["label"], shown=True) > 0.9
    assert share_right(models["label"], shown=False) <= 0.5
    assert share_right(models["none"], shown=True) < 0.7
    assert share_right(models["none"], shown=False) <= 0.5


def test_the_saved_model_records_that_it_was_conditioned_and_another_does_not(models):
    for name, value in (("label", "prefix"), ("none", None)):
        assert getattr(AutoModelForMaskedLM.from_pretrained(models[name]).config, RECORD, None) == value
        assert getattr(opened(models[name]).model.config, RECORD, None) == value
        assert json.loads((models[name] / "config.json").read_text()).get(RECORD) == value
    assert RECORD == "counterpoise_condition"


def steps_of(folder):
    (state,) = (folder / "training").glob("checkpoint-*/trainer_state.json")
    return json.loads(state.read_text())["global_step"]


def test_a_text_repeats_another_under_the_same_label_alone(bert, tmp_path):
    texts = ["the shop", " the shop ", "the shop", "", "the film", "the film"]
    pretrain(opened(bert), texts, tmp_path, QUICK.changed(batch_size=1), labels=["a", "a", "b", "a", "b", "b"])
    assert steps_of(tmp_path) == 3


def test_labels_and_a_teacher_are_refused(bert, tmp_path):
    teacher = load_encoder(str(bert), device="cpu")
    with pytest.raises(InputError, match=r"^Labels and a teacher exclude each other.* Give one of the two\.$"):
        pretrain(opened(bert), ["the shop"], tmp_path / "out", QUICK, labels=["a"], teacher=teacher)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("labels", [[], ["a"], ["a", "b", "c"]])
def test_another_number_of_labels_than_of_texts_is_refused(bert, tmp_path, labels):
    with pytest.raises(InputError, match=rf"^There must be one label for each text\. Got {len(labels)} for 2\.$"):
        pretrain(opened(bert), ["the shop", "the film"], tmp_path / "out", QUICK, labels=labels)
    assert not (tmp_path / "out").exists()


# The command


def run(*arguments):
    quick = ("--epochs", "1", "--device", "cpu")
    return CliRunner().invoke(classifiers, ["pretrain", *map(str, arguments), *quick])


def refusal(result):
    assert result.exit_code == 2
    *notes, error = result.stderr.splitlines()  # of the columns and rows that are read
    assert not any(note.startswith("Error: ") for note in notes)
    assert error.startswith("Error: ")
    return error


TABLE = (
    "phrase,kind,is_synthetic,source_row,strategy,variant\n"
    "The shop is open.,neutral,false,,,\n"
    "A lovely film.,positive,false,,,\n"
    "A lovely book.,positive,true,1,fillmask,0\n"
    ",neutral,false,,,\n"
    "It is here.,,false,,,\n"
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text(TABLE)
    return path


COLUMNS = ("--text-column", "phrase", "--label-column", "kind")


def test_the_command_trains_on_labelled_rows_that_are_not_synthetic(bert, table, tmp_path):
    target = tmp_path / "model"
    arguments = (table, "-o", target, "--model", bert, "--objective", "mlm", "--condition", "label")
    done = run(*arguments, *COLUMNS, "--drop-unlabelled", "--batch-size", 1)
    assert done.exit_code == 0, done.stderr
    assert steps_of(target) == 2
    assert getattr(opened(target).model.config, RECORD) == "prefix"


def test_a_cut_vocabulary_keeps_the_words_of_the_labels(bert, sentences, tmp_path):
    words = Counter(" ".join(sentences).lower().split())
    table = tmp_path / "texts.jsonl"
    table.write_text("".join(json.dumps({"text": t, "label": "doctor"}) + "\n" for t in sentences))
    assert words["doctor"] == 1, "it would be kept without being a label"
    for condition, kept in (("label", True), ("none", False)):
        target = tmp_path / condition
        done = run(table, "-o", target, "--model", bert, "--condition", condition, "--vocabulary", 200)
        assert done.exit_code == 0, done.stderr
        assert ("doctor" in opened(target).tokenizer.get_vocab()) == kept


def test_the_texts_of_a_table_need_no_label_without_the_condition(bert, table, tmp_path):
    done = run(table, "-o", tmp_path / "model", "--model", bert, "--text-column", "phrase", "--batch-size", 1)
    assert done.exit_code == 0, done.stderr
    assert steps_of(tmp_path / "model") == 4
    assert not hasattr(opened(tmp_path / "model").model.config, RECORD)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--condition", "label"), ("no label column", "--label-column")),
        (("--condition", "label", "--text-column", "words"), ("no text column 'words'", "--text-column")),
        (("--condition", "label", *COLUMNS), ("1 of 5 rows", "--drop-unlabelled")),
        (("--condition", "label", *COLUMNS, "--labels", "neutral,sad"), ("no row has the label 'sad'",)),
        (("--condition", "star"), ("'star' is not one of 'none', 'label'",)),
        (("--objective", "clm"), ("'clm' is not", "mlm")),
    ],
)
def test_a_table_or_option_that_cannot_be_used_is_refused(bert, table, tmp_path, options, says):
    message = refusal(run(table, "-o", tmp_path / "model", "--model", bert, *options))
    assert all(part in message for part in says), message
    assert not (tmp_path / "model").exists()


def test_a_text_file_has_no_labels(bert, table, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("The shop is open.\n")
    arguments = ("-o", tmp_path / "model", "--model", bert, "--condition", "label", *COLUMNS, "--drop-unlabelled")
    message = refusal(run(table, lines, *arguments))
    assert f"{str(lines)!r} has no labels. Give a table, or --condition none." in message
    assert not (tmp_path / "model").exists()


def test_the_condition_and_a_teacher_are_refused_together(bert, table, tmp_path):
    arguments = ("-o", tmp_path / "model", "--model", bert, "--teacher", bert, "--condition", "label")
    message = refusal(run(table, *arguments, *COLUMNS, "--drop-unlabelled"))
    assert "Labels and a teacher exclude each other" in message
    assert not (tmp_path / "model").exists()
