"""Fidelity of synthetic vectors: alike, shifted, shrunk, collapsed, copied; values worked out by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from vector_measures import leave_out_the_network

from augment.errors import InputError
from augment.report.text_measures import (
    Fidelity,
    density_coverage,
    reference_fidelity,
    two_sample_test,
    vector_fidelity,
)

pytestmark = pytest.mark.numeric

WIDTH = 8


def rows(n: int, key: int, width: int = WIDTH) -> np.ndarray:
    """Standard normal rows, others for each key."""
    return np.random.default_rng(key).normal(size=(n, width))


TRAIN, HELDOUT = rows(240, 1), rows(80, 2)


def others(n: int, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two classes, each shifted along a direction of its own."""
    shift = np.eye(WIDTH)[np.repeat([0, 1], n)] * 3
    return rows(2 * n, key) + shift, np.repeat(["bad", "good"], n)


OTHERS = {"others_train": others(240, 3), "others_heldout": others(80, 4)}


@pytest.fixture(scope="module")
def reference() -> Fidelity:
    return reference_fidelity(TRAIN, HELDOUT, **OTHERS)


@pytest.fixture(scope="module")
def alike(reference: Fidelity) -> Fidelity:
    return vector_fidelity(TRAIN, HELDOUT, rows(640, 5), **OTHERS, reference=reference)


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_the_network(monkeypatch)


def of(synthetic: np.ndarray, reference: Fidelity, **options) -> Fidelity:
    return vector_fidelity(TRAIN, HELDOUT, synthetic, reference=reference, **options)


# Rows of the same distribution


def test_rows_of_the_same_distribution_look_like_real_ones(alike: Fidelity, reference: Fidelity) -> None:
    for found in (alike, reference):
        assert found.two_sample_knn == pytest.approx(0.5, abs=0.07)
        assert found.two_sample_knn_real == pytest.approx(0.5, abs=0.12)
        assert found.two_sample_mlp == pytest.approx(0.5, abs=0.1)  # learnt: of 4 seeds .50 to .55
        assert found.density == pytest.approx(1, abs=0.2)  # lemma 1 of Naeem et al.
        assert found.coverage == pytest.approx(1 - 2**-5, abs=0.03)  # lemma 2
        assert found.tstr_f1 > 0.8
    assert alike.coverage == pytest.approx(reference.coverage, abs=0.03)
    assert alike.variance_ratio == pytest.approx(1, abs=0.1)
    assert alike.nearest_train == pytest.approx(reference.nearest_train, rel=0.05)
    assert alike.nearest_heldout == pytest.approx(reference.nearest_heldout, rel=0.05)
    assert alike.tstr_f1 == pytest.approx(reference.tstr_f1, abs=0.04)


def test_more_rows_of_one_kind_do_not_make_it_easier_to_guess() -> None:
    for classifier in ("knn", "mlp"):
        for real, synthetic in ((rows(40, 6), rows(200, 7)), (rows(200, 7), rows(40, 6))):
            accuracy, recall = two_sample_test(real, synthetic, classifier=classifier)
            assert accuracy == pytest.approx(0.5, abs=0.15)  # of 3 seeds .49 to .58; .83 if the numbers gave it away
            assert recall == pytest.approx(0.5, abs=0.25)  # of 3 seeds .44 to .64


# Rows that differ


def test_a_shifted_copy_is_told_apart(reference: Fidelity) -> None:
    found = of(HELDOUT + 1.5, reference)
    assert found.two_sample_knn > 0.8
    assert found.two_sample_knn_real > 0.8
    assert found.two_sample_mlp > 0.8
    assert found.coverage < reference.coverage - 0.2
    assert found.variance_ratio == pytest.approx(HELDOUT.var(0, ddof=1).sum() / TRAIN.var(0, ddof=1).sum())


def test_a_shrunk_copy_is_told_apart() -> None:
    few = rows(200, 8, width=2)
    for classifier in ("knn", "mlp"):
        assert two_sample_test(few, rows(200, 9, width=2) * 0.1, classifier=classifier)[0] > 0.8


def test_the_recall_of_real_rows_shows_shrinkage_that_the_accuracy_of_knn_hides() -> None:
    real, shrunk = rows(200, 10, width=16), rows(200, 11, width=16) * 0.5
    accuracy, recall = two_sample_test(real, shrunk)
    assert accuracy == pytest.approx(0.5, abs=0.05)  # everything is nearest to a shrunk row
    assert recall < 0.1
    assert two_sample_test(real, shrunk, classifier="mlp")[0] > 0.75


