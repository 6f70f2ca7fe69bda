"""Synthetic rows of a file are known, and none that leaks is taken."""

from __future__ import annotations

import json

import numpy as np
import pytest
from datasets import Dataset
from small_trainings import APART, RARE, WORDS, prepared, same, weights

from augment.data.corpus import read
from augment.errors import InputError
from classifiers.config import Static
from classifiers.training.run import train

pytestmark = pytest.mark.numeric


def test_synthetic_rows_of_a_file_are_known_and_kept_out_of_the_original_ones(config, upsampled):
    result = train(config(), upsampled, APART)
    assert result.rows["original"] == {"neutral": 24, "positive": 96}
    assert result.rows["synthetic"] == {"neutral": 72, "positive": 0}
    assert result.last["train"]["support"] == {"neutral": 24, "positive": 96}
    assert result.last["synthetic"]["support"] == {"neutral": 72, "positive": 0}
    lighter = train(config(synthetic_weight=0.3), upsampled, APART)
    assert not same(weights(result), weights(lighter))


def test_soft_labels_of_a_file_are_read_in_the_order_of_the_manifest(upsampled):
    frame = upsampled.to_pandas()
    frame["label_probs"] = [json.dumps([0.9, 0.1]) if made else None for made in frame["is_synthetic"]]
    found = prepared(frame).synthetic.soft_labels
    assert np.allclose(found, [0.9, 0.1])
    frame["label_probs"] = [[0.9, 0.3] if made else None for made in frame["is_synthetic"]]
    with pytest.raises(InputError, match="'label_probs' must hold 2 probabilities"):
        prepared(frame)


def test_a_file_whose_synthetic_rows_have_parents_in_validation_is_refused(upsampled):
    parents = [row for row in upsampled["source_row"] if row is not None]
    text = upsampled["text"][parents[0]]
    for copy in (text, text.upper(), text.replace("the", "a", 1)):
        with pytest.raises(InputError, match="of their sources equal or nearly equal a held-out row"):
            prepared(upsampled, ([*APART[0], copy], [*APART[1], "neutral"]))


def test_a_file_whose_synthetic_rows_themselves_stand_in_validation_is_refused(upsampled):
    made = upsampled.filter(lambda row: row["is_synthetic"])["text"][0]
    with pytest.raises(InputError, match=r"[1-9] synthetic rows and"):
        prepared(upsampled, ([*APART[0], made], [*APART[1], "neutral"]))


@pytest.mark.parametrize(("label", "said"), [("neutral", {}), ("positive", {"source_label": [None] * 4 + ["neutral"]})])
def test_parents_are_found_by_their_numbers_in_the_file_also_where_rows_are_kept_out(label, said):
    from augment.data.corpus import from_table
    from augment.data.layout import Layout

    texts = [
        "no label here at all",
        "it opens at nine o'clock sharp",
        "a table stands by the window",
        "what a day we had",
    ]
    made = ["it closes at nine or ten sharp"]
    table = Dataset.from_dict(
        {
            "text": texts + made,
            "label": [None, "neutral", "neutral", "positive", label],
            "is_synthetic": [False] * 4 + [True],
            "source_row": [None] * 4 + [1],
            **said,
        }
    )
    corpus = from_table(table, "rows", Layout(drop_unlabelled=True))
    with pytest.raises(InputError, match="1 of their sources equal"):
        prepared(corpus, ([texts[1]], ["neutral"]))
    assert len(prepared(corpus, ([texts[2]], ["neutral"])).synthetic) == 1


def test_synthetic_validation_rows_are_refused(upsampled):
    with pytest.raises(InputError, match="72 validation rows are synthetic"):
        prepared(RARE, upsampled)


def test_synthetic_rows_of_a_file_keep_away_from_a_test_file_too(config, upsampled):
    made = next(text for text, new in zip(upsampled["text"], upsampled["is_synthetic"], strict=True) if new)
    for text in (made.upper(), RARE[0][0]):
        with pytest.raises(InputError, match="equal or nearly equal a held-out row"):
            train(config(epochs=1.0), upsampled, against=[text])
    with pytest.raises(InputError, match="equal or nearly equal a held-out row"):
        train(config(epochs=1.0, augmentation=Static(**WORDS)), upsampled, APART, against=[made])


def test_reading_the_sample_and_training_on_it_by_name_works(config):
    sample = read("sample")
    result = train(config(epochs=1.0, augmentation={"mode": "balanced"}), sample, sample)
    assert result.classes == ["negative", "neutral", "positive"]
