"""Fixtures: tiny real models of several architectures, made once a session."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from tiny_models import ARCHITECTURES, FAVOURITES, OF_OTHER_LANGUAGES, POSITIONS, SENTENCES

# A loaded machine is no failure.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Have no garbage collection pass over what stays for the whole session: the tests and all that they import."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[None]:
    """Have what is written not wait until it is on the disk, since no test of this process cuts the power.

    A descriptor that is not open is an error as before.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print as into a pipe, whatever the terminal is and whatever a library has left in the environment."""
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    """A few dozen English sentences, those that the tokenizers were trained on."""
    return list(SENTENCES)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder of a tiny masked LM with random weights, by the name of its architecture."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            tokenizer_of, model_of = (ARCHITECTURES | OF_OTHER_LANGUAGES)[name]
            path = tmp_path_factory.mktemp("models") / name
            tokenizer = tokenizer_of()
            tokenizer.model_max_length = POSITIONS
            with torch.random.fork_rng():
                torch.manual_seed(0)
                model = model_of(len(tokenizer))
                bias = model.get_output_embeddings().bias
                torch.nn.init.normal_(bias, std=0.5)  # all zero when new, and a forgotten bias would not be seen
            model.save_pretrained(path)
            tokenizer.save_pretrained(path)
            made[name] = path
        return made[name]

    return folder


@pytest.fixture(scope="session", params=list(ARCHITECTURES))
def architecture(request: pytest.FixtureRequest) -> str:
    """The name of each architecture in turn."""
    return request.param


@pytest.fixture(scope="session")
def folder(architecture: str, tiny: Callable[[str], Path]) -> Path:
    """The folder of a tiny model of each architecture in turn."""
    return tiny(architecture)


@pytest.fixture(scope="session")
def masked_lm(folder: Path) -> Any:
    """A tiny model of each architecture in turn, opened on the CPU in float32. Not to be changed."""
    from augment.models.checkpoints import load_masked_lm

    return load_masked_lm(str(folder), device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def bert(tiny: Callable[[str], Path]) -> Path:
    """The folder of the tiny BERT."""
    return tiny("bert")


@pytest.fixture(scope="session")
def rigged(tmp_path_factory: pytest.TempPathFactory, tiny: Callable[[str], Path]) -> Callable[[str], Path]:
    """Give a model that finds `FAVOURITES` likeliest at every mask, in this order, in any case."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            from transformers import AutoModelForMaskedLM, AutoTokenizer

            path = tmp_path_factory.mktemp("rigged") / name
            model = AutoModelForMaskedLM.from_pretrained(tiny(name))
            tokenizer = AutoTokenizer.from_pretrained(tiny(name))
            lift = torch.zeros(len(tokenizer))
            for piece, i in tokenizer.get_vocab().items():
                if (word := piece.strip("▁Ġ").lower()) in FAVOURITES:
                    lift[i] = 500.0 - 100.0 * FAVOURITES.index(word)
            with torch.no_grad():
                model.get_output_embeddings().bias += lift
            model.save_pretrained(path)
            tokenizer.save_pretrained(path)
            made[name] = path
        return made[name]

    return folder


@pytest.fixture(autouse=True)
def same_number_of_threads() -> Iterator[None]:
    """Put torch's number of threads back: sums of floats depend on it, and tests run in any order."""
    before = torch.get_num_threads()
    yield
    if torch.get_num_threads() != before:
        torch.set_num_threads(before)


@pytest.fixture
def one_and_two_threads() -> Iterator[tuple[int, int]]:
    """Numbers of torch threads to try; the old number is put back."""

    before = torch.get_num_threads()
    yield 1, 2
    torch.set_num_threads(before)
