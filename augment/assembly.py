"""Put originals and new rows into one table, with the columns that say which is which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.corpus import PROVENANCE, Corpus
from augment.errors import InputError
from augment.generation import Row

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset


NULLABLE = {name: name.capitalize() for name in ("int8", "int16", "int32", "int64")}
NULLABLE |= {name: f"UI{name[2:]}" for name in ("uint8", "uint16", "uint32", "uint64")} | {"bool": "boolean"}
"""pandas types that hold no nulls → those that do; else integers would come back as rounded floats."""


def check_provenance_columns(corpus: Corpus) -> None:
    """Refuse a table with a column of its own under a name that upsampling writes.

    Raises
    ------
    InputError
        Naming the column.
    """
    present = set(PROVENANCE) & set(corpus.table.column_names)
    if present and "is_synthetic" not in present:
        name = min(present)
        raise InputError(
            f"{corpus.name}: has a column {name!r} of its own, a name that upsampling writes ({', '.join(PROVENANCE)})."
            " Rename it."
        )


def extended_table(corpus: Corpus, rows: Sequence[Row], strategy: str, *, only_synthetic: bool) -> Dataset:
    """Return originals and new rows as one table.

    Parameters
    ----------
    corpus : Corpus
        The originals, n rows.
    rows : sequence of Row
        The new rows; `source` counts the rows of the corpus.
    strategy : str
        The name under which they are recorded.
    only_synthetic : bool
        Leave the originals out.

    Returns
    -------
    Dataset
        The columns of the corpus, then those of `PROVENANCE` that it lacked. New rows have the label value of their
        source and nulls in all other columns. `source_row` is the parent's row number in the input.
    """
    import datasets
    import pyarrow as pa

    originals = corpus.table.with_format("arrow")[:]
    features = corpus.table.features.copy()
    for name, dtype in PROVENANCE.items():
        if name not in features:
            features[name] = datasets.Value(dtype)
            filled = pa.array(np.zeros(len(originals), bool)) if dtype == "bool" else pa.nulls(len(originals), dtype)
            originals = originals.append_column(name, filled)
    schema = features.arrow_schema
    sources = np.array([row.source for row in rows], dtype=np.int64)
    written = {
        corpus.text_column: pa.array([row.text for row in rows], pa.string()),
        corpus.label_column: originals.column(corpus.label_column).take(pa.array(sources)),
        "is_synthetic": pa.array(np.ones(len(rows), bool)),
        "source_row": pa.array(corpus.rows[sources], pa.int64()),
        "strategy": pa.array([strategy] * len(rows), pa.string()),
        "variant": pa.array([row.variant for row in rows], pa.int64()),
    }
    new = pa.table([written.get(f.name, pa.nulls(len(rows), f.type)) for f in schema], names=schema.names).cast(schema)
    if only_synthetic:
        return datasets.Dataset(datasets.table.InMemoryTable(new))
    return datasets.Dataset(
        datasets.table.InMemoryTable(pa.concat_tables([originals.select(schema.names).cast(schema), new]))
    )


def extended_frame(
    frame: pd.DataFrame, corpus: Corpus, rows: Sequence[Row], strategy: str, *, only_synthetic: bool
) -> Any:
    """Return originals and new rows as one pandas frame with a fresh index; see `extended_table`."""
    import pandas as pd

    sources = corpus.rows[np.array([row.source for row in rows], dtype=np.int64)]
    new = pd.DataFrame(
        {
            corpus.text_column: [row.text for row in rows],
            corpus.label_column: frame[corpus.label_column].iloc[sources].array,
            "is_synthetic": True,
            "source_row": pd.array(sources, dtype="Int64"),
            "strategy": strategy,
            "variant": pd.array([row.variant for row in rows], dtype="Int64"),
        }
    )
    if only_synthetic:
        return new.reindex(columns=[*frame.columns, *(name for name in PROVENANCE if name not in frame.columns)])
    originals = frame.iloc[corpus.rows].astype(
        {
            name: NULLABLE[dtype.name]
            for name, dtype in frame.dtypes.items()
            if dtype.name in NULLABLE and name not in (corpus.label_column, *PROVENANCE)
        }
    )
    if "is_synthetic" not in frame.columns:
        originals = originals.assign(
            is_synthetic=False,
            source_row=pd.array([pd.NA] * len(originals), dtype="Int64"),
            strategy=None,
            variant=pd.array([pd.NA] * len(originals), dtype="Int64"),
        )
    return pd.concat([originals, new], ignore_index=True)
