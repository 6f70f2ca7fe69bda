"""What an interrupted training has left: what it was asked for, and its last whole checkpoint."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import TrainerState
from transformers.trainer_utils import get_last_checkpoint

from augment.errors import OutputError
from augment.files import replacing
from augment.identity import difference

IDENTITY = "asked.json"
"""In its folder: whatever determines the weights."""


def refuse_another(work: Path, identity: dict[str, Any]) -> None:
    """See that unfinished work, if there is any, is of the same training.

    Parameters
    ----------
    work : Path
        The folder that it is in.
    identity : dict
        Whatever determines the weights, as plain data.

    Raises
    ------
    OutputError
        Saying what differs.
    """
    try:
        recorded = json.loads((work / IDENTITY).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # stopped before it was written
        return
    if differs := difference(recorded, json.loads(json.dumps(identity))):
        raise OutputError(
            f"The unfinished training in {str(work.parent)!r} is another one: {differs}. Give the same data and"
            " options, or another folder."
        )


def note(work: Path, identity: dict[str, Any]) -> None:
    """Write down what the work in a folder is for, unless it is written already; the folder is made.

    Raises
    ------
    OutputError
        If it cannot be.
    """
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{work.parent}: cannot be made ({error.strerror}); give another folder.") from error
    if not (work / IDENTITY).exists():
        with replacing(work / IDENTITY) as temporary:
            temporary.write_text(json.dumps(identity, indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what goes wrong while a model is written into one line: torch and safetensors have errors of their own.

    Raises
    ------
    OutputError
        Saying where there may be no room.
    """
    try:
        yield
    except OutputError:
        raise
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise OutputError(
            f"{folder}: cannot be written ({reason:.120}); free the disk or change its rights, and go on with --resume."
        ) from error


def last_checkpoint(folder: Path) -> str | None:
    """Return the last whole checkpoint in a folder, and remove one that was being written when its process ended.

    Parameters
    ----------
    folder : Path
        The output folder of a trainer of transformers, whose own state is what it writes last.
    """
    while folder.is_dir() and (checkpoint := get_last_checkpoint(str(folder))) is not None:
        try:
            path = Path(checkpoint) / "trainer_state.json"
            state = TrainerState.load_from_json(str(path))
            if state.best_global_step:  # the folder may have been moved
                state.best_model_checkpoint = str(folder / f"checkpoint-{state.best_global_step}")
                with replacing(path) as temporary:
                    state.save_to_json(str(temporary))
            return str(checkpoint)
        except (OSError, ValueError):
            shutil.rmtree(checkpoint)
    return None
