"""The peak memory of a process. The scripts of the peers import this module and no other of ours."""

import contextlib
import ctypes
import sys
from pathlib import Path


def peak_mb() -> float:
    """Return the most resident memory that this process has had, in MiB.

    On Linux `getrusage` begins with what the parent had when it started this one, so that is asked elsewhere. Where the
    system tells nothing (Windows), it is nan.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 2**10
    except (OSError, StopIteration):
        with contextlib.suppress(ImportError):
            import resource

            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        return float("nan")


def forget_peak() -> None:
    """Have the peak count from now on, where the system can (Linux), without what was freed but is still held."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # Windows, or a C library without malloc_trim
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
