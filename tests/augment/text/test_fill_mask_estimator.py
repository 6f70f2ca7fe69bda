"""`fillmask` as an over-sampler: its parameters, its containers and its counts."""

from __future__ import annotations

import re
from collections import Counter
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from filled_masks import draws, strategy
from sklearn.base import clone

from augment.errors import InputError
from augment.text.fill_mask import FillMask
from augment.words import folded

# Parameters


def test_one_message_names_every_bad_parameter(bert):
    bad = {
        "mask_ratio": 0.0,
        "fill": "both",
        "top_k": 0,
        "top_p": 1.5,
        "temperature": 0.0,
        "batch_size": 0,
        "protect": "not",
        "protect_patterns": ("(", "fine"),
    }
    with pytest.raises(InputError) as caught:
        FillMask(model=str(bert), **bad).check()
    message = str(caught.value)
    assert "\n" not in message
    for name in bad:
        assert f"`{name}` of FillMask" in message
    for text in ("Got 0.0.", "Got 'both'.", "Got 1.5.", "Got 'not'.", "'('"):
        assert text in message
    assert message.count("`") == 2 * len(bad)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mask_ratio", -0.1),
        ("mask_ratio", 1.01),
        ("mask_ratio", float("nan")),
        ("top_p", 0.0),
        ("top_p", float("nan")),
        ("top_k", -3),
        ("temperature", float("inf")),
        ("temperature", float("nan")),
        ("temperature", -1.0),
        ("protect_patterns", r"\bx\b"),
        ("batch_size", -1),
    ],
)
def test_each_bad_value_is_refused_without_opening_a_model(name, value):
    with pytest.raises(InputError, match=rf"^`{name}` of FillMask must be .* Got "):
        FillMask(model="/no/such/folder", **{name: value}).check()


@pytest.mark.parametrize(
    ("name", "value"),
    [("mask_ratio", "half"), ("top_k", "50"), ("top_k", 2.5), ("batch_size", 1.5), ("temperature", None)],
)
def test_values_of_another_type_are_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"^`{name}` of FillMask must be .* Got {value!r}"):
        FillMask(**{name: value}).check()


def test_bad_parameters_are_refused_before_the_data_is_looked_at():
    with pytest.raises(InputError, match="`top_k` of FillMask"):
        FillMask(top_k=0).fit_resample(["a"], ["b", "c"])


def test_nothing_is_checked_or_opened_by_the_constructor():
    FillMask(model="/no/such/folder", mask_ratio=-1)


def test_parameters_round_trip():
    made = FillMask(model="elsewhere", mask_ratio=0.3, protect=("a", "b"), top_k=None, random_state=3)
    assert clone(made).get_params() == made.get_params()
    assert clone(made) is not made
    assert made.set_params(top_p=0.5, fill="sequential") is made
    assert (made.get_params()["top_p"], made.get_params()["fill"]) == (0.5, "sequential")
    with pytest.raises(ValueError, match="Invalid parameter 'top_q'"):
        made.set_params(top_q=1)
    with pytest.raises(TypeError):
        FillMask("mini")


def test_identity_says_which_model_ran(bert):
    identity = strategy(bert).identity()
    assert identity["model"] == str(bert)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", identity["revision"])
    assert (identity["device"], identity["dtype"]) == ("cpu", "float32")


def small(sentences):
    """Fourteen texts of "many" and six of "few"."""
    return sentences[:20], ["many"] * 14 + ["few"] * 6


# Balancing


@pytest.mark.parametrize("container", [list, tuple, np.array, lambda v: np.array(v, object), pd.Series])
def test_containers_come_back(bert, sentences, container):
    texts, y = (container(column) for column in small(sentences))
    made = FillMask(model=str(bert), device="cpu", random_state=0)
    new_texts, new_y = made.fit_resample(texts, y)
    assert type(new_texts) is type(texts)
    assert type(new_y) is type(y)
    assert getattr(new_texts, "dtype", None).__class__ is getattr(texts, "dtype", None).__class__
    assert list(new_texts[:20]) == sentences[:20]
    assert list(new_y) == ["many"] * 14 + ["few"] * 14
    assert len(set(new_texts)) == 28
    assert all(isinstance(text, str) for text in new_texts)


