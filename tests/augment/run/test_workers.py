"""Several processes try draws and the result is that of one; when one of them dies it is said, and none is left."""

from __future__ import annotations

import contextlib
import csv
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from augment.errors import CounterpoiseError, InputError
from augment.execution.executor import Done
from augment.execution.local import LocalPlace, LocalProcesses
from augment.generation.candidates import Candidate, Draw, Judgement
from augment.generation.outlook import Outlook
from augment.generation.trials import try_draws
from augment.generation.turns import Turns
from augment.guards.base import Guard, Originals
from augment.guards.changed import Changed
from augment.guards.duplicate import Duplicate
from augment.guards.near_duplicate import NearDuplicate
from augment.run.workers import TrialWork, Workers
from augment.text.base import TextStrategy
from augment.text.fill_mask import FillMask
from augment.upsampling import upsample

COMMAND = Path(sys.executable).parent / "augment"


class Marked(TextStrategy):
    """Append a number of the draw's own, or do what the text says; only once it was prepared."""

    name = "marked"
    summary = "append a number"

    def __init__(self, *, sign: str = "#", sampling_strategy: Any = "auto", random_state: Any = None) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state)
        self.sign = sign

    def prepare(self) -> None:
        self.prepared_ = True

    def candidates(self, draws):
        assert self.prepared_
        return [self._one(draw) for draw in draws]

    def _one(self, draw):
        if draw.text == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if draw.text == "refuse":
            raise InputError("There is nothing to be had of it.")
        if draw.text == "sleep":
            time.sleep(60)
        if draw.text == "nothing":
            return None
        return Candidate(f"{draw.text} {self.sign}{draw.generator().integers(10**9)}")


class Where(Guard):
    """Measure which process judges, and that it was prepared there."""

    name = "where"
    summary = "says in which process it is asked"

    def prepare(self, encoders):
        self._prepared = os.getpid()

    def judge(self, draws, candidates):
        assert self._prepared == os.getpid()
        return Judgement([not c.text.endswith("7") for c in candidates], {"pid": [os.getpid()] * len(candidates)})


def draws(count: int, *more: str) -> list[Draw]:
    texts = [*(f"text {i}" for i in range(count)), *more]
    return [Draw(text, "a", i, 0, 0, 5) for i, text in enumerate(texts)]


def here(asked: list[Draw], guards: list[Guard]) -> list[Any]:
    strategy = Marked(sign="+")
    strategy.prepare()
    for guard in guards:
        guard.prepare(None)
    return try_draws(strategy, guards, asked)


def without_pid(trials: list[Any]) -> list[Any]:
    return [trial._replace(columns={}) for trial in trials]


def executor(strategy: TextStrategy, guards: list[Guard], count: int) -> LocalProcesses:
    return LocalProcesses(TrialWork(strategy, guards), count)


def tried(started: Any) -> Workers:
    return Workers(started, tries=8)


def test_trials_are_those_of_one_process_in_their_order_and_one_that_dies_is_said_in_one_line():
    asked = draws(141, "nothing")
    expected = without_pid(here(asked, [Changed(), Where()]))
    with executor(Marked(sign="+"), [Changed(), Where()], 2) as started:
        trials = tried(started)(asked)
        assert without_pid(trials) == expected
        assert {trial.against for trial in trials} == {None, "where"}
        pids = {trial.columns["pid"] for trial in trials if trial.columns}
        assert os.getpid() not in pids
        assert len(pids) == 2
        assert without_pid(tried(started)(asked[:1])) == expected[:1]
        assert tried(started)([]) == []
        with pytest.raises(InputError, match="nothing to be had"):
            tried(started)(draws(3, "refuse"))
        assert without_pid(tried(started)(asked[5:8])) == expected[5:8], "an error in one draw does not end them"
        with pytest.raises(CounterpoiseError, match=r"A worker process has died.*fewer `workers`.*`resume=True`"):
            tried(started)(draws(3, "die"))
    assert multiprocessing.active_children() == [], "the others end"


class Counting:
    """Two workers that work when they are waited for, the last task first, and note every draw."""

    count = 2

    def __init__(self, work: TrialWork) -> None:
        self.work, self.given, self.tried, self.tasks = work, [], Counter(), []

    def free(self) -> list[int]:
        return [0, 1]

    def submit(self, task: list[Draw], *, worker: int | None = None) -> int:
        self.tried.update(task)
        self.tasks.append(task)
        self.given.append((len(self.tried), task))
        return len(self.tried)

    def results(self) -> list[Done]:
        ticket, task = self.given.pop()
        return [Done(ticket, 0, self.work.do(task))]


