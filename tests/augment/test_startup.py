"""A module that is put off is loaded when something in it is used, and not before."""

from __future__ import annotations

import gc
import importlib
import subprocess
import sys

import pytest

from augment import startup


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """A program that has begun and puts the module ``put_off`` off; all is set back afterwards."""
    (tmp_path / "put_off.py").write_text("answer = 42\n")
    threshold = gc.get_threshold()
    monkeypatch.setattr(startup, "DEFERRED", ("put_off",))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.syspath_prepend(tmp_path)
    startup.load_quickly()
    yield
    gc.set_threshold(*threshold)
    sys.modules.pop("put_off", None)


def test_a_module_is_loaded_when_something_in_it_is_used(quick, tmp_path):
    module = importlib.import_module("put_off")
    assert module.__file__ == str(tmp_path / "put_off.py"), "libraries look through the files of all modules"
    assert not hasattr(module, "__wrapped__")
    assert "answer" not in vars(module)
    assert module.answer == 42
    assert sys.modules["put_off"] is module
    with pytest.raises(AttributeError, match="module 'put_off' has no attribute 'question'"):
        _ = module.question


def test_names_are_imported_from_it_as_from_any_module(quick):
    from put_off import answer

    assert answer == 42
    with pytest.raises(ImportError, match="cannot import name 'question'"):
        from put_off import question  # noqa: F401


def test_a_program_that_ends_does_not_look_through_all_its_objects_again():
    """The function that is registered first is called last, so it sees what has happened."""
    code = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 0))
from augment.startup import load_quickly
load_quickly()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "True\n"
