"""The contract suite passes every strategy that makes texts, and each of its checks fails the one that breaks it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from augment import checks, registry
from augment.generation.candidates import Candidate, Draw
from augment.text.base import TextStrategy
from augment.words import Replacement

FILLS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
NEEDS_MORE = {"llm", "nlpaug:synonym", "one_of", "retrieve", "seq2seq", "sequential"}
"""Strategies that need data from elsewhere, or others to work on: their own tests run the contract over them."""
HERE = sorted({*registry.STRATEGIES.names("text")} - NEEDS_MORE)


@checks.parametrize_with_checks([registry.STRATEGIES.create(name, {}) for name in HERE])
def test_registered_text_strategies_keep_the_contract(strategy: TextStrategy, check) -> None:
    check(strategy)


class Good(TextStrategy):
    """Replaces the first letters of a text by a random number and word; keeps the contract."""

    name = "good"
    summary = "for tests"

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        return [self.candidate(draw) for draw in draws]

    def candidate(self, draw: Draw) -> Candidate | None:
        if not draw.text:
            return None
        rng = draw.generator()
        new = f"{FILLS[rng.integers(6)]} {rng.integers(10**6)} "
        return Candidate(new + draw.text, (Replacement(0, 0, new),))


class TakesPositionals(Good):
    def __init__(self, sampling_strategy="auto", random_state=None) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state)


class DropsOne(Good):
    def candidates(self, draws):
        return super().candidates(draws)[:-1]


class LooksAtTheBatch(Good):
    def candidates(self, draws):
        return [c and Candidate(f"{len(draws)} {c.text}") for c in super().candidates(draws)]


class IgnoresTheAttempt(Good):
    def candidate(self, draw):
        return super().candidate(draw._replace(attempt=0))


class Echoes(Good):
    def candidate(self, draw):
        return Candidate(draw.text.upper())


class Misreports(Good):
    def candidate(self, draw):
        good = super().candidate(draw)
        return good and Candidate(good.text, (Replacement(0, 1, "?"),))


class HidesTheShortfall(Good):
    def fit_resample(self, texts, y):
        new_texts, new_y = super().fit_resample(texts, y)
        return new_texts[:-1], new_y[:-1]


class SortsEverything(Good):
    def fit_resample(self, texts, y):
        new_texts, new_y = super().fit_resample(texts, y)
        return type(new_texts)(sorted(new_texts)), new_y


class ForgetsTheSource(Good):
    def fit_resample(self, texts, y):
        resampled = super().fit_resample(texts, y)
        self.source_indices_ = np.zeros_like(self.source_indices_) + 15
        return resampled


class NeedsAnotherText(Good):
    def candidates(self, draws):
        enough = len({draw.source for draw in draws}) > 1 or len(draws) == 1
        return [self.candidate(draw) if enough else None for draw in draws]


class ForgetsTheSeed(Good):
    def fit_resample(self, texts, y):
        self.random_state = None
        return super().fit_resample(texts, y)


class ReturnsLists(Good):
    def fit_resample(self, texts, y):
        new_texts, new_y = super().fit_resample(texts, y)
        return list(new_texts), list(new_y)


class UsesTheGlobalGenerator(Good):
    def candidates(self, draws):
        random.random()
        return super().candidates(draws)


BROKEN = {
    checks.check_parameters_round_trip: TakesPositionals,
    checks.check_one_candidate_for_each_draw: DropsOne,
    checks.check_candidates_depend_on_their_draw_alone: LooksAtTheBatch,
    checks.check_draws_differ: IgnoresTheAttempt,
    checks.check_output_changes: Echoes,
    checks.check_replacements_explain_the_text: Misreports,
    checks.check_budget_is_met_or_the_shortfall_reported: HidesTheShortfall,
    checks.check_originals_come_first: SortsEverything,
    checks.check_sources_are_true: ForgetsTheSource,
    checks.check_the_fewest_rows_suffice: NeedsAnotherText,
    checks.check_same_seed_same_rows: ForgetsTheSeed,
    checks.check_containers_come_back: ReturnsLists,
    checks.check_global_generators_are_left_alone: UsesTheGlobalGenerator,
}


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_a_strategy_that_keeps_the_contract_passes(check) -> None:
    check(Good())


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_each_check_fails_the_strategy_that_breaks_it(check) -> None:
    with pytest.raises(AssertionError):
        check(BROKEN[check]())
