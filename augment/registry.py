"""Strategies, guards and segmenters by name: those of this package, and those of other installed packages."""

from __future__ import annotations

import importlib
import inspect
import sys
import typing
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any

from augment.errors import InputError, did_you_mean
from augment.name_lists import read_list, split
from augment.plain_data import parse_json


class Registry:
    """Finds the classes of one kind by name, and builds objects from a name and parameters.

    Parameters
    ----------
    what : str
        The word for one of them in messages, e.g. ``"strategy"``.
    group : str
        Entry-point group under which other packages register theirs.
    base : str
        ``module:Class`` of the base class. A parameter of that type holds another object of this registry.
    own : mapping of str to str
        Names of those that come with this package, and their ``module:Class``.
    left_out : tuple of str, default=()
        Constructor parameters that a run sets itself. They are not part of a configuration.
    """

    def __init__(
        self, what: str, group: str, base: str, own: Mapping[str, str], left_out: tuple[str, ...] = ()
    ) -> None:
        self.what = what
        self.group = group
        self.base = base
        self.own = own
        self.left_out = left_out

    def names(self, kind: str | None = None) -> list[str]:
        """Return all names, or those of one kind, such as ``"text"`` or ``"vector"``; sorted."""
        names = sorted({*self.own, *(point.name for point in self._registered())})
        return names if kind is None else [name for name in names if self.find(name).kind == kind]

    def find(self, name: str) -> Any:
        """Return the class behind a name.

        Raises
        ------
        InputError
            If no class has that name, or its package cannot be imported.
        """
        if name in self.own:
            return _loaded(self.own[name])
        for point in self._registered().select(name=name):
            try:
                return point.load()
            except Exception as error:
                raise InputError(
                    f"The {self.what} {name!r} of {point.dist.name if point.dist else point.value} cannot be loaded:"
                    f" {type(error).__name__}: {error}. Mend or uninstall that distribution."
                ) from error
        known = self.names()
        raise InputError(f"There is no {self.what} {name!r}. There are {', '.join(known)}.{did_you_mean(name, known)}")

    def _registered(self) -> EntryPoints:
        """Return what other packages register."""
        return _registered(self.group, tuple(sys.path))

    def parameters(self, cls: type) -> dict[str, inspect.Parameter]:
        """Return the constructor parameters that a configuration may set, in order."""
        parameters = inspect.signature(cls).parameters
        return {name: parameter for name, parameter in parameters.items() if name not in self.left_out}

    def create(self, name: str, values: Mapping[str, Any]) -> Any:
        """Build an object from its name and parameters, which may be strings from a command line.

        Parameters
        ----------
        name : str
            One of `names()`.
        values : mapping of str to object
            Parameters. A string is converted to the parameter's declared type; a list is given as JSON or with commas.

        Returns
        -------
        object
            Constructed, not yet prepared.

        Raises
        ------
        InputError
            If parameters are unknown, or values are of a wrong type or out of range; the message names all of them.
        """
        return self._built(name, {}, values)

    def parse(self, text: str) -> Any:
        """Build an object from ``"name"`` or ``"name:key=value,key=value"``.

        A value goes up to the next ``,key=`` that is not in quotes, so it may hold commas. A name may hold a colon.

        Raises
        ------
        InputError
            If the name or a parameter is unknown, or a value is of a wrong type.

        Examples
        --------
        >>> guard = GUARDS.parse("length_ratio:low=.8,high=1.5")
        >>> guard.low, guard.high
        (0.8, 1.5)
        >>> STRATEGIES.parse("nlpaug:random_word:action=swap").action
        'swap'
        """
        begun = [name for name in self.names() if f"{text}:".startswith(f"{name}:")]
        name = max(begun, key=len, default=text.partition(":")[0])
        rest = text[len(name) + 1 :]
        values: dict[str, str] = {}
        last = ""
        for part in split(rest) if rest else ():
            key, equals, value = part.partition("=")
            if equals and key.strip().isidentifier():
                last = key.strip()
                if last in values:
                    raise InputError(f"The {self.what} {text!r} names the parameter {last!r} twice. Name it once.")
                values[last] = value
            elif last:
                values[last] += "," + part
            else:
                raise InputError(f"A {self.what} is written NAME or NAME:key=value,…. Got {text!r}.")
        return self.create(name.strip(), values)

    def to_config(self, thing: Any) -> dict[str, Any]:
        """Return the name and the parameters of an object as plain data, which `from_config` reads.

        Parameters
        ----------
        thing : object
            A strategy or a guard of this registry.

        Returns
        -------
        dict
            ``{"name": …, "parameters": {…}}``, ready for JSON. Objects that it holds are written in the same way. The
            parameters that a run sets itself are left out.
        """
        return {
            "name": thing.name,
            "parameters": {key: self._plain(getattr(thing, key)) for key in self.parameters(type(thing))},
        }

    def from_config(self, config: Mapping[str, Any], options: Mapping[str, str] | None = None) -> Any:
        """Build an object from the output of `to_config`.

        Parameters
        ----------
        config : mapping
            As from `to_config`. Missing parameters have their defaults. The key ``identity``, which manifests add, is
            allowed and ignored.
        options : mapping of str to str, optional
            Parameters from a command line, as for `create`. They override those of `config`.

        Returns
        -------
        object
            Constructed, not yet prepared.

        Raises
        ------
        InputError
            If keys or parameters are unknown, or values are of a wrong type; the message names all of them.
        """
        keys = ("name", "parameters", "identity")
        if not (isinstance(config, Mapping) and isinstance(config.get("name"), str)):
            raise InputError(f'A {self.what} is written {{"name": …, "parameters": {{…}}}}. Got {config!r:.80}.')
        for key in config:
            if key not in keys:
                raise InputError(
                    f"The {self.what} {config['name']!r} has no key {key!r} beside 'name' and 'parameters'."
                    f"{did_you_mean(key, keys)}"
                )
        parameters = config.get("parameters") or {}
        if not isinstance(parameters, Mapping):
            raise InputError(
                f"The parameters of the {self.what} {config['name']!r} must be a mapping of names to values."
                f" Got {parameters!r:.80}."
            )
        return self._built(config["name"], parameters, options or {})

    def _built(self, name: str, plain: Mapping[str, Any], texts: Mapping[str, Any]) -> Any:
        """Build an object from plain parameters and from strings, which override them."""
        from augment.parameters import faults  # scikit-learn, which lists of names do without

        cls = self.find(name)
        known = self.parameters(cls)
        constructor: Any = cls.__init__
        hints = typing.get_type_hints(constructor) if inspect.isfunction(constructor) else {}
        problems = []
        for key, parameter in known.items():
            if parameter.default is parameter.empty and key not in plain and key not in texts:
                needs = f"The {self.what} {name!r} needs a value for {key!r}"
                if self._holds_others(hints.get(key, Any)):
                    problems.append(f"{needs}{self._in_a_file()}")
                else:
                    page = f" See {cls.page}." if getattr(cls, "page", "") else ""
                    problems.append(f"{needs}: give `{key}=`.{page}")
        converted: dict[str, Any] = {}
        broken: set[str] = set()
        for key, value in {**plain, **texts}.items():
            if key in ("seed", "random_state", "sampling_strategy", "guards") and self.left_out and key not in known:
                setting = "seed" if key == "random_state" else key
                problems.append(
                    f"{key!r} is not a parameter of the {self.what} {name!r} but a setting of the whole run. Give it as"
                    f" `{setting}`."
                )
                continue
            if key not in known:
                has = f"It has {', '.join(known)}." if known else "It has none."
                problems.append(f"The {self.what} {name!r} has no parameter {key!r}. {has}{did_you_mean(key, known)}")
                continue
            hint = hints.get(key, Any)
            if self._holds_others(hint):
                known_problems = len(problems)
                converted[key] = self._others(value, f"{name}.{key}", problems)
                if len(problems) > known_problems:
                    broken.add(key)
                continue
            try:
                converted[key] = _validated(_read(value, hint) if key in texts else value, hint)
            except InputError as error:  # of a list that cannot be read
                problems.append(f"The parameter {key!r} of {name!r} cannot be read. {error}")
            except ValueError:
                default = known[key].default
                example = "" if default is inspect.Parameter.empty else f", e.g. {default!r}"
                problems += faults(cls, {key: value}) or [
                    f"The parameter {key!r} of {name!r} must be {_spelled(hints[key])}{example}. Got {value!r}."
                ]
        defaults = {
            key: p.default for key, p in known.items() if key not in {**plain, **texts} and p.default is not p.empty
        }
        sound = {key: value for key, value in converted.items() if key not in broken}
        problems += faults(cls, {**defaults, **sound})
        if problems:
            raise InputError(" ".join(problems))
        return cls(**converted)

    def _holds_others(self, hint: Any) -> bool:
        """Return whether a parameter of this type holds other objects of this registry."""
        if typing.get_origin(hint) is None:
            return inspect.isclass(hint) and issubclass(hint, _loaded(self.base))
        return any(self._holds_others(inner) for inner in typing.get_args(hint))

    def _others(self, value: Any, where: str, problems: list[str]) -> Any:
        """Build the objects that a parameter holds, and collect what is wrong with them."""
        if isinstance(value, (list, tuple)):
            return [self._others(item, f"{where}[{i}]", problems) for i, item in enumerate(value)]
        if value is None or isinstance(value, _loaded(self.base)):
            return value
        if isinstance(value, str):
            problems.append(f"A text cannot express `{where}`{self._in_a_file()}")
            return None
        try:
            member = self.from_config(value)
        except InputError as error:
            problems.append(f"In `{where}`: {error}")
            return None
        if not isinstance(member, _loaded(self.base)):
            problems.append(f"`{where}` cannot be {member.name!r}, which makes vectors, not texts.")
        return member

    def _in_a_file(self) -> str:
        """Explain how to give such a parameter, as the end of a sentence."""
        return f", which is for a {self.what} made of others: write it into a file for `config`, or build it in Python."

    def _plain(self, value: Any) -> Any:
        """Return a parameter as JSON has it."""
        if isinstance(value, _loaded(self.base)):
            return self.to_config(value)
        if isinstance(value, (tuple, list)):
            return [self._plain(item) for item in value]
        if isinstance(value, Mapping):
            return {name: self._plain(item) for name, item in value.items()}
        if callable(value):  # named, though it cannot be read back
            return f"function {value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
        return value.tolist() if hasattr(value, "tolist") else value  # numpy's numbers and arrays


