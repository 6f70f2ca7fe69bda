"""A missing file or model is told before heavy libraries are imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"numpy", "torch", "transformers", "datasets", "pyarrow", "sklearn", "pandas", "scipy"}
COMMANDS = [
    "augment upsample nosuch.csv -o out.csv",
    "augment upsample nosuch -o out.csv",
    "augment upsample sample -o out.csv --against nosuch.csv",
    "augment upsample sample -o out.csv --model ./nosuch",
    "augment upsample sample -o out.csv --model nosuch",
    "augment upsample sample -o out --strategy smote --encoder nosuch",
    "augment upsample --config nosuch.json -o out.csv",
    "augment inspect nosuch.csv",
    "augment split nosuch.csv -o parts",
    "augment report nosuch.csv",
    "classifiers train nosuch.csv -o model",
    "classifiers train sample -o model --encoder nosuch",
    "classifiers train sample -o model --validation nosuch.csv",
    "classifiers evaluate nosuch sample",
    "classifiers predict nosuch sample",
    "classifiers pretrain nosuch.txt --model mini -o model",
    "benchmarks run --task csv:nosuch.csv",
    "benchmarks run --encoder nosuch",
    "benchmarks run --suite nosuch.yaml",
    "benchmarks draw csv:nosuch.csv -o rows.csv",
    "benchmarks draw nosuch.yaml -o rows.csv",
    "benchmarks report nosuch",
    "benchmarks compare nosuch nosuch",
    "benchmarks vectors sample --held-out nosuch.csv",
    "benchmarks guards nosuch.csv --judged-on sample",
    "benchmarks fluency nosuch.csv:class=neutral",
    "benchmarks fluency --score nosuch.csv --key nosuch.key.csv",
    "benchmarks checkpoint nosuch --words nosuch.txt --pairs nosuch.txt --reference mini",
    "benchmarks throughput --model nosuch",
]


def test_what_is_missing_is_told_in_one_line_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    """In a process of its own, where nothing is imported yet."""
    code = (
        "import sys\n"
        "from benchmarks.cli.umbrella import main\n"
        f"for command in {COMMANDS!r}:\n"
        "    try:\n"
        "        main(command.split())\n"
        "    except SystemExit as end:\n"
        "        assert end.code == 2, command\n"
        f"    print(command, *({HEAVY!r} & set(sys.modules)), sep='|')\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == COMMANDS
    for command, line in zip(COMMANDS, ran.stderr.splitlines(), strict=True):
        assert line.startswith("Error: "), command
        assert "nosuch" in line, command
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["augment", "classifiers", "benchmarks"])
def test_an_unknown_command_is_told_those_that_there_are(name: str) -> None:
    ran = subprocess.run([sys.executable, "-m", name, "nosuch"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"Error: No such command 'nosuch'. {name} has ")
    assert len(ran.stderr.splitlines()) == 1
