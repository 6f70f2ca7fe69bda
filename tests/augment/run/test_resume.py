"""Runs of the real command that are killed, interrupted and gone on with: the same bytes, and nothing left behind."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from augment.cli.entry import main
from augment.data.corpus import read
from augment.data.layout import Layout
from augment.generation.loop import CHUNK
from augment.identity import installed_versions
from augment.registry import STRATEGIES
from augment.run.job import plan_job
from augment.run.journal import Journal, journal_path
from augment.run.text_run import Run

COMMAND = Path(sys.executable).parent / "augment"
PATIENCE = 120
"""Seconds after which a test gives a process up."""

PLUGIN = '''
from __future__ import annotations

import os
import time
from typing import Any, ClassVar

from augment.generation.candidates import Candidate
from augment.text.base import TextStrategy
from augment.words import Replacement, splice, word_spans


class Paced(TextStrategy):
    """Put one of a few made-up words in the place of one word, not too fast, and keep a diary of slots begun."""

    name = "paced"
    summary = "swap one word for a made-up one, slowly"
    speed_only: ClassVar[tuple[str, ...]] = ("pause", "diary")

    def __init__(
        self,
        *,
        pool: int = 400,
        pause: float = 0.0,
        diary: str = "",
        sampling_strategy: Any = "auto",
        random_state: Any = None,
        guards: Any = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, guards=guards)
        self.pool, self.pause, self.diary = pool, pause, diary

    def candidates(self, draws):
        if self.diary:
            begun = [f"{os.getpid()} {d.label} {d.source} {d.variant}\\n" for d in draws if d.attempt == 0]
            with open(self.diary, "a") as file:
                file.writelines(begun)
        time.sleep(self.pause)
        return [self._one(draw) for draw in draws]

    def _one(self, draw):
        rng = draw.generator()
        spans = word_spans(draw.text)
        if not spans:
            return None
        replacement = Replacement(*spans[rng.integers(len(spans))], f"zu{rng.integers(self.pool)}")
        return Candidate(splice(draw.text, [replacement]), (replacement,))
'''
SUBJECTS = ("shop", "waiter", "train", "museum", "parcel", "garden", "film", "bus", "old man", "doctor")
ENDS = ("opens at nine", "came on Monday", "was late again", "stands by the river", "costs ten francs", "is été")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed distributions with one strategy in it, as pip would lay it out."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "pacing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pacing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[counterpoise.strategies]\npaced = pacing_plugin:Paced\n")
    (folder / "pacing_plugin.py").write_text(PLUGIN)
    return folder


@pytest.fixture
def place(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, with `in.csv` in it; the plugin is found from this process, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(site)
    write_input()
    yield tmp_path
    sys.modules.pop("pacing_plugin", None)


def write_input() -> None:
    """Write two rare classes with sources that give nothing, and a common one."""
    with open("in.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["text", "label"])
        for n, subject in enumerate(SUBJECTS):
            for end in ENDS:
                rows.writerow([f"The {subject} {end}, said number {n}.", ("rare", "few", "many")[n % 3]])
            rows.writerow(["?!" * (n + 1), ("rare", "few", "many")[n % 3]])


class Command:
    """A command line of `augment` that runs in a session of its own, as behind a terminal."""

    def __init__(self, arguments: str, site: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, *shlex.split(arguments)],
            env={**os.environ, "PYTHONPATH": str(site), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
        )

    def done(self) -> tuple[int, str, str]:
        """Wait; give the exit code and what was said."""
        stdout, stderr = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, stdout, stderr

    def await_lines(self, path: str, count: int) -> bool:
        """Wait until a file has so many lines; tell whether it came to that before the command ended."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            if lines(path) >= count:
                return True
            time.sleep(0.002)
        return False

    def kill(self) -> None:
        """Kill the main process alone, as the out-of-memory killer does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()

    def interrupt(self) -> None:
        """Send what a terminal sends on Ctrl-C: SIGINT to every process of the session."""
        os.killpg(self.process.pid, signal.SIGINT)

    def others(self) -> list[int]:
        """Give the live processes of the session beside the main one."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if fields[0] not in "ZX" and int(fields[3]) == self.process.pid:
                    found.append(int(stat.parent.name))
        return [pid for pid in found if pid != self.process.pid]

    def await_alone(self) -> bool:
        """Wait some seconds until no other process of the session lives."""
        end = time.monotonic() + 20
        while self.others() and time.monotonic() < end:
            time.sleep(0.05)
        return not self.others()


