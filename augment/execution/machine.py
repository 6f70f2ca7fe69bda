"""What a machine is: its processor, and the versions on it."""

from __future__ import annotations

import contextlib
import platform
from pathlib import Path
from typing import Any

from augment.identity import installed_versions


def processor() -> str:
    """Return the name of the processor. Python itself knows only its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def hardware(device: str) -> dict[str, Any]:
    """Return the names of the processor and of the device that computes.

    Parameters
    ----------
    device : str
        ``"cpu"``, ``"cuda"`` or the like.

    Returns
    -------
    dict
        ``"processor"`` and ``"device"``.
    """
    if not device.startswith("cuda"):
        return {"processor": processor(), "device": "cpu"}
    import torch

    return {"processor": processor(), "device": torch.cuda.get_device_name(device)}


def described(device: str) -> dict[str, Any]:
    """Return `hardware` with the node's name and the versions of what determines the rows."""
    return {"node": platform.node(), **hardware(device), "versions": installed_versions()}