def test_the_network_does_not_mind_the_scale_of_a_column() -> None:
    real, shifted = rows(100, 12, width=2), rows(100, 13, width=2) + [3, 0]
    scales = [1e-4, 1e4]
    assert two_sample_test(real * scales, shifted * scales, classifier="mlp")[0] > 0.8


@pytest.mark.usefixtures("without_network")
def test_collapse_to_a_point_covers_little(reference: Fidelity) -> None:
    found = of(np.tile(HELDOUT[:1], (80, 1)), reference)
    assert found.coverage < 0.5
    assert found.variance_ratio == 0
    assert found.two_sample_knn > 0.8


@pytest.mark.usefixtures("without_network")
def test_the_variance_of_halved_rows_is_a_quarter(reference: Fidelity) -> None:
    assert of(TRAIN / 2, reference).variance_ratio == pytest.approx(0.25)
    assert of(TRAIN[:40] + 7, reference).variance_ratio == pytest.approx(
        TRAIN[:40].var(0, ddof=1).sum() / TRAIN.var(0, ddof=1).sum()
    )


# Density and coverage by hand


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def test_density_and_coverage_by_hand_in_one_dimension() -> None:
    # With k = 2 the radii around 0, 1, 3 and 7 are 3, 2, 3 and 6, and a ball ends before its radius: .5 lies in the
    # first three, 6.5 in the last, 3 in the last three but not in the ball around 1; -3 and 13 are just outside.
    real = column(0, 1, 3, 7)
    assert density_coverage(real, column(0.5, 6.5, 13, -3), k=2) == (4 / (2 * 4), 1.0)
    assert density_coverage(real, column(13, 3, -3, 20), k=2) == (2 / (2 * 4), 2 / 4)


def test_density_and_coverage_by_hand_in_two_dimensions() -> None:
    # A square with sides of 3 and 4: with k = 2 each radius is 4; the middle is 2.5 from every corner.
    square = np.array([[0, 0], [3, 0], [0, 4], [3, 4]])
    far = [[50, 50], [60, 60], [70, 70]]
    assert density_coverage(square, [[1.5, 2], *far], k=2) == (4 / (2 * 4), 1.0)
    assert density_coverage(square, [[-1, -1], *far], k=2) == (1 / (2 * 4), 1 / 4)  # the next corner is at 4.12


def test_rows_that_are_the_real_ones_have_density_one_and_cover_all() -> None:
    assert density_coverage(HELDOUT, HELDOUT) == (1.0, 1.0)


def test_a_real_outlier_does_not_inflate_density() -> None:
    # The ball around 100 reaches down to 1 and holds all synthetic rows, which precision would count as perfect.
    real, synthetic = column(0, 1, 2, 3, 4, 5, 100), column(20, 30, 40, 50, 60, 70, 80)
    assert density_coverage(real, synthetic, k=5) == (pytest.approx(1 / 5), pytest.approx(1 / 7))


def test_a_ball_is_covered_once_however_many_rows_lie_in_it() -> None:
    real = column(0, 2, 100, 103)
    assert density_coverage(real, column(-1.9, -1.5, -1, -0.5), k=1) == (4 / 4, 1 / 4)
    assert density_coverage(real, column(-1.9, -1, 104, 105), k=1) == (4 / 4, 2 / 4)


def test_draws_are_disjoint_and_use_all_rows() -> None:
    # One row in 8 lies in the ball around 0, so that the mean over 4 disjoint draws of 4 is that of all 16.
    real, synthetic = column(0, 10, 200, 1000), np.full((16, 1), 5000.0)
    synthetic[:2] = -5
    assert density_coverage(real, synthetic, k=1)[0] == pytest.approx(2 / 16)


def test_there_are_at_most_eight_draws() -> None:
    # One row of 160 lies in a ball; 8 draws of 4 find it or not.
    real, synthetic = column(0, 10, 200, 1000), np.full((160, 1), 5000.0)
    synthetic[0] = -5
    assert {density_coverage(real, synthetic, k=1, seed=seed)[0] for seed in range(20)} == {0, 1 / 32}


@pytest.mark.usefixtures("without_network")
def test_k_sets_the_size_of_the_balls(reference: Fidelity) -> None:
    assert of(rows(320, 14), reference, k=1).coverage == pytest.approx(0.5, abs=0.1)


# Copies


@pytest.mark.usefixtures("without_network")
def test_copies_of_train_rows_lie_at_distance_zero(reference: Fidelity) -> None:
    found = of(np.concatenate([TRAIN[::2], TRAIN[::3]]), reference)
    assert found.nearest_train == 0
    assert found.nearest_heldout == pytest.approx(reference.nearest_heldout, rel=0.05)


