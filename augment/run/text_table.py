"""Put originals and new rows into one table, with the columns that say which is which."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.data.containers import named_frame
from augment.data.corpus import Corpus
from augment.data.provenance import PROVENANCE
from augment.data.table_columns import BATCH, batches, taken
from augment.generation.loop import Row

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from datasets import Dataset, DatasetDict, Features


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
    """Return for each new row a row of the corpus that has its labels: its source, unless a guard has moved it.

    Parameters
    ----------
    corpus : Corpus
    rows : sequence of Row, length m

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    found = np.array([row.source for row in rows], dtype=np.int64)
    if corpus.label_sets is not None:
        return found
    places = {label: i for i, label in enumerate(corpus.classes)}
    codes = np.array([places[row.label] for row in rows], dtype=np.int64)
    for code in np.unique(codes[corpus.codes[found] != codes]):
        found[(codes == code) & (corpus.codes[found] != code)] = np.argmax(corpus.codes == code)
    return found


def _own_values(
    corpus: Corpus, rows: Sequence[Row], strategy: Callable[[str], str], extra: Iterable[str]
) -> dict[str, Any]:
    """Return the values that new rows do not copy, by column: lists, and arrays where the type is always the same."""
    return {
        corpus.text_column: [row.text for row in rows],
        **{name: [row.others[place] for row in rows] for place, name in enumerate(corpus.layout.also_edited)},
        "is_synthetic": np.ones(len(rows), dtype=bool),
        "source_row": corpus.rows[np.array([row.source for row in rows], dtype=np.int64)],
        "strategy": [strategy(row.label) for row in rows],
        "variant": np.array([row.variant for row in rows], dtype=np.int64),
        **{name: [row.columns.get(name) for row in rows] for name in extra},
    }


