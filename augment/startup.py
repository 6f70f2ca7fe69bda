"""The first moments of a program, before its command is imported."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import time
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

DEFERRED = ("narwhals", "narwhals.stable", "narwhals.stable.v2", "scipy.stats")
"""Modules that scikit-learn imports and a command hardly ever uses. The last one alone takes half a second."""

BEGAN = time.perf_counter()
"""When the program began, by the clock of `time.perf_counter`."""


def let_interrupts_end_it() -> None:
    """Let Ctrl-C end the program at once and without a traceback, until the command takes it over.

    A program that was started to ignore Ctrl-C, e.g. in the background, goes on to ignore it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def load_quickly() -> None:
    """Spend less time on the libraries that this program imports.

    They make some millions of objects that stay, and the collector of garbage would look through them again and again.
    So it waits for more of them. When the program ends it leaves them alone: it would look through all of them, which
    takes a second, just before the system takes the memory back. And the modules of `DEFERRED` are loaded when
    something in them is used.
    """
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)
    sys.meta_path.insert(0, _Deferring())


class _Deferring(MetaPathFinder, Loader):
    """Finds the modules of `DEFERRED`, and puts a module in their place that loads them when it is used."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in DEFERRED:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader_state = spec.loader
            spec.loader = self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Deferred(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module empty."""


class _Deferred(ModuleType):
    """A module that is loaded when something in it is used; questions about its file and the like do not count."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if name.startswith("__") or spec is None or type(self) is ModuleType:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec.loader = self.__loader__ = spec.loader_state
        spec.loader.exec_module(self)
        return getattr(self, name)
