"""Read an output of upsampling: its manifest, its table, and samples of its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.errors import CounterpoiseError, InputError, counted
from augment.files import check_ordinary
from augment.plain_data import read_json
from augment.run.manifest import SCHEMA, manifest_path
from augment.seeding import generator
from augment.words import whole

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from augment.data.layout import Layout

_COUNTS = ("counts_before", "counts_after", "made", "rejected")
_NEEDED = {"input": dict, "strategy": dict, "guards": list, "missing": dict, **dict.fromkeys(_COUNTS, dict)}
"""What a manifest holds, and of what kind."""
_MORE = {"output": dict, "reviews": list, "label_sets": dict}
"""What it may hold."""


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of an output.

    Parameters
    ----------
    path : Path
        The output.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If the output or its manifest is missing, or the manifest cannot be used.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file or folder; give what `augment upsample` has written.")
    place = manifest_path(path)
    check_ordinary(place, file=True)
    manifest = read_json(place, "Expected an output of `augment upsample` with its manifest beside it.")
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA or not all(n in manifest for n in _NEEDED):
        raise InputError(f"{place}: is not a manifest of schema {SCHEMA}; run `augment upsample` again to get one.")
    if (wrong := _of_another_kind(manifest)) is not None:
        raise InputError(
            f"{place}: does not hold what belongs there (part {wrong!r})."
            " Run `augment upsample` again to get its manifest as it was."
        )
    return manifest


def _of_another_kind(manifest: Mapping[str, Any]) -> str | None:
    """Return the name of a part of a manifest that is of another kind than it should be; None if there is none."""
    parts = {**_NEEDED, **{name: kind for name, kind in _MORE.items() if manifest.get(name) is not None}}
    for name, kind in parts.items():
        value = manifest[name]
        inner = value.values() if isinstance(value, dict) else value
        if not isinstance(value, kind):
            return name
        if name in _COUNTS and not all(type(rows) is int for rows in inner):
            return name
        if name in ("guards", "missing", "reviews") and not all(isinstance(one, dict) for one in inner):
            return name
    return None


def written_layout(manifest: Mapping[str, Any]) -> Layout:
    """Return how an output is read, according to its manifest."""
    from augment.data.layout import Layout

    spelled = manifest.get("output") or {}
    return Layout(
        split=(manifest["input"].get("layout") or {}).get("split", Layout.split),
        delimiter=spelled.get("delimiter"),
        quoting="none" if spelled.get("quoting") == "none" else None,
        encoding=spelled.get("encoding"),
    )


class WrittenOutput:
    """A written table. The columns that are needed of every row are held as arrays."""

    def __init__(self, path: Path, manifest: Mapping[str, Any], seed: int) -> None:
        from augment.data.reading import load

        if manifest.get("label_sets"):
            raise InputError(
                f"{path}: its rows have several labels, and a report compares classes of one label each. There is none"
                " for it."
            )
        self.path, self.manifest, self.seed = path, manifest, seed
        self.table = load(path, written_layout(manifest))
        self.text_column: str = manifest["input"]["text_column"]
        label_column: str = manifest["input"]["label_column"]
        for name in (self.text_column, label_column, "is_synthetic", "source_row"):
            if name not in self.table.column_names:
                raise InputError(
                    f"{path}: has no column {name!r}, which its manifest speaks of; expected the table as"
                    " `augment upsample` wrote it."
                )
        encoded = self._whole(label_column).combine_chunks().dictionary_encode()
        classes = getattr(self.table.features[label_column], "names", None)
        values = encoded.dictionary.to_pylist()
        self.names = [classes[value] if classes and 0 <= value < len(classes) else str(value) for value in values]
        self.codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        synthetic = self._as(path, "is_synthetic", "bool", False)
        self.source_rows = self._as(path, "source_row", "int64", -1)
        self.expected = expected_rows(manifest)
        self.is_new = new_rows(synthetic, manifest)
        self.is_original = ~synthetic

    def _whole(self, name: str) -> pa.ChunkedArray:
        return self.table.with_format("arrow", columns=[name])[:].column(name)

    def _as(self, path: Path, name: str, dtype: str, null: Any) -> np.ndarray:
        """Return a column, converted from strings if csv has made it so."""
        import pyarrow as pa

        try:
            values: np.ndarray = self._whole(name).cast(pa.type_for_alias(dtype)).fill_null(null).to_numpy()
        except pa.ArrowException:
            raise InputError(
                f"{path}: column {name!r} must hold {dtype} values; expected the table as `augment upsample` wrote it."
            ) from None
        return values

    def codes_of(self, names: Sequence[str]) -> list[int]:
        """Return the codes of some classes."""
        return [i for i, name in enumerate(self.names) if name in names]

    def rows_of(self, name: str, *, new: bool) -> np.ndarray:
        """Return the new rows of a class, or its originals."""
        return np.flatnonzero(np.isin(self.codes, self.codes_of([name])) & (self.is_new if new else self.is_original))

    def draw(self, rows: np.ndarray, purpose: int, most: int, name: str = "") -> np.ndarray:
        """Draw some of these rows that have a text, in random order. Other draws do not change the result."""
        number = sorted(self.manifest["counts_before"]).index(name) if name else 0
        drawn = generator(self.seed, "report", purpose, number).permutation(rows)[:most]
        if not len(drawn):
            return drawn
        is_vector = self.is_new[drawn] if "vector" in self.table.column_names else np.zeros(len(drawn), dtype=bool)
        return drawn[is_vector | [bool(text.strip()) for text in self.texts(drawn)]]  # new vectors have no text

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """Return the vectors of some rows, (n, d) float32, as a vector strategy has written them."""
        if "vector" not in self.table.column_names:
            raise InputError(
                f"{self.path}: has no column 'vector', which its manifest speaks of; expected the table as"
                " `augment upsample` wrote it."
            )
        column = self.table.with_format("arrow", columns=["vector"])
        width = self.table.features["vector"].length
        flat = (
            column[rows.tolist()].column("vector").combine_chunks().flatten() if len(rows) else np.zeros(0, np.float32)
        )
        return np.asarray(flat, dtype=np.float32).reshape(-1, width)

    def texts(self, rows: np.ndarray) -> list[str]:
        """Return the texts of some rows, empty where there is none."""
        return [text or "" for text in self.cells(self.text_column, rows)]

    def whole(self, rows: np.ndarray, texts: Sequence[str]) -> list[str]:
        """Return texts of some new rows, or of their sources, with the texts beside them."""
        layout = self.manifest["input"].get("layout") or {}
        beside = [self.cells(name, rows) for name in layout.get("beside") or () if name in self.table.column_names]
        return [
            whole(text, "\n".join(text or "" for text in other)) for text, *other in zip(texts, *beside, strict=True)
        ]

    def cells(self, name: str, rows: np.ndarray) -> list[Any]:
        """Return the cells of some rows in one column."""
        return cells_of(self.table, name, rows)

    def warnings(self) -> list[str]:
        """Say where the table and its manifest differ."""
        if len(self.codes) != self.expected:
            return [
                f"The table has {counted(len(self.codes), 'row')}, but its manifest speaks of {self.expected:,}:"
                " one of them was changed since, and what follows may not fit together."
            ]
        key = "made" if self.manifest.get("only_synthetic") else "counts_after"
        counts = dict.fromkeys(self.names, 0)
        for code, rows in zip(*np.unique(self.codes, return_counts=True), strict=True):
            if code >= 0:
                counts[self.names[code]] += int(rows)
        recorded = {name: rows for name, rows in self.manifest[key].items() if rows}
        if recorded == counts:
            return []
        return ["The classes of the table have other numbers of rows than its manifest says: one was changed since."]


def expected_rows(manifest: Mapping[str, Any]) -> int:
    """Return how many rows an output has, according to its manifest."""
    originals = 0 if manifest.get("only_synthetic") else manifest["input"]["rows"]
    return rows_made(manifest) + int(originals)


def rows_made(manifest: Mapping[str, Any]) -> int:
    """Return how many rows a run has made, according to its manifest."""
    sets = manifest.get("label_sets")  # then a row counts under each of its labels
    return int(sum(one["made"] for one in sets["sets"]) if sets else sum(manifest["made"].values()))


def new_rows(synthetic: np.ndarray, manifest: Mapping[str, Any]) -> np.ndarray:
    """Return which rows of an output its run has made.

    Parameters
    ----------
    synthetic : ndarray of bool, shape (n,)
        Which rows were ever made. An input may hold some that were made earlier; those of the last run stand last.
    manifest : mapping

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    last = np.arange(len(synthetic)) >= len(synthetic) - rows_made(manifest)
    return last if len(synthetic) == expected_rows(manifest) and synthetic[last].all() else synthetic


