"""The Hugging Face hub: whether it can be reached, and what of it is kept on this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from augment.errors import InputError

PATIENCE = 4.0
"""Seconds that a connection to the hub may take. Nothing is fetched in this time, so a slow network needs no more."""
REMEMBERED = 30.0
"""Seconds for which an answer holds."""
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}

_answers: dict[tuple[str, int], tuple[float, bool]] = {}


def endpoint() -> str:
    """Return the address of the hub, which the variable HF_ENDPOINT may change."""
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def reachable() -> bool:
    """Tell whether a connection to the hub, or to the proxy before it, can be made; False if offline mode is on.

    Libraries that find no hub try again for half a minute. This takes `PATIENCE` seconds at most.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    place = _place()
    asked, answer = _answers.get(place, (-REMEMBERED, False))
    if time.monotonic() - asked > REMEMBERED:
        answer = _connects(place)
        _answers[place] = (time.monotonic(), answer)
    return answer


def is_cached(kind: Literal["models", "datasets"], name: str) -> bool:
    """Tell whether something of a hub id is kept on this machine.

    Parameters
    ----------
    kind : {"models", "datasets"}
    name : str
        The hub id.
    """
    from huggingface_hub import constants

    if (Path(constants.HF_HUB_CACHE) / f"{kind}--{name.replace('/', '--')}").is_dir():
        return True
    own = os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets"
    return kind == "datasets" and (Path(own) / name.replace("/", "___")).is_dir()


@contextlib.contextmanager
def only_cached() -> Iterator[None]:
    """Let transformers and datasets look into their caches alone, and ask no network."""
    import datasets
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def _place() -> tuple[str, int]:
    """Return host and port of what is connected to first: the hub, or a proxy."""
    hub = urlsplit(endpoint())
    proxies = urllib.request.getproxies()
    proxy = None if urllib.request.proxy_bypass(hub.hostname or "") else proxies.get(hub.scheme) or proxies.get("all")
    first = hub if proxy is None else urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    try:
        return first.hostname or "", first.port or _PORTS.get(first.scheme, 443)
    except ValueError:
        raise InputError(
            f"The address {first.geturl()!r} of the hub or its proxy has no valid port. Correct it."
        ) from None


def _connects(place: tuple[str, int]) -> bool:
    """Try to connect. In a thread, since to look a name up knows no limit of time."""
    connected: list[bool] = []

    def connect() -> None:
        with contextlib.suppress(OSError), socket.create_connection(place, timeout=PATIENCE):
            connected.append(True)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return bool(connected)
