"""`benchmarks fluency` tells broken rows from real ones, finds no difference where there is none, and leaks nothing."""

from __future__ import annotations

import csv
import json
from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner
from small_trainings import DID, WHAT, WHO

from augment import FillMask, Random
from augment.errors import InputError
from augment.generation.candidates import Candidate
from augment.registry import STRATEGIES
from augment.text.base import TextStrategy
from augment.words import folded_words
from benchmarks.cli.entry import main
from benchmarks.quality import fluency
from benchmarks.quality.compared_rows import CONTROLS, ClassOfFile, NamedStrategy, Pair, halves, made_pairs
from benchmarks.quality.distance import changed_shares, distance, equally_changed
from benchmarks.quality.fluency import MadeSet, arms_of
from benchmarks.quality.reading_sheet import (
    Key,
    SheetAnswer,
    agreement,
    drawn_rows,
    key_of,
    readings,
    wilson,
    write_sheet,
)
from benchmarks.quality.told_apart import changed_tokens, folds_by_source, rows_of, told_apart


class Reversed(TextStrategy):
    """Every word spelled backwards; nothing from texts of fewer words than `least`."""

    name, summary = "reversed", "spell words backwards"

    def __init__(self, *, least: int = 0) -> None:
        super().__init__(guards=["none"])
        self.least = least

    def candidates(self, draws):
        return [
            Candidate(" ".join(word[::-1] for word in draw.text.split()))
            if len(draw.text.split()) >= self.least
            else None
            for draw in draws
        ]


def sentence(rng: np.random.Generator, parts: int) -> str:
    """One or more clauses of random parts."""
    verbs = [*DID["neutral"], *DID["positive"]]
    return " and ".join(f"{rng.choice(WHO)} {rng.choice(verbs)} {rng.choice(WHAT)}" for _ in range(parts)) + " ."


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """180 different texts of class a, 60 of b, 20 of c; in a, every twentieth row is a copy of the first."""
    rng = np.random.default_rng(0)
    rows = [(sentence(rng, 2 + i % 3), "a" if i < 180 else "b" if i < 240 else "c") for i in range(260)]
    rows = [
        (rows[0][0].upper() if i % 20 == 19 and label == "a" else text, label) for i, (text, label) in enumerate(rows)
    ]
    path = tmp_path_factory.mktemp("fluency") / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path, rows


@pytest.fixture(scope="module")
def both(table):
    return halves(ClassOfFile.parsed(f"{table[0]}:class=a"), rows=60, seed=0)


@pytest.fixture(scope="module")
def made(table):
    """Pairs of two arms and of the duplicates, without a classifier."""
    arms = [
        NamedStrategy("deleted", "nlpaug:random_word"),
        NamedStrategy("swapped", "nlpaug:random_word:action=swap,aug_p=.3"),
    ]
    return fluency.made_set(
        ClassOfFile.parsed(f"{table[0]}:class=a"), [*arms, NamedStrategy("same", "random")], rows=60
    )


@pytest.mark.numeric
def test_broken_rows_are_told_apart_and_real_rows_are_not(both, bert):
    broken = told_apart(made_pairs(both, Reversed()), str(bert), folds=3)
    real = told_apart(made_pairs(both, Random()), str(bert), folds=3)
    assert broken.auc > 0.95
    assert abs(real.auc - 0.5) < 0.2
    assert real.low < real.auc < real.high
    assert real.low < 0.6


def test_changed_tokens_are_those_of_changed_words_and_beside_deleted_ones():
    places = [(0, 2), (3, 6), (6, 7), (8, 13)]
    assert changed_tokens("we sat, today", "we ran, today", places).tolist() == [False, True, False, False]
    assert changed_tokens("we all sat, today", "we sat, today", places).tolist() == [True, True, False, False]
    assert changed_tokens("we sat, today", "we sat, today", places).tolist() == [False] * 4


def test_no_fold_shares_a_source():
    pairs = [
        Pair(
            "a",
            f"new {i}",
            f"source {i // 3}",
            i // 3,
            f"real {i}",
            100 + i,
        )
        for i in range(60)
    ]
    texts, is_new, groups = rows_of(pairs)
    assert len(texts) == 120
    tested: list[int] = []
    for training, test in folds_by_source(is_new, groups, folds=5, seed=0):
        assert not set(groups[training]) & set(groups[test])
        assert 0.4 < is_new[test].mean() < 0.6
        tested += test.tolist()
    assert sorted(tested) == list(range(120))


