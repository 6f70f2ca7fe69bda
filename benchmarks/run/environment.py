"""The environment of a cell: versions, a hash of the code, hardware, and peak memory."""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib.resources
import os
import platform
from pathlib import Path
from typing import Any

from augment._version import __version__
from benchmarks.peak_memory import forget_peak


def reset_peak_memory() -> None:
    """Free the memory of earlier cells, and restart the measurement of peak memory."""
    import torch

    gc.collect()
    forget_peak()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def versions() -> dict[str, str]:
    """Return the versions of Python, of our code, and of the libraries that compute."""
    from importlib.metadata import version

    names = ("torch", "transformers", "imbalanced-learn", "scikit-learn", "numpy")
    own = {"python": platform.python_version(), "counterpoise": __version__, "source": source_hash()}
    return own | {name: version(name) for name in names}


@functools.cache
def source_hash() -> str:
    """Return a hash of the code of our packages. Between two releases the version does not identify the code."""
    digest = hashlib.sha256()
    for package in ("augment", "benchmarks", "classifiers"):
        root = Path(str(importlib.resources.files(package)))
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(root).as_posix()}".encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def hardware(device: str) -> dict[str, Any]:
    """Return the name of the device, and the numbers of threads and cores."""
    import torch

    name = torch.cuda.get_device_name() if device.startswith("cuda") else _cpu()
    return {"device": name, "threads": torch.get_num_threads(), "cores": os.cpu_count()}


def threads_of(jobs: int) -> int:
    """Return how many threads each of some processes takes: its share of the cores.

    `OMP_NUM_THREADS`, or the cores that this process may use, is the most: threads that wait for each other on cores
    that others use take many times as long.

    Parameters
    ----------
    jobs : int
        Processes that run at the same time, 1 or more.

    Returns
    -------
    int
        1 or more.
    """
    import torch

    return min(max(1, (os.cpu_count() or 1) // jobs), torch.get_num_threads())


def gpu_peak_mb(device: str) -> int | None:
    """Return the peak memory of tensors on a GPU, in MiB; None on a CPU."""
    import torch

    return round(torch.cuda.max_memory_allocated() / 2**20) if device.startswith("cuda") else None


def _cpu() -> str:
    """Return the name of the processor. Python itself knows only its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