def _copied_from(corpus: Corpus, rows: Sequence[Row], kept: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the row of the input, for each new row, that each of its other columns is copied from."""
    sources = np.array([row.source for row in rows], dtype=np.int64)
    return {
        **dict.fromkeys(corpus.label_columns, corpus.rows[label_rows(corpus, rows)]),
        **dict.fromkeys(kept, corpus.rows[sources]),
    }


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

    def new() -> Iterator[pa.RecordBatch]:
        labels = None
        if corpus.label_sets is None:
            labels = pa.array(list(corpus.label_names), schema.field(corpus.label_column).type)
        copied = [*kept, *(corpus.label_columns if labels is None else ())]
        waiting = iter(rows)
        while chunk := list(islice(waiting, BATCH)):
            arrays = {}
            for name, values in _own_values(corpus, chunk, strategy, extra).items():
                kind = schema.field(name).type
                if pa.types.is_string(kind) and extra.get(name, "string") != "string":  # as csv has it
                    values = [value if value is None else json.dumps(value) for value in values]
                try:
                    arrays[name] = pa.array(values, None if isinstance(values, np.ndarray) else kind)
                except pa.ArrowException:
                    if name not in extra:  # else the input has a column of that name that holds something else
                        raise
            if labels is not None:
                arrays[corpus.label_column] = labels.take(pa.array(corpus.codes[label_rows(corpus, chunk)]))
            sources = np.array([row.source for row in chunk], dtype=np.int64)
            arrays |= taken(corpus.table, copied, sources) if copied else {}
            columns = [arrays.get(field.name, pa.nulls(len(chunk), field.type)) for field in schema]
            yield pa.record_batch(columns, schema=schema)

    return features, new() if only_synthetic else chain(original_batches(corpus.table, features), new())


def original_batches(table: Dataset, features: Features) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table with the columns that upsampling has added to it, or to another table like it.

    Parameters
    ----------
    table : Dataset
    features : Features
        Those of the table, and after them the added ones.

    Yields
    ------
    pyarrow.RecordBatch
        Rows of the table, with False in `is_synthetic` and nulls in the other added columns.
    """
    import pyarrow as pa

    schema = features.arrow_schema
    added = [field for field in schema if field.name not in table.features]
    for part in batches(table):
        n = len(part)
        for field in added:
            values = pa.array(np.zeros(n, bool)) if field.name == "is_synthetic" else pa.nulls(n, field.type)
            part = part.append_column(field.name, values)
        yield from part.select(schema.names).cast(schema).combine_chunks().to_batches()


def with_new_split(splits: DatasetDict, made: Dataset, corpus: Corpus, *, only_synthetic: bool) -> DatasetDict:
    """Return a data set of several splits with another table in the place of the one that was upsampled.

    Parameters
    ----------
    splits : DatasetDict
    made : Dataset
        From `extended_table`.
    corpus : Corpus
        The split that was upsampled; its `other_splits` are the others.
    only_synthetic : bool
        Leave the other splits out.

    Returns
    -------
    DatasetDict
        In the order of `splits`.
    """
    kept = () if only_synthetic else corpus.other_splits
    return type(splits)(
        {
            name: in_memory(*other_split(table, corpus, made.features)) if name in kept else made
            for name, table in splits.items()
            if name in kept or name not in corpus.other_splits
        }
    )


def other_split(table: Dataset, corpus: Corpus, features: Features) -> tuple[Features, Iterator[pa.RecordBatch]]:
    """Return another split of the same data set as it stands beside the new rows.

    Parameters
    ----------
    table : Dataset
        The split.
    corpus : Corpus
        The split that was upsampled.
    features : Features
        The columns that this split has now.

    Returns
    -------
    features : Features
        The same, if the splits had the same columns: those of a data set must have. Otherwise those of `table`.
    batches : iterator of pyarrow.RecordBatch
    """
    shared = features if table.features == corpus.table.features else table.features
    return shared, original_batches(table, shared)


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
    return in_memory(*extended_batches(corpus, rows, strategy, only_synthetic=only_synthetic, kept=kept, extra=extra))


def in_memory(features: Features, parts: Iterable[pa.RecordBatch]) -> Dataset:
    """Return a table in memory, made of parts."""
    import datasets
    import pyarrow as pa

    return datasets.Dataset(datasets.table.InMemoryTable(pa.Table.from_batches(parts, features.arrow_schema)))


def extended_arrow(
    frame: pa.Table,
    corpus: Corpus,
    rows: Sequence[Row],
    strategy: Callable[[str], str],
    *,
    only_synthetic: bool,
    kept: Sequence[str] = (),
    extra: Mapping[str, str] = MappingProxyType({}),
) -> pa.Table:
    """Return originals and new rows as one Arrow table, each column in its own type; see `extended_batches`."""
    import pyarrow as pa

    options: dict[str, Any] = {"only_synthetic": True, "kept": (), "extra": extra}
    made = extended_table(corpus, rows, strategy, **options).data.table
    copied = _copied_from(corpus, rows, kept)
    arrays, originals = {}, corpus.rows[:0] if only_synthetic else corpus.rows
    for name in made.column_names:
        if name not in frame.column_names:
            old = pa.nulls(len(originals), made.schema.field(name).type)
            old = pa.array(np.zeros(len(originals), bool)) if name == "is_synthetic" else old
            arrays[name] = pa.chunked_array([old, *made[name].chunks])
            continue
        old = frame[name].take(originals)
        if name in copied:
            new = frame[name].take(copied[name])
        elif name in (corpus.text_column, *corpus.layout.also_edited, *PROVENANCE, *extra):
            new = _as_type(made[name], old.type)
        else:
            new = pa.chunked_array([pa.nulls(len(rows), old.type)])
        arrays[name] = pa.chunked_array([*old.chunks, *new.chunks], old.type)
    return pa.table(arrays).unify_dictionaries()


def _as_type(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return values in another type for the same, such as a dictionary."""
    import pyarrow as pa

    if not pa.types.is_dictionary(kind):
        return values.cast(kind)
    return values.cast(kind.value_type).dictionary_encode().cast(kind)


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

    names, frame = list(frame.columns), named_frame(frame)
    own = _own_values(corpus, rows, strategy, extra)
    for name in (corpus.text_column, *corpus.layout.also_edited):
        own[name] = _series(own[name], frame[name].dtype)
    own |= {name: pd.array(own[name], dtype="Int64") for name in ("source_row", "variant")}
    own |= {name: pd.Series(own[name], dtype=object) for name in extra}
    copied = {name: frame[name].iloc[places].array for name, places in _copied_from(corpus, rows, kept).items()}
    new = pd.DataFrame({**own, **copied})
    added = [name for name in (*PROVENANCE, *extra) if name not in frame.columns]
    if only_synthetic:
        return new.reindex(columns=[*frame.columns, *added]).set_axis([*names, *added], axis=1)
    originals = frame.iloc[corpus.rows].astype(
        {
            name: NULLABLE[dtype.name]
            for name, dtype in frame.dtypes.items()
            if dtype.name in NULLABLE and name not in (*corpus.label_columns, *kept, *PROVENANCE)
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
    return pd.concat([originals, new], ignore_index=True).set_axis([*names, *added], axis=1)


def _series(texts: list[str], dtype: Any) -> pd.Series:
    """Return texts in the type of the originals. A category has no place for new ones."""
    import pandas as pd

    return pd.Series(texts, dtype=object if isinstance(dtype, pd.CategoricalDtype) else dtype)
