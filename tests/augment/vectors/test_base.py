"""The base of vector strategies: whatever a subclass draws, counts, originals, parents and streams are in order."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from augment.errors import InputError
from augment.seeding import generator
from augment.vectors.base import Drawn, VectorSampler

THOROUGHLY = settings(max_examples=60)


class Wander(VectorSampler):
    """Moves rows of the class by a little, and gives as many as it is told, of which some equal real rows."""

    name, summary = "wander", "move rows by a little"

    def __init__(self, *, sampling_strategy="auto", random_state=None, sphere="auto", rate=1.0, repeats=0.0):
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, sphere=sphere)
        self.rate = rate
        self.repeats = repeats

    def learn(self, rows, seed):
        self.asked_, self.seeds_, self.settled_ = [], [], (rows, seed)

    def draw(self, rows, code, wanted, seed):
        self.asked_.append((code, wanted))
        self.seeds_.append(seed)
        rng = generator(seed, "draw")
        chosen = rng.choice(rows.of(code), math.ceil(wanted * self.rate))
        away = (
            rng.normal(size=(len(chosen), rows.vectors.shape[1])) * (rng.random(len(chosen)) >= self.repeats)[:, None]
        )
        new = (rows.vectors[chosen] + away).astype(rows.vectors.dtype)
        others = rng.choice(rows.of(code), len(chosen))
        return Drawn(new, np.stack([chosen, others], axis=1), rng.uniform(0, 0.5, len(chosen)))


class Copy(Wander):
    """Gives copies, and says so."""

    def draw(self, rows, code, wanted, seed):
        chosen = generator(seed, "draw").choice(rows.of(code), wanted)
        parents = np.stack([chosen, np.full(wanted, -1)], axis=1)
        return Drawn(rows.vectors[chosen], parents, np.full(wanted, np.nan))


class Counting(Wander):
    """Takes repeated rows for as many rows as they are."""

    def takes_repeats(self):
        return True


def reviews(dtype=np.float64):
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 3)).astype(dtype), np.repeat(["neg", "neu", "pos"], [12, 5, 23])


def tuples(vectors):
    return set(map(tuple, np.asarray(vectors).tolist()))


# Counts, originals, rows that are new


@THOROUGHLY
@given(
    rate=st.sampled_from([0.7, 1.0, 1.7, 4.0]),
    repeats=st.sampled_from([0.0, 0.1, 0.3]),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    extra=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    seed=st.integers(0, 2**32 - 1),
)
def test_counts_are_exact_whatever_share_of_what_is_asked_a_sampler_makes(rate, repeats, dtype, extra, seed):
    X, y = reviews(dtype)
    totals = {"neg": 12 + extra[0], "neu": 5 + extra[1]}
    sampler = Wander(sampling_strategy=totals, random_state=seed, rate=rate, repeats=repeats)
    vectors, labels = sampler.fit_resample(X, y)
    assert dict(zip(*np.unique(labels, return_counts=True), strict=True)) == {**totals, "pos": 23}
    assert np.array_equal(vectors[:40].view(np.uint8), X.view(np.uint8))
    assert labels[:40].tolist() == y.tolist()
    assert (vectors.dtype, labels.dtype) == (X.dtype, y.dtype)
    assert not tuples(vectors[40:]) & tuples(X)
    assert sampler.source_indices_.shape == (sum(extra), 2)
    assert sampler.source_indices_.dtype == np.int64
    assert sampler.weights_.shape == (sum(extra),)
    assert (y[sampler.source_indices_] == labels[40:, None]).all()


def test_what_is_missing_is_asked_for_again_from_other_seeds_and_what_is_too_much_is_left_out():
    X, y = reviews()
    few = Wander(sampling_strategy={"neu": 105}, random_state=0, rate=0.5)
    few.fit_resample(X, y)
    assert few.asked_[:3] == [(1, 100), (1, 50), (1, 25)]
    assert len(set(few.seeds_)) == len(few.seeds_) > 5
    many = Wander(sampling_strategy={"neu": 105}, random_state=0, rate=3.0)
    vectors, _ = many.fit_resample(X, y)
    assert many.asked_ == [(1, 100)]
    assert len(vectors) == 140


@pytest.mark.parametrize(
    ("sampling_strategy", "made"),
    [("+5", {"neg": 5, "neu": 5, "pos": 5}), ("1.5x", {"neg": 6, "neu": 2, "pos": 11}), ({"neg": "+3"}, {"neg": 3})],
)
def test_amounts_that_imbalanced_learn_lacks_are_taken(sampling_strategy, made):
    X, y = reviews()
    sampler = Wander(sampling_strategy=sampling_strategy, random_state=0)
    sampler.check()
    counts = dict(zip(*np.unique(y, return_counts=True), strict=True))
    _, labels = sampler.fit_resample(X, y)
    after = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    assert {label: after[label] - counts[label] for label in counts if after[label] > counts[label]} == made
    assert sampler.sampling_strategy == sampling_strategy


def test_the_surplus_that_is_left_out_is_not_the_last_rows():
    class InOrder(Wander):
        def draw(self, rows, code, wanted, seed):
            return Drawn.without_parents(np.arange(3 * wanted, dtype=float)[:, None].repeat(3, axis=1) + 100)

    X, y = reviews()
    kept = InOrder(sampling_strategy={"neu": 105}, random_state=0).fit_resample(X, y)[0][40:, 0] - 100
    assert (np.diff(kept) > 0).all(), "in the order in which they were drawn"
    assert 100 < kept.mean() < 200
    assert kept.max() > 250


def test_a_sampler_that_makes_real_rows_alone_is_stopped_with_the_reason():
    X, y = reviews()
    with pytest.raises(InputError) as caught:
        Wander(random_state=0, repeats=1.0).fit_resample(X, y)
    assert str(caught.value) == (
        "Wander makes too few new rows of class 'neg': 0 of 11, since the others equal real ones."
        " Its rows differ too little."
        " Wander makes too few new rows of class 'neu': 0 of 18, since the others equal real ones."
        " Its rows differ too little."
    ), "each of the classes"


def test_a_new_row_may_not_equal_a_real_one_of_another_class_either():
    class Poacher(Wander):
        def draw(self, rows, code, wanted, seed):
            return Drawn.without_parents(rows.vectors[rows.of(2)][:wanted])

    with pytest.raises(InputError, match="0 of 11"):
        Poacher(random_state=0).fit_resample(*reviews())


def test_copies_that_are_said_to_be_ones_are_kept():
    X, y = reviews()
    sampler = Copy(random_state=0)
    vectors, labels = sampler.fit_resample(X, y)
    assert (labels == "neu").sum() == (labels == "neg").sum() == 23
    assert np.array_equal(vectors[40:], X[sampler.source_indices_[:, 0]])
    assert (sampler.source_indices_[:, 1] == -1).all()
    assert np.isnan(sampler.weights_).all()


def test_nothing_to_make_leaves_the_data_as_it_is():
    X, y = reviews(np.float32)
    sampler = Wander(sampling_strategy={"neu": 5}, random_state=0)
    vectors, labels = sampler.fit_resample(X, y)
    assert np.array_equal(vectors, X)
    assert np.array_equal(labels, y)
    assert vectors.dtype == np.float32
    assert sampler.source_indices_.shape == (0, 2)
    assert sampler.weights_.shape == (0,)
    assert sampler.asked_ == []


def test_the_inputs_are_left_as_they_are():
    X, y = reviews()
    before = X.copy(), y.copy()
    X.setflags(write=False)
    y.setflags(write=False)
    vectors, _ = Wander(random_state=0).fit_resample(X, y)
    vectors[:] = 0
    assert np.array_equal(X, before[0])
    assert np.array_equal(y, before[1])


# What a subclass is given


def test_a_subclass_sees_each_row_of_a_class_once_and_the_first_of_them():
    X, y = reviews()
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(40), 3))
    sampler = Wander(sampling_strategy={"neu": 50}, random_state=5)
    sampler.fit_resample(X[order], y[order])
    rows, seed = sampler.settled_
    assert seed == 5
    assert len(rows.vectors) == len(tuples(rows.vectors)) == 40
    assert rows.numbers.tolist() == sorted(order.tolist().index(row) for row in range(40))
    assert np.array_equal(rows.vectors, X[order][rows.numbers])
    assert rows.labels.tolist() == ["neg", "neu", "pos"]
    assert np.array_equal(rows.labels[rows.codes], y[order][rows.numbers])
    assert rows.of(1).tolist() == np.flatnonzero(rows.codes == 1).tolist()
    assert (rows.label(1), type(rows.label(1))) == ("neu", str)


def test_parents_are_rows_of_the_input_and_not_of_what_the_subclass_was_given():
    X, y = reviews()
    twice = np.repeat(np.arange(40), 2)
    sampler = Wander(sampling_strategy={"neu": 60}, random_state=0)
    sampler.fit_resample(X[twice], y[twice])
    assert (sampler.source_indices_ % 2 == 0).all(), "the first of each two"
    assert set(sampler.source_indices_.ravel().tolist()) == set(range(24, 34, 2))


def test_a_row_that_two_classes_have_is_there_for_both():
    X, y = reviews()
    X[0] = X[12] = X[30]
    sampler = Wander(random_state=0)
    sampler.fit_resample(X, y)
    assert len(sampler.settled_[0].vectors) == 40


def test_a_sampler_may_count_repeated_rows_as_often_as_they_are_there():
    X, y = reviews()
    twice = np.repeat(np.arange(40), 2)
    sampler = Counting(random_state=0, repeats=1.0)
    vectors, labels = sampler.fit_resample(X[twice], y[twice])
    assert len(sampler.settled_[0].vectors) == 80
    assert (labels == "neu").sum() == 46
    assert tuples(vectors) == tuples(X)


@pytest.mark.parametrize(
    ("scale", "expected"), [(1.0, True), (1.0005, True), (0.9995, True), (1.002, False), (0.99, False)]
)
def test_unit_vectors_are_known_by_their_length(scale, expected):
    X, y = reviews(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    X[17] *= np.float32(scale)
    sampler = Wander(random_state=0)
    sampler.fit_resample(X, y)
    assert sampler.settled_[0].on_sphere is expected


# Seeds


def test_the_same_seed_gives_the_same_bytes_and_another_others():
    X, y = reviews()
    one, again, other = (Wander(random_state=seed, rate=0.6).fit_resample(X, y)[0] for seed in (3, 3, 4))
    assert one.tobytes() == again.tobytes()
    assert not tuples(one[40:]) & tuples(other[40:])


def test_a_sampler_that_is_used_twice_with_a_number_gives_the_same():
    X, y = reviews()
    sampler = Wander(random_state=3)
    first, parents = sampler.fit_resample(X, y)[0], sampler.source_indices_
    assert np.array_equal(sampler.fit_resample(X, y)[0], first)
    assert np.array_equal(sampler.source_indices_, parents)


@pytest.mark.parametrize("fresh", [np.random.default_rng, np.random.RandomState])
def test_a_generator_is_drawn_from_so_that_a_second_use_gives_other_rows(fresh):
    X, y = reviews()
    sampler = Wander(random_state=fresh(0))
    first, second = (sampler.fit_resample(X, y)[0] for _ in range(2))
    assert not tuples(first[40:]) & tuples(second[40:])
    assert np.array_equal(Wander(random_state=fresh(0)).fit_resample(X, y)[0], first)


def test_without_a_seed_every_use_gives_other_rows():
    X, y = reviews()
    first, second = (Wander().fit_resample(X, y)[0] for _ in range(2))
    assert not tuples(first[40:]) & tuples(second[40:])


def test_the_global_generator_is_neither_read_nor_moved():
    X, y = reviews()
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one = Wander(random_state=0).fit_resample(X, y)[0]
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(Wander(random_state=0).fit_resample(X, y)[0], one)


def test_classes_draw_from_streams_of_their_own():
    X, y = reviews()
    sampler = Wander(sampling_strategy={"neg": 40, "neu": 40}, random_state=0)
    sampler.fit_resample(X, y)
    assert [code for code, _ in sampler.asked_] == [0, 1]
    assert sampler.seeds_[0] != sampler.seeds_[1]
    assert not set(sampler.weights_[:28].tolist()) & set(sampler.weights_[28:].tolist())


def test_a_class_gets_the_same_rows_whatever_is_made_of_the_others():
    X, y = reviews()
    alone = Wander(sampling_strategy={"neu": 30}, random_state=0).fit_resample(X, y)[0][40:]
    beside = Wander(sampling_strategy={"pos": 90, "neu": 30, "neg": 20}, random_state=0).fit_resample(X, y)
    assert np.array_equal(beside[0][40:][beside[1][40:] == "neu"], alone)


# Containers and refusals


def test_a_frame_and_a_series_come_back_as_such():
    X, y = reviews(np.float32)
    frame, series = pd.DataFrame(X, columns=["a", "b", "c"]), pd.Series(y, name="label")
    vectors, labels = Wander(random_state=0).fit_resample(frame, series)
    assert vectors.columns.tolist() == ["a", "b", "c"]
    assert vectors.dtypes.tolist() == [np.float32] * 3
    assert (type(labels), labels.name) == (pd.Series, "label")
    expected = Wander(random_state=0).fit_resample(X, y)
    assert np.array_equal(vectors.to_numpy(), expected[0])
    assert labels.tolist() == expected[1].tolist()


def test_lists_come_back_as_lists():
    X, y = reviews()
    vectors, labels = Wander(random_state=0).fit_resample(X.tolist(), y.tolist())
    assert (type(vectors), type(labels)) == (list, list)
    assert vectors == Wander(random_state=0).fit_resample(X, y)[0].tolist()


def test_integers_become_floats_since_new_rows_are_no_integers():
    X, y = np.arange(120).reshape(40, 3), reviews()[1]
    vectors, _ = Wander(random_state=0).fit_resample(X, y)
    assert vectors.dtype == np.float64
    assert np.array_equal(vectors[:40], X)
    assert (vectors[40:] % 1 != 0).all()


def test_columns_of_booleans_become_floats_too():
    frame = pd.DataFrame(reviews()[0], columns=["a", "b", "c"]).assign(b=np.arange(40) % 3 == 0)
    vectors, _ = Wander(random_state=0).fit_resample(frame, reviews()[1])
    assert vectors.dtypes.tolist() == [np.float64] * 3
    assert not set(vectors["b"][40:]) <= {0.0, 1.0}


@pytest.mark.parametrize("seed", [2**32, 2**64 - 1])
def test_a_seed_may_have_64_bits(seed):
    X, y = reviews()
    one, other = (Wander(random_state=s).fit_resample(X, y)[0] for s in (seed, seed - 1))
    assert np.array_equal(one, Wander(random_state=seed).fit_resample(X, y)[0])
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("columns", [["a", "b", "c"], ["b"]])
def test_columns_of_integers_in_a_frame_become_floats_too(columns):
    frame = pd.DataFrame(np.arange(120).reshape(40, 3), columns=["a", "b", "c"]).astype(float)
    frame[columns] = frame[columns].astype(np.int64)
    vectors, _ = Wander(random_state=0).fit_resample(frame, reviews()[1])
    assert np.array_equal(vectors.to_numpy(), Wander(random_state=0).fit_resample(frame.to_numpy(), reviews()[1])[0])
    assert not tuples(vectors.iloc[40:].to_numpy()) & tuples(frame.to_numpy())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_every_width_of_float_is_kept(dtype):
    X, y = reviews(dtype)
    assert Wander(random_state=0).fit_resample(X, y)[0].dtype == np.dtype(dtype)


@pytest.mark.parametrize("labels", [[7, -1, 3], ["b", "a", "ä"], [True, False, True]])
def test_labels_of_any_kind_are_kept(labels):
    X = reviews()[0]
    y = np.repeat(labels, [12, 5, 23])
    _, made = Wander(random_state=0).fit_resample(X, y)
    assert made.dtype == y.dtype
    assert np.array_equal(made[:40], y)
    assert len(set(np.unique(made, return_counts=True)[1])) == 1


@pytest.mark.parametrize(("value", "row"), [(np.nan, 17), (np.inf, 0), (-np.inf, 39)])
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, np.ndarray.tolist])
def test_a_number_that_is_none_is_refused_by_its_row(value, row, container):
    X, y = reviews()
    X[row, 1] = value
    with pytest.raises(InputError) as caught:
        Wander(random_state=0).fit_resample(container(X), y)
    assert str(caught.value) == f"Row {row} of X holds NaN or an infinite value. Mend or remove such rows."


@pytest.mark.parametrize("form", [list, np.array, pd.Series, lambda texts: pd.DataFrame({"text": texts})])
def test_texts_are_refused_with_what_makes_vectors_of_them(form):
    with pytest.raises(InputError, match=r"Wander takes vectors, and X holds texts\. Put a TextEncoder before it"):
        Wander().fit_resample(form(["a b", "c d", "e f"]), ["x", "x", "y"])


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix])
def test_sparse_rows_are_refused_with_the_mend(form):
    X, y = reviews()
    for method in ("fit_resample", "fit"):
        with pytest.raises(InputError) as caught:
            getattr(Wander(random_state=0), method)(form(X), y)
        assert str(caught.value) == "Wander takes dense vectors, and X is sparse. Give X.toarray()."


def test_a_frame_of_sparse_columns_is_taken_as_dense():
    X, y = reviews()
    frame = pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(X))
    vectors, _ = Wander(random_state=0).fit_resample(frame, y)
    assert np.array_equal(np.asarray(vectors), Wander(random_state=0).fit_resample(X, y)[0])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((4, 2)), ["a"] * 4, "more than 1 class"),
        (np.ones((4, 2)), ["a", "a", "b"], "inconsistent numbers of samples"),
        (np.ones(4), ["a", "a", "b", "b"], "Expected 2D array"),
        (np.empty((0, 2)), [], "0 sample"),
        ([[1.0, 2.0], [1.0, 2.0], [1.0]], ["a", "a", "b"], "inhomogeneous"),
        ([["x", "y"]] * 3, ["a", "a", "b"], "numeric"),
        (np.ones((3, 2)), [1.5, 2.5, 0.5], "continuous"),
    ],
)
def test_what_is_no_table_of_two_classes_is_refused(X, y, message):
    with pytest.raises(ValueError, match=message):
        Wander(random_state=0).fit_resample(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sphere": "slerp"}, "must be 'auto', 'none' or 'renormalize'. Got 'slerp'"),
        ({"random_state": -1}, r"must be a whole number from 0 to 2\*\*64 - 1, a Generator, a RandomState or None"),
        ({"random_state": "now"}, "Got 'now'"),
        ({"sampling_strategy": "most"}, "Got 'most'"),
        ({"sampling_strategy": "minorty"}, r"Got 'minorty'.* Did you mean 'minority'\?"),
        ({"sampling_strategy": 1.5}, "Got 1.5"),
    ],
)
def test_a_parameter_out_of_range_is_named(parameters, message):
    (name,) = parameters
    with pytest.raises(InputError, match=f"`{name}` of Wander {'.*' * (not message.startswith('must'))}{message}"):
        Wander(**parameters).check()
    with pytest.raises(
        InputError, match=f"The '{name}' parameter of Wander must be .*{message.removeprefix('must be ')}"
    ):
        Wander(**parameters).fit_resample(*reviews())


def test_all_parameters_out_of_range_are_named_at_once():
    with pytest.raises(InputError, match=r"`random_state` of Wander must .* `sphere` of Wander must be"):
        Wander(random_state=-1, sphere="slerp").check()


@pytest.mark.parametrize(
    ("totals", "message"), [({"neu": 4}, "there is 5 samples and 4 samples are asked"), ({"other": 9}, "other")]
)
def test_a_total_below_the_rows_that_are_there_or_of_an_unknown_class_is_refused(totals, message):
    with pytest.raises(ValueError, match=message):
        Wander(sampling_strategy=totals, random_state=0).fit_resample(*reviews())


# Drawn rows


def test_drawn_rows_are_joined_and_taken_with_their_parents_and_weights():
    one = Drawn(np.array([[1.0], [2.0]]), np.array([[0, 1], [2, -1]]), np.array([0.25, np.nan]))
    other = Drawn.without_parents(np.array([[3.0]]))
    both = Drawn.joined([one, other])
    assert len(both) == 3
    assert both.are_copies().tolist() == [False, True, False]
    back = both.take(np.array([2, 0]))
    assert back.vectors.tolist() == [[3], [1]]
    assert back.parents.tolist() == [[-1, -1], [0, 1]]
    assert np.isnan(back.weights[0])
    assert back.weights[1] == 0.25
