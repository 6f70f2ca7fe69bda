"""The judge is independent and able, and the shares are what a person would count."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from augment.data.corpus import from_table
from augment.errors import InputError
from augment.generation.candidates import Candidate
from augment.text.base import TextStrategy
from benchmarks.cli.entry import main
from benchmarks.quality.guards import HeldOutJudge, guard_quality

pytestmark = pytest.mark.numeric


class Turncoat(TextStrategy):
    """Half of the new rows keep the source's word, half say the opposite."""

    name, summary = "turncoat", "say the opposite half of the time"

    def candidates(self, draws):
        opposite = {"awful": "wonderful", "wonderful": "awful"}
        made = []
        for draw in draws:
            words = draw.text.split()
            words = [opposite.get(word, word) for word in words] if draw.variant % 2 else [*words, "indeed"]
            made.append(Candidate(" ".join(words)))
        return made


def corpus(things: list[str]):
    from datasets import Dataset

    rows = [(f"The {thing} was {word} and we all said so", word) for thing in things for word in ("awful", "wonderful")]
    labels = {"awful": "negative", "wonderful": "positive"}
    table = Dataset.from_dict({"text": [text for text, _ in rows], "label": [labels[word] for _, word in rows]})
    return from_table(table, "made")


TRAIN = ["room", "food", "view", "film", "book", "play", "soup", "wine", "desk", "lamp", "song", "game", "trip", "park"]
HELD = ["hall", "cake", "tour", "tale", "bread", "chair", "house", "beach", "phone", "music"]


def test_the_judge_sees_what_turned_and_the_agreement_guard_takes_it_out():
    judge = HeldOutJudge(corpus(HELD), "mini")
    guards = ["agreement:least=.5,folds=3", "length_ratio"]
    found = guard_quality(corpus(TRAIN), "negative", Turncoat(), guards, judge, rows=28)
    real, others, unguarded, agreed, length = found
    assert [v.rows for v in found[:3]] == [14, 14, 28]
    # In float32 as in bfloat16: .88 and .14 here, 0 and 1 on the next line, .5 and .5, and 0 after the guard.
    assert real.own > 0.7 > 0.3 > others.own
    assert real.contradicted < 0.2 < 0.8 < others.contradicted
    assert 0.35 < unguarded.contradicted < 0.65, "half of them turned"
    assert 0.35 < agreed.rejected < 0.65
    assert agreed.contradicted < 0.1
    assert agreed.rows == round(28 * (1 - agreed.rejected))
    assert (length.rejected, length.rows, length.own) == (0.0, 28, unguarded.own)


def test_a_guard_that_leaves_nothing_is_shown_without_numbers():
    judge = HeldOutJudge(corpus(HELD), "mini")
    *_, found = guard_quality(corpus(TRAIN), "negative", Turncoat(), ["similarity:low=-1,high=-.99"], judge, rows=8)
    assert (found.rows, found.rejected) == (0, 1.0)
    assert np.isnan([found.own, found.contradicted]).all()


def test_a_judge_that_knows_no_such_class_and_a_strategy_that_makes_nothing_are_refused():
    judge = HeldOutJudge(corpus(HELD), "mini")
    judge.fitted.classes_ = np.array(["bad", "positive"])
    with pytest.raises(InputError, match=r"do not have the class 'negative'\. They have bad, positive"):
        guard_quality(corpus(TRAIN), "negative", Turncoat(), ["length_ratio"], judge, rows=8)

    class Idle(Turncoat):
        name, summary = "idle", "make nothing"

        def candidates(self, draws):
            return [None for _ in draws]

    with pytest.raises(InputError, match="the strategy 'idle' can make nothing of the class 'negative'"):
        guard_quality(corpus(TRAIN), "negative", Idle(), ["length_ratio"], HeldOutJudge(corpus(HELD), "mini"), rows=8)


def test_a_class_without_rows_is_refused():
    with pytest.raises(InputError, match=r"no row of class 'neutral'\. Got negative, positive"):
        guard_quality(corpus(TRAIN), "neutral", Turncoat(), [], HeldOutJudge(corpus(HELD), "mini"), rows=4)


def test_the_command_shows_a_line_for_each_guard():
    done = CliRunner().invoke(
        main, ["guards", "sample", "--judged-on", "sample", "--rows", "20", "--guard", "polarity"]
    )
    assert done.exit_code == 0, done.stderr
    for name in ("real rows of the class", "candidates, no guard", "polarity"):
        assert name in done.stdout
