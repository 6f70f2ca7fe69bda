"""Resume an interrupted training: its identity, and its last complete checkpoint."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from augment.errors import OutputError
from augment.files import flush, flush_names, replacing
from augment.identity import difference
from augment.plain_data import read_json

IDENTITY = "asked.json"
"""The file, in the folder of unfinished work, with all that determines the weights."""
WHOLE = "whole"
"""The file, in the folder of a checkpoint, that is written when all the others are on the disk. It has their names: a
checkpoint that a kill left half deleted lacks some of them."""


def refuse_another(work: Path, identity: dict[str, Any]) -> None:
    """Refuse to go on with the unfinished work of another training.

    Parameters
    ----------
    work : Path
        The folder of the unfinished work.
    identity : dict
        All that determines the weights, as plain data.

    Raises
    ------
    OutputError
        If the identities differ. The message names the difference.
    """
    try:
        recorded = read_json(work / IDENTITY)
    except ValueError:  # stopped before it was written
        return
    if differs := difference(recorded, json.loads(json.dumps(identity))):
        raise OutputError(
            f"The training in {str(work.parent)!r} is another one: {differs}. Give the same data and"
            " options, or another folder."
        )


def note(work: Path, identity: dict[str, Any]) -> None:
    """Make the folder of unfinished work, and write the identity of the training into it, unless it is there.

    Raises
    ------
    OutputError
        If the folder cannot be made.
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
    """Turn any error while a model is written into an `OutputError` of one line. torch and safetensors have own errors.

    Raises
    ------
    OutputError
        If the folder cannot be written, e.g. because the disk is full.
    """
    try:
        yield
    except OutputError:
        raise
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise OutputError(
            f"{folder}: cannot be written ({reason:.120}); free the disk or change its rights, and go on with"
            " `resume=True`."
        ) from error


class KeepCheckpoints(TrainerCallback):
    """Waits until a checkpoint is on the disk, and marks it. A power cut can leave files of any length otherwise."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Mark the checkpoint that was just written."""
        if state.is_world_process_zero:
            folder = Path(args.output_dir or ".")
            with writing(folder):
                checkpoint = folder / f"checkpoint-{state.global_step}"
                flush(checkpoint)
                names = sorted(path.name for path in checkpoint.iterdir())
                with replacing(checkpoint / WHOLE) as temporary:
                    temporary.write_text(json.dumps(names), encoding="utf-8")
                flush_names(folder)


def last_checkpoint(folder: Path) -> str | None:
    """Return the last complete checkpoint in a folder. Incomplete checkpoints are removed.

    Parameters
    ----------
    folder : Path
        The output folder of a trainer of transformers that calls `KeepCheckpoints`.
    """
    while folder.is_dir() and (checkpoint := get_last_checkpoint(str(folder))) is not None:
        try:
            names = read_json(Path(checkpoint) / WHOLE)
            if not {path.name for path in Path(checkpoint).iterdir()}.issuperset(names):
                raise FileNotFoundError
            path = Path(checkpoint) / "trainer_state.json"
            state = TrainerState.load_from_json(str(path))
            if state.best_global_step:  # the folder may have been moved
                state.best_model_checkpoint = str(folder / f"checkpoint-{state.best_global_step}")
                with replacing(path) as temporary:
                    state.save_to_json(str(temporary))
            return str(checkpoint)
        except (OSError, ValueError, TypeError):
            shutil.rmtree(checkpoint)
    return None
