"""The folder of a training: what is unfinished in it, and the trained model."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate import PartialState

from augment.errors import OutputError
from augment.output import replacing
from classifiers import history
from classifiers.unfinished import note, refuse_another, writing

if TYPE_CHECKING:
    from classifiers.result import TrainResult

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
                shutil.rmtree(work, ignore_errors=True)
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
    shutil.rmtree(folder / WORK)


def _replace(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
