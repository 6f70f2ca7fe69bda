"""A change must leave the words around it as they were: measured by the guard's model, or by the strategy's own."""

from __future__ import annotations

import contextlib
import json
import pickle

import pandas as pd
import pytest
from click.testing import CliRunner

from augment import FillMask, upsample
from augment.cli.entry import main
from augment.data.corpus import read
from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.guards.fluency import Fluency
from augment.guards.selection import select
from augment.models.encoder import Encoders
from augment.models.steadiness import ChangedText, Steadiness
from augment.registry import GUARDS
from augment.words import Replacement

pytestmark = pytest.mark.numeric

SOURCE = "Lunch was a bowl of noodles with spring onions and a boiled egg."


def replaced(old, new):
    at = SOURCE.index(old)
    return Candidate(SOURCE.replace(old, new, 1), (Replacement(at, at + len(old), new),))


CANDIDATES = [replaced("bowl", "plate"), replaced("bowl", "airport"), replaced("egg", "potato")]
DRAWS = [Draw(SOURCE, "neutral", i, 0, 0, 0) for i in range(len(CANDIDATES))]


@pytest.fixture(scope="module")
def encoders():
    return Encoders(device="cpu")


def ready(encoders, **options):
    guard = Fluency(**options)
    guard.prepare(encoders)
    return guard


def test_the_score_is_that_of_the_changes_and_decides(encoders):
    guard = ready(encoders, column=True)
    plain = Steadiness(encoders.get("mini").prepare())
    scores = plain.least([ChangedText(SOURCE, c.text, c.replacements) for c in CANDIDATES]).tolist()
    assert guard.judge(DRAWS, CANDIDATES).columns == {"fluency": scores, "naturalness": [None] * 3}
    assert scores[1] < min(scores[0], scores[2]), "an airport of noodles"
    for least in scores:
        passed = ready(encoders, least=least).judge(DRAWS, CANDIDATES).passed
        assert passed == [score >= least for score in scores]


def test_a_score_of_the_strategy_is_taken_and_a_change_without_record_passes(encoders):
    guard = ready(encoders, column=True, least=0.5)
    candidates = [
        Candidate("a", (Replacement(0, 1, "a"),), steadiness=0.4),
        Candidate("Something else."),
        CANDIDATES[0],
    ]
    judgement = guard.judge(DRAWS, candidates)
    assert judgement.passed == [False, True, True]
    assert judgement.columns["fluency"][:2] == [0.4, None]


def test_an_estimate_of_the_strategy_must_be_large_enough_until_rows_are_lacking(encoders):
    change = (Replacement(0, 1, "a"),)
    candidates = [Candidate("a", change, steadiness=1.0, naturalness=share) for share in (0.0, 0.59, 0.6, None)]
    candidates.append(Candidate("a", change, steadiness=0.4, naturalness=1.0))
    draws = [Draw(SOURCE, "neutral", i, 0, 0, 0) for i in range(5)]
    guard = ready(encoders, natural=0.6)
    assert guard.judge(draws, candidates).passed == [False, False, True, True, False]
    as_before = [True, True, True, True, False]
    assert guard.judge([draw._replace(lenient=True) for draw in draws], candidates).passed == as_before
    assert ready(encoders, natural=0.0).judge(draws, candidates).passed == as_before
    assert (guard.relents, Fluency(natural=0).relents) == (True, False)


def test_words_deleted_at_random_are_scored(encoders):
    deleted = Candidate("Lunch was a bowl of with spring onions and a boiled egg.", (Replacement(20, 28, ""),))
    [score] = ready(encoders, column=True).judge(DRAWS[:1], [deleted]).columns["fluency"]
    assert 0 < score < 1


def test_it_goes_to_another_process_without_its_model(encoders):
    sent = pickle.loads(pickle.dumps(ready(encoders, least=0.7)))
    assert vars(sent) == {"natural": 0.5, "least": 0.7, "column": False, "model": "mini"}


def test_a_threshold_out_of_range_is_refused():
    with pytest.raises(InputError, match="least"):
        Fluency(least=1.5).check()


def test_fillmask_brings_it_and_writes_its_score_on_request():
    assert [guard.name for guard in FillMask().own_guards()] == ["fluency"]
    assert FillMask(choose=1).own_guards() == []
    assert "fluency" in [guard.name for guard in select(["similarity"], FillMask().own_guards())]
    for alone in (["none"], ["only:similarity"]):
        assert "fluency" not in [guard.name for guard in select(alone, FillMask().own_guards())]
    corpus = read("sample")
    rows = pd.DataFrame({"text": list(corpus.texts), "label": list(corpus.named_labels())})
    made, _ = upsample(rows, guards=["fluency:column=true,least=.95"], seed=0)
    new = made[made["is_synthetic"]]
    assert len(new) == 105
    assert new["fluency"].between(0.95, 1).all()
    assert new["naturalness"].between(0.5, 1).mean() > 0.8, "the others are of a class that lacked rows"
    assert GUARDS.find("fluency") is Fluency


def test_a_repeated_run_asks_it_again(tmp_path):
    rows = pd.DataFrame({"text": list(read("sample").texts), "label": list(read("sample").named_labels())})
    rows.to_csv(tmp_path / "in.csv", index=False)
    for arguments in (["upsample", "in.csv", "-o", "one.csv", "--sampling-strategy", "neutral=+12"],
                      ["upsample", "-o", "two.csv", "--config", "one.csv.manifest.json"]):  # fmt: skip
        with contextlib.chdir(tmp_path):
            result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    guards = [guard["name"] for guard in json.loads((tmp_path / "two.csv.manifest.json").read_text())["guards"]]
    assert "fluency" in guards
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