def test_the_halves_share_no_row_and_no_near_copy(table, both):
    path, rows = table
    pairs = made_pairs(both, Reversed())
    assert len(pairs) == both.wanted["a"] == 60
    assert both.near_copies >= 9
    for pair in pairs:
        assert rows[pair.source_row] == (pair.source, "a")
        assert rows[pair.real_row] == (pair.real, "a")
    assert not {pair.source_row for pair in pairs} & {row for _, row in both.real["a"]}
    assert len({pair.real_row for pair in pairs}) == 60
    seen = [tuple(folded_words(text)) for text in [*both.real_texts, *both.texts]]
    assert len(set(seen)) == len(seen), "no copies"
    assert Counter(both.corpus.named_labels())["b"] == 60, "the strategies see the other classes whole"
    again = made_pairs(halves(ClassOfFile.parsed(f"{path}:class=a"), rows=60, seed=0), Reversed())
    assert again == pairs
    other = made_pairs(halves(ClassOfFile.parsed(f"{path}:class=a"), rows=60, seed=1), Reversed())
    assert {pair.source_row for pair in other} != {pair.source_row for pair in pairs}


def test_real_rows_are_as_long_as_the_sources(table):
    # Of 85 sources only those of 19 words or more can be used: by chance a third of the real rows would be.
    both = halves(ClassOfFile.parsed(f"{table[0]}:class=a"), rows=24, seed=0)
    pairs = made_pairs(both, Reversed(least=19))
    lengths = np.array([[len(pair.source.split()), len(pair.real.split())] for pair in pairs])
    assert len(pairs) == 24
    assert lengths[:, 0].min() >= 19
    assert np.abs(lengths[:, 0] - lengths[:, 1]).mean() < 1


def test_all_classes_are_balanced_as_far_as_they_have_rows(table):
    both = halves(ClassOfFile.parsed(f"{table[0]}:class=*"), rows=60, seed=0)
    assert sum(both.wanted.values()) == 60
    assert both.wanted["c"] == 10, "half of its rows"
    assert abs(both.wanted["a"] - both.wanted["b"]) <= 1
    pairs = made_pairs(both, Reversed())
    assert Counter(pair.label for pair in pairs) == both.wanted
    assert all(table[1][pair.real_row][1] == pair.label for pair in pairs)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rows.csv", "written FILE:class=NAME"),
        ("sample:class=neutrl", "no class 'neutrl'.* Did you mean 'neutral'"),
    ],
)
def test_a_class_that_is_not_there_is_refused(text, says):
    with pytest.raises(InputError, match=says):
        halves(ClassOfFile.parsed(text), rows=10, seed=0)


def test_distances_are_those_of_the_words():
    pairs = [
        Pair("a", "We sat by the old door today", "We sat by the old door today", 0, "", 9),
        Pair("a", "We sat by the new door today", "We sat by the old door today", 0, "", 9),
        Pair("a", "They ran to a red bus", "She came in her blue car", 1, "", 9),
        Pair("a", "They ran to a red bus", "She came in her blue car", 1, "", 9),
    ]
    assert changed_shares(pairs).tolist() == [0, 1 / 7, 1, 1]
    found = distance(pairs)
    assert found.changed == pytest.approx((1 / 7 + 2) / 4)
    assert (found.one_word, found.near_source, found.near_each_other) == (0.25, 0.25, 0.25)
    assert found.distinct_1 == 14 / 26


def test_arms_are_thinned_to_equal_shares_of_changed_words(made):
    before = [made.pairs[name] for name in ("deleted", "swapped", "same")]
    thinned = equally_changed(before, copies=[False, False, True], seed=0)
    shares = [np.floor(changed_shares(pairs) / 0.05 + 1e-9) for pairs in thinned]
    assert Counter(shares[0].tolist()) == Counter(shares[1].tolist())
    assert len(thinned[0]) == len(thinned[2]) < 60
    assert abs(changed_shares(before[0]).mean() - changed_shares(before[1]).mean()) > 0.02
    assert abs(changed_shares(thinned[0]).mean() - changed_shares(thinned[1]).mean()) < 0.01
    assert set(thinned[0]) <= set(before[0])
    with pytest.raises(InputError, match="No share of changed words is found in every arm"):
        equally_changed([before[0], before[2]], copies=[False, False], seed=0)


def test_the_former_fill_mask_has_all_that_shapes_its_rows_pinned():
    spec = CONTROLS["fillmask-drawn"]
    given = {part.partition("=")[0] for part in spec.partition(":")[2].split(",")}
    left = set(STRATEGIES.parameters(FillMask)) - given
    without_effect = {"segmenter", "adapt_on"}  # for a language with spaces, and for a model that is not adapted
    assert left - without_effect == {"revision", "protect", "protect_patterns", "batch_size", "device", "dtype"}, (
        "Pin the new parameter to what fill-mask did before it was there."
    )


def test_arms_have_names_of_their_own():
    assert [arm.name for arm in arms_of([])] == ["fillmask", *CONTROLS]
    assert NamedStrategy.parsed("words=nlpaug:random_word:action=swap").strategy().action == "swap"
    with pytest.raises(InputError, match="two arms 'duplication'"):
        arms_of([NamedStrategy.parsed("duplication=random")])
    with pytest.raises(InputError, match="'smote' makes vectors"):
        NamedStrategy.parsed("smote:k_neighbors=3")


