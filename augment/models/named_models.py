"""Where a model is: bundled, in a folder, or on the hub. Nothing is opened, so a wrong name is told at once."""

from __future__ import annotations

import os
import re
from pathlib import Path

from augment.errors import InputError, ModelError, did_you_mean
from augment.files import check_exists
from augment.models import hub

BUNDLED = {"mini": Path(__file__).parent / "mini"}
"""The models that come with the package, each with its folder."""
_WINDOWS_PATH = re.compile(r"[A-Za-z]:|.*\\", re.DOTALL)  # a drive or a backslash, of which a hub id has neither


def place_of(name: str, revision: str | None = None) -> str:
    """Return the folder of a model, or its hub id.

    Parameters
    ----------
    name : str
        A bundled name, a folder written by `save_pretrained`, or a hub id.
    revision : str, optional
        Of a hub id.

    Returns
    -------
    str

    Raises
    ------
    ModelError
        If there is no such folder, it holds no model, or the hub cannot be reached and the model is not kept here.
    InputError
        If a revision is given for what is on this machine.
    """
    folder = BUNDLED.get(name) or Path(os.path.expanduser(name))
    if folder.is_dir():
        if revision is not None:
            raise InputError(f"The model {name!r} is on this machine and has no revision {revision!r}. Leave it out.")
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"The folder {name!r} holds no model: it has no config.json. Give a save_pretrained folder."
            )
        check_exists(folder)
        return str(folder)
    if folder.is_file() or name.startswith((".", "/", "~")) or name.count("/") > 1 or _WINDOWS_PATH.match(name):
        raise ModelError(
            f"There is no model folder {name!r}. Give a save_pretrained folder, a hub id, or 'mini'.{_meant(folder)}"
        )
    if not hub.reachable() and not hub.is_cached("models", name):
        raise ModelError(
            f"There is no model {name!r} here: it is neither bundled ({', '.join(BUNDLED)}) nor a folder, and the hub"
            f" ({hub.endpoint()}) cannot be reached to look for it.{_meant(folder)} Give one of these, or a hub id when"
            " there is a network."
        )
    return name


def _meant(folder: Path) -> str:
    """Return the name of a model here that may have been meant, as a sentence."""
    beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
    models = [str(folder.parent / one.name) for one in beside if (one / "config.json").is_file()]
    return did_you_mean(str(folder), [*BUNDLED, *models])
