"""Fixtures: quick trainings of the tiny BERT, and what they are given and watched by."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from datasets import Dataset
from small_trainings import APART, RARE, Watch, quick_config


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """On tiny models a second thread is waited for longer than it works."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def without_curves(monkeypatch):
    """Draw no curves of a training, which takes as long as a short one."""
    monkeypatch.setattr("classifiers.training.history.draw", lambda *records, **options: None)


@pytest.fixture
def config(bert):
    """Make the configuration of a quick training, some values changed."""
    return partial(quick_config, bert)


@pytest.fixture
def watch(bert):
    from transformers import AutoTokenizer

    return Watch(AutoTokenizer.from_pretrained(bert))


@pytest.fixture(scope="session")
def upsampled():
    """A table of few neutral rows and synthetic ones beside them."""
    from augment import upsample

    table = Dataset.from_dict({"text": RARE[0], "label": RARE[1]})
    return upsample(table, strategy="nlpaug:random_word", guards=["none"], against=APART[0])[0]


@pytest.fixture
def two_devices(monkeypatch):
    """A machine with two devices, as transformers sees it."""
    from transformers import TrainingArguments

    monkeypatch.setattr(TrainingArguments, "n_gpu", property(lambda self: getattr(self, "_n_gpu", 2) or 2))