def test_what_is_coming_is_tried_ahead_and_nothing_twice():
    work = TrialWork(Marked(sign="+"), [Where()])
    work.open(LocalPlace(0, 1))
    counting, coming = Counting(work), draws(8192)
    workers, outlook, trials = Workers(counting, tries=8), Outlook(iter(coming), Turns(8192, 8192)), []
    for start in range(0, 8192, 1024):
        soon = outlook.take(1024)
        workers.expect(soon, outlook.beyond(8192 - start - 1024), left=8192 - start)
        trials += workers(soon[:10])
        assert sum(counting.tried.values()) > len(trials), "ahead"
        assert sum(draw.attempt == 0 for draw in counting.tried) < start + 6000, "and not all at once"
        workers.again([soon[0]._replace(attempt=1)])
        trials += workers(soon[10:])
    assert [t.candidate for t in trials] == [t.candidate for t in here(coming, [Where()])]
    rejected = [draw._replace(attempt=1) for draw, trial in zip(coming, trials, strict=True) if trial.against]
    assert len(rejected) > 600
    assert sum(draw in counting.tried for draw in rejected) > 0.8 * len(rejected), "tried again without being asked"
    workers(rejected)
    assert set(counting.tried.values()) == {1}


def test_a_source_stays_with_its_worker_and_what_is_not_needed_any_more_is_not_tried():
    class Alternating(Counting):
        def free(self) -> list[int]:
            return [len(self.tasks) % 2]

    work = TrialWork(Marked(sign="+"), [])
    work.open(LocalPlace(0, 1))
    counting = Alternating(work)
    workers, first = Workers(counting, tries=1), draws(512)
    workers.expect(first, iter(()), left=512)
    workers(first)
    had = {draw.source: number % 2 for number, task in enumerate(counting.tasks) for draw in task}
    begun = len(counting.tasks)
    second = [draw._replace(variant=4) for draw in first]
    third = [draw._replace(variant=8) for draw in first]
    workers.expect(second, iter(third), left=512)
    workers(second)
    stayed = [
        had[draw.source] == number % 2
        for number, task in enumerate(counting.tasks[begun:], begun)
        for draw in task
        if draw.variant == 4
    ]
    assert sum(stayed) > 0.9 * len(stayed)
    ahead = {draw for draw in counting.tried if draw.variant == 8}
    workers.expect([], iter(()), left=0, needed=lambda draw: draw.source < 256)
    wanted = [draw for draw in third if draw.source < 256]
    workers(wanted)
    tried = {draw for draw in counting.tried if draw.variant == 8}
    assert tried == {*wanted, *ahead}, "those that were waiting for a worker are left out"


def test_workers_read_what_the_driver_compares_and_its_verdicts_are_those_without(sentences):
    guards = {told: [Duplicate(), NearDuplicate()] for told in (True, False)}
    for one in (guard for both in guards.values() for guard in both):
        one.fit(Originals(texts=["a held-out text"], labels=["a"], held_out=sentences[:1], seed=0))
    work = TrialWork(Marked(sign="+"), guards[True])
    work.open(LocalPlace(0, 1))
    asked = [Draw(text, "a", i, variant, 0, 5) for i, text in enumerate(sentences[:20]) for variant in range(3)]
    verdicts = []
    for trial in work.do(asked * 2).trials:
        if trial.against is None:
            assert set(trial.candidate.readings) == {"duplicate", "near_duplicate"}
            plain = Candidate(trial.candidate.text)
            verdicts.append([guard.admits(trial.candidate) for guard in guards[True]])
            assert verdicts[-1] == [guard.admits(plain) for guard in guards[False]]
            for both in guards.values():
                [guard.remember(plain.text) for guard in both if all(verdicts[-1])]
    assert [True, True] in verdicts
    assert [False, False] in verdicts
    assert [True, False] in verdicts


