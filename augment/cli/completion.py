"""What the Tab key offers for the values of options. Nothing here loads torch, scikit-learn or pyarrow.

A value with a space in it is not offered: bash would take it for two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

Completed: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
"""What `click` takes as ``shell_complete``."""


def words(*known: str) -> Completed:
    """Offer words.

    Parameters
    ----------
    *known : str

    Returns
    -------
    callable
        For ``shell_complete``.
    """
    return looked_up(lambda: known)


def looked_up(known: Callable[[], Iterable[str]], *, paths: str | None = None, listed: bool = False) -> Completed:
    """Offer words that are looked up when the key is pressed.

    Parameters
    ----------
    known : callable
        Returns the words.
    paths : {"file", "dir"}, optional
        Offer the paths of files or folders as well.
    listed : bool, default=False
        The value is a list with commas; its last part is completed.

    Returns
    -------
    callable
        For ``shell_complete``.
    """

    def completed(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",") if listed else ("", "", incomplete)
        items = [CompletionItem(f"{before}{comma}{word}") for word in known() if word.startswith(last)]
        return [*items, *([CompletionItem(incomplete, type=paths)] if paths else ())]

    return completed


def strategy_names(kind: str | None = None) -> Completed:
    """Offer strategies, those of installed plugins too.

    Parameters
    ----------
    kind : {"text", "vector"}, optional
        Leave out our own strategies of the other kind. The kind of a plugin is not known before it is loaded.

    Returns
    -------
    callable
        For ``shell_complete``.
    """

    def known() -> Iterable[str]:
        from augment.registry import STRATEGIES

        others = {"text": "augment.vectors.", "vector": "augment.text."}.get(kind or "", " ")
        return [name for name in STRATEGIES.names() if not STRATEGIES.own.get(name, "").startswith(others)]

    return looked_up(known)


def _guards() -> Iterable[str]:
    from augment.registry import GUARDS

    return GUARDS.names()


def _chosen_guard(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer names, and after ``only:`` the same names again."""
    known = [f"only:{name}" for name in _guards()] if incomplete.startswith("on") else [*_guards(), "none", "only:"]
    return words(*known)(context, parameter, incomplete)


def _models() -> Iterable[str]:
    from augment.models.named_models import BUNDLED

    return list(BUNDLED)


def _dtypes() -> Iterable[str]:
    from augment.models.devices import DTYPES

    return DTYPES


def _poolings() -> Iterable[str]:
    from augment.models.pooling import POOLERS

    return list(POOLERS)


GUARD_NAMES = looked_up(_guards)
"""Guards, those of installed plugins too."""
CHOSEN_GUARDS: Completed = _chosen_guard
"""Values of ``--guard``: guards, ``none``, and guards after ``only:``."""
MODELS = looked_up(_models, paths="dir")
"""Bundled models, and folders."""
DTYPES = looked_up(_dtypes)
POOLINGS = looked_up(_poolings)
DEVICES = words("auto", "cpu", "cuda")
AMOUNTS = words("auto", "minority", "all", "1.5x", "2x", "+500")
"""Forms of a sampling strategy."""
INPUTS = looked_up(lambda: ["sample"], paths="file")
"""The bundled sample, and files."""
FILES = looked_up(list, paths="file")
FOLDERS = looked_up(list, paths="dir")
