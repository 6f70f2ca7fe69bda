"""Render self-contained HTML pages with a common design."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from typing import Any

from augment.errors import InputError

# Characters that are not allowed in HTML.
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def check_libraries() -> None:
    """Check that matplotlib and jinja2 are installed.

    Raises
    ------
    InputError
        If one is missing; the message names the extra to install.
    """
    if any(importlib.util.find_spec(name) is None for name in ("matplotlib", "jinja2")):
        raise InputError('The report needs matplotlib and jinja2; run: pip install "counterpoise[report]"')


def render(package: str, template: str, filters: Mapping[str, Callable[..., str]], **values: Any) -> str:
    """Fill in a template.

    Parameters
    ----------
    package : str
        Its folder `templates` holds the template. A base template may be in that of `augment.report`.
    template : str
    filters : mapping of str to callable
    **values
        What the template shows.

    Returns
    -------
    str
        An HTML document, the same for the same values. Everything that is not markup is escaped.

    Raises
    ------
    LookupError
        If the template asks for a value that is not there.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, UndefinedError

    page = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("augment.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters |= filters
    try:
        return _CONTROL.sub("\ufffd", page.get_template(template).render(**values))
    except UndefinedError as error:
        raise LookupError(str(error)) from error
