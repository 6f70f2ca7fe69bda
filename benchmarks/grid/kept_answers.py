"""The answers of a large language model that are kept with the project, and the draws that they belong to."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from augment.plain_data import read_yaml
from augment.settings import Settings

FOLDER = Path(__file__).parents[1] / "answers"
Recipe = Literal["new", "paraphrase"]


class KeptDraw(Settings):
    """Training rows for which a large language model was asked for more."""

    name: str
    """The beginning of the names of its files. Draws of several seeds share them."""
    seed: int = 0
    """The seed of the draw."""
    recipes: list[Recipe] = ["new", "paraphrase"]  # noqa: RUF012 -- pydantic copies it
    """What was asked for."""
    rows_per_request: int
    share_requests: bool = False
    guards: list[str] | None = None
    """Those that judged the rows; None for the default."""
    sampling_strategy: Any
    """The rows that were asked for: see `augment.generation.budget.rows_to_make`."""

    def answers(self, recipe: Recipe) -> Path:
        """Return the file with the answers to the requests of a recipe."""
        return FOLDER / f"{self.name}.{recipe}.jsonl"

    def content(self, recipe: Recipe) -> str:
        """Return a hash of the answers to the requests of a recipe, and of the prompt."""
        return _content(self.answers(recipe), template(recipe))


def template(recipe: Recipe) -> Path:
    """Return the prompt that was answered. That of the package may have changed since."""
    return FOLDER / f"{recipe}.jinja"


@cache
def kept_draws() -> dict[str, KeptDraw]:
    """Return the draws with answers, by the fingerprint of their training rows."""
    entries: dict[str, Any] = read_yaml(FOLDER / "draws.yaml")
    return {fingerprint: KeptDraw(**entry) for fingerprint, entry in entries.items()}


@cache
def _content(*files: Path) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()[:16]
