"""Identify runs: digests of texts, installed versions, and the first difference between two records."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from typing import Any


def digest(texts: Iterable[str | None]) -> str:
    """Return a hash of texts, that of a JSON list of them; they are read one by one."""
    whole = hashlib.sha256(b"[")
    for place, text in enumerate(texts):
        whole.update(f"{', ' if place else ''}{json.dumps(text)}".encode())
    whole.update(b"]")
    return f"sha256:{whole.hexdigest()}"


def difference(before: Any, now: Any, name: str = "") -> str:
    """Describe the first difference between two identities; an empty string if there is none."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*before, *(key for key in now if key not in before)]:
            first_difference = difference(before.get(key), now.get(key), f"{name}.{key}".lstrip("."))
            if first_difference:
                return first_difference
        return ""
    if isinstance(before, list) and isinstance(now, list):
        differences = (difference(a, b, f"{name}[{i}]") for i, (a, b) in enumerate(zip_longest(before, now)))
        return next(filter(None, differences), "")
    return "" if before == now else f"{name} was {_short(before)} and is {_short(now)} now"


def _short(value: Any) -> str:
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
