"""What a command reads is looked for before heavy libraries are imported, so a wrong name is told at once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def check_there(
    sources: Iterable[str | None] = (),
    *,
    beside: Iterable[str] = (),
    models: Iterable[str | None] = (),
    paths: Iterable[Path | None] = (),
) -> None:
    """Check that what a command reads is there. None counts as not given.

    Parameters
    ----------
    sources : iterable of (str or None)
        Tables: files, saved folders, hub ids. A name that ends in ``.txt`` is that of a file.
    beside : iterable of str
        Held-out files, perhaps with the column of their texts.
    models : iterable of (str or None)
        Bundled names, folders, hub ids. What is wrong with an existing folder, the command itself says better.
    paths : iterable of (Path or None)
        Files and folders.

    Raises
    ------
    InputError
        If a source or a path is missing.
    ModelError
        If a model is missing.
    """
    from augment.data.named_files import NamedFile
    from augment.data.named_sources import find_source
    from augment.files import check_exists
    from augment.models.named_models import place_of

    for path in paths:
        if path is not None:
            check_exists(path)
    for source in (*sources, *(NamedFile.parsed(name).name for name in beside)):
        if source is not None and source.endswith(".txt"):
            check_exists(Path(source))
        elif source is not None:
            find_source(source)
    for model in models:
        if model is not None and not os.path.isdir(os.path.expanduser(model)):
            place_of(model)