def test_the_sheet_gives_nothing_away_and_the_key_all(made, table, tmp_path):
    rows = drawn_rows([made], ["deleted", "swapped"], per_set=21, seed=0)
    assert Counter((row.kind, row.arm) for row in rows) == {
        ("new", "deleted"): 5,
        ("new", "swapped"): 5,
        ("real", ""): 11,
    }
    assert len({row.source for row in rows}) == 21, "no two rows of one source"
    kinds = [row.kind for row in rows]
    assert kinds not in (sorted(kinds), sorted(kinds, reverse=True))
    sheet = tmp_path / "sheet.csv"
    assert write_sheet(rows, sheet, ask_label=False) == key_of(sheet)
    with sheet.open(encoding="utf-8", newline="") as file:
        shown = list(csv.DictReader(file))
    with key_of(sheet).open(encoding="utf-8", newline="") as file:
        key = list(csv.DictReader(file))
    assert shown == [{"id": str(i), "text": row.text} for i, row in enumerate(rows, 1)]
    for secret, row in zip(key, rows, strict=True):
        assert (secret["kind"], secret["arm"]) == (row.kind, row.arm)
        assert (row.kind == "real") == (table[1][int(secret["source"])][0] == row.text)
    write_sheet(rows, tmp_path / "asked.csv", ask_label=True)
    assert (tmp_path / "asked.csv").read_text(encoding="utf-8").startswith('"id","text","class"\n')
    with pytest.raises(InputError, match="for the 40 new rows of the sheet"):
        drawn_rows([MadeSet("few", {"deleted": made.pairs["deleted"][:30]}, 0)], ["deleted"], per_set=80, seed=0)


def test_scores_are_what_one_counts_by_hand():
    key = {str(i): Key("s", "new" if i < 4 else "real", "fill" if i < 4 else "") for i in range(8)}
    one = {str(i): SheetAnswer(i >= 2, True) for i in range(8)}  # natural: 2 of 4 new rows, 4 of 4 real rows
    two = {str(i): SheetAnswer(i >= 1, i != 3) for i in range(8)}  # 3 of 4 new rows, 4 of 4 real rows
    real, new = readings(key, [one, two])
    assert (real.arm, real.natural.rows, real.natural.share) == ("real", 4, 1.0)
    assert (new.arm, new.natural.rows, new.natural.share) == ("fill", 4, 5 / 8)
    assert new.label is not None
    assert new.label.share == 7 / 8
    assert (new.natural.low, new.natural.high) == wilson(5 / 8, 4)
    assert wilson(0.9, 50) == pytest.approx((0.7864, 0.9565), abs=1e-4)
    assert wilson(1.0, 4) == pytest.approx((0.5101, 1.0), abs=1e-4)
    found = agreement("natural", one, two)
    chance = (6 * 7 + 2 * 1) / 64
    assert (found.rows, found.same) == (8, 7 / 8)
    assert found.kappa == pytest.approx((7 / 8 - chance) / (1 - chance))
    assert np.isnan(agreement("label", one, one).kappa)


def test_the_command_measures_and_does_not_train_twice(table, bert, tmp_path, monkeypatch):
    line = ["fluency", f"{table[0]}:class=b", "--arm", "swap=nlpaug:random_word:action=swap", "--rows", "12"]
    line += ["--encoder", str(bert), "--folds", "2", "--json", str(tmp_path / "found.json")]
    sheet = ["--sheet", str(tmp_path / "sheet.csv"), "--per-set", "8"]
    done = CliRunner().invoke(main, [*line, *sheet])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert [one["arm"] for one in found] == ["swap", *CONTROLS]
    assert {one["rows"] for one in found} == {12}
    assert found[1]["distance"]["changed"] == 0
    for name in ("swap", *CONTROLS):
        assert name in done.stdout

    def trained(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(fluency, "told_apart", trained)
    again = CliRunner().invoke(main, line)
    assert again.exit_code == 0, again.output
    assert again.stdout == done.stdout

    answers = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for path in answers:
        path.write_text("id,natural,label\n" + "".join(f"{i},y,{'yn'[i % 2]}\n" for i in range(1, 9)), encoding="utf-8")
    line = ["fluency", "--score", *map(str, answers), "--key", str(tmp_path / "sheet.key.csv")]
    scored = CliRunner().invoke(main, line)
    assert scored.exit_code == 0, scored.output
    assert "natural: the readers agree on 100.0% of 8 rows, kappa -" in scored.stdout
    assert "label: the readers agree on 100.0% of 8 rows, kappa 1.000" in scored.stdout
    answers[1].write_text("id,natural\n1,y\n", encoding="utf-8")
    refused = CliRunner().invoke(main, line)
    assert refused.exit_code == 2
    assert "lacks the ids '2', '3'" in refused.output
