"""Models beside the tiny BERT's tokenizer, and the one line that a model is refused with."""

from __future__ import annotations

import shutil

import pytest

from augment.errors import CounterpoiseError, ModelError
from augment.models.checkpoints import load_masked_lm


def refusal(name, expected=ModelError, opens=load_masked_lm, **parameters):
    """The one line that a model is refused with."""
    with pytest.raises(expected) as caught:
        opens(str(name), **{"device": "cpu", **parameters})
    message = str(caught.value)
    assert "\n" not in message
    assert 20 < len(message) < 600
    assert isinstance(caught.value, CounterpoiseError)
    return message


def saved(model, folder, bert):
    """Save another model beside the tiny BERT's tokenizer."""
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(bert / name, folder)
    return folder
