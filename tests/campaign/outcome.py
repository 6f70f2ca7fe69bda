"""What a folder holds after a command, and how it differs from what it should hold."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

VARIES = frozenset(
    (
        "seconds",
        "training_seconds",
        "rows_per_second",
        "peak_mb",
        "hardware",
        "time",
        "files",
        "asked",
        "engine_identity",
    )
)
"""Keys of records that differ between two runs: times, the machine, hashes of answers in any order, and who was asked
how much, which is nobody if all answers were there."""
IN_ANY_ORDER = ("results.jsonl", "answers.jsonl")


class Difference(NamedTuple):
    """What is wrong with an outcome."""

    what: str
    """``lost``, ``doubled``, ``different`` or ``leftovers``."""
    said: str


def names(place: Path) -> set[str]:
    """Return the paths of the files of a folder."""
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file() and path.suffix != ".lock"}


def contents(place: Path) -> dict[str, bytes]:
    """Return what each file says, by its path, without times and without the checkpoints of a pretraining."""
    return {
        str(path.relative_to(place)): _plain(path)
        for path in sorted(place.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and not {"pretrained", "training"} <= set(path.parts)
    }


def differences(found: dict[str, bytes], due: dict[str, bytes]) -> list[Difference]:
    """Compare two outcomes."""
    wrong = [Difference("leftovers", name) for name in sorted(found.keys() - due.keys())]
    wrong += [Difference("lost", f"{name} is missing") for name in sorted(due.keys() - found.keys())]
    for name in sorted(found.keys() & due.keys()):
        if found[name] != due[name]:
            wrong.append(_difference(name, found[name], due[name]))
    return wrong


def _difference(name: str, found: bytes, due: bytes) -> Difference:
    lines, wanted = Counter(found.splitlines()), Counter(due.splitlines())
    missing, more = wanted - lines, lines - wanted
    if missing and not more:
        return Difference("lost", f"{name}: {missing.total()} lines are missing, {min(missing)[:200]!r}")
    if more and not missing and all(line in wanted for line in more):
        return Difference("doubled", f"{name}: {more.total()} lines stand there twice, {min(more)[:200]!r}")
    return Difference("different", f"{name}: {len(found):,} bytes and not {len(due):,}; {_first(found, due)}")


def _first(found: bytes, due: bytes) -> str:
    place = next((i for i, (a, b) in enumerate(zip(found, due, strict=False)) if a != b), min(len(found), len(due)))
    start = max(0, place - 60)
    return f"from byte {place}: {found[start : place + 80]!r} and not {due[start : place + 80]!r}"


def _plain(path: Path) -> bytes:
    """Return the content of a file; of JSON and JSON lines without what varies."""
    content = path.read_bytes()
    if path.name.endswith(IN_ANY_ORDER):
        return b"\n".join(sorted(map(_without_times, content.splitlines())))
    if path.suffix in (".json", ".jsonl"):
        return b"\n".join(map(_without_times, content.splitlines() if path.suffix == ".jsonl" else [content]))
    if path.name == "README.md":  # a model card, which tells the time that the training took
        return b"\n".join(line for line in content.splitlines() if b"second" not in line)
    return content


def _without_times(line: bytes) -> bytes:
    try:
        return json.dumps(_kept(json.loads(line))).encode()
    except (ValueError, RecursionError):  # damaged on purpose
        return line


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _kept(inner) for key, inner in value.items() if key not in VARIES}
    return [_kept(inner) for inner in value] if isinstance(value, list) else value


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file that have an end; none if it is not there."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []
