"""The folder of a saved classifier: its names, and whether there is one. Nothing heavy is imported."""

from __future__ import annotations

import re
from pathlib import Path

from augment.errors import InputError, ModelError
from augment.files import check_exists

RECORD = "training.json"
"""The file with the configuration and the results. It is written last: without it the training is not finished."""
WORK = "checkpoints"
"""The folder in which an unfinished training keeps its checkpoints, history and new rows."""
EXPORT = "onnx"
"""The folder in which an export is written, unless another is given."""
GRAPH = "model.onnx"
"""The graph in the folder of an export."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def check_saved(name: str) -> None:
    """Check that a name can be that of a trained classifier, before anything is opened.

    A hub id has an owner. Whether the hub has it is found when it is opened.

    Parameters
    ----------
    name : str
        A folder, or a hub id.

    Raises
    ------
    ModelError
        If there is no such folder and it is no hub id, or the folder holds no model.
    InputError
        If the training in the folder is unfinished.

    Examples
    --------
    >>> check_saved("nosuch")
    Traceback (most recent call last):
        ...
    augment.errors.ModelError: There is no folder 'nosuch'. Give one of `classifiers train`, or a hub id (owner/name).
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if (folder / WORK).is_dir() and not (folder / RECORD).exists():
            raise InputError(
                f"The training in {name!r} is unfinished. Finish it first: `classifiers train … --resume`."
            )
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"The folder {name!r} holds no model: it has no config.json. Give one of `classifiers train`."
            )
        check_exists(folder)
    elif folder.exists():
        raise ModelError(f"{name!r} is a file. Give a folder of `classifiers train`.")
    elif not _HUB_ID.fullmatch(name) or name.startswith(".") or folder.parent.is_dir():
        raise ModelError(f"There is no folder {name!r}. Give one of `classifiers train`, or a hub id (owner/name).")
