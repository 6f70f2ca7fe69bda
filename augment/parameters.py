"""Check the parameters of strategies, samplers and guards.

A class lists in `_parameter_constraints` what each parameter may be, in scikit-learn's form, and in `_parameter_rules`
how parameters must relate to each other. `check_parameters` reads both, and reports all faults at once. Configurations
are checked by pydantic; see `augment.settings`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple

from sklearn.utils._param_validation import HasMethods, Hidden, Interval, Options, StrOptions, make_constraint

from augment.errors import InputError, did_you_mean
from augment.protection import TimedPattern

SENTENCE = "`{name}` of {owner} must be {expected}. Got {value}."
"""The sentence of a fault."""
AS_SCIKIT_LEARN = "The {name!r} parameter of {owner} must be {expected}. Got {value} instead."
"""The sentence that the tests of scikit-learn and imbalanced-learn expect."""


class Rule(NamedTuple):
    """How some parameters must relate to each other. Checked only if each by itself is valid."""

    names: tuple[str, ...]
    """The parameters. The message names the first one as wrong."""
    holds: Callable[..., bool]
    """Takes their values, in this order, and returns whether they fit."""
    expected: str
    """What the first must be, after "must be"."""


class OnlyWith(NamedTuple):
    """Parameters that keep their defaults where another parameter leaves them without effect."""

    names: tuple[str, ...]
    other: str
    """The other parameter."""
    value: Any
    """The value of the other one with which these have an effect."""

    def rules(self, cls: type) -> list[Rule]:
        """Return the rule of each parameter, with the defaults that the constructor of a class has."""
        parameters = inspect.signature(cls).parameters
        return [self._rule(name, parameters[name].default) for name in self.names if name in parameters]

    def _rule(self, name: str, default: Any) -> Rule:
        return Rule(
            (name, self.other),
            lambda own, other: own == default or other == self.value,
            f"left at {default!r} unless `{self.other}` is {self.value!r}",
        )


class TextTuple(Options):
    """A constraint: a tuple or list of texts.

    Parameters
    ----------
    what : str
        The word for the texts, in the plural.
    least : int, default=0
        Minimum number of texts, 0 or more.
    """

    def __init__(self, what: str, *, least: int = 0) -> None:
        super().__init__(type=str, options=set())
        self.what = what
        self.least = least

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such a tuple or list."""
        return isinstance(val, (tuple, list)) and len(val) >= self.least and all(isinstance(x, str) for x in val)

    def __str__(self) -> str:
        return f"a tuple of {self.what}"


class Names(Options):
    """A constraint: a mapping of names, at least one. In a command it is JSON.

    Parameters
    ----------
    what : str
        The words for it, after "must be".
    example : dict
        One such mapping, for the message.
    fits : callable, optional
        Whether a value may stand in it. By default a text that is not empty.
    """

    def __init__(self, what: str, example: dict[str, Any], fits: Callable[[Any], bool] | None = None) -> None:
        super().__init__(type=dict, options=set())
        self.what, self.example, self.fits = what, example, fits or _is_text

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such a mapping."""
        named = isinstance(val, Mapping) and len(val) > 0
        return named and all(_is_text(name) and self.fits(value) for name, value in val.items())

    def __str__(self) -> str:
        return f"{self.what}, such as {self.example} (JSON in a command)"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


class Patterns(TextTuple):
    """A constraint: a tuple or list of regular expressions."""

    def __init__(self) -> None:
        super().__init__("regular expressions")

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a tuple or list of regular expressions."""
        return super().is_satisfied_by(val) and not self.why(val)

    def why(self, val: Any) -> str:
        """Return, after a space, which of them is not a regular expression and why; an empty string if all are."""
        for pattern in val if super().is_satisfied_by(val) else ():
            try:
                TimedPattern(pattern)
            except ValueError as error:
                return f" {pattern!r} is not one: {error}."
        return ""


def check_parameters(thing: Any, *, also: Sequence[str] = (), sentence: str = SENTENCE) -> None:
    """Check the parameters of a strategy, a sampler, a guard or an encoder.

    Parameters
    ----------
    thing : object
        An object with an attribute for each parameter, like scikit-learn's estimators.
    also : sequence of str, default=()
        Further faults, as sentences.
    sentence : str, default=`SENTENCE`
        How a fault is told.

    Raises
    ------
    InputError
        If a parameter is out of range. The message names all of them: what was expected, what came, and the closest
        choice.

    Examples
    --------
    >>> from augment.guards.similarity import Similarity
    >>> check_parameters(Similarity(low=0.9, high=0.5))
    Traceback (most recent call last):
        ...
    augment.errors.InputError: `low` of Similarity must be below `high`. Got low=0.9, high=0.5.
    """
    cls = type(thing)
    wrong = [*faults(cls, {name: getattr(thing, name) for name in constraints(cls)}, sentence=sentence), *also]
    if wrong:
        raise InputError(" ".join(wrong))


