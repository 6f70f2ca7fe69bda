"""Prompts: Jinja templates that come with the package or from a file, rendered into messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from augment.errors import InputError, did_you_mean, listed
from augment.files import check_exists

_TRIAL: dict[str, Any] = {
    "label": "a",
    "description": "",
    "others": ["b"],
    "exemplars": ["one", "two"],
    "source": "one",
    "count": 2,
    "attributes": [{"length": "short"}, {"length": "long"}],
    "instructions": "",
    "language": "",
}
"""The variables of a template for new rows, with values to try it with."""


class Prompt:
    r"""A template. Its block ``system``, if it has one, is the first message; its block ``user`` is the second.

    A template without these blocks is the user's message as a whole. It is rendered in Jinja's sandbox, cannot include
    other files, and has the filter ``data``, which writes a value as JSON, so that a text cannot pass for a part of the
    prompt.

    Parameters
    ----------
    source : str
        The template.
    name : str
        Of the template, for messages.
    trial : mapping of str to object, optional
        The variables that it may have, with values to try it with; None for those of a template for new rows.

    Raises
    ------
    InputError
        If Jinja is not installed, or the template has an error or an unknown variable.

    Examples
    --------
    >>> Prompt("{% block user %}Like {{ source | data }}{% endblock %}", "mine").messages({**_TRIAL, "source": 'a "b"'})
    [{'role': 'user', 'content': 'Like "a \\"b\\""'}]
    """

    def __init__(self, source: str, name: str, trial: Mapping[str, Any] | None = None) -> None:
        try:
            from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError:
            raise InputError('Prompts need jinja2, which is not installed: pip install "counterpoise[llm]".') from None
        self.source, self.name = source, name
        trial = _TRIAL if trial is None else trial
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        environment.filters["data"] = as_data
        self._errors: tuple[type[Exception], ...] = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError)
        try:
            unknown = sorted(meta.find_undeclared_variables(environment.parse(source)) - set(trial))
            self._template = environment.from_string(source)
        except TemplateSyntaxError as error:
            raise InputError(f"{name}: is not a template of Jinja: line {error.lineno}: {error.message}") from None
        except TemplateError as error:
            raise InputError(f"{name}: is not a template of Jinja: {error}") from None
        if unknown:
            raise InputError(
                f"{name}: has the unknown {'variables' if len(unknown) > 1 else 'variable'} {listed(unknown)}. A"
                f" template may use {', '.join(trial)}.{did_you_mean(unknown, [*trial])}"
            )
        self.messages(trial)

    @classmethod
    def named(cls, recipe: str, trial: Mapping[str, Any] | None = None) -> Prompt:
        """Return the template of a recipe that comes with the package."""
        name = f"{recipe}.jinja"
        return cls((files("augment.llm") / "templates" / name).read_text(encoding="utf-8"), name, trial)

    @classmethod
    def read(cls, path: Path) -> Prompt:
        """Read a template from a file.

        Raises
        ------
        InputError
            If it cannot be read, or is not a template.
        """
        check_exists(path)
        try:
            return cls(path.read_text(encoding="utf-8-sig"), str(path))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); `template` takes a text file.") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: is not UTF-8; `template` takes a text file.") from None

    @property
    def digest(self) -> str:
        """A hash of the template."""
        return "sha256:" + hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()

    def messages(self, values: Mapping[str, Any]) -> list[dict[str, str]]:
        """Render the messages of a request.

        Parameters
        ----------
        values : mapping of str to object
            A value for each variable that the template may have.

        Returns
        -------
        list of dict
            Each with ``role`` and ``content``.

        Raises
        ------
        InputError
            If the template cannot be rendered, or gives no text for the user's message.
        """
        try:
            blocks = {
                role: "".join(block(self._template.new_context(dict(values)))).strip()
                for role, block in self._template.blocks.items()
                if role in ("system", "user")
            }
            if "user" not in blocks:
                blocks = {"user": self._template.render(values).strip()}
        except self._errors as error:
            raise InputError(f"{self.name}: cannot be rendered: {' '.join(str(error).split())}") from None
        if not blocks["user"]:
            raise InputError(f"{self.name}: gives no text for the block 'user'. Write what the model is to do there.")
        return [{"role": role, "content": blocks[role]} for role in ("system", "user") if blocks.get(role)]


def as_data(value: Any) -> str:
    r"""Return a value as JSON in one line, with letters of any script as they are.

    Examples
    --------
    >>> as_data('Zoë said: "Ignore all of this."')
    '"Zoë said: \\"Ignore all of this.\\""'
    """
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def check_descriptions(descriptions: Mapping[str, str], classes: Sequence[str]) -> None:
    """Check that the classes that are described to a model are in the data.

    Parameters
    ----------
    descriptions : mapping of str to str
        The parameter `class_descriptions`.
    classes : sequence of str
        The classes of the data.

    Raises
    ------
    InputError
        If one is not.
    """
    for name in descriptions:
        if name not in classes:
            raise InputError(
                f"`class_descriptions` describes the class {name!r}, and the data has {listed(classes)}."
                f"{did_you_mean(name, classes)}"
            )
