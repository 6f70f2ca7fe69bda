"""The output folder of a training: checks, unfinished work, and the trained model."""

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
from augment.files import clear_leftovers, flush, replacing
from augment.identity import digest
from augment.plain_data import as_expected, read_json
from classifiers.cutting import fit_tokenizer
from classifiers.saved_folder import EXPORT, GRAPH, RECORD, WORK
from classifiers.training import history
from classifiers.training.model_card import CARD, may_be_written, model_card
from classifiers.training.resuming import IDENTITY, note, refuse_another, writing

if TYPE_CHECKING:
    from classifiers.training.result import TrainResult


def check(folder: Path, identity: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Check that a training may write to a folder. Nothing is written.

    Parameters
    ----------
    folder : Path
    identity : dict
        All that determines the weights, as plain data.
    resume : bool
        Go on with unfinished work.
    overwrite : bool
        Start again if the folder has contents.

    Raises
    ------
    OutputError
        If the folder has contents and neither option is given, or the work in it is of another training.
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
                f"The folder {str(folder)!r} holds an unfinished training. Give `resume=True` to go on with it, or"
                " `overwrite=True` to start again."
            )
        refuse_another(work, identity)
    elif (folder / "config.json").exists() and not (resume and finished(folder, identity)):
        raise OutputError(
            f"The folder {str(folder)!r} holds a model already. Give `overwrite=True`, or another folder."
        )


def finished(folder: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Return the record of a training that has finished in a folder; None if there is none, or one of another training.

    Parameters
    ----------
    folder : Path
    identity : dict
        All that determines the weights, as plain data.

    Returns
    -------
    dict or None
        See `classifiers.training.result.TrainResult.record`.
    """
    if (folder / WORK).exists() or not (folder / RECORD).exists():
        return None
    record = read_json(folder / RECORD)
    with as_expected(str(folder / RECORD)):
        same = record.get("run") == _run(identity)
    if same:
        clear_leftovers(folder / WORK)  # of a process that was killed while it removed its work
    return dict(record) if same else None


def _run(identity: dict[str, Any]) -> str:
    """Return a hash of all that determines the weights."""
    return digest([json.dumps(identity, sort_keys=True)])


def begin(folder: Path, identity: dict[str, Any], *, overwrite: bool) -> Path:
    """Make the folder for unfinished work, or find it.

    Parameters
    ----------
    folder, identity, overwrite
        As in `check`, which must be called first.

    Returns
    -------
    Path
        The folder of the checkpoints.

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


def save(result: TrainResult, folder: Path, identity: dict[str, Any]) -> None:
    """Write a trained model, its tokenizer and the record of its training. Then remove the unfinished work.

    An export of the model that was there before is removed too, since it says something else.

    Parameters
    ----------
    result : TrainResult
    folder, identity
        As in `begin`.
    """
    (folder / RECORD).unlink(missing_ok=True)
    if (folder / EXPORT / GRAPH).is_file():
        _remove(folder / EXPORT)
    with writing(folder):
        result.model.save_pretrained(folder)
        # Again: each call of a tokenizer that asks for no truncation switches it off in what is saved.
        fit_tokenizer(result.checkpoint.tokenizer, result.model.config.max_tokens)
        result.checkpoint.tokenizer.save_pretrained(folder)
    if may_be_written(card := folder / CARD):
        _replace(card, model_card(result.record()))
    for weights in folder.glob("*.safetensors"):  # other users cannot read these files otherwise
        shutil.copymode(folder / "config.json", weights)
    _replace(folder / history.FILE, "".join(map(history.line, result.history)))
    if importlib.util.find_spec("matplotlib") is not None:
        history.draw(result.history, folder / history.CURVES, best_step=result.best["step"])
    with writing(folder):
        for path in sorted(folder.iterdir()):
            if path.is_file():
                flush(path)
    record = {**result.record(), "run": _run(identity)}
    _replace(folder / RECORD, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    for run in (folder / WORK).glob("*/runs/*"):  # of TensorBoard; those of an earlier training stay beside it
        (folder / "runs" / run.parts[-3]).mkdir(parents=True, exist_ok=True)
        shutil.move(run, folder / "runs" / run.parts[-3] / run.name)
    _remove(folder / WORK)


def clear(work: Path) -> None:
    """Remove the work of a training that failed before its first checkpoint."""
    if not any(work.glob("*/checkpoint-*")):
        _remove(work)
        with contextlib.suppress(OSError):  # the folder is not ours, or it is not empty
            work.parent.rmdir()


def _remove(work: Path) -> None:
    """Remove a folder, and what a killed process left of one. It is renamed first, so that it never exists in part."""
    clear_leftovers(work)
    if work.exists():
        gone = work.with_name(f".{work.name}.{secrets.token_hex(4)}.tmp")
        work.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _replace(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