def test_tasks_have_texts_of_like_length():
    work = TrialWork(Marked(sign="+"), [])
    work.open(LocalPlace(0, 1))
    counting = Counting(work)
    workers, coming = (
        Workers(counting, tries=8),
        [Draw("x" * (1 + i % 64), "a", i, 0, 0, 5) for i in range(1024)],
    )
    workers.expect(coming[:512], iter(coming[512:]), left=1024)
    workers(coming[:512])
    for task in counting.tasks:
        lengths = [len(draw.text) for draw in task]
        assert max(lengths) - min(lengths) <= 16, "a quarter of all"


def test_an_error_does_not_wait_for_what_the_workers_are_at():
    with contextlib.suppress(KeyboardInterrupt), executor(Marked(), [], 1) as started:
        tried(started)(draws(1))
        begun = time.monotonic()
        started.submit(draws(1, "sleep"))
        time.sleep(0.2)
        raise KeyboardInterrupt
    assert time.monotonic() - begun < 30
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("name", "devices", "expected"),
    [
        ("auto", 0, ["auto"] * 3),
        ("cpu", 4, ["cpu"] * 3),
        ("cuda:1", 4, ["cuda:1"] * 3),
        ("cuda", 1, ["cuda"] * 3),
        ("auto", 2, ["cuda:0", "cuda:1", "cuda:0"]),
        ("cuda", 4, ["cuda:0", "cuda:1", "cuda:2"]),
    ],
)
def test_workers_share_the_devices_out(monkeypatch, name, devices, expected):
    import torch  # here, since each worker imports this module

    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    assert [LocalPlace(number, 3).device(name) for number in range(3)] == expected


# Through the functions and the command that people call


def rows(sentences: list[str]) -> tuple[list[str], list[str]]:
    texts = [f"{text} {extra}" for extra in ("", "Indeed.") for text in sentences]
    return texts, ["rare" if i % 5 == 0 else "few" if i % 5 == 1 else "many" for i in range(len(texts))]


GUARDS = ["similarity:low=.8,high=.97", "agreement:least=.3,soft_labels=true"]


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_worker_is_refused(sentences, workers):
    with pytest.raises(InputError, match=f"`workers` must be a whole number, 1 or more. Got {workers}"):
        upsample(rows(sentences), strategy="random", workers=workers)


@pytest.mark.numeric
def test_rows_and_soft_labels_are_the_same_for_any_workers_and_batch_sizes(bert, sentences):
    import pandas as pd

    texts, labels = rows(sentences[:20])
    frame = pd.DataFrame({"text": texts, "label": labels})
    guards = [f"only:{guard}" for guard in GUARDS]  # that of fluency rejects most fillings of a random model
    found = []
    for workers, size in ((1, 64), (2, 7)):
        strategy = FillMask(model=str(bert), device="cpu", batch_size=size)
        out, manifest = upsample(frame, strategy=strategy, guards=guards, workers=workers, seed=4)
        new = out[out["is_synthetic"]]
        assert len(new) > 10
        assert manifest.rejected["similarity"] > 0
        assert manifest.rejected["agreement"] > 0
        assert all(abs(sum(shares) - 1) < 1e-5 for shares in new["label_probs"])
        found.append(
            (new[["text", "label", "variant"]].values.tolist(), new["label_probs"].tolist(), manifest.rejected)
        )
    assert found[0] == found[1]


@pytest.mark.numeric
@pytest.mark.slow
@pytest.mark.parametrize("model", ["mini", "mpnet"])
def test_the_command_writes_the_same_bytes_whatever_changes_only_the_speed(tiny, sentences, tmp_path, model):
    name = model if model == "mini" else str(tiny(model))
    with open(tmp_path / "in.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(*rows(sentences), strict=True)])
    command = [COMMAND, "upsample", "in.csv", "-q", "--model", name, "--sampling-strategy", "rare=300,few=200"]
    for guard in GUARDS:
        command += ["--guard", guard]
    outputs = set()
    for n, (size, workers, hashes) in enumerate([(64, 1, "0"), (1, 1, "1"), (7, 2, "random"), (64, 3, "random")]):
        done = subprocess.run(
            [*command, "-o", f"{n}.jsonl", "--batch-size", str(size), "--workers", str(workers)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        outputs.add((tmp_path / f"{n}.jsonl").read_bytes())
    assert len(outputs) == 1
    assert b"label_probs" in outputs.pop()


def test_a_strategy_that_cannot_be_sent_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"other processes: .*`segmenter=`.*`workers=1`\.") as raised:
        executor(FillMask(segmenter=lambda text: []), [], 2).__enter__()
    assert "\n" not in str(raised.value)
