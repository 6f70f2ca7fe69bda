"""The command `augment` run in this process, and the tables that it reads and writes."""

from __future__ import annotations

import csv
import json
import resource
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from augment.cli.entry import main

ROOT = Path(__file__).parents[1]
COMMAND = Path(sys.executable).parent / "augment"
PROVENANCE = ["is_synthetic", "source_row", "strategy", "variant"]
PLUGIN = '''
from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

from augment.generation.candidates import Candidate
from augment.errors import InputError
from augment.text.base import TextStrategy
from augment.words import Replacement, splice, word_spans


class Swap(TextStrategy):
    """Put one of `pool` made-up words in the place of one word."""

    name = "swap"
    summary = "swap one word for a made-up one"

    def __init__(
        self,
        *,
        pool: int = 10_000,
        case: Literal["lower", "upper"] = "lower",
        stems: tuple[str, ...] = ("zu",),
        limit: int | None = 3,
        pause: float = 0.0,
        beacon: str = "",
        batch_size: int = 8,
        sampling_strategy: Any = "auto",
        random_state: Any = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state)
        self.pool, self.case, self.stems, self.limit = pool, case, stems, limit
        self.pause, self.beacon, self.batch_size = pause, beacon, batch_size

    def prepare(self) -> None:
        if self.pool < 1:
            raise InputError(f"`pool` of swap must be 1 or more. Got {self.pool}.")

    def candidates(self, draws):
        if self.beacon:
            Path(self.beacon).touch()
        return [self._one(draw) for draw in draws]

    def _one(self, draw):
        time.sleep(self.pause)
        rng = draw.generator()
        spans = word_spans(draw.text)
        if not spans:
            return None
        word = getattr(f"{self.stems[rng.integers(len(self.stems))]}{rng.integers(self.pool)}", self.case)()
        replacement = Replacement(*spans[rng.integers(len(spans))], word)
        return Candidate(splice(draw.text, [replacement]), (replacement,))
'''
NEUTRAL = [
    "The shop on the corner opens at nine.",
    'We sat upstairs, by the "old" window.',
    "The parcel came on Monday; the manual on Tuesday.",
    "Ça se trouve au troisième étage, à gauche.",
]
POSITIVE = [
    "I loved every minute of this film!",
    "They fixed the old machine in an hour.",
    "Everything works as it should, NA or not.",
    "Our guide knew every stone of the city.",
    "The new app is fast\nand simple.",
    "Fresh bread, friendly people and a fine view.",
    "What a charming little book it is.",
    "The best hotel of the whole long trip.",
    "Simply a wonderful evening with great food.",
]
ROWS = [
    *({"id": f"00{i}", "text": text, "label": "neutral"} for i, text in enumerate(NEUTRAL[:2])),
    *({"id": f"01{i}", "text": text, "label": "positive"} for i, text in enumerate(POSITIVE)),
    *({"id": f"02{i}", "text": text, "label": "neutral"} for i, text in enumerate(NEUTRAL[2:])),
]


def table(name: str, rows: list[dict[str, Any]], *, delimiter: str = ",") -> Path:
    """Write a csv file."""
    with open(name, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return Path(name)


def lines(name: str, *rows: str) -> Path:
    """Write a text file line by line."""
    path = Path(name)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def cells(name: str | Path, *, delimiter: str = ",") -> list[dict[str, str]]:
    """Read a csv file."""
    with open(name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def counts(rows: list[dict[str, Any]]) -> dict[Any, int]:
    return dict(Counter(row["label"] for row in rows))


def manifest(name: str | Path) -> dict[str, Any]:
    return json.loads(Path(f"{name}.manifest.json").read_text(encoding="utf-8"))


def snapshot() -> dict[str, bytes | None]:
    """Everything in the working folder, hidden files too."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in Path().rglob("*")}


def invoke(command: str) -> Result:
    result = CliRunner().invoke(main, shlex.split(command))
    assert isinstance(result.exception, SystemExit | None), f"{command}\n{result.exception!r}"
    assert "Traceback" not in result.output
    return result


def augment(command: str) -> Result:
    """Run a command line that must work, by the cheap strategy unless it names one."""
    result = invoke(with_strategy(command))
    assert result.exit_code == 0, result.output
    return result


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file that this process writes grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def with_strategy(command: str) -> str:
    return f"{command} --strategy swap" if command.startswith("upsample") and "--strategy " not in command else command


def refused(command: str, *says: str, code: int = 2) -> str:
    """Run a command line that must fail in one line and leave everything as it was."""
    before = snapshot()
    result = invoke(with_strategy(command))
    assert result.exit_code == code, result.output
    assert snapshot() == before, "something was left behind or touched"
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    for part in says:
        assert part in line, line
    return line


ROWS_WITHOUT_ID = [{"text": row["text"], "label": row["label"]} for row in ROWS]
