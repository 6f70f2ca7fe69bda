"""The map of what paid: for each measured data set, the gain of each arm over the best arm without new rows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from augment.errors import InputError
from augment.files import check_exists
from augment.plain_data import read_json
from augment.settings import Settings, problems

SCHEMA = 1
PACKAGED = Path(__file__).parent / "map.json"
"""The map that comes with the project."""
PLAIN = "none"
"""The name of the arm that trains on the rows as they are."""


class Points(Settings):
    """A difference in points, with its 95 % interval."""

    mean: float
    low: float | None = None
    """None if there is no interval, e.g. of a single seed."""
    high: float | None = None


class MeasuredArm(Settings):
    """One arm on one data set."""

    name: str
    summary: str = ""
    """One line for tables."""
    makes_rows: bool
    """Whether it learns from new texts or vectors."""
    needs: list[Literal["labels", "llm", "pool"]] = []  # noqa: RUF012 -- pydantic copies it
    """What it needs beside the training rows. labels: more rows with real labels, so that it is a ceiling. llm: the
    answers of a large language model. pool: texts without labels."""
    control: bool = False
    """Whether it only shows that the benchmark can detect an effect."""
    settings: dict[str, Any] = {}  # noqa: RUF012
    """What defines it, in the form of `benchmarks/grid/arms.yaml`, without its summary."""
    seeds: Annotated[int, Field(ge=1)]
    f1: float
    """Mean macro-F1 on the test rows, in points."""
    gain: Points | None
    """Of macro-F1 over the best arm without new rows, paired by seed. None for that arm itself."""
    over_none: Points | None
    """Of macro-F1 over the arm `PLAIN`. None for that arm itself."""
    gap: Points | None
    """Change of the overfitting gap against the best arm without new rows. None for that arm itself."""


class RowsOfAClass(Settings):
    """The training rows of the classes of a data set."""

    smallest: Annotated[int, Field(ge=1)]
    median: float
    largest: Annotated[int, Field(ge=1)]


class MeasuredCell(Settings):
    """One data set with one classifier, and its arms."""

    suite: str
    task: str
    """Its title, such as ``sst3, 2,000 rows, neutral at .05``."""
    source: str
    """The data set that its rows were drawn from. Cells of one source are not independent."""
    classes: Annotated[int, Field(ge=2)]
    rows: RowsOfAClass
    rare_classes: Annotated[int, Field(ge=0)]
    """Classes with less than half of the rows of the largest."""
    encoder: str
    head: str
    training: dict[str, Any] = {}  # noqa: RUF012 -- pydantic copies it
    """Settings of `classifiers.TrainConfig` for all its arms, as the suite has them."""
    adding: dict[str, Any] = {}  # noqa: RUF012
    """Settings of its suite on the rows that arms add, and on a logistic regression: `sampling_strategy` and `C`."""
    best: str
    """The arm without new rows whose macro-F1 on validation rows is highest."""
    arms: Annotated[list[MeasuredArm], Field(min_length=1)]

    @property
    def ratio(self) -> float:
        """Rows of the smallest class divided by those of the largest."""
        return self.rows.smallest / self.rows.largest

    def arm(self, name: str) -> MeasuredArm | None:
        """Return an arm by its name, or None."""
        return next((arm for arm in self.arms if arm.name == name), None)


class RegimeArm(Settings):
    """One arm over all sources of a regime."""

    name: str
    makes_rows: bool
    sources: Annotated[int, Field(ge=1)]
    """The number of data sets in the mean."""
    gain: Points
    """Mean over the sources of the means of their cells, over the best arm without new rows of each cell."""


class Regime(Settings):
    """All data sets with about as many rows of the smallest class, alike in balance, with one classifier."""

    at_least: Annotated[int, Field(ge=1)]
    """Rows of the smallest class."""
    below: int | None
    """None for no limit."""
    balanced: bool
    """Whether the smallest class has half of the rows of the largest, or more."""
    encoder: str
    head: str
    arms: list[RegimeArm]


class MadeFrom(Settings):
    """The results of a suite that a map is made from."""

    suite: str
    results: str
    """The hash of the file of results: the first 16 digits of its SHA-256."""
    versions: dict[str, list[str]]
    """The versions of libraries that computed its cells."""


class PayMap(Settings):
    """The map. `benchmarks map` writes it."""

    schema_number: Literal[1] = 1
    made_from: list[MadeFrom]
    cells: list[MeasuredCell]
    regimes: list[Regime] = []  # noqa: RUF012 -- pydantic copies it

    def written(self) -> str:
        """Return the map as a JSON text, one cell, regime or arm a line, with a line end."""
        return _lines(self.model_dump(mode="json"), 0) + "\n"


def _lines(value: Any, depth: int) -> str:
    """Write JSON whose lists of objects have an object a line, so that a change of the map is a short difference."""
    space = "  " * (depth + 1)
    if isinstance(value, dict) and any(_is_table(inner) for inner in value.values()):
        inside = [f"{space}{json.dumps(key)}: {_lines(inner, depth + 1)}" for key, inner in value.items()]
        return "{\n" + ",\n".join(inside) + "\n" + "  " * depth + "}"
    if _is_table(value):
        inside = [space + _lines(inner, depth + 1) for inner in value]
        return "[\n" + ",\n".join(inside) + "\n" + "  " * depth + "]"
    return json.dumps(value, ensure_ascii=False)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def read_map(path: str | os.PathLike[str] | None = None) -> PayMap:
    """Read a map.

    Parameters
    ----------
    path : path-like, optional
        A file that `benchmarks map` has written. None for the map that comes with the project.

    Returns
    -------
    PayMap

    Raises
    ------
    InputError
        If it cannot be read, is not a map, or has no cell.

    Examples
    --------
    >>> sorted({cell.source for cell in read_map().cells})[-1]
    'sst3'
    """
    file = PACKAGED if path is None else Path(path)
    check_exists(file)
    content = read_json(file, f"Write a map with `benchmarks map FOLDER -o {file}`.")
    if not isinstance(content, dict) or content.get("schema_number") != SCHEMA:
        raise InputError(
            f"{file}: is not a map of this version, whose 'schema_number' is {SCHEMA}. Write one with `benchmarks map"
            f" FOLDER -o {file}`."
        )
    try:
        found = PayMap.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise InputError(f"{file}: is not a map. {problems(error, PayMap, 'A map')[:200]}") from None
    if not found.cells:
        raise InputError(f"{file}: the map is empty. Write one with `benchmarks map FOLDER -o {file}`.")
    return found