STRATEGIES = Registry(
    "strategy",
    "counterpoise.strategies",
    "augment.text.base:TextStrategy",
    {
        "fillmask": "augment.text.fill_mask:FillMask",
        "retrieve": "augment.text.retrieve:Retrieve",
        "seq2seq": "augment.text.seq2seq:Seq2Seq",
        "llm": "augment.text.llm:LLM",
        "random": "augment.text.duplication:Random",
        "nlpaug:keyboard": "augment.text.nlpaug_edits:KeyboardEdit",
        "nlpaug:ocr": "augment.text.nlpaug_edits:OcrEdit",
        "nlpaug:random_char": "augment.text.nlpaug_edits:RandomCharEdit",
        "nlpaug:random_word": "augment.text.nlpaug_edits:RandomWordEdit",
        "nlpaug:spelling": "augment.text.nlpaug_edits:SpellingEdit",
        "nlpaug:split": "augment.text.nlpaug_edits:SplitEdit",
        "nlpaug:synonym": "augment.text.nlpaug_edits:SynonymEdit",
        "sequential": "augment.text.composition:Sequential",
        "one_of": "augment.text.composition:OneOf",
        "smote": "augment.vectors.smote:Smote",
        "borderline-smote": "augment.vectors.smote:BorderlineSmote",
        "svm-smote": "augment.vectors.smote:SvmSmote",
        "adasyn": "augment.vectors.smote:Adasyn",
        "kmeans-smote": "augment.vectors.smote:KMeansSmote",
        "gaussian": "augment.vectors.gaussian:Gaussian",
        "gan-smote": "augment.vectors.gan.sampler:GANSMOTE",
    },
    left_out=("sampling_strategy", "random_state", "guards", "search"),
)
"""Strategies. Those of kind ``"text"`` are subclasses of `augment.TextStrategy`, those of kind ``"vector"`` of
`augment.VectorSampler`.
"""