@pytest.mark.usefixtures("without_network")
def test_copies_in_single_precision_and_far_from_zero_lie_at_distance_zero() -> None:
    train = (TRAIN + 1000).astype(np.float32)
    assert vector_fidelity(train, HELDOUT + 1000, train[::-1]).nearest_train == 0


@pytest.mark.usefixtures("without_network")
def test_noisy_copies_are_nearer_to_train_rows_than_real_rows_are(reference: Fidelity) -> None:
    found = of(TRAIN + rows(240, 12) * 0.1, reference)
    assert found.nearest_train < reference.nearest_train / 3
    assert found.nearest_heldout == pytest.approx(reference.nearest_heldout, rel=0.05)


@pytest.mark.usefixtures("without_network")
def test_a_row_of_the_reference_is_not_its_own_neighbour_but_its_copy_is() -> None:
    train, heldout = column(*range(0, 30, 3)), column(*range(1000, 1010))
    found = reference_fidelity(train, heldout)
    assert found.nearest_train == 3
    assert found.nearest_heldout == 1000 - 13.5
    assert reference_fidelity(np.repeat(train, 2, axis=0), heldout).nearest_train == 0


@pytest.mark.usefixtures("without_network")
def test_distances_beyond_the_first_block_are_right_too() -> None:
    train, heldout = column(*range(2500)), column(*range(10))
    train[1200:] += 0.5 * np.arange(1300)[:, None]  # one and a half apart, more than half of the rows
    assert reference_fidelity(train, heldout).nearest_train == 1.5


# Training on synthetic rows


@pytest.mark.usefixtures("without_network")
def test_rows_of_another_class_teach_the_wrong_thing(reference: Fidelity) -> None:
    wrong = others(240, 13)[0][:240]
    assert of(wrong, reference, **OTHERS).tstr_f1 < reference.tstr_f1 - 0.1  # .36 below


@pytest.mark.usefixtures("without_network")
def test_label_noise_falls_below_real_rows(reference: Fidelity) -> None:
    noisy = np.concatenate([TRAIN[:60], others(240, 14)[0][:180]])
    assert of(noisy, reference, **OTHERS).tstr_f1 < reference.tstr_f1 - 0.05  # .12 below; a row is .001


@pytest.mark.usefixtures("without_network")
def test_no_more_synthetic_rows_are_learnt_from_than_there_are_real_ones(reference: Fidelity) -> None:
    made = rows(240, 15)
    few, many = (vector_fidelity(TRAIN[:n], HELDOUT, made, **OTHERS, reference=reference).tstr_f1 for n in (10, 240))
    assert many > few + 0.1  # a prior of 2 in 100 hides the class: .18 more
    assert many == pytest.approx(reference.tstr_f1, abs=0.05)


@pytest.mark.usefixtures("without_network")
def test_the_order_and_names_of_the_other_classes_do_not_matter(reference: Fidelity) -> None:
    made, (X, y) = rows(80, 16), OTHERS["others_heldout"]
    mixed = np.random.default_rng(0).permutation(len(y))
    numbers = {"bad": 1, "good": 0}
    renamed = {
        "others_train": (OTHERS["others_train"][0], [numbers[name] for name in OTHERS["others_train"][1]]),
        "others_heldout": (X[mixed], [numbers[name] for name in y[mixed]]),
    }
    found, expected = of(made, reference, **renamed).tstr_f1, of(made, reference, **OTHERS).tstr_f1
    assert found == pytest.approx(expected)


@pytest.mark.usefixtures("without_network")
def test_without_other_classes_there_is_no_f1(reference: Fidelity) -> None:
    assert math.isnan(of(TRAIN, reference).tstr_f1)


# The reference, seeds, odd data


def test_the_reference_is_computed_if_it_is_not_given() -> None:
    train, made = TRAIN[:80], rows(80, 17)
    found = vector_fidelity(train, HELDOUT, made, **OTHERS)
    assert found.reference == reference_fidelity(train, HELDOUT, **OTHERS)
    assert found.reference.reference is None
    assert found.reference.variance_ratio == 1
    assert vector_fidelity(train, HELDOUT, made, **OTHERS, reference=found.reference) == found


def test_the_same_seed_gives_the_same_numbers_and_no_global_generator_is_touched() -> None:
    train = rows(160, 18)
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    first = reference_fidelity(train, HELDOUT, seed=3)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    np.random.seed(6)  # noqa: NPY002
    second = reference_fidelity(train, HELDOUT, seed=3)
    assert dataclasses.astuple(first) == dataclasses.astuple(second)
    other = reference_fidelity(train, HELDOUT, seed=4)
    assert first.two_sample_mlp != other.two_sample_mlp


