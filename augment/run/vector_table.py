"""Put originals and new vectors into one table, with the columns that say which is which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from augment.data.provenance import PROVENANCE
from augment.data.table_columns import BATCH, batches
from augment.errors import InputError
from augment.run.job import Job
from augment.run.manifest import Manifest
from augment.vectors.upsampler import Nearest, Resampled

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features


COLUMNS = ("vector", "neighbor_row", "neighbor_weight")
"""Columns of the output of a vector strategy besides `augment.data.provenance.PROVENANCE`."""


DECODED = ("nearest_text", "nearest_distance")
"""Further columns if vectors are decoded."""


Decode = Literal["nearest"]


@dataclass(frozen=True)
class Vectors:
    """The result of a vector run: the vectors of all texts, and the new ones."""

    originals: np.ndarray
    """Shape (n, d), float32."""
    new: Resampled
    nearest: Nearest | None
    """The nearest row of each new vector, if requested."""
    manifest: Manifest


def check_columns(job: Job, decode: Decode | None) -> None:
    """Raise an error if a column of the input has a name that is written here.

    Parameters
    ----------
    job : Job
    decode : {"nearest"} or None

    Raises
    ------
    InputError
        If there is one; the message names the column.
    """
    for name in (*COLUMNS, *(DECODED if decode else ())):
        if name in job.corpus.table.column_names:
            raise InputError(
                f"{job.corpus.name}: has a column {name!r} of its own, a name that vector strategies write. Rename it."
            )


def vector_batches(job: Job, made: Vectors, *, only_synthetic: bool) -> tuple[Features, Iterator[pa.RecordBatch]]:
    """Return originals and new rows as one table, part by part.

    Parameters
    ----------
    job : Job
    made : Vectors
    only_synthetic : bool
        Leave the originals out.

    Returns
    -------
    features : Features
        The columns of the corpus, those of `augment.data.provenance.PROVENANCE` and `COLUMNS`, and, where vectors were
        decoded, those of `DECODED`. ``vector`` is a list of float32 of fixed size.
    batches : iterator of pyarrow.RecordBatch
        New rows have no text; `source_row` and `neighbor_row` are the parents' row numbers in the input.
    """
    import datasets
    import pyarrow as pa

    corpus, new = job.corpus, made.new
    width = made.originals.shape[1]
    features = corpus.table.features.copy()
    added = {name: pa.type_for_alias(dtype) for name, dtype in PROVENANCE.items() if name not in features}
    added |= {"vector": pa.list_(pa.float32(), width), "neighbor_row": pa.int64(), "neighbor_weight": pa.float64()}
    if made.nearest is not None:
        added |= {"nearest_text": pa.string(), "nearest_distance": pa.float64()}
    features.update(datasets.Features.from_arrow_schema(pa.schema(list(added.items()))))
    schema = features.arrow_schema

    def as_column(vectors: np.ndarray) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width)

    def batch(columns: dict[str, pa.Array], count: int) -> pa.RecordBatch:
        arrays = [columns.get(field.name, pa.nulls(count, field.type)) for field in schema]
        return pa.record_batch([a.cast(f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema)

    def originals() -> Iterator[pa.RecordBatch]:
        start = 0
        for part in batches(corpus.table):
            columns = {name: part.column(name).combine_chunks() for name in part.column_names}
            columns.setdefault("is_synthetic", pa.array(np.zeros(len(part), bool)))
            columns["vector"] = as_column(made.originals[start : start + len(part)])
            yield batch(columns, len(part))
            start += len(part)

    def synthetic() -> Iterator[pa.RecordBatch]:
        of_name = {name: value for value, name in corpus.label_names.items()}
        numbers = np.append(corpus.rows, -1)[new.parents]
        for start in range(0, len(new.labels), BATCH):
            part = slice(start, start + BATCH)
            count = len(new.labels[part])
            columns = {
                corpus.label_column: pa.array(
                    [of_name[label] for label in new.labels[part]], schema.field(corpus.label_column).type
                ),
                "is_synthetic": pa.array(np.ones(count, bool)),
                "source_row": _with_nulls(numbers[part, 0]),
                "strategy": pa.array([*map(job.maker, new.labels[part])]),
                "vector": as_column(new.vectors[part]),
                "neighbor_row": _with_nulls(numbers[part, 1]),
                "neighbor_weight": pa.array(new.weights[part], from_pandas=True),
            }
            if made.nearest is not None:
                columns["nearest_text"] = pa.array([corpus.texts[row] for row in made.nearest.rows[part]])
                columns["nearest_distance"] = pa.array(made.nearest.distances[part])
            yield batch(columns, count)

    return features, synthetic() if only_synthetic else chain(originals(), synthetic())


def _with_nulls(rows: np.ndarray) -> pa.Array:
    """Return row numbers, with a null for each -1."""
    import pyarrow as pa

    return pa.array(rows, mask=rows < 0)
