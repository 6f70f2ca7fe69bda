"""Make saved classifiers known to transformers as soon as a program imports it, without importing it here.

transformers opens a model only if its configuration class is registered, and it has no way to register one by name.
So ``import classifiers`` leaves a finder on `sys.meta_path`. It waits for the one module of transformers that holds
the list of configurations, registers ours at the end of its import, and is gone. docs/decisions/0006 weighs this.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

AWAITED = "transformers.models.auto.configuration_auto"
"""The module of transformers whose import makes registering possible."""
REGISTERS = "classifiers.model_config"
"""The module of ours that registers when it is imported. It imports nothing that may be half-imported then."""


def register_with_transformers() -> None:
    """Register saved classifiers with transformers: now if its list of configurations is there, or once it is."""
    if AWAITED in sys.modules:
        import_module(REGISTERS)
    else:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds the awaited module as all other finders do, with a loader that registers afterwards.

    It stays until the import has succeeded: a program may only look for the module, or its import may fail.
    """

    def __init__(self) -> None:
        self._looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != AWAITED or self._looking:
            return None
        self._looking = True
        try:
            spec = find_spec(fullname)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader, self)
        return spec


class _RegisteringLoader(Loader):
    """Loads with another loader, which is the module's loader from then on, and registers."""

    def __init__(self, loader: Loader, finder: MetaPathFinder) -> None:
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        import_module(REGISTERS)
        with contextlib.suppress(ValueError):  # another thread may have been here
            sys.meta_path.remove(self._finder)