GUARDS = Registry(
    "guard",
    "counterpoise.guards",
    "augment.guards.base:Guard",
    {
        "changed": "augment.guards.changed:Changed",
        "length_ratio": "augment.guards.length_ratio:LengthRatio",
        "protected_span": "augment.guards.protected:ProtectedSpan",
        "held_out": "augment.guards.held_out:HeldOut",
        "duplicate": "augment.guards.duplicate:Duplicate",
        "near_duplicate": "augment.guards.near_duplicate:NearDuplicate",
        "relabel": "augment.guards.relabel:Relabel",
        "polarity": "augment.guards.polarity:Polarity",
        "fluency": "augment.guards.fluency:Fluency",
        "similarity": "augment.guards.similarity:Similarity",
        "agreement": "augment.guards.agreement:Agreement",
    },
)
"""Guards: subclasses of `augment.guards.base.Guard`, in the order in which they judge."""


SEGMENTERS = Registry(
    "segmenter",
    "counterpoise.segmenters",
    "collections.abc:Callable",
    {"icu": "augment.segmenters:icu"},
)
"""Segmenters: functions that find the words of a text; see `augment.segmenters`."""


@cache
def _registered(group: str, path: tuple[str, ...]) -> EntryPoints:
    """Return what the packages on a path register. To look through them takes some hundredths of a second."""
    return entry_points(group=group)


def _loaded(path: str) -> Any:
    """Import ``module:name``."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _read(value: Any, hint: Any) -> Any:
    """Parse a string from a command line: ``none``, a mapping as JSON, or a list; see `augment.name_lists`."""
    if not isinstance(value, str):
        return value
    kinds = (hint, *typing.get_args(hint))
    if value.lower() == "none" and type(None) in kinds:
        return None
    for kind in kinds:
        if typing.get_origin(kind) is dict:
            return _mapping(value)
        if typing.get_origin(kind) in (tuple, list):
            numbers = value.startswith("[") and str not in typing.get_args(kind)
            return parse_json(value, "The list") if numbers else read_list(value)
    return value


def _mapping(value: str) -> Any:
    """Parse a mapping that is written as JSON; any other text is a ValueError, to be refused as no mapping."""
    if not value.lstrip().startswith("{"):
        raise ValueError
    return parse_json(value, f"The mapping {value!r:.80}")


def _validated(value: Any, hint: Any) -> Any:
    """Return one value as its declared type; raise ValueError (pydantic's error is one) if that fails."""
    from pydantic import TypeAdapter

    return TypeAdapter(hint).validate_python(value)


def _spelled(hint: Any) -> str:
    """Name a type as a person would."""
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    return getattr(hint, "__name__", str(hint)) if not typing.get_args(hint) else str(hint).replace("typing.", "")
