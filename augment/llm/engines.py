"""The engines: which one answers for a model, the parameters of each, and how one is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from augment.llm.requests import Engine

OF_ENDPOINTS = ("base_url", "key_file", "concurrency", "timeout", "retries")
OF_LOCAL_MODELS = ("revision", "device", "dtype", "batch_size")


def kind_of(model: str, base_url: str | None) -> str:
    """Return what answers for a model: a local model if it is a folder or has a slash, else an endpoint.

    Parameters
    ----------
    model : str
    base_url : str or None
        The address of an endpoint, which then answers for any model.

    Returns
    -------
    str
        "endpoint" or "local".

    Examples
    --------
    >>> kind_of("gpt-5-mini", None), kind_of("owner/name", None), kind_of("owner/name", "http://localhost:8000/v1")
    ('endpoint', 'local', 'endpoint')
    """
    is_local = base_url is None and ("/" in model or os.path.isdir(os.path.expanduser(model)))
    return "local" if is_local else "endpoint"


def idle_parameters(kind: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each parameter of the other kind of engine that is given.

    Parameters
    ----------
    kind : str
        What answers. Of what is neither "endpoint" nor "local" nothing is said.
    given, defaults : mapping of str to object
        The parameters, and what they are if they are not given.

    Returns
    -------
    list of str
    """
    if kind not in ("endpoint", "local"):
        return []
    idle = OF_ENDPOINTS if kind == "local" else OF_LOCAL_MODELS
    of = "an endpoint, and a local model" if kind == "local" else "a local model, and an endpoint"
    return [
        f"`{name}` is for {of} answers here (`engine`). Leave it out." for name in idle if given[name] != defaults[name]
    ]


def open_engine(kind: str, model: str, parameters: Mapping[str, Any]) -> Engine:
    """Open what answers requests.

    Parameters
    ----------
    kind : str
        "endpoint" or "local".
    model : str
        The name of the model.
    parameters : mapping of str to object
        Parameters of engines. Those of the other kind are not used.

    Returns
    -------
    Engine

    Raises
    ------
    CounterpoiseError
        If there is no key, no model, or a parameter cannot be used.
    """
    own = OF_LOCAL_MODELS if kind == "local" else OF_ENDPOINTS
    given = {name: value for name, value in parameters.items() if name in own}
    if kind == "local":
        from augment.llm.local_model import LocalModel

        return LocalModel(model, **given)
    from augment.llm.endpoint import Endpoint

    return Endpoint(model, **given)
