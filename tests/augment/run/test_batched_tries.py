"""Draws of small classes are tried together, and the rows are the same."""

from __future__ import annotations

from collections.abc import Sequence

from swapped_words import TEXTS, Stubborn

from augment.generation.candidates import Draw
from augment.generation.loop import Tally, generate
from augment.generation.trials import Trial, try_draws
from augment.guards.changed import Changed
from augment.run.batched_tries import BatchedTries

LABELS = [f"class {n}" for n in range(len(TEXTS))]


def made(*, batched: bool) -> tuple[list[tuple[str, str]], list[int], Tally]:
    guards, sizes, tally = [Changed()], [], Tally()

    def attempt(draws: Sequence[Draw]) -> list[Trial]:
        sizes.append(len(draws))
        return try_draws(Stubborn(), guards, draws)  # of which the first five tries at a slot fail

    tries = BatchedTries(attempt, size=32) if batched else None
    rows = generate(
        tries or attempt,
        texts=TEXTS,
        sources={label: [row] for row, label in enumerate(LABELS)},
        budget=dict.fromkeys(LABELS, 3),
        guards=guards,
        seed=0,
        tally=tally,
        ahead=tries,
    )
    return [(row.label, row.text) for outcome in rows for row in outcome.rows], sizes, tally


def test_the_rows_are_the_same_and_the_tries_fewer():
    alone, sizes, tally = made(batched=False)
    together, fewer, other = made(batched=True)
    assert together == alone
    assert other == tally
    assert len(alone) == 3 * len(TEXTS)
    assert len(sizes) == 6 * len(TEXTS)
    assert len(fewer) < 25
    assert max(fewer) <= 32