def test_variants_of_one_source_all_differ(bert, sentences):
    wanted = {"few": 90, "many": 14}
    for choose in (1, 8):
        made = FillMask(
            model=str(bert),
            device="cpu",
            random_state=0,
            sampling_strategy=wanted,
            choose=choose,
            guards=["none"],
        )
        texts, y = made.fit_resample(*small(sentences))
        assert Counter(y) == wanted
        assert len({folded(text) for text in texts}) == len(texts)
    assert Counter(made.source_indices_.tolist()).keys() == set(range(14, 20))


def test_a_text_with_nothing_to_replace_is_no_source_and_others_take_over(bert, sentences):
    texts, y = small(sentences)
    texts = [*texts[:14], "!!! 123", "no, never", *texts[16:]]
    made = FillMask(model=str(bert), device="cpu", random_state=0)
    new_texts, new_y = made.fit_resample(texts, y)
    assert made.candidates(draws(["!!! 123", "no, never", "", " "])) == [None] * 4
    assert Counter(new_y)["few"] == 14
    assert set(made.source_indices_) <= {16, 17, 18, 19}
    assert made.shortfall_ == {}
    assert new_texts[14:16] == ["!!! 123", "no, never"]


def test_a_class_with_nothing_to_replace_at_all_is_reported_short(bert, sentences):
    made = FillMask(model=str(bert), device="cpu", random_state=0)
    with pytest.warns(UserWarning, match="could not be made: 2 of class 'few'") as told:
        texts, y = made.fit_resample([*sentences[:4], "1!", "2!"], ["many"] * 4 + ["few"] * 2)
    assert {warning.filename for warning in told} == {__file__}
    assert len(texts) == len(y) == 6
    assert made.shortfall_ == {"few": 2}


@pytest.mark.numeric
def test_the_seed_alone_decides_whatever_the_batch_size(bert, sentences):
    def resampled(**parameters):
        return FillMask(model=str(bert), device="cpu", **parameters).fit_resample(*small(sentences))[0]

    first = resampled(random_state=5)
    assert first == resampled(random_state=5, batch_size=3) == resampled(random_state=np.int64(5))
    assert first != resampled(random_state=6)


class Counting(FillMask):
    """Counts how often it resampled, and what."""

    calls: ClassVar[list[int]] = []

    def fit_resample(self, texts, y):
        Counting.calls.append(len(texts))
        return super().fit_resample(texts, y)


def test_in_a_pipeline_only_training_folds_are_resampled(bert, sentences):
    from imblearn.pipeline import make_pipeline
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    texts, y = small(sentences)
    upsample = Counting(model=str(bert), device="cpu", random_state=0)
    pipeline = make_pipeline(upsample, TfidfVectorizer(), LogisticRegression())
    Counting.calls.clear()
    scores = cross_val_score(pipeline, texts, y, cv=2, error_score="raise")
    assert len(scores) == 2
    assert np.isfinite(scores).all()
    assert Counting.calls == [10, 10]
    pipeline.fit(texts, y)
    assert Counting.calls == [10, 10, 20]
    assert pipeline.named_steps["counting"].sampling_strategy_ == {"few": 8}
    assert len(pipeline.predict(texts)) == len(pipeline.predict_proba(texts)) == 20
    assert Counting.calls == [10, 10, 20]


def test_a_run_with_mini_names_a_larger_model_and_its_cost():
    assert "answerdotai/ModernBERT-base" in FillMask().advice()
    assert "600 MB" in FillMask().advice()
    assert FillMask(model="google-bert/bert-base-uncased").advice() == ""
