"""Find the splits of a data set that are not read, and that nobody may have thought of holding out."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset


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
        with contextlib.suppress(OSError, ValueError, KeyError):  # a folder of one table has no such file
            content = (Path(source) / "dataset_dict.json").read_text(encoding="utf-8")
            return tuple(str(name) for name in json.loads(content)["splits"])
    return ()
