"""Identify runs: digests of texts, installed versions, and the first difference between two records."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from typing import Any, NamedTuple


def digest(texts: Iterable[str | None]) -> str:
    """Return a hash of texts, that of a JSON list of them; they are read one by one."""
    whole = hashlib.sha256(b"[")
    for place, text in enumerate(texts):
        whole.update(f"{', ' if place else ''}{json.dumps(text)}".encode())
    whole.update(b"]")
    return f"sha256:{whole.hexdigest()}"


class Difference(NamedTuple):
    """A value in which two identities differ. As a text, it is a clause that says so."""

    name: str
    """Where it stands: keys and places."""
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.name} was {shown(self.before)} and is {shown(self.now)} now"


def difference(before: Any, now: Any, name: str = "") -> Difference | None:
    """Return the first difference between two identities; None if there is none."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        pairs = ((before.get(key), now.get(key), f"{name}.{key}".lstrip(".")) for key in keys)
    elif isinstance(before, list) and isinstance(now, list):
        pairs = ((a, b, f"{name}[{i}]") for i, (a, b) in enumerate(zip_longest(before, now)))
    else:
        return None if before == now else Difference(name, before, now)
    return next(filter(None, (difference(*pair) for pair in pairs)), None)


def shown(value: Any) -> str:
    """Return a value of an identity for a message, at most 60 characters of it."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


RECORDED = (
    *("counterpoise", "torch", "transformers", "tokenizers", "datasets", "pyarrow", "numpy", "scipy"),
    *("scikit-learn", "imbalanced-learn"),
)


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that the result depends on."""
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    for name in RECORDED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
