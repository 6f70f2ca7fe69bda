"""What identifies the weights of a model: a hash of its folder, or its commit on the hub."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from augment.models.named_models import BUNDLED


def revision_of(source: str, revision: str | None) -> str:
    """Return what identifies the files of a model that was opened.

    Parameters
    ----------
    source : str
        A folder or a hub id, from `augment.models.named_models.place_of`.
    revision : str, optional
        Branch, tag or commit of a hub id.

    Returns
    -------
    str
        ``sha256:…`` of the files of a folder, or the commit of a hub id.
    """
    from huggingface_hub import try_to_load_from_cache

    if Path(source).is_dir():
        return _hashed(Path(source))
    cached = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(cached).parent.name if isinstance(cached, str) else str(revision)


def folder_hash(name: str) -> str:
    """Return a hash of the content of a model's folder; an empty string for a hub id.

    Parameters
    ----------
    name : str
        A folder, a hub id, or a bundled name.

    Returns
    -------
    str
        ``sha256:…`` of its configuration, weights and tokenizer.
    """
    folder = Path(os.path.expanduser(BUNDLED.get(name, name)))
    return _hashed(folder) if folder.is_dir() else ""


def _hashed(folder: Path) -> str:
    """Hash the files of a model's folder that determine what it computes."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors", ".txt", ".model") and path.is_file():
            digest.update(path.name.encode() + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"