def lines(path: str) -> int:
    try:
        return Path(path).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def chunks(journal: str) -> int:
    """Count the finished chunks of a journal, behind its first line."""
    return max(0, lines(journal) - 1)


def upsample(rows: int, *more: str, output: str = "out.csv", strategy: str = "paced") -> str:
    return shlex.join(
        ["upsample", "in.csv", "-o", output, "--strategy", strategy, "-q"]
        + ["--sampling-strategy", f"rare={rows},few={rows // 2}"]
        + [*(() if "--seed" in more else ("--seed", "3")), *more]
    )


def files() -> list[str]:
    return sorted(os.listdir())


def invoked(arguments: str) -> tuple[int, str, str]:
    """Run a command line in this process."""
    done = CliRunner().invoke(main, shlex.split(arguments))
    assert "Traceback" not in done.output
    assert isinstance(done.exception, SystemExit | None), done.exception
    return done.exit_code, done.stdout, done.stderr


def whole(command: str, output: str = "out.csv") -> tuple[bytes, dict[str, Any]]:
    """Run to the end in this process; give the bytes of the output and what the manifest says but for times."""
    code, stdout, stderr = invoked(command)
    assert (code, stdout) == (0, ""), stderr
    return result(output)


def result(output: str = "out.csv") -> tuple[bytes, dict[str, Any]]:
    manifest = json.loads(Path(f"{output}.manifest.json").read_text())
    del manifest["seconds"]
    manifest["strategy"]["parameters"] = {
        name: value for name, value in manifest["strategy"]["parameters"].items() if name not in ("diary", "pause")
    }
    return Path(output).read_bytes(), manifest


def cleared(*names: str) -> None:
    for name in names:
        Path(name).unlink(missing_ok=True)


def killed_and_resumed(site: Path, rows: int, targets: list[int], *more: str, pause: float, rng: random.Random) -> int:
    """Kill a run soon after each number of chunks, go on with it each time, and give the kills that took place."""
    kills = 0
    for target in targets:
        found = chunks("out.csv.journal")
        target = max(target, found + 1)
        before = Path("out.csv.journal").read_bytes() if found else b""
        command = Command(
            upsample(rows, "--resume", "--param", f"pause={pause}", "--param", "diary=diary", *more), site
        )
        if not command.await_lines("out.csv.journal", 1 + target):
            code, _, stderr = command.done()
            assert code == 0, stderr
            return kills
        time.sleep(rng.random() * 2 * pause)
        command.kill()
        assert command.await_alone(), "workers must end by themselves"
        if not Path("out.csv.journal").exists():
            return kills
        kills += 1
        assert chunks("out.csv.journal") >= 1
        assert Path("out.csv.journal").read_bytes().startswith(before), "finished chunks are kept as they were"
        assert not Path("out.csv").exists()
    return kills


