"""The two names of a seed: `seed`, and scikit-learn's `random_state`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from augment.errors import InputError


def one_seed(seed: Any, random_state: Any, *, mark: str = "`") -> Any:
    """Return the seed that is given under one of its two names.

    Parameters
    ----------
    seed, random_state : int, optional
        The seed under both names; None where it is not given.
    mark : str, default="`"
        What the names are written between in a message.

    Returns
    -------
    int or None
        None if it is given under neither.

    Raises
    ------
    InputError
        If the two differ.

    Examples
    --------
    >>> one_seed(None, 3)
    3
    >>> one_seed(1, 3)
    Traceback (most recent call last):
        ...
    augment.errors.InputError: `seed` and `random_state` are the same setting. Got 1 and 3. Give one of them.
    """
    if None not in (seed, random_state) and seed != random_state:
        raise InputError(
            f"{mark}seed{mark} and {mark}random_state{mark} are the same setting. Got {seed!r:.40} and"
            f" {random_state!r:.40}. Give one of them."
        )
    return random_state if seed is None else seed


def with_seed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which `random_state` has become `seed`.

    Parameters
    ----------
    values : mapping of str to object
        Settings by name.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If both are there and differ.
    """
    named = dict(values)
    random_state = named.pop("random_state", None)
    if random_state is not None:
        named["seed"] = one_seed(named.get("seed"), random_state, mark="'")
    return named


class SeededByRandomState:
    """A base for classes in the style of scikit-learn: who gives `seed` is told that it is called `random_state`.

    A constructor must not take `**kwargs`, so that scikit-learn can clone its objects. So the name is looked at before
    the constructor is called.
    """

    seed_hint: ClassVar[str] = "The seed is called random_state here, as in scikit-learn."
    """How to give the seed, in a sentence."""

    def __new__(cls, *args: Any, **parameters: Any) -> Self:
        """Refuse `seed`, and `random_state` where the class has none.

        Raises
        ------
        TypeError
            Naming what to give.
        """
        for name in ("seed", "random_state"):
            if name in parameters and name not in inspect.signature(cls.__init__).parameters:
                raise TypeError(f"{cls.__name__} has no parameter {name!r}. {cls.seed_hint}")
        return super().__new__(cls)
