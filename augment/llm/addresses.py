"""Addresses of endpoints: what they may be, and what of them may be shown."""

from __future__ import annotations

import contextlib
import ipaddress
from urllib.parse import urlsplit

from augment.errors import InputError

KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable of the key of an endpoint."""


def checked_address(base_url: str) -> str:
    """Check an address, and return it without a slash at the end.

    Parameters
    ----------
    base_url : str

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it is no address, or holds a name, a password or a query. These are not shown.

    Examples
    --------
    >>> checked_address("http://localhost:8000/v1/")
    'http://localhost:8000/v1'
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(
            f"`base_url=` must be an address alone, without a name, a password or a query, which may be secret. Got"
            f" more than {parts.scheme}://{host}{parts.path}. Give a key by the environment variable {KEY_VARIABLE}."
        )
    if parts.scheme not in ("http", "https") or not host:
        shown = repr(base_url)
        if set("@?#") & set(base_url):
            shown = "one with '@', '?' or '#', which may hold a secret and is not shown"
        raise InputError(f"`base_url=` must be an address such as http://localhost:8000/v1. Got {shown}.")
    return base_url.rstrip("/")


def address_faults(base_url: str) -> list[str]:
    """Return what is wrong with an address, as a list of no or one sentence."""
    try:
        checked_address(base_url)
    except InputError as error:
        return [str(error)]
    return []


def is_loopback(base_url: str) -> bool:
    """Return whether an address is of this machine."""
    host = urlsplit(base_url).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
