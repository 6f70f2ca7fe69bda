"""GAN-SMOTE of rows of categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare
from small_gans import GROUPS, categorical, fitted, monk, new_rows

from augment.errors import InputError

pytestmark = [
    pytest.mark.filterwarnings("ignore:The network of class"),
    pytest.mark.numeric,
]  # most here are trained for an instant


def categories(rows: np.ndarray) -> np.ndarray:
    return np.stack([rows[:, group].argmax(axis=1) for group in GROUPS], axis=1)


def are_one_hot(rows: np.ndarray) -> bool:
    return all(np.isin(rows[:, group], (0, 1)).all() and (rows[:, group].sum(axis=1) == 1).all() for group in GROUPS)


def test_every_row_of_categories_is_one_and_as_many_as_asked_for():
    X, y = monk()
    rows, labels = categorical(sampling_strategy={"rare": 1130}).fit_resample(X, y)
    assert np.array_equal(rows[: len(X)], X)
    assert labels[len(X) :].tolist() == ["rare"] * 1000
    assert are_one_hot(rows[len(X) :])
    assert len(np.unique(rows[len(X) :], axis=0)) > 50


@pytest.mark.parametrize("n_steps", [1, 300])
def test_categories_are_as_frequent_as_in_the_class(n_steps):
    X, y = monk()
    new = new_rows(categorical(n_steps=n_steps, sampling_strategy={"rare": 2130}), X, y)
    shares, others = (X[y == label].mean(axis=0) for label in ("rare", "often"))
    for group in GROUPS:
        assert chisquare(new[:, group].sum(axis=0), 2000 * shares[group]).pvalue > 0.001  # of 8 seeds .025 or more
    assert chisquare(new[:, GROUPS[4]].sum(axis=0), 2000 * others[GROUPS[4]] + 1e-9).pvalue < 1e-6, "it could fail"


@pytest.mark.slow
def test_categories_are_as_frequent_as_in_the_class_after_the_default_training_too():
    X, y = monk()
    new = new_rows(categorical(n_steps=None, sampling_strategy={"rare": 1130}), X, y)
    assert are_one_hot(new)
    for group in GROUPS:
        assert chisquare(new[:, group].sum(axis=0), 1000 * X[y == "rare"].mean(axis=0)[group]).pvalue > 0.001


@pytest.mark.parametrize("min_rows", [30, 9999], ids=["trained", "left to smote"])
def test_a_category_that_the_class_never_has_never_appears(min_rows):
    X, y = monk(216)
    never = GROUPS[3][1]
    keep = (y == "often") | (X[:, never] == 0)
    X, y = X[keep], y[keep]
    X = np.concatenate([X, X[y == "often"]])
    y = np.concatenate([y, y[y == "often"]])
    sampler = categorical(min_rows=min_rows, sampling_strategy={"rare": 2000})
    fitted(sampler, X, y)
    new = sampler.sample("rare", 3000, random_state=0)
    assert are_one_hot(new)
    assert not new[:, never].any()
    assert new[:, GROUPS[3][0]].any()
    assert new[:, GROUPS[3][2]].any()


def test_a_class_of_too_few_rows_is_crossed_from_two_parents():
    X, y = monk(40)
    sampler = categorical()
    with pytest.warns(UserWarning, match="The class 'rare' has 40 rows, and GANSMOTE trains no network"):
        new = new_rows(sampler, X, y)
    assert are_one_hot(new)
    first, second = (categories(X[sampler.source_indices_[:, i]]) for i in (0, 1))
    found = categories(new)
    assert ((found == first) | (found == second)).all(), "every category is one of the parents'"
    assert ((found != first).any(axis=1)).any()
    assert (found == first).mean() > (found == second).mean(), "the nearer has the larger share"
    assert {*y[sampler.source_indices_.ravel()]} == {"rare"}


@pytest.mark.parametrize("mode", [{}, {"min_rows": 9999}], ids=["trained", "left to smote"])
def test_continuous_columns_beside_groups_stay_within_the_range_of_their_class(mode):
    X, y = monk()
    rng = np.random.default_rng(3)
    columns = np.stack([rng.normal(1000, 5, len(X)), np.where(y == "rare", rng.uniform(-2, -1, len(X)), 9)], axis=1)
    X = np.concatenate([columns[:, :1], X, columns[:, 1:]], axis=1)
    sampler = categorical(groups=[[column + 1 for column in group] for group in GROUPS], **mode)
    new = new_rows(fitted(sampler, X, y), X, y)
    assert are_one_hot(new[:, 1:-1])
    for column in (0, -1):
        own = X[y == "rare", column]
        assert new[:, column].min() >= own.min() - 1e-6 * np.abs(own).max()
        assert new[:, column].max() <= own.max() + 1e-6 * np.abs(own).max()
        assert len({*new[:, column]}) > 40


def test_a_frame_of_booleans_comes_back_as_one():
    X, y = monk()
    frame = pd.DataFrame(X.astype(bool), columns=[f"is {i}" for i in range(X.shape[1])])
    rows, _ = categorical().fit_resample(frame, pd.Series(y))
    assert {*rows.dtypes} == {np.dtype(bool)}
    assert are_one_hot(rows.to_numpy())
    assert len(rows) == 432


def test_rows_of_categories_may_repeat_real_ones_and_each_other():
    X, y = monk()
    X, y = np.concatenate([X, X[y == "rare"][:5]]), np.concatenate([y, ["rare"] * 5])
    new = new_rows(categorical(sampling_strategy={"rare": 1135}), X, y)
    assert len(np.unique(new, axis=0)) < len(new) == 1000
    assert (new[:, None] == X[y == "rare"][None]).all(axis=2).any()


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"output": "continuous"}, "`groups` are for one-hot rows. Give output='onehot' with them, or leave them out."),
        ({"generator_input": "residual"}, "One-hot rows are made from noise"),
        ({"generator_input": "smote"}, "Give generator_input='noise'. Got 'smote'."),
        ({"groups": None}, "`groups` must be lists of columns, no column twice, e.g. [[0, 1, 2], [3, 4]], each from 0"),
        ({"groups": []}, "`groups` must be lists of columns"),
        ({"groups": [[0, 1, 2], []]}, "`groups` must be lists of columns"),
        ({"groups": [[0, 1, 2], [2, 3, 4]]}, "no column twice"),
        ({"groups": [[0, 1, 1]]}, "no column twice"),
        ({"groups": [[15, 16, 17]]}, "each from 0 to 16. Got [[15, 16, 17]]."),
        ({"groups": [[-1, 0, 1]]}, "each from 0 to 16. Got [[-1, 0, 1]]."),
        ({"groups": [0, 1, 2]}, "`groups` must be lists of columns"),
        ({"groups": [[0, 1]]}, "has not exactly one 1 in the columns [0, 1]. Mend the row, or the `groups`."),
        ({"groups": [[0, 1, 2, 3]]}, "has not exactly one 1 in the columns [0, 1, 2, 3]."),
    ],
)
def test_groups_that_do_not_fit_are_refused_in_one_line(parameters, says):
    with pytest.raises(InputError) as caught:
        categorical(**parameters).fit_resample(*monk())
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [0.5, 2, -1, 0])
def test_a_row_that_is_not_one_hot_is_named(value):
    X, y = monk()
    X[123, GROUPS[4]] = [value, 0, 0, 0]
    with pytest.raises(InputError, match=r"^Row 123 has not exactly one 1 in the columns \[11, 12, 13, 14\]\."):
        categorical().fit_resample(X, y)
