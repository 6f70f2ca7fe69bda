"""The manifest of an earlier run, or a file of the same form, as a configuration."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, create_model

from augment.data.layout import Layout
from augment.errors import InputError
from augment.files import check_exists
from augment.generation.singletons import Singletons
from augment.plain_data import read_json
from augment.run.manifest import SCHEMA, Manifest
from augment.seed_names import with_seed
from augment.settings import Settings, problems

_FIELDS: dict[str, Any] = {
    field.name: (typing.get_type_hints(Layout)[field.name], field.default) for field in dataclasses.fields(Layout)
}
_Layout: Any = create_model("_Layout", __base__=Settings, **_FIELDS)


class InputSection(Settings):
    """The input."""

    name: str | None = None
    layout: _Layout | None = None
    fingerprint: str | None = None
    dialect: Any = None
    text_column: str | None = None
    """With `label_column`, read if there is no layout. A manifest names here the columns that were used."""
    label_column: str | None = None
    rows: Any = None
    rows_kept_out: Any = None
    empty_texts: Any = None


class HeldOutSection(Settings):
    """A held-out file."""

    name: str
    text_column: str | None = None
    split: str | None = None
    texts: str | None = None
    """A hash of the texts."""
    rows: Any = None


class PartSection(Settings):
    """A strategy or a guard."""

    name: str
    parameters: dict[str, Any] = {}  # noqa: RUF012 -- pydantic copies it
    identity: dict[str, Any] | None = None
    record: dict[str, Any] | None = None

    def config(self) -> dict[str, Any]:
        """Return the configuration for a registry."""
        return {"name": self.name, "parameters": self.parameters}


class EncoderSection(Settings):
    """The encoder that turns texts into vectors, for a vector strategy."""

    model: str = "mini"
    revision: str | None = None
    pooling: str = "mean"
    max_length: int = 256
    normalize: bool = True
    identity: dict[str, Any] | None = None


class RunConfig(Settings):
    """The parts of a manifest that are read. A handwritten file may leave out any of them."""

    input: InputSection = InputSection()
    against: tuple[HeldOutSection, ...] | None = None
    strategy: PartSection | None = None
    guards: tuple[PartSection, ...] | None = None
    guard_notes: dict[str, str] | None = None
    """Its keys name the default guards that had something to say when they were fitted."""
    sampling_strategy: Any = None
    seed: int | None = None
    max_per_source: int | None = None
    only_synthetic: bool | None = None
    keep_columns: Literal["all"] | tuple[str, ...] | None = None
    singletons: Singletons | None = None
    output_encoding: str | None = None
    encoder: EncoderSection | None = None
    decode: Literal["nearest"] | None = None
    versions: dict[str, str] | None = None


OUTCOME = {"schema", *(field.name for field in dataclasses.fields(Manifest))} - {*RunConfig.model_fields}
"""Keys of a manifest that describe the result of a run and not the request."""


def read(path: Path) -> RunConfig:
    """Read a manifest, or a file of the same form.

    Parameters
    ----------
    path : Path
        A JSON file.

    Returns
    -------
    RunConfig

    Raises
    ------
    InputError
        If the file cannot be read or is not JSON, or has unknown keys or values of a wrong type, which are all named.
    """
    check_exists(path)
    record = read_json(path, "`config` takes the manifest of a run, or a file like it.")
    if not isinstance(record, dict):
        raise InputError(f'{path}: must hold one object, e.g. {{"seed": 1}}. Got {type(record).__name__}.')
    if record.get("schema") not in (None, SCHEMA):
        raise InputError(
            f"{path}: has the schema {record['schema']!r}, and this version reads {SCHEMA}. Install the version that"
            " wrote it."
        )
    _check_forms(path, record)
    try:
        request = with_seed({key: value for key, value in record.items() if key not in OUTCOME})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    try:
        return RunConfig.model_validate_json(json.dumps(request))
    except ValidationError as error:
        raise InputError(f"{path}: {problems(error, RunConfig, 'A run')}") from None


def _check_forms(path: Path, record: dict[str, Any]) -> None:
    """Refuse names alone in the place of a section, and an output in a file that was written by hand."""
    for key in ("input", "strategy", "encoder"):
        if isinstance(name := record.get(key), str):
            inner = "model" if key == "encoder" else "name"
            raise InputError(f"{path}: {key!r} is written {json.dumps({key: {inner: name}})}. Got {name!r}.")
    if "output" in record and "schema" not in record:
        raise InputError(f"{path}: 'output' has no effect in a file. Remove it, and give `output`.")