def assert_resumed_as_uninterrupted(
    site: Path, rows: int, targets: list[int], *more: str, pause: float, seed: int, workers: int = 1
) -> int:
    expected = whole(upsample(rows, "--param", "diary=one_diary", *more))
    assert expected[1]["rejected"]["duplicate"] > 0, "what depends on earlier chunks took part"
    assert expected[1]["made"] == {"rare": rows - 28, "few": rows // 2 - 21}
    cleared("out.csv", "out.csv.manifest.json")
    kills = killed_and_resumed(site, rows, targets, *more, pause=pause, rng=random.Random(seed))
    if not Path("out.csv").exists():
        whole(upsample(rows, "--resume", "--param", "diary=diary", *more))
    assert result() == expected
    assert files() == ["diary", "in.csv", "one_diary", "out.csv", "out.csv.manifest.json"]
    once = Counter(line.split(" ", 1)[1] for line in Path("one_diary").read_text().splitlines())
    again = Counter(line.split(" ", 1)[1] for line in Path("diary").read_text().splitlines())
    assert once.keys() == again.keys()
    assert (again - once).total() <= kills * CHUNK, "a kill costs one chunk at most"
    return kills


# Killed


def test_a_run_killed_at_any_moment_ends_in_the_same_bytes_when_it_is_resumed(site, place):
    kills = assert_resumed_as_uninterrupted(site, 4000, [1, 3], pause=0.05, seed=0)
    assert kills == 2
    assert lines("one_diary") >= 5 * CHUNK


def test_a_run_with_workers_that_is_killed_leaves_no_process_and_can_be_resumed_without(site, place):
    expected = whole(upsample(3000))
    cleared("out.csv", "out.csv.manifest.json")
    command = Command(upsample(3000, "--workers", "2", "--param", "pause=.2"), site)
    assert command.await_lines("out.csv.journal", 3)
    assert len(command.others()) >= 2
    command.kill()
    assert command.await_alone()
    assert files() == ["in.csv", "out.csv.journal"]
    assert chunks("out.csv.journal") >= 2
    assert whole(upsample(3000, "--resume")) == expected
    assert files() == ["in.csv", "out.csv", "out.csv.manifest.json"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_twenty_kills_between_5_and_95_percent_of_the_work_change_no_byte(site, place, workers):
    rng = random.Random(workers)
    total = 48000 // CHUNK
    targets = sorted(rng.sample(range(total * 5 // 100 + 1, total * 95 // 100), 22))
    more = ("--workers", str(workers))
    kills = assert_resumed_as_uninterrupted(site, 32000, targets, *more, pause=0.05, seed=workers, workers=workers)
    assert kills >= 20


@pytest.mark.slow
def test_twenty_runs_each_killed_once_change_no_byte(site, place):
    expected = whole(upsample(8000))
    rng = random.Random(7)
    for _ in range(20):
        cleared("out.csv", "out.csv.manifest.json", "diary")
        assert killed_and_resumed(site, 8000, [rng.randint(1, 10)], pause=0.03, rng=rng) == 1  # of 12 chunks
        assert whole(upsample(8000, "--resume")) == expected
        assert files() == ["diary", "in.csv", "out.csv", "out.csv.manifest.json"]


# What is asked for


@pytest.fixture(scope="module")
def unfinished(site, tmp_path_factory) -> bytes:
    """The journal of a killed run of `upsample(3000)`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("unfinished"))
        patch.syspath_prepend(site)
        write_input()
        begun(Path("out.csv"), "text", chunks=2)
        sys.modules.pop("pacing_plugin", None)
        return Path("out.csv.journal").read_bytes()


def begun(output: Path, text_column: str, *, chunks: int, source: str = "in.csv") -> None:
    """Leave what `upsample(3000)` leaves that is killed after so many chunks."""
    corpus = read(source, Layout(text_column=text_column))
    budget = {"rare": 3000, "few": 1500}
    run = Run(plan_job(corpus, STRATEGIES.create("paced", {}), sampling_strategy=budget, seed=3))

    def stop(rows: int) -> None:
        if journal.chunks == chunks:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt), Journal(journal_path(output), run.identity(), resume=False) as journal:
        run.make(journal=journal, progress=stop)


@pytest.fixture
def plugged(place: Path, unfinished: bytes) -> Path:
    """The working folder with unfinished work in it."""
    Path("out.csv.journal").write_bytes(unfinished)
    return place


def test_unfinished_work_stops_a_run_that_asks_for_neither(plugged, unfinished):
    code, stdout, stderr = invoked(upsample(3000))
    assert (code, stdout) == (2, "")
    (line,) = stderr.splitlines()
    assert line.startswith("Error: out.csv.journal: ")
    assert "--resume" in line
    assert "--overwrite" in line
    assert Path("out.csv.journal").read_bytes() == unfinished
    assert files() == ["in.csv", "out.csv.journal"]


def test_resume_goes_on_and_overwrite_begins_anew_and_both_end_in_the_same_bytes(plugged, unfinished):
    for how in ("--resume", "--overwrite"):
        Path("out.csv.journal").write_bytes(unfinished)
        code, _, stderr = invoked(upsample(3000, how, "--param", f"diary={how}"))
        assert (code, stderr) == (0, "")
        assert not Path("out.csv.journal").exists()
        Path("out.csv").rename(f"out{how}")
        cleared("out.csv.manifest.json")
    assert Path("out--resume").read_bytes() == Path("out--overwrite").read_bytes()
    assert lines("--resume") <= lines("--overwrite") - CHUNK


def test_resume_with_nothing_to_resume_begins(plugged):
    cleared("out.csv.journal")
    assert invoked(upsample(900, "--resume"))[0] == 0
    assert files() == ["in.csv", "out.csv", "out.csv.manifest.json"]


@pytest.mark.parametrize(
    ("rows", "more", "says"),
    [
        (3000, ("--seed", "4"), "seed was 3 and is 4 now"),
        (3001, (), "budget.rare was 2972 and is 2973 now"),
        (3000, ("--param", "pool=401"), "strategy.pool was 400 and is 401 now"),
        (3000, ("--max-per-source", "900"), "max_per_source was null and is 900 now"),
        (3000, ("--guard", "none"), "guards["),
        (3000, ("--guard", "length_ratio:low=.4"), "parameters.low was 0.5 and is 0.4 now"),
        (3000, ("--against", "in.csv"), "against[0] was null and is "),
        (3000, ("--labels", "rare,few"), "input was "),
    ],
)
def test_unfinished_work_of_another_command_is_refused_and_kept(plugged, unfinished, rows, more, says):
    code, _, stderr = invoked(upsample(rows, "--resume", *more))
    assert code == 2
    (line,) = stderr.splitlines()
    assert "out.csv.journal: belongs to another run: " in line
    assert says in line
    assert Path("out.csv.journal").read_bytes() == unfinished


def test_unfinished_work_of_another_version_of_what_computes_is_refused(plugged, unfinished, monkeypatch):
    found = installed_versions()
    monkeypatch.setattr("augment.run.text_run.installed_versions", lambda: found | {"torch": "9.9"})
    code, _, stderr = invoked(upsample(3000, "--resume"))
    assert code == 2
    assert re.search(r'versions\.torch was "[\d.]+\+?\w*" and is "9\.9" now', stderr)
    assert Path("out.csv.journal").read_bytes() == unfinished


def test_unfinished_work_on_another_column_of_the_same_table_is_refused(plugged):
    """Both columns hold texts, the classes are the same, and so is the fingerprint of the table."""
    with open("in.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open("two.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "title", "label"])
        writer.writeheader()
        writer.writerows({**row, "title": f"Title {row['text']}"} for row in rows)
    begun(Path("out.csv"), "text", chunks=1, source="two.csv")
    command = upsample(3000, "--resume", "--text-column", "title").replace("in.csv", "two.csv")
    code, _, stderr = invoked(command)
    assert code == 2
    assert 'text_column was "text" and is "title" now' in stderr


def test_a_finished_output_is_not_made_again_by_resume(plugged):
    assert invoked(upsample(3000, "--resume"))[0] == 0
    before = {name: Path(name).read_bytes() for name in files()}
    assert invoked(upsample(3000, "--resume")) == (0, "", "")
    assert {name: Path(name).read_bytes() for name in files()} == before


@pytest.mark.parametrize("unfit", ["damaged", "torn"])
def test_a_journal_that_a_crash_has_hurt_is_mended_or_refused(plugged, unfinished, unfit):
    damaged = unfinished[:-40] if unfit == "torn" else unfinished[:900] + b"#" + unfinished[901:]
    Path("out.csv.journal").write_bytes(damaged)
    code, _, stderr = invoked(upsample(3000, "--resume"))
    if unfit == "torn":
        assert (code, stderr) == (0, "")
    else:
        assert code == 2
        assert "damaged" in stderr
        assert "--overwrite" in stderr
        assert Path("out.csv.journal").read_bytes() == damaged


def test_a_shortfall_under_strict_leaves_no_journal(plugged):
    code, _, stderr = invoked(upsample(3000, "--resume", "--strict", "--param", "pool=400"))
    assert code in (0, 1), stderr
    assert not Path("out.csv.journal").exists()


# Interrupted


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_an_interruption_is_one_line_that_says_how_to_go_on(site, place, workers):
    command = Command(upsample(3000, "--workers", str(workers), "--param", "pause=.2"), site)
    assert command.await_lines("out.csv.journal", 3)
    command.interrupt()
    code, stdout, stderr = command.done()
    assert (code, stdout) == (130, "")
    (line,) = [line for line in stderr.splitlines() if line]
    assert line.startswith("Error: Interrupted: what is finished is kept in out.csv.journal; ")
    assert "--resume" in line
    assert command.await_alone()
    assert files() == ["in.csv", "out.csv.journal"]
    whole(upsample(3000, "--resume"))
    assert files() == ["in.csv", "out.csv", "out.csv.manifest.json"]


@pytest.mark.parametrize("delay", [0.2, *(pytest.param(n / 2, marks=pytest.mark.slow) for n in range(8))])
def test_an_interruption_while_the_workers_start_leaves_nothing_behind(site, place, delay):
    command = Command(upsample(4000, "--workers", "2", "--param", "pause=.5"), site)
    assert command.await_lines("out.csv.journal", 1)
    time.sleep(delay)
    command.interrupt()
    code, stdout, stderr = command.done()
    assert (code, stdout) == (130, "")
    assert [line[:19] for line in stderr.splitlines() if line] == ["Error: Interrupted:"], stderr
    assert command.await_alone()
    assert files() == (["in.csv", "out.csv.journal"] if "--resume" in stderr else ["in.csv"])
