"""Keep the weights of adapted models in the user's cache, so that the same training is done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from augment.errors import ModelError
from augment.files import held, replacing, user_cache
from augment.identity import digest, installed_versions
from augment.models.checkpoints import Checkpoint
from augment.plain_data import parse_json

if TYPE_CHECKING:
    from augment.models.adaptation import Progress

FOLDER = "adapted"
"""The folder of the user's cache."""
_MEND = "set the variable XDG_CACHE_HOME to a folder that can be written"
_VERSIONS = ("counterpoise", "torch", "transformers", "tokenizers", "numpy", "machine")


class Lesson(NamedTuple):
    """Texts that a model learns from."""

    texts: Sequence[str]
    starts: Sequence[int]
    """For each text, the number of characters before it that are shown and never masked."""


class Adapted(NamedTuple):
    """Weights that a model has learnt."""

    path: str
    """Their file."""
    record: dict[str, Any]
    """How they were learnt (see `augment.models.adaptation.adapt`), and ``weights``, a hash of them."""


def adapted(
    checkpoint: Checkpoint,
    lesson: Lesson,
    *,
    epochs: int,
    seed: int,
    log: Callable[[str], None] = lambda line: None,
    progress: Progress | None = None,
) -> Adapted:
    """Return the weights of a model that has learnt from texts: those of the cache, or it is trained now.

    The name of the file is a hash of all that determines the weights: the model, the texts, the settings, the seed, the
    versions, the device and the processor. If two processes want the same weights, one trains and the other waits.

    Parameters
    ----------
    checkpoint : Checkpoint
        The model. It may be trained in place, so open it anew for another use.
    lesson, epochs, seed, log, progress
        As in `augment.models.adaptation.adapt`.

    Returns
    -------
    Adapted

    Raises
    ------
    OutputError
        If the cache cannot be written, before the training if that can be known.
    """
    path = user_cache(FOLDER) / f"{_key(checkpoint, lesson, epochs, seed)}.safetensors"
    record = _record(path)
    if record is None:
        waits = "Another run trains this model on these texts: waiting for it."
        with held(path, lambda: log(waits), mend=_MEND):
            record = _record(path)  # another process may have trained it meanwhile
            if record is None:
                from augment.models.adaptation import adapt

                record = adapt(checkpoint, lesson, epochs=epochs, seed=seed, log=log, progress=progress)
                record = _write(checkpoint, record, path)
                return Adapted(str(path), record)
    log(f"The model {checkpoint.name!r} has learnt from these texts before: {path} is used.")
    return Adapted(str(path), record)


def load_adapted(checkpoint: Checkpoint, path: str) -> None:
    """Put adapted weights into a model, in place.

    Parameters
    ----------
    checkpoint : Checkpoint
        The model that they were learnt from, opened anew.
    path : str
        From `adapted`.

    Raises
    ------
    ModelError
        If the file is gone, or is not of this model.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = load_file(path)
        with torch.no_grad():
            for name, parameter in checkpoint.model.named_parameters():
                parameter.copy_(weights[name])
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"{path}: the adapted weights cannot be read ({' '.join(str(error).split()):.120}). Delete the file, and"
            " run again."
        ) from None


def _key(checkpoint: Checkpoint, lesson: Lesson, epochs: int, seed: int) -> str:
    """Hash all that determines the weights."""
    import torch

    from augment.models.adaptation import SETTINGS

    versions = installed_versions()
    identity = {
        "model": checkpoint.revision,
        "texts": digest(lesson.texts),
        "starts": list(lesson.starts),
        "epochs": epochs,
        "seed": seed,
        "settings": SETTINGS,
        "versions": {name: versions.get(name) for name in _VERSIONS},
        "device": checkpoint.device.type,
        "dtype": str(checkpoint.dtype),
        "processor": torch.backends.cpu.get_cpu_capability(),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def _record(path: Path) -> dict[str, Any] | None:
    """Return the record in a file of weights; None if there is no such file, or it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            record: dict[str, Any] = parse_json(file.metadata()["record"], str(path))
            return record
    except (OSError, SafetensorError, TypeError, KeyError, ValueError):
        return None


def _write(checkpoint: Checkpoint, record: dict[str, Any], path: Path) -> dict[str, Any]:
    """Write the weights in half precision, as a whole or not at all. Return the record with their hash."""
    import torch
    from safetensors.torch import save

    tensors = {
        name: parameter.detach().to("cpu", torch.float16).contiguous()
        for name, parameter in checkpoint.model.named_parameters()
    }
    record = {**record, "weights": f"sha256:{hashlib.sha256(save(tensors)).hexdigest()}"}
    content = save(tensors, {"record": json.dumps(record)})
    with replacing(path, mend=_MEND) as temporary, open(temporary, "xb") as file:
        file.write(content)
    return record
