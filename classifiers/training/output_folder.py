"""The folder of a training: what is unfinished in it, and the trained model."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate import PartialState

from augment.errors import OutputError
from augment.files import replacing
from classifiers.training import history
from classifiers.training.resuming import IDENTITY, note, refuse_another, writing

if TYPE_CHECKING:
    from classifiers.training.result import TrainResult

RECORD = "training.json"
"""What was asked for and what it came to. It is written last: a folder without it holds no finished training."""
WORK = "checkpoints"
"""The folder that an unfinished training keeps its checkpoints, history and new rows in."""


def check(folder: Path, identity: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
    """See that a training may write to a folder, without writing anything.

    Parameters
    ----------
    folder : Path
    identity : dict
        Whatever determines the weights, as plain data.
    resume : bool
        Go on with what is unfinished.
    overwrite : bool
        Begin anew where something is.

    Raises
    ------
    OutputError
        If there is something in the folder and neither of the two is given, or what is unfinished is another training.
    """
    work = folder / WORK
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file. Give the name of a folder.")
    if work.exists() and not (work / IDENTITY).exists() and any(work.iterdir()):
        raise OutputError(f"The folder {str(folder)!r} has a folder {WORK!r} that is not of a training. Give another.")
    if overwrite:
        return
    if work.exists():
        if not resume:
            raise OutputError(
                f"The folder {str(folder)!r} holds an unfinished training. Give --resume to go on with it, or"
                " --overwrite to begin anew."
            )
        refuse_another(work, identity)
    elif (folder / "config.json").exists():
        raise OutputError(f"The folder {str(folder)!r} holds a model already. Give --overwrite, or another folder.")


def begin(folder: Path, identity: dict[str, Any], *, overwrite: bool) -> Path:
    """Make room for what is unfinished, or find it.

    Parameters
    ----------
    folder, identity, overwrite
        As in `check`, which comes first.

    Returns
    -------
    Path
        Where checkpoints go.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    work = folder / WORK
    with PartialState().main_process_first():
        if PartialState().is_main_process:
            if overwrite:
                _remove(work)
            note(work, identity)
    return work


def save(result: TrainResult, folder: Path) -> None:
    """Write a trained model, its tokenizer and the record of its training, and clear away what it grew from.

    Parameters
    ----------
    result : TrainResult
    folder : Path
        As it was given to `begin`.
    """
    (folder / RECORD).unlink(missing_ok=True)
    with writing(folder):
        result.model.save_pretrained(folder)
        result.checkpoint.tokenizer.save_pretrained(folder)
    for weights in folder.glob("*.safetensors"):  # which are written for their owner alone
        shutil.copymode(folder / "config.json", weights)
    _replace(folder / history.FILE, "".join(map(history.line, result.history)))
    if importlib.util.find_spec("matplotlib") is not None:
        history.draw(result.history, folder / history.CURVES, best_step=result.best["step"])
    _replace(folder / RECORD, json.dumps(result.record(), indent=2, ensure_ascii=False) + "\n")
    for runs in (folder / WORK).glob("*/runs"):  # of TensorBoard
        shutil.move(runs, folder / "runs" / runs.parent.name)
    _remove(folder / WORK)


def clear(work: Path) -> None:
    """Remove what a training has left that failed before its first checkpoint."""
    if not any(work.glob("*/checkpoint-*")):
        _remove(work)
        with contextlib.suppress(OSError):  # it is somebody's, or something is in it
            work.parent.rmdir()


def _remove(work: Path) -> None:
    """Remove a folder so that it is there or not, and never in part."""
    if work.exists():
        gone = work.with_name(f".{work.name}.{secrets.token_hex(4)}.old")
        work.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _replace(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