def constraints(cls: type) -> Mapping[str, Any]:
    """Return the constraints of each parameter of a class, by name; empty if the class has none."""
    return getattr(cls, "_parameter_constraints", {})


def expectation(cls: type, name: str) -> str:
    """Return in words what a parameter may be; empty where the class has no constraint for it.

    Parameters
    ----------
    cls : type
        The class of the parameter.
    name : str
        The parameter.

    Returns
    -------
    str

    Examples
    --------
    >>> from augment.guards.similarity import Similarity
    >>> expectation(Similarity, "low")
    'a number in [-1, 1)'
    """
    allowed = constraints(cls).get(name, ())
    spelled = [] if isinstance(allowed, str) else [_spelled(one) for one in allowed if not isinstance(one, Hidden)]
    return _listed(spelled) if spelled else ""


def faults(cls: type, values: Mapping[str, Any], *, sentence: str = SENTENCE) -> list[str]:
    """Describe what is wrong with parameters.

    Parameters
    ----------
    cls : type
        The class of the parameters.
    values : mapping of str to object
        Some or all parameters. Missing ones are not checked.
    sentence : str, default=`SENTENCE`
        How a fault is told.

    Returns
    -------
    list of str
        A sentence for each fault.
    """
    wrong: dict[str, str] = {}
    for name, allowed in constraints(cls).items():
        if name not in values or isinstance(allowed, str):  # "no_validation"
            continue
        value = values[name]
        if not any(make_constraint(one).is_satisfied_by(value) for one in allowed):
            expected = expectation(cls, name)
            message = sentence.format(name=name, owner=cls.__name__, expected=expected, value=f"{value!r:.80}")
            wrong[name] = message + "".join(_more(one, value) for one in allowed)
    for names, holds, expected in _rules(cls):
        tested = {name: values[name] for name in names if name in values and name not in wrong}
        if len(tested) == len(names) and not holds(*tested.values()):
            came = ", ".join(f"{name}={value!r:.80}" for name, value in tested.items())
            wrong[names[0]] = sentence.format(name=names[0], owner=cls.__name__, expected=expected, value=came)
    return list(wrong.values())


def _rules(cls: type) -> Iterator[Rule]:
    for rule in getattr(cls, "_parameter_rules", ()):
        yield from rule.rules(cls) if isinstance(rule, OnlyWith) else (rule,)


def _more(constraint: Any, value: Any) -> str:
    """Return a hint on a value that is not allowed: the closest choice, or the reason."""
    if hasattr(constraint, "why"):
        return str(constraint.why(value))
    return (
        did_you_mean(value, constraint.options) if isinstance(constraint, StrOptions) and isinstance(value, str) else ""
    )


def _spelled(constraint: Any) -> str:
    """Describe in words what a constraint allows."""
    if isinstance(constraint, Interval):
        return _range(constraint)
    if isinstance(constraint, StrOptions):
        return _listed([repr(option) for option in sorted(constraint.options)])
    if isinstance(constraint, HasMethods):
        return f"an object with {', '.join(constraint.methods)}"
    if isinstance(constraint, type):
        return {str: "a text", bool: "True or False"}.get(constraint, f"a {constraint.__name__}")
    if constraint is None or constraint is callable:
        return "None" if constraint is None else "a function"
    if isinstance(constraint, str):
        return {"boolean": "True or False", "array-like": "a list or an array"}.get(constraint, constraint)
    return str(constraint)


def _range(interval: Interval) -> str:
    """Describe which numbers an interval holds."""
    whole = interval.type is Integral
    what = "a whole number" if whole else "a number"
    low, high = (None if end is None else _number(end) for end in (interval.left, interval.right))
    if low is not None and high is not None:
        if whole and interval.closed == "both":
            return f"{what} from {low} to {high}"
        opening = "[" if interval.closed in ("left", "both") else "("
        return f"{what} in {opening}{low}, {high}{']' if interval.closed in ('right', 'both') else ')'}"
    if low is not None:
        return f"{what} of {low} or more" if interval.closed in ("left", "both") else f"{what} above {low}"
    if high is not None:
        return f"{what} of {high} or less" if interval.closed in ("right", "both") else f"{what} below {high}"
    return what


def _number(value: Any) -> str:
    """Format a bound; a large one as a power of two minus 1."""
    if isinstance(value, int) and value >= 2**31 and (value + 1).bit_count() == 1:
        return f"2**{(value + 1).bit_length() - 1} - 1"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(parts: Sequence[str]) -> str:
    """Join alternatives: ``a``, ``a or b``, ``a, b or c``."""
    *first, last = parts
    return f"{', '.join(first)} or {last}" if first else last
