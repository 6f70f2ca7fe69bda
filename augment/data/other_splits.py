"""Find the splits of a data set: the one that gets new rows, and the others, which are held out."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from augment.errors import InputError, listed
from augment.plain_data import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from datasets import Dataset

TRAIN = "train"
"""The split that gets new rows."""


def other_splits(source: str | Path, table: Dataset, split: str) -> tuple[str, ...]:
    """Return the splits of a saved folder or of a hub data set, besides the one that was read.

    Parameters
    ----------
    source : str or Path
        What was read.
    table : Dataset
        What came of it.
    split : str
        The split that was read.

    Returns
    -------
    tuple of str
        In the order of the data set; empty for a file, or a folder of one table.
    """
    splits = splits_of_folder(source)
    if not os.path.exists(source) and table.info.splits is not None:
        splits = tuple(str(name) for name in table.info.splits)
    return tuple(name for name in splits if name != split)


def splits_of_folder(source: str | Path) -> tuple[str, ...]:
    """Return the splits of a saved folder, in its order; empty for anything else."""
    if os.path.isdir(source):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a folder of one table has no such file
            return tuple(str(name) for name in read_json(Path(source) / "dataset_dict.json")["splits"])
    return ()


def training_split(splits: Iterable[str]) -> str:
    """Return the split of a data set in memory that gets new rows: the only one, or `TRAIN`.

    Raises
    ------
    InputError
        If there are several, and none has this name.

    Examples
    --------
    >>> training_split(["test", "train"])
    'train'
    """
    names = list(map(str, splits))
    if len(names) == 1 or TRAIN in names:
        return TRAIN if TRAIN in names else names[0]
    if not names:
        raise InputError("The data has no split. Expected one with rows.")
    raise InputError(
        f"The data has the splits {listed(names)}, and none has the name {TRAIN!r}. Rename the one that is to get new"
        f" rows, or give it alone: upsample(data[{names[0]!r}], against=…)."
    )
