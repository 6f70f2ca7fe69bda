"""Put originals and new rows into one table, with the columns that say which is which."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.data.corpus import PROVENANCE, Corpus
from augment.data.table_columns import BATCH, batches, taken
from augment.generation.loop import Row

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from datasets import Dataset, Features


NULLABLE = {name: name.capitalize() for name in ("int8", "int16", "int32", "int64")}
NULLABLE |= {name: f"UI{name[2:]}" for name in ("uint8", "uint16", "uint32", "uint64")} | {"bool": "boolean"}
"""pandas types without nulls → types with nulls. Otherwise integers would come back as rounded floats."""


def _arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type of a name such as ``"double"`` or ``"list<float>"``."""
    import pyarrow as pa

    if name.startswith("list<"):
        return pa.list_(_arrow_type(name[len("list<") : -1]))
    return pa.type_for_alias(name)


def label_rows(corpus: Corpus, rows: Sequence[Row]) -> np.ndarray:
    """Return for each new row a row of the corpus that has its class: its source, unless a guard has moved it.

    Parameters
    ----------
    corpus : Corpus
    rows : sequence of Row, length m

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    found = np.array([row.source for row in rows], dtype=np.int64)
    places = {label: i for i, label in enumerate(corpus.classes)}
    codes = np.array([places[row.label] for row in rows], dtype=np.int64)
    for code in np.unique(codes[corpus.codes[found] != codes]):
        found[(codes == code) & (corpus.codes[found] != code)] = np.argmax(corpus.codes == code)
    return found


def extended_batches(
    corpus: Corpus,
    rows: Iterable[Row],
    strategy: Callable[[str], str],
    *,
    only_synthetic: bool,
    kept: Sequence[str] = (),
    extra: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Features, Iterator[pa.RecordBatch]]:
    """Return originals and new rows as one table, part by part.

    Parameters
    ----------
    corpus : Corpus
        The originals, n rows.
    rows : iterable of Row
        The new rows; `source` counts the rows of the corpus. They are read once, after the originals.
    strategy : callable
        Takes the class of a row, and returns the name of the strategy under which it is recorded.
    only_synthetic : bool
        Leave the originals out.
    kept : sequence of str, default=()
        Columns of the corpus that new rows copy from their source.
    extra : mapping of str to str, optional
        Further columns of the new rows, and their Arrow types, such as ``"double"`` or ``"list<float>"``.

    Returns
    -------
    features : Features
        The columns of the corpus, then those of `PROVENANCE` and of `extra` that it lacked.
    batches : iterator of pyarrow.RecordBatch
        Originals have nulls in the added columns. New rows have the label value of their class, the values of their
        source in the columns of `kept`, and nulls in all others, also in a column of `extra` that the corpus has with
        another type. `source_row` is the parent's row number in the input.
    """
    import datasets
    import pyarrow as pa

    features = corpus.table.features.copy()
    added = {name: pa.type_for_alias(dtype) for name, dtype in PROVENANCE.items()}
    added |= {name: _arrow_type(dtype) for name, dtype in extra.items()}
    added = {name: dtype for name, dtype in added.items() if name not in features}
    features.update(datasets.Features.from_arrow_schema(pa.schema(list(added.items()))))
    schema = features.arrow_schema

    def originals() -> Iterator[pa.RecordBatch]:
        for part in batches(corpus.table):
            n = len(part)
            for name, dtype in added.items():
                original = pa.array(np.zeros(n, bool)) if name == "is_synthetic" else pa.nulls(n, dtype)
                part = part.append_column(name, original)
            yield from part.select(schema.names).cast(schema).combine_chunks().to_batches()

    def new() -> Iterator[pa.RecordBatch]:
        labels = pa.array(list(corpus.label_names), schema.field(corpus.label_column).type)
        waiting = iter(rows)
        while chunk := list(islice(waiting, BATCH)):
            sources = np.array([row.source for row in chunk], dtype=np.int64)
            written = {
                corpus.text_column: pa.array([row.text for row in chunk], schema.field(corpus.text_column).type),
                corpus.label_column: labels.take(pa.array(corpus.codes[label_rows(corpus, chunk)])),
                "is_synthetic": pa.array(np.ones(len(chunk), bool)),
                "source_row": pa.array(corpus.rows[sources]),
                "strategy": pa.array([strategy(row.label) for row in chunk], schema.field("strategy").type),
                "variant": pa.array([row.variant for row in chunk], pa.int64()),
            }
            for name in extra:
                values = [row.columns.get(name) for row in chunk]
                if pa.types.is_string(schema.field(name).type) and extra[name] != "string":  # as csv has it
                    values = [value if value is None else json.dumps(value) for value in values]
                with contextlib.suppress(pa.ArrowException):  # of a column of that name that held something else
                    written[name] = pa.array(values, schema.field(name).type)
            written |= taken(corpus.table, kept, sources) if kept else {}
            arrays = [written.get(field.name, pa.nulls(len(chunk), field.type)) for field in schema]
            yield pa.record_batch(arrays, schema=schema)

    return features, new() if only_synthetic else chain(originals(), new())


def extended_table(
    corpus: Corpus,
    rows: Iterable[Row],
    strategy: Callable[[str], str],
    *,
    only_synthetic: bool,
    kept: Sequence[str] = (),
    extra: Mapping[str, str] = MappingProxyType({}),
) -> Dataset:
    """Return originals and new rows as one table in memory; see `extended_batches`."""
    import datasets
    import pyarrow as pa

    features, parts = extended_batches(corpus, rows, strategy, only_synthetic=only_synthetic, kept=kept, extra=extra)
    table = pa.Table.from_batches(parts, features.arrow_schema)
    return datasets.Dataset(datasets.table.InMemoryTable(table))


def extended_frame(
    frame: pd.DataFrame,
    corpus: Corpus,
    rows: Sequence[Row],
    strategy: Callable[[str], str],
    *,
    only_synthetic: bool,
    kept: Sequence[str] = (),
    extra: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """Return originals and new rows as one pandas frame with a fresh index; see `extended_batches`."""
    import pandas as pd

    sources = corpus.rows[np.array([row.source for row in rows], dtype=np.int64)]
    new = pd.DataFrame(
        {
            corpus.text_column: [row.text for row in rows],
            corpus.label_column: frame[corpus.label_column].iloc[corpus.rows[label_rows(corpus, rows)]].array,
            **{name: frame[name].iloc[sources].array for name in kept},
            "is_synthetic": True,
            "source_row": pd.array(sources, dtype="Int64"),
            "strategy": [strategy(row.label) for row in rows],
            "variant": pd.array([row.variant for row in rows], dtype="Int64"),
            **{name: pd.Series([row.columns.get(name) for row in rows], dtype=object) for name in extra},
        }
    )
    if only_synthetic:
        added = [name for name in (*PROVENANCE, *extra) if name not in frame.columns]
        return new.reindex(columns=[*frame.columns, *added])
    originals = frame.iloc[corpus.rows].astype(
        {
            name: NULLABLE[dtype.name]
            for name, dtype in frame.dtypes.items()
            if dtype.name in NULLABLE and name not in (corpus.label_column, *kept, *PROVENANCE)
        }
    )
    if "is_synthetic" not in frame.columns:
        originals = originals.assign(
            is_synthetic=False,
            source_row=pd.array([pd.NA] * len(originals), dtype="Int64"),
            strategy=None,
            variant=pd.array([pd.NA] * len(originals), dtype="Int64"),
        )
    originals = originals.assign(**{name: None for name in extra if name not in frame.columns})
    return pd.concat([originals, new], ignore_index=True)
