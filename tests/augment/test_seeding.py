"""The same key gives the same numbers whatever else is drawn, and foreign code leaves no trace behind."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.seeding import STREAMS, Subset, generator, global_generators

THOROUGHLY = settings(max_examples=60)
NUMBERS = st.integers(0, 2**64 - 1)
KEYS = st.tuples(NUMBERS, st.sampled_from(STREAMS), NUMBERS, NUMBERS, NUMBERS)


def raw(key: tuple, n: int = 4) -> list[int]:
    return generator(*key).bit_generator.random_raw(n).tolist()


def states() -> tuple:
    kind, words, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), (kind, words.tolist(), *rest), torch.get_rng_state().tolist()


def draws() -> tuple:
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


# Keyed generators


@THOROUGHLY
@given(st.lists(KEYS, min_size=1, max_size=8, unique=True), st.randoms(use_true_random=False))
def test_a_keys_numbers_do_not_depend_on_what_is_drawn_before_or_how_much(keys, shuffler):
    alone = {key: raw(key) for key in keys}
    shuffled = shuffler.sample(keys, len(keys))
    live = {key: generator(*key) for key in shuffled}
    interleaved = {key: [] for key in keys}
    for _ in range(4):
        for key in shuffled:
            interleaved[key].append(int(live[key].bit_generator.random_raw()))
    assert interleaved == alone


@THOROUGHLY
@given(st.lists(KEYS, min_size=2, max_size=8, unique=True))
def test_different_keys_give_different_numbers(keys):
    numbers = [number for key in keys for number in raw(key)]
    assert len(set(numbers)) == len(numbers)


def test_every_part_of_the_key_counts_and_neighbours_do_not_overlap():
    keys = [(0, "draw", 0, 0, 0), (1, "draw", 0, 0, 0), (0, "plan", 0, 0, 0)]
    keys += [(0, "draw", 1, 0, 0), (0, "draw", 0, 1, 0), (0, "draw", 0, 0, 1), (0, "draw", 2, 0, 0)]
    numbers = [number for key in keys for number in raw(key, 5000)]
    assert len(set(numbers)) == len(numbers)


def test_global_generators_play_no_part():
    before = raw((0, "draw", 1))
    with global_generators(5):
        draws()
        assert raw((0, "draw", 1)) == before
        state = states()
        generator(0, "draw", 1).random(10)
        assert states() == state


def test_the_numbers_of_a_key_are_the_same_in_every_release():
    assert STREAMS[:2] == ("plan", "draw")
    assert raw((0, "plan", 0), 2) == [213000021201967259, 4455796210202625458]
    assert raw((7, "draw", 3, 1, 2), 2) == [13460719433537247693, 490526935633636596]


def test_every_subset_has_a_number_of_its_own_but_for_two_that_share_one_from_the_start():
    shared = {name for name, purpose in Subset.__members__.items() if name != purpose.name}
    assert shared == {"TEXTS_TO_LEARN"}
    assert raw((7, "subset", 2, Subset.PART_OF_A_SPLIT)) == raw((7, "subset", 2, 1))


def test_an_unknown_stream_or_a_number_out_of_range_is_refused():
    with pytest.raises(ValueError, match="not in tuple"):
        generator(0, "other", 1)
    with pytest.raises(OverflowError):
        generator(-1, "draw", 1)
    with pytest.raises(OverflowError):
        generator(0, "draw", -1)
    with pytest.raises(ValueError, match="broadcast"):
        generator(0, "draw", 1, 2, 3, 4)


# The fence around foreign code


def disturb() -> None:
    draws()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    draws()


def fail() -> None:
    disturb()
    raise KeyError("mine")


def test_global_states_are_restored_exactly():
    draws()
    before = states()
    with global_generators(3):
        assert states() != before
        disturb()
    assert states() == before


def test_global_states_are_restored_exactly_after_an_exception():
    before = states()
    with pytest.raises(KeyError, match="mine"), global_generators(3):
        fail()
    assert states() == before


def test_global_states_are_restored_exactly_when_the_seed_is_refused_half_way():
    before = states()
    with pytest.raises(TypeError), global_generators(1.5):
        pass  # random and torch take 1.5, numpy does not
    assert states() == before


def test_torch_can_be_left_out():
    before = states()
    with global_generators(3, torch_too=False):
        assert states()[2] == before[2], "torch's generator stands where it stood"
        assert random.random() == random.Random(3).random()
        assert float(np.random.rand()) == float(np.random.RandomState(3).rand())  # noqa: NPY002
    assert states() == before


def test_fences_nest():
    with global_generators(3):
        draws()
        inner = states()
        with global_generators(4):
            disturb()
        assert states() == inner


def test_inside_the_block_every_generator_is_seeded_and_nothing_outside_counts():
    seen = []
    for seed in (3, 3, 4):
        draws()
        with global_generators(seed):
            seen.append(draws())
    assert seen[0] == seen[1]
    assert all(a != b for a, b in zip(seen[0], seen[2], strict=True))
    with global_generators(3):
        assert random.random() == random.Random(3).random() == seen[0][0]


def test_torch_is_neither_needed_nor_loaded():
    code = (
        "import random, sys, numpy as np\n"
        "from augment.seeding import global_generators\n"
        "state = random.getstate()\n"
        "with global_generators(3):\n    random.random(); np.random.rand()\n"
        "assert random.getstate() == state\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
