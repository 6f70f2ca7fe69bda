"""Sentences as trainings take them: masks of whole words, views, numbers of texts, and triples read from tables."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from small_pretrainings import ROWS, in_pieces, opened, with_masks

from augment.data.layout import Layout
from augment.errors import InputError
from augment.models.word_masks import IGNORED
from classifiers.pretraining.sentences import Tuples, Views, read_triples

pytestmark = pytest.mark.numeric

# Masks


@pytest.fixture(params=["bert", "roberta", "deberta"])
def rows(request, tiny, sentences):
    """Sentences in word pieces, and the checkpoint that they are for."""
    made = opened(tiny(request.param))
    texts = [*sentences, *(text.replace("shop", "extraordinarily") for text in sentences), "Yes"]
    return made, in_pieces(made.tokenizer, texts)


def test_masks_take_whole_words_and_never_a_special_token(rows):
    checkpoint, sentences = rows
    for seed in range(5):
        batch = with_masks(checkpoint, sentences, 0.3, 0.2, seed)
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
    rows = in_pieces(checkpoint.tokenizer, sentences, epochs=60)
    batch = with_masks(checkpoint, rows, ratio, whole, 0)
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
    rows = in_pieces(checkpoint.tokenizer, ["the shop opens at nine and closes at six"], epochs=3000)
    often = (with_masks(checkpoint, rows, 0.3, 0.0, 0)["labels"] != IGNORED).float().mean(0)[1:10]
    assert often.min() > 0.25
    assert often.max() < 0.35


def test_one_word_is_masked_at_least_and_a_row_without_words_is_left(checkpoint):
    rows = in_pieces(checkpoint.tokenizer, ["shop", "", "shop closes"])
    batch = with_masks(checkpoint, rows, 0.01, 0.0, 0)
    assert (batch["labels"] != IGNORED).sum(1).tolist() == [1, 0, 1]
    assert batch["rows"].tolist() == [0, 1, 2]


def test_masks_depend_on_the_seed_the_row_and_the_epoch_alone(checkpoint, sentences):
    rows = in_pieces(checkpoint.tokenizer, sentences, epochs=2)
    together = with_masks(checkpoint, rows, 0.3, 0.2, 0)["labels"]
    for i in (0, 7, len(sentences), len(rows) - 1):
        alone = with_masks(checkpoint, [rows[i]], 0.3, 0.2, 0)["labels"][0]
        assert torch.equal(together[i, : len(alone)], alone)
    half = len(sentences)
    assert not torch.equal(together[:half], together[half:])
    assert not torch.equal(together, with_masks(checkpoint, rows, 0.3, 0.2, 1)["labels"])


# Views and tuples


def test_repeated_views_depend_on_the_seed_the_row_and_the_epoch_alone(checkpoint):
    data = Tuples(checkpoint.tokenizer, ROWS, 32)

    def second(rows, epoch, seed=0, longest=64):
        batch = Views(0, seed, 0.32, longest, None)([data[i, epoch] for i in rows])
        mask = batch["attention_mask"].bool()
        assert [ids[m].tolist() for ids, m in zip(batch["input_ids"], mask, strict=True)][: len(rows)] == [
            data.columns[0].rows[i]["input_ids"].tolist() for i in rows
        ]
        return [ids[m].tolist() for ids, m in zip(batch["input_ids"], mask, strict=True)][len(rows) :]

    together = second(range(20), 0)
    assert [second([i], 0)[0] for i in range(20)] == together
    assert second(range(20), 1) != together != second(range(20), 0, seed=1)
    assert any(len(ids) > len(data.columns[0].rows[i]["input_ids"]) for i, ids in enumerate(together))
    longest = max(data.lengths())
    assert max(map(len, second(range(20), 0, longest=longest))) <= longest


def test_equal_texts_have_equal_numbers_and_rows_are_as_long_as_their_longest(checkpoint):
    data = Tuples(
        checkpoint.tokenizer, [("the shop", "the old house by the river", "no"), ("no", "the shop", "yes")], 32
    )
    assert [row["text"] for row in data[0, 0]] == [0, data[0, 0][1]["text"], data[1, 0][0]["text"]]
    assert data[1, 0][1]["text"] == 0
    assert data.lengths() == [8, 4]


# Triples in tables


@pytest.mark.parametrize("names", [("premise", "entailment", "contradiction"), ("sent0", "sent1", "hard_neg")])
def test_triples_are_read_under_both_sets_of_names_and_incomplete_rows_left_out(tmp_path, names):
    path = tmp_path / "nli.csv"
    path.write_text(f"id,{names[2]},{names[0]},{names[1]}\n1,c,a,b\n2,,a,b\n3,c, ,b\n4, f,d,e\n")
    assert read_triples(str(path), Layout()) == [("a", "b", "c"), ("d", "e", "f")]


def test_named_columns_go_before_known_ones_and_the_rest_has_its_usual_names(tmp_path):
    path = tmp_path / "nli.jsonl"
    row = {"premise": "a", "entailment": "b", "contradiction": "c", "other": "d"}
    path.write_text(json.dumps(row) + "\n")
    assert read_triples(str(path), Layout(), (None, None, "other")) == [("a", "b", "d")]


@pytest.mark.parametrize(
    ("content", "columns", "says"),
    [
        ("premise,entailment\na,b\n", (None, None, None), "has no column 'contradiction' .* `contradiction_column`"),
        ("a,b,c\n1,2,3\n", ("a", "b", "d"), r"has no column 'd' .* The columns are 'a', 'b', 'c'"),
        ("premise,entailment,contradiction\na,,c\n", (None, None, None), "in no row are the columns .* all filled"),
    ],
)
def test_a_table_without_triples_is_refused(tmp_path, content, columns, says):
    path = tmp_path / "nli.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=says):
        read_triples(str(path), Layout(), columns)


def test_a_column_of_numbers_is_refused(tmp_path):
    path = tmp_path / "nli.jsonl"
    path.write_text('{"premise": 1, "entailment": "b", "contradiction": "c"}\n')
    with pytest.raises(InputError, match=r"the column 'premise' of its triples must hold strings\. Got int64"):
        read_triples(str(path), Layout())