def source_texts(
    manifest: Mapping[str, Any],
    *,
    codes: np.ndarray,
    is_new: np.ndarray,
    source_rows: np.ndarray,
    texts: Callable[[np.ndarray], list[str]],
) -> tuple[Callable[[np.ndarray], list[str]] | None, str | None]:
    """Return a function that gives the source texts of new rows of an output, or None and the reason.

    They are in the table itself, or in the input if that is still there.

    Parameters
    ----------
    manifest : mapping
    codes : ndarray of int, shape (n,)
        The class of each row of the output.
    is_new : ndarray of bool, shape (n,)
        Which rows the run has made.
    source_rows : ndarray of int64, shape (n,)
        Their sources' numbers in the input, negative where there is none.
    texts : callable
        Gives the texts of some rows of the output.

    Returns
    -------
    callable or None, str or None
        The function takes row numbers of the output. The reason is a sentence.
    """
    from augment.data.corpus import read
    from augment.data.layout import Layout

    input_record = manifest["input"]
    new = np.flatnonzero(is_new)
    parents = source_rows[new]
    within = (parents >= 0) & (parents < len(codes))
    if not manifest.get("only_synthetic") and not input_record["rows_kept_out"] and within.all():
        moved = bool(manifest.get("reviews")) or any(guard["name"] == "relabel" for guard in manifest["guards"])
        if not is_new[parents].any() and (moved or (codes[parents] == codes[new]).all()):
            return lambda rows: texts(source_rows[rows]), None
    name = str(input_record["name"])
    if name != "sample" and not os.path.exists(name):
        return None, f"The sources are not in the table, and the input {name!r} is not here to look them up in."
    try:
        corpus = read(name, Layout.recorded(input_record["layout"]))
    except CounterpoiseError:
        return None, f"The sources are not in the table, and the input {name!r} cannot be read."
    if corpus.fingerprint != input_record["fingerprint"] or not np.isin(parents, corpus.rows).all():
        return None, f"The sources are not in the table, and the input {name!r} has been changed since."

    def look_up(rows: np.ndarray) -> list[str]:
        places = np.searchsorted(corpus.rows, source_rows[rows])
        return [text or "" for text in cells_of(corpus.table, corpus.text_column, places)]

    return look_up, None


def cells_of(table: Dataset, name: str, rows: np.ndarray) -> list[Any]:
    """Return some cells of one column, in the given order."""
    if not len(rows):
        return []
    cells: list[Any] = table.with_format("arrow", columns=[name])[rows.tolist()].column(name).to_pylist()
    return cells
