"""`augment` in a process of its own: imports, interruptions, closed pipes and full disks."""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from augment_command import COMMAND, ROOT, ROWS, cells, counts, files_up_to, invoke, lines, snapshot, table
from click.testing import CliRunner

from augment.cli.entry import main

HEAVY = {"torch", "transformers", "datasets", "sklearn", "pandas", "pyarrow", "scipy"}

pytestmark = pytest.mark.usefixtures("place")


# In this process


def test_an_input_whose_name_is_no_text_is_upsampled():
    shutil.copy("in.csv", b"caf\xe9.csv")
    name = os.fsdecode(b"caf\xe9.csv")  # as it stands in sys.argv
    done = CliRunner().invoke(main, ["upsample", name, "-o", "out.csv", "--strategy", "random"])
    assert done.exit_code == 0, done.output
    assert json.loads(Path("out.csv.manifest.json").read_text())["input"]["name"] == "caf\udce9.csv"


def test_ctrl_c_in_the_report_says_that_the_output_is_written(monkeypatch):
    import augment.report.html

    monkeypatch.setattr(augment.report.html, "write_report", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    result = invoke("upsample in.csv -o out.csv --report out.html --strategy swap")
    assert result.exit_code == 130
    assert "out.csv is written whole; `augment report out.csv -o out.html` makes its report" in result.stderr
    assert Path("out.csv").exists()


def environment(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "OMP_NUM_THREADS": "1"}


# In a process of its own


def write_chinese() -> None:
    labels = ["中性", "b", "b", "中性", "b"]
    lines("in.csv", "text,label", *(f"“Good” 食 {i} one here,{label}" for i, label in enumerate(labels)))


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_a_terminal_that_lacks_a_character_shows_its_number(encoding):
    write_chinese()
    for words in (["--help"], ["upsample", "in.csv", "-o", "out.csv", "--strategy", "nlpaug:keyboard", "--show", "1"]):
        done = CliRunner(charset=encoding).invoke(main, words)
        assert done.exit_code == 0, done.output
    assert b"\\u4e2d\\u6027" in done.stdout_bytes
    assert Path("out.csv").read_text(encoding="utf-8").count("中性") == 3


def test_a_terminal_that_lacks_a_character_shows_its_number_in_a_process_too():
    write_chinese()
    done = subprocess.run(
        [COMMAND, "inspect", "in.csv"], capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u4e2d\\u6027" in done.stdout


def start(arguments: str, site: Path, **options: Any) -> subprocess.Popen:
    return subprocess.Popen(
        [COMMAND, *shlex.split(arguments)],
        env=environment(site),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_help_answers_within_half_a_second():
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([COMMAND, "upsample", "--help"], capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0
        assert "--sampling-strategy" in done.stdout
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(seconds) < 0.5


@pytest.mark.parametrize(
    "statements",
    [
        "import augment, classifiers, benchmarks",
        "from augment.cli.entry import main; main(['--help'])",
        "from augment.cli.entry import main; main(['upsample', '--help'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(statements):
    code = f"""
import sys
try:
    {statements}
except SystemExit as end:
    assert not end.code
print("loaded:", sorted({HEAVY!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded: []", done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", ["augment --help", "augment inspect in.csv", "classifiers train --help", "benchmarks list"]
)
def test_a_reader_that_goes_away_ends_every_command_alike_and_without_a_word(site, command):
    process = subprocess.Popen(
        [sys.executable, "-m", *command.split()],
        env=environment(site),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141


def test_the_first_line_can_be_taken_alone(site):
    big = [{"text": f"{text} {i}", "label": row["label"]} for i in range(40) for row in ROWS for text in [row["text"]]]
    table("big.csv", big)
    command = f"'{COMMAND}' upsample big.csv -o out.csv --strategy swap --show 9999 2>errors | head -1"
    done = subprocess.run(command, shell=True, env=environment(site), capture_output=True, text=True)
    assert done.stdout.startswith("out.csv")
    assert "Traceback" not in Path("errors").read_text()
    assert "BrokenPipe" not in Path("errors").read_text()
    assert counts(cells("out.csv")) == {"neutral": 360, "positive": 360}
    assert not Path("out.csv.journal").exists()


def test_an_interruption_leaves_nothing_behind(site, tmp_path_factory):
    beacon = tmp_path_factory.mktemp("beacon") / "lit"
    before = snapshot()
    process = start(
        f"upsample in.csv -o out.csv --strategy swap --sampling-strategy neutral=900"
        f" --param pause=.05 --param beacon={beacon}",
        site,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
    )
    for _ in range(600):
        if beacon.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stdout == ""
    line = stderr.splitlines()[-1]
    assert line.startswith("Error: Interrupted")
    said = [one for one in stderr.splitlines() if one and not one.startswith("New rows leave")]
    assert said == [line], "an empty line may stand before it, since a terminal has just shown ^C"
    assert snapshot() == before


@pytest.mark.parametrize(
    ("room", "output"),
    [(200, "out.csv"), (200, "out.parquet"), (200, "out"), (700, "out.csv --only-synthetic")],
    ids=["table", "parquet", "folder", "manifest"],
)
def test_a_full_disk_is_said_in_one_line_and_leaves_nothing_behind(room, output):
    """A limit on the size of files stands in for the disk; the last case has room for the table alone."""
    before = snapshot()
    with files_up_to(room):
        result = invoke(f"upsample in.csv --strategy swap --quiet -o {output}")
    assert result.exit_code == 2, result.stderr
    (line,) = result.stderr.splitlines()
    assert "out" in line
    assert "cannot be written" in line
    assert result.stdout == ""
    assert snapshot() == before


@pytest.mark.slow
def test_a_full_disk_is_said_in_one_line_by_a_process_too(site):
    before = snapshot()
    process = start(
        "upsample in.csv --strategy swap --quiet -o out.csv",
        site,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY)),
    )
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2, stderr
    (line,) = stderr.splitlines()
    assert "out.csv" in line
    assert "cannot be written" in line
    assert stdout == ""
    assert snapshot() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_under_the_standard_output_is_said_in_one_line(site):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [COMMAND, "strategies"], env=environment(site), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "No space left" in line
