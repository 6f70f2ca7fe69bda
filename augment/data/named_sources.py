"""What a source of rows names: a file, a folder or a hub id. Nothing is read, so a wrong name is told at once."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from augment.data.layout import FORMATS
from augment.errors import InputError, did_you_mean
from augment.files import check_exists
from augment.models import hub

SAMPLE = Path(__file__).parent / "samples" / "reviews.csv"
"""The file that the input name ``sample`` stands for."""

_log = logging.getLogger(__name__)
# A name and, perhaps, a configuration. One letter before a colon is a drive of Windows.
_HUB_ID = re.compile(r"(?![A-Za-z]:)[A-Za-z0-9][\w.-]*(/[\w.-]+)?(:[\w.-]+)?")


def find_source(source: str | Path) -> Path | None:
    """Return the file or folder that a source names.

    Parameters
    ----------
    source : str or Path
        As in `augment.data.reading.load`.

    Returns
    -------
    Path or None
        None for a hub id.

    Raises
    ------
    InputError
        If there is no such file or folder, and it is no hub id; or the hub cannot be reached and the data set is not
        kept here.

    Examples
    --------
    >>> find_source("sample").name
    'reviews.csv'
    """
    path = Path(source)
    if str(source) == "-":
        raise InputError(
            "-: the standard input is not read as a table; save it first, e.g. as rows.csv, and give that."
        )
    there = os.path.exists(path)  # os.path and not pathlib, whose questions raise on a name that is too long
    if source == "sample" or (str(source) == "sample" and not there):
        if there:
            _log.info("sample: the bundled reviews are read, and not what has this name here; that is ./sample.")
        return SAMPLE
    if there:
        check_exists(path)
        return path
    suffix = path.suffix.lower()
    if not isinstance(source, str) or suffix in (*FORMATS, ".txt") or not _HUB_ID.fullmatch(source):
        check_exists(path)
    if did_you_mean(suffix, FORMATS):
        raise unknown_format(path)
    if not hub.reachable() and not hub.is_cached("datasets", str(source).partition(":")[0]):
        meant = did_you_mean(path.name, ["sample", *os.listdir()])
        raise InputError(
            f"{source}: no such file or folder, and the hub ({hub.endpoint()}) cannot be reached to look for a data set"
            f" of that name; check the name, or give a file ({', '.join(FORMATS)}).{meant}"
        )
    return None


def unknown_format(path: Path) -> InputError:
    """Return the error that lists the known formats.

    Parameters
    ----------
    path : Path
        A name whose suffix is not in `FORMATS`.

    Returns
    -------
    InputError
        To be raised.
    """
    return InputError(
        f"{path}: unknown format {path.suffix!r}; expected {', '.join(FORMATS)}, or a name without a suffix for a "
        f"folder saved by `datasets`.{did_you_mean(path.suffix.lower(), FORMATS)}"
    )
