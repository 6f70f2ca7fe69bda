"""What a model is computed on, and in which numbers: devices and dtypes by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import torch

DTYPES = ("auto", "float32", "bfloat16", "float16", "int8")


def device_of(name: str) -> torch.device:
    """Return the device of a name.

    Parameters
    ----------
    name : str
        A torch device, or ``"auto"``: CUDA when there is one, otherwise the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    InputError
        If the device cannot be used.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # the device "meta" computes nothing
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            f"The device {name!r} cannot be used: this machine has {', '.join(_all_devices())}. Give one of them, or"
            " 'auto'."
        ) from error
    return device


def _all_devices() -> list[str]:
    """Return the names of the devices of this machine."""
    import torch

    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return ["cpu", *gpus, *["mps"] * torch.backends.mps.is_available()]


def quickest_dtype(device: str = "auto") -> str:
    """Return the dtype that ``"auto"`` means for filling masks: the quickest that a device computes in.

    Parameters
    ----------
    device : str, default="auto"

    Returns
    -------
    str
        ``"bfloat16"``, ``"int8"`` or ``"float32"``.

    Raises
    ------
    InputError
        If the device cannot be used.
    """
    return str(dtype_of("auto", device_of(device), or_int8=True)).removeprefix("torch.")


def dtype_of(name: str, device: torch.device, *, or_int8: bool = False) -> torch.dtype:
    """Return the type of the linear maps.

    Parameters
    ----------
    name : {"auto", "float32", "bfloat16", "float16", "int8"}
        ``"auto"`` takes bfloat16 if the device computes in it natively, otherwise int8 on a CPU that has instructions
        for it and if `or_int8` allows it, otherwise float32.
    device : torch.device
    or_int8 : bool, default=False
        Whether ``"auto"`` may mean int8.

    Returns
    -------
    torch.dtype

    Raises
    ------
    InputError
        If there is no such dtype, or the device cannot compute in it.
    """
    import torch

    if name not in DTYPES:
        raise InputError(f"The dtype must be one of {', '.join(DTYPES)}. Got {name!r}.{did_you_mean(name, DTYPES)}")
    # Without VNNI weights have seven bits, so that sums of pairs cannot overflow; "auto" does not take that unasked.
    int8 = device.type == "cpu" and torch.cpu._is_vnni_supported()
    avx2 = device.type == "cpu" and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    if name == "int8" and not (int8 or avx2):
        raise InputError(
            f"The dtype 'int8' needs a CPU with VNNI or AVX2 instructions, and {device} has none. Give 'auto'."
        )
    if name != "auto":
        named: torch.dtype = getattr(torch, name)
        return named
    if (
        torch.cuda.is_bf16_supported(including_emulation=False)
        if device.type == "cuda"
        else torch.cpu._is_avx512_bf16_supported()
    ):
        return torch.bfloat16
    return torch.int8 if or_int8 and int8 else torch.float32
