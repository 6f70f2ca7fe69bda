"""`adapted_encoder`: an encoder after a masked-LM training on the unlabelled texts of a task."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from benchmarks.grid.cells import Cell
from benchmarks.grid.tasks import TaskData


def adapted_encoder(cell: Cell, data: TaskData, shared: Path) -> Path:
    """Return the folder of a cell's encoder, trained as a masked LM on the task's texts; train it if it is not there.

    It learns from the texts of the training rows and of the pool, without labels. Where the pool is what a draw leaves
    out, these are the same for all seeds, and so is the encoder. Its own seed is always 0.

    Parameters
    ----------
    cell : Cell
        With a `pretraining_key`.
    data : TaskData
    shared : Path
        The folder of encoders that several cells use. An unfinished training there goes on.

    Raises
    ------
    CounterpoiseError
        If the encoder cannot be opened, or a setting cannot be used.
    """
    from augment.models.checkpoints import load_masked_lm, quiet
    from classifiers.pretraining.masked_lm import PretrainConfig, pretrain

    folder = shared / f"adapted-{cell.pretraining_key}"
    if not (folder / "config.json").is_file():
        settings = PretrainConfig(**{"seed": 0, **(cell.arm.pretraining or {})})
        checkpoint = load_masked_lm(cell.encoder, device=cell.config.device, new_head=True)
        with quiet(), contextlib.redirect_stdout(io.StringIO()):  # the losses that a trainer prints
            pretrain(checkpoint, data.unlabelled(cell.seed), folder, settings, resume=True)
    return folder
