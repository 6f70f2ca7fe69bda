"""A teacher says the class of each candidate: others are rejected, or kept under the class that they are of."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from augment_command import PROVENANCE, augment, cells, refused, table

from augment import Candidate, TextStrategy, upsample
from augment.errors import InputError, Interrupted
from augment.guards.agreement import Agreement
from augment.guards.relabel import Relabel
from augment.llm.requests import Answer
from augment.upsampling import upsample_file

FOOD = ("soup", "bread", "cake", "pasta", "cheese", "salad", "pie", "stew")
ROADS = ("train", "bus", "tram", "ferry", "taxi", "plane", "car", "bike")
TOOLS = ("hammer", "drill", "saw", "wrench", "screw", "nail", "ladder", "paint")
WORDS = {"food": FOOD, "road": ROADS, "tool": TOOLS}
PLACES = ("at home", "in town", "by the sea", "near the old mill")
ROWS = {
    label: [f"He took the {w} and the {v} {p}." for w in own for v in own[:3] if w != v for p in PLACES]
    for label, own in WORDS.items()
}
WANTED = {"food": 130, "road": 120, "tool": 100}
NUMBER = {"food": 84, "road": 84, "tool": 42}


class Wander(TextStrategy):
    """Write about the things of one of the classes, whatever the class of the source is."""

    name = "wander"
    summary = "write about something else"

    def candidates(self, draws):
        return [self._one(draw) for draw in draws]

    def _one(self, draw):
        rng = draw.generator()
        own = WORDS[("food", "road", "tool")[rng.integers(3)]]
        one, two = rng.choice(own, 2)
        return Candidate(f"She took {rng.integers(90)} times the {one} and the {two} {rng.choice(PLACES)}.")


def rows() -> tuple[list[str], list[str]]:
    pairs = [(text, label) for label, texts in ROWS.items() for text in texts[:: 84 // NUMBER[label]]]
    return [text for text, _ in pairs], [label for _, label in pairs]


def made(guards: list[Any], **options: Any) -> pd.DataFrame:
    texts, labels = rows()
    frame = pd.DataFrame({"text": texts, "label": pd.Categorical(labels)})
    new, manifest = upsample(
        frame, strategy=Wander(), sampling_strategy=WANTED, guards=guards, only_synthetic=True, **options
    )
    assert dict(Counter(new["label"])) == {label: manifest.made[label] for label in WANTED}
    assert manifest.missing == {}
    return new


def about(text: str) -> set[str]:
    return {label for label, own in WORDS.items() for word in own if f" {word} " in text}


def test_rows_of_another_class_are_rejected_or_kept_under_it_within_the_budget():
    rejecting, keeping = Relabel(model="words"), Relabel(model="words", keep=True)
    strict, kept = made(["none", rejecting]), made(["none", keeping])
    for new in (strict, kept):
        assert all(row.label in about(row.text) for row in new.itertuples())
        assert {label: NUMBER[label] + n for label, n in Counter(new["label"]).items()} == WANTED
        assert new["text"].is_unique
    _, labels = rows()
    source = [labels[i] for i in strict["source_row"]]
    assert source == list(strict["label"])
    assert list(kept["source_label"]) == [labels[i] for i in kept["source_row"]]
    assert (kept["source_label"] != kept["label"]).sum() > 5
    assert kept["relabel_probability"].between(0.5, 1).all()
    assert str(kept["label"].dtype) == "category"
    assert "source_label" not in strict


def test_guards_after_it_judge_a_row_under_the_class_that_it_is_kept_under():
    new = made(["none", Relabel(model="words", keep=True), Agreement(model="words", soft_labels=True, least=0.3)])
    classes = sorted(WANTED)
    assert (new["source_label"] != new["label"]).any()
    assert all(row.label_probs[classes.index(row.label)] >= 0.3 for row in new.itertuples())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    texts, labels = rows()
    table("in.csv", [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)])
    return tmp_path


def test_workers_and_a_run_that_was_killed_give_the_same_bytes(place, monkeypatch):
    from augment.run import journal

    options: dict[str, Any] = {
        "strategy": Wander(),
        "sampling_strategy": WANTED,
        "guards": ["none", "relabel:model=words,keep=true"],
    }
    upsample_file("in.csv", "whole.csv", **options)
    append, calls = journal.Journal.append, []

    def killed(self: Any, outcome: Any) -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(outcome)
        append(self, outcome)

    monkeypatch.setattr(journal.Journal, "append", killed)
    with pytest.raises((KeyboardInterrupt, Interrupted)):
        upsample_file("in.csv", "killed.csv", **options)
    monkeypatch.setattr(journal.Journal, "append", append)
    assert any(row.label != calls[0].label for row in calls[0].rows), "rows of other classes are in the first chunk"
    upsample_file("in.csv", "killed.csv", resume=True, **options)
    upsample_file("in.csv", "shared.csv", workers=2, **options)
    whole = Path("whole.csv").read_bytes()
    assert Path("killed.csv").read_bytes() == whole
    assert Path("shared.csv").read_bytes() == whole
    head = next(csv.reader([whole.decode().splitlines()[0]]))
    assert head == ["text", "label", *PROVENANCE, "source_label", "relabel_probability"]


def test_the_command_takes_it_and_refuses_a_threshold_without_keep(place):
    augment("upsample in.csv -o out.csv --strategy nlpaug:keyboard --guard relabel:model=words -q")
    assert Counter(row["label"] for row in cells("out.csv")) == {"food": 84, "road": 84, "tool": 84}
    refused(
        "upsample in.csv -o no.csv --strategy nlpaug:keyboard --guard relabel:least=.7",
        "`least` of Relabel must be left at 0.5 unless `keep` is True",
    )


# A language model


class Reader:
    """Answers as a language model would that reads the texts; some of its answers are no class."""

    asked: ClassVar[list[str]] = []

    def __init__(self, model: str, **options: Any) -> None:
        assert (model, options["base_url"]) == ("reader", "http://localhost:1/v1")

    def answer(self, requests: Any, keep: Any) -> None:
        for request in reversed(requests):
            said = request.body["messages"][1]["content"]
            assert '"food": things to eat' in said
            text = json.loads(said.partition("The text:\n")[2].splitlines()[0])
            Reader.asked.append(text)
            (found, *more) = sorted(about(text))
            words = ["I cannot say.", f'Sure: {{"class": "{found.upper()}"}}.', found, f'{{"class": "{found}"}}']
            keep(request, Answer("" if more else words[len(Reader.asked) % 4]))

    def close(self) -> None:
        pass


def test_a_language_model_is_asked_blind_and_once_for_each_text_and_its_answers_can_be_replayed(monkeypatch, tmp_path):
    monkeypatch.setattr("augment.llm.endpoint.Endpoint", Reader)
    monkeypatch.setattr(Reader, "asked", [])
    guard = {"keep": True, "by": "llm", "model": "reader", "base_url": "http://localhost:1/v1"}
    guard |= {"answers": str(tmp_path / "classes.jsonl"), "class_descriptions": {"food": "things to eat"}}
    first = made(["none", Relabel(**guard)])
    assert all(about(row.text) == {row.label} for row in first.itertuples())
    assert (first["source_label"] != first["label"]).sum() > 5
    assert first["relabel_probability"].isna().all()
    count = len(Reader.asked)
    assert count == len(set(Reader.asked)) > len(first)
    assert made(["none", Relabel(**guard)]).equals(first)
    assert len(Reader.asked) == count, "nothing is asked again"
    del guard["answers"]
    texts, labels = rows()
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    pd.DataFrame({"text": texts, "label": labels}).to_csv(source, index=False)
    options = {"strategy": Wander(), "sampling_strategy": WANTED, "guards": ["none", Relabel(**guard)]}
    upsample_file(source, output, seed=0, **options)
    count = len(Reader.asked)
    upsample_file(source, output, overwrite=True, seed=0, **options)
    assert len(Reader.asked) == count, "the answers of the first run are beside the output"
    with pytest.raises(InputError, match="`workers` is for guards that compute, and 'relabel' asks"):
        made(["none", Relabel(**guard)], workers=2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"by": "llm"}, "`model` of Relabel must be the name of a language model"),
        ({"by": "llm", "model": "m", "folds": 3}, "`folds` of Relabel must be left at 5 unless `by` is 'teacher'"),
        ({"answers": "a.jsonl"}, "`answers` of Relabel must be left at None unless `by` is 'llm'"),
        ({"by": "llm", "model": "m", "class_descriptions": {"foot": "x"}}, "describes the class 'foot'.*mean 'food'"),
    ],
)
def test_what_does_not_go_together_is_refused(options, says):
    with pytest.raises(InputError, match=says):
        made(["none", Relabel(**options)])


def test_a_class_that_the_teacher_does_not_recognise_is_left_as_it_is():
    texts, labels = rows()
    mixed = ["odd" if i % 6 == 0 else label for i, label in enumerate(labels)]
    frame = pd.DataFrame({"text": texts, "label": mixed})
    wanted = {"food": 100, "odd": 70}
    guards = ["none", Relabel(model="words", keep=True)]
    new, manifest = upsample(frame, strategy=Wander(), sampling_strategy=wanted, guards=guards, only_synthetic=True)
    assert set(new["source_label"][new["label"] == "odd"]) == {"odd"}
    assert set(new["source_label"][new["label"] == "food"]) == {"food"}
    assert manifest.rejected["relabel"] > 0
    with pytest.raises(InputError, match="The guard 'relabel' cannot be fitted: its teacher recognises no class"):
        upsample(frame.head(30).assign(label=["a"] * 18 + ["b"] * 12), strategy=Wander(), guards=guards)
