"""Tell torch that this processor is an old one. `make processors` puts this folder on PYTHONPATH.

ATEN_CPU_CAPABILITY and ONEDNN_MAX_CPU_ISA choose older kernels, but torch still reports that the processor has VNNI and
AVX-512 BF16 instructions, so the dtype "auto" would still choose int8 or bfloat16. Here torch says no. Python imports a
module of this name at the start of every process, so the tests' subprocesses are told as well.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys

LACKS = ("_is_avx512_bf16_supported", "_is_vnni_supported", "_is_amx_tile_supported", "_is_amx_fp16_supported")


class _Loader(importlib.abc.Loader):
    """Load `torch.cpu`, then replace what it says."""

    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        self.loader.exec_module(module)
        for name in LACKS:
            if hasattr(module, name):
                setattr(module, name, lambda: False)


class _Finder(importlib.abc.MetaPathFinder):
    """Find `torch.cpu`; torch itself is not imported before a program asks for it."""

    def find_spec(self, name, path, target=None):
        if name != "torch.cpu":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


if __name__ == "sitecustomize":  # and not where pytest collects it
    sys.meta_path.insert(0, _Finder())
