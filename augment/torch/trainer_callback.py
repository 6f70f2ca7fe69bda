"""`NewRowsEachEpoch`, which tells a `Redrawn` data set the epoch of transformers' Trainer."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from augment.errors import InputError
from augment.torch.redrawn import Redrawn

_ALMOST = 1e-6  # the Trainer adds up fractions of an epoch


class NewRowsEachEpoch(TrainerCallback):
    """Callback of transformers' Trainer: each epoch has its own new rows, also in several processes.

    Examples
    --------
    ``Trainer(model, arguments, train_dataset=rows, callbacks=[NewRowsEachEpoch()])``, where ``rows`` is a `Redrawn`.
    """

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Make the rows of the epoch that begins.

        Raises
        ------
        InputError
            If the data set of the training is not a `Redrawn`.
        """
        loader = kwargs.get("train_dataloader")
        rows = getattr(loader, "dataset", None)
        if not isinstance(rows, Redrawn):
            raise InputError(
                f"NewRowsEachEpoch is for a Trainer with `train_dataset=Redrawn(…)`. Got {type(rows).__name__}."
            )
        rows.set_epoch(int((state.epoch or 0) + _ALMOST))