def test_inputs_are_left_as_they_are() -> None:
    given = TRAIN.copy(), HELDOUT.copy(), rows(100, 19)
    for values in given:
        values.setflags(write=False)
    vector_fidelity(*given)


@pytest.mark.filterwarnings("error")
def test_constant_columns_and_few_rows_give_numbers() -> None:
    def padded(values: np.ndarray) -> np.ndarray:
        return np.column_stack([values, np.full(len(values), 0.1), np.zeros(len(values))])

    found = vector_fidelity(
        padded(TRAIN),
        padded(HELDOUT),
        padded(rows(10, 20)),
        **{name: (padded(X), y) for name, (X, y) in OTHERS.items()},
    )
    assert np.isfinite(dataclasses.astuple(found)[:-1]).all()


@pytest.mark.usefixtures("without_network")
def test_rows_without_any_variance() -> None:
    same = np.full((20, 3), 0.1)
    assert vector_fidelity(same, same, same).variance_ratio == 1
    assert vector_fidelity(same, same, rows(20, 21, width=3)).variance_ratio == math.inf


# Errors


def with_nan(values: np.ndarray, value: float = math.nan) -> np.ndarray:
    values = values.copy()
    values[7, 2] = value
    return values


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"synthetic": with_nan(TRAIN)}, r"`synthetic` must hold finite numbers\. Got nan or inf in row 7\."),
        ({"real_heldout": with_nan(HELDOUT, math.inf)}, r"`real_heldout` must hold finite numbers"),
        ({"real_train": TRAIN[0]}, r"`real_train` must have the shape \(rows, columns\)\. Got \(8,\)\."),
        ({"synthetic": TRAIN[:, :0]}, r"`synthetic` must have the shape \(rows, columns\)\. Got \(240, 0\)\."),
        ({"synthetic": ["a text"] * 20}, r"`synthetic` must be an array of numbers\. Got list\. Encode"),
        ({"synthetic": TRAIN[:, :7]}, r"`synthetic` must be as wide as the real rows, 8 columns\. Got 7\."),
        ({"real_heldout": HELDOUT[:9]}, r"`real_heldout` must have at least 10 rows\. Got 9\."),
        ({"real_train": TRAIN[:9]}, r"`real_train` must have at least 10 rows\. Got 9\."),
        ({"real_heldout": HELDOUT[:15], "k": 15}, r"`real_heldout` must have at least 16 rows\. Got 15\."),
        ({"synthetic": TRAIN[:15], "k": 15}, r"`synthetic` must have at least 16 rows\. Got 15\."),
        ({"k": 0}, r"`k` must be a whole number of 1 or more\. Got 0\."),
        ({"k": 2.5}, r"`k` must be a whole number of 1 or more\. Got 2\.5\."),
        ({"others_heldout": None}, r"`others_heldout` must be rows and labels, \(X, y\)\. Got NoneType\. Pass both"),
        ({"others_train": None}, r"`others_train` must be rows and labels"),
        (
            {"others_train": (TRAIN, np.zeros(3))},
            r"`others_train` must have one label a row, 240\. Got the shape \(3,\)",
        ),
        ({"others_train": (TRAIN[:, :3], np.zeros(240))}, r"`others_train` must be as wide as the real rows, 8"),
        (
            {"others_heldout": (TRAIN, np.full(240, "odd"))},
            r"`others_heldout` must have labels of `others_train` only\. Got odd\.",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line(changes: dict, message: str) -> None:
    given = {"real_train": TRAIN, "real_heldout": HELDOUT, "synthetic": TRAIN, **OTHERS, **changes}
    with pytest.raises(InputError, match=message) as caught:
        vector_fidelity(**given)
    assert "\n" not in str(caught.value)
    if "synthetic" not in changes:
        del given["synthetic"]
        with pytest.raises(InputError, match=message):
            reference_fidelity(**given)


def test_the_measures_by_themselves_check_their_rows() -> None:
    with pytest.raises(InputError, match=r"`real` must have at least 6 rows\. Got 5\."):
        density_coverage(TRAIN[:5], TRAIN)
    with pytest.raises(InputError, match=r"`synthetic` must have at least 10 rows\. Got 9\."):
        two_sample_test(TRAIN, TRAIN[:9])
    with pytest.raises(InputError, match=r"`classifier` must be 'knn' or 'mlp'\. Got 'svm'\."):
        two_sample_test(TRAIN, TRAIN, classifier="svm")
