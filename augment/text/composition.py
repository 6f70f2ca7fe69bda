"""Strategies that combine others: one after the other, or one of several for each new row."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Options

from augment.data.layout import Layout
from augment.errors import InputError, listed
from augment.generation.budget import SamplingStrategy
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Guard, Originals
from augment.parameters import Rule, check_parameters
from augment.registry import GUARDS
from augment.seeding import generator
from augment.text.base import TextStrategy, own_settings
from augment.words import Replacement, splice


class _Parts(Options):
    """A constraint: a list of at least one strategy. Each strategy is checked by itself."""

    def __init__(self) -> None:
        super().__init__(type=TextStrategy, options=set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such a list."""
        return isinstance(val, (list, tuple)) and len(val) > 0

    def __str__(self) -> str:
        return "a list of at least one strategy"


class _Weights(Options):
    """A constraint: numbers above 0."""

    def __init__(self) -> None:
        super().__init__(type=Real, options=set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a list of such numbers."""
        return isinstance(val, (tuple, list)) and all(
            isinstance(w, Real) and not isinstance(w, bool) and 0 < float(w) < math.inf for w in val
        )

    def __str__(self) -> str:
        return "one number above 0 for each of the choices"


class Composition(TextStrategy):
    """Base of strategies that combine others. A subclass sets `holds` and writes `candidates`.

    Each part has a seed of its own, derived from the run's seed and the part's place, so that two equal parts draw
    different numbers. Only the composition has a `sampling_strategy`, a `random_state` and `guards`: a part with its
    own is refused. It copies if all of its parts copy, and it needs the guards of all of them.
    """

    holds: ClassVar[str]
    """The parameter that lists the parts."""

    @property
    def parts(self) -> Sequence[TextStrategy]:
        """The parts, in their order."""
        parts: Sequence[TextStrategy] = getattr(self, self.holds)
        return parts

    @property
    def copies(self) -> bool:  # type: ignore[override]
        """Whether all parts copy by design."""
        return all(part.copies for part in self.parts)

    @property
    def edits(self) -> bool:  # type: ignore[override]
        """Whether all parts edit their sources."""
        return all(part.edits for part in self.parts)

    @property
    def ranked(self) -> bool:  # type: ignore[override]
        """Whether the variants of all parts are lists."""
        return all(part.ranked for part in self.parts)

    @property
    def language(self) -> str | None:  # type: ignore[override]
        """The language of the parts' word lists."""
        return next((part.language for part in self.parts if part.language), None)

    @property
    def fewest_rows(self) -> int:
        """The largest `fewest_rows` of the parts."""
        return max(part.fewest_rows for part in self.parts)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; `deep` adds those of the parts, e.g. ``steps__0__mask_ratio``."""
        params: dict[str, Any] = super().get_params(deep=False)
        if deep and isinstance(self.parts, (list, tuple)):
            for i, part in enumerate(self.parts):
                if isinstance(part, TextStrategy):
                    params |= {f"{self.holds}__{i}__{name}": value for name, value in part.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Composition:
        """Set parameters, including those of the parts, by the names that `get_params` gives.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        known = self.get_params()
        of_parts: dict[int, dict[str, Any]] = defaultdict(dict)
        for key in [key for key in params if key.startswith(f"{self.holds}__")]:
            if key not in known:
                raise InputError(f"{type(self).__name__} has no parameter {key!r}. It has {', '.join(known)}.")
            _, place, name = key.split("__", 2)
            of_parts[int(place)][name] = params.pop(key)
        super().set_params(**params)
        for i, values in of_parts.items():
            self.parts[i].set_params(**values)
        return self

    def _named_parts(self) -> list[tuple[str, TextStrategy]]:
        """Return the parts with names, as scikit-learn's compositions take theirs."""
        return [(f"{place}: {type(part).__name__}", part) for place, part in enumerate(self.parts)]

    def check(self) -> None:
        """Raise one error that names every mistake in the parameters, and in those of the parts."""
        wrong = []
        for i, part in enumerate(self.parts if isinstance(self.parts, (list, tuple)) else ()):
            where = f"`{self.holds}[{i}]` of {type(self).__name__}"
            if not isinstance(part, TextStrategy):
                wrong.append(f"{where} must be a strategy, e.g. FillMask(). Got {part!r:.80}.")
                continue
            wrong += [
                f"{where} has its own `{name}`, and that of {type(self).__name__} counts. Give it there."
                for name in own_settings(part)
            ]
            try:
                part.check()
            except InputError as error:
                wrong.append(f"In {where}: {error}")
        parts = [] if wrong or not isinstance(self.parts, (list, tuple)) else self.parts
        languages = list(dict.fromkeys(part.language for part in parts if part.language))
        if len(languages) > 1:
            wrong.append(
                f"The `{self.holds}` of {type(self).__name__} must have one `language`. Got {listed(languages)}."
            )
        check_parameters(self, also=wrong)

    @property
    def columns(self) -> Mapping[str, str]:  # type: ignore[override]
        """The columns of all parts."""
        return {name: dtype for part in self.parts for name, dtype in part.columns.items()}

    @property
    def asks(self) -> bool:  # type: ignore[override]
        """Whether a part asks a service."""
        return any(part.asks for part in self.parts)

    @property
    def together(self) -> int:  # type: ignore[override]
        """The most draws that a part works on at the same time."""
        return max(part.together for part in self.parts)

    def in_language(self) -> tuple[str, ...]:
        """Return what the parts know of one language alone."""
        return tuple(dict.fromkeys(what for part in self.parts for what in part.in_language()))

    def examine(self, texts: Sequence[str | None], sources: Mapping[Any, Sequence[int] | np.ndarray]) -> None:
        """Let the parts look at the sources."""
        for part in self.parts:
            part.examine(texts, sources)

    def learn(
        self,
        originals: Originals,
        *,
        layout: Layout | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> None:
        """Let the parts learn."""
        for part in self.parts:
            part.learn(originals, layout=layout, progress=progress)

    def learnt(self) -> list[dict[str, Any]]:
        """Return the records of all parts."""
        return [record for part in self.parts for record in part.learnt()]

    def take_over(self, other: TextStrategy) -> None:
        """Let the parts take over what those of another strategy have learnt."""
        assert isinstance(other, Composition)
        for part, its in zip(self.parts, other.parts, strict=True):
            part.take_over(its)

    def prepare(self) -> None:
        """Prepare the parts."""
        for part in self.parts:
            part.prepare()

    def identity(self) -> dict[str, Any]:
        """Return what determines the rows of each part beside its parameters."""
        return {"parts": [part.identity() for part in self.parts]}

    def keep_beside(self, output: Path) -> None:
        """Tell the parts where the output will stand."""
        for part in self.parts:
            part.keep_beside(output)

    def record(self) -> dict[str, Any]:
        """Return the records of the parts that have one, by their places."""
        return {f"{self.holds}[{i}]": record for i, part in enumerate(self.parts) if (record := part.record())}

    def advice(self) -> str:
        """Return the advice of the parts, each once."""
        return " ".join(dict.fromkeys(line for part in self.parts if (line := part.advice())))

    def own_guards(self) -> list[Guard]:
        """Return the guards of all parts, each once. Guards with other parameters count as different."""
        guards: list[Guard] = []
        for guard in (guard for part in self.parts for guard in part.own_guards()):
            if all(GUARDS.to_config(guard) != GUARDS.to_config(other) for other in guards):
                guards.append(guard)
        return guards

    def _of_part(self, i: int, draws: Sequence[Draw], texts: Sequence[str]) -> list[Candidate | None]:
        """Return the candidates of one part, from the given texts and the part's own seed."""
        seeds = {seed: _seed(seed, i) for seed in {draw.seed for draw in draws}}
        return self.parts[i].candidates(
            [draw._replace(text=text, seed=seeds[draw.seed]) for draw, text in zip(draws, texts, strict=True)]
        )


class Sequential(Composition):
    """Apply strategies one after the other, each to the text that the one before gave.

    A step that finds nothing to replace, or changes nothing, passes the text on as it is. If no step finds anything,
    there is no candidate. A step that copies by design has no effect here.

    Parameters
    ----------
    steps : list of TextStrategy
        The strategies in the order in which they are applied; at least one.
    sampling_strategy, random_state, guards
        See `TextStrategy`. A step must not have its own.

    Examples
    --------
    >>> from augment.text.nlpaug_edits import KeyboardEdit, RandomWordEdit
    >>> strategy = Sequential(steps=[RandomWordEdit(action="swap"), KeyboardEdit()])
    >>> strategy.prepare()
    >>> strategy.candidates([Draw("The shop opens at nine.", "neutral", 0, 0, 0, 0)])[0].text
    'The opens sY(p at nine.'
    """

    name: ClassVar[str] = "sequential"
    summary: ClassVar[str] = "apply several strategies, each to the text that the one before gave"
    holds: ClassVar[str] = "steps"

    _parameter_constraints: ClassVar[dict[str, Any]] = {"steps": [_Parts()]}

    def __init__(
        self,
        *,
        steps: list[TextStrategy],
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, guards=guards)
        self.steps = steps

    def _sk_visual_block_(self) -> Any:
        """Show the steps in a notebook one below the other, as those of a pipeline."""
        from sklearn.pipeline import Pipeline

        return Pipeline(self._named_parts())._sk_visual_block_()

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Apply the steps to each text; None if no step finds anything to replace."""
        results: list[Candidate | None] = [None] * len(draws)
        texts = [draw.text for draw in draws]
        for i, step in enumerate(self.steps):
            for n, candidate in enumerate(self._of_part(i, draws, texts)):
                before = results[n]
                if candidate is None or (step.copies and not self.copies) or (before and before.unusable):
                    continue
                results[n] = candidate if before is None else _joined(draws[n].text, before, candidate)
                texts[n] = candidate.text
        return results


class OneOf(Composition):
    """Apply one of several strategies to each new row, drawn anew for each try.

    If the drawn strategy finds nothing to replace, the others are tried, in an order that is also drawn. A strategy
    that copies by design gives an unchanged row. Unless all strategies copy, the guards reject it, and the row is tried
    again.

    Parameters
    ----------
    choices : list of TextStrategy
        The strategies to draw from; at least one.
    weights : tuple of float, optional
        Relative weights, one for each choice, above 0; None for equal weights.
    sampling_strategy, random_state, guards
        See `TextStrategy`. A choice must not have its own.

    References
    ----------
    Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir": the order.

    Examples
    --------
    >>> from augment.text.nlpaug_edits import KeyboardEdit, RandomWordEdit
    >>> strategy = OneOf(choices=[RandomWordEdit(), KeyboardEdit()], weights=(1, 3))
    >>> strategy.prepare()
    >>> draws = [Draw("The shop opens at nine.", "neutral", 0, variant, 0, 0) for variant in range(3)]
    >>> [candidate.text for candidate in strategy.candidates(draws)]
    ['The shop opFBs at nine.', 'The shop opens at bin2.', 'The shop 8penC at nine.']
    """

    name: ClassVar[str] = "one_of"
    summary: ClassVar[str] = "apply one of several strategies to each new row, drawn by weight"
    holds: ClassVar[str] = "choices"

    _parameter_constraints: ClassVar[dict[str, Any]] = {"choices": [_Parts()], "weights": [_Weights(), None]}
    _parameter_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("weights", "choices"),
            lambda weights, choices: weights is None or len(weights) == len(choices),
            "one number above 0 for each of the choices, or None",
        ),
    )

    def __init__(
        self,
        *,
        choices: list[TextStrategy],
        weights: tuple[float, ...] | None = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, guards=guards)
        self.choices = choices
        self.weights = weights

    def _sk_visual_block_(self) -> Any:
        """Show the choices in a notebook side by side, as those of a union."""
        from sklearn.pipeline import FeatureUnion

        return FeatureUnion(self._named_parts())._sk_visual_block_()

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Return one candidate for each draw; None if no choice finds anything to replace."""
        results: list[Candidate | None] = [None] * len(draws)
        orders = [self._order(draw) for draw in draws]
        for turn in range(len(self.choices)):
            assigned: dict[int, list[int]] = defaultdict(list)
            for n, order in enumerate(orders):
                if results[n] is None and (turn == 0 or self.copies or not self.choices[order[turn]].copies):
                    assigned[order[turn]].append(n)
            for i, places in sorted(assigned.items()):
                candidates = self._of_part(i, [draws[n] for n in places], [draws[n].text for n in places])
                for n, candidate in zip(places, candidates, strict=True):
                    results[n] = candidate
        return results

    def _order(self, draw: Draw) -> list[int]:
        """Draw the order in which the choices are tried: the first by weight, the next by weight among the rest."""
        waits = generator(draw.seed, "choice", draw.source, draw.variant, draw.attempt).exponential(
            size=len(self.choices)
        )
        order: list[int] = np.argsort(waits if self.weights is None else waits / np.asarray(self.weights)).tolist()
        return order


def composed(text: str, first: Sequence[Replacement], second: Sequence[Replacement]) -> tuple[Replacement, ...]:
    """Return one set of replacements with the effect of two sets, one applied after the other.

    Parameters
    ----------
    text : str
        The source.
    first : sequence of Replacement
        In the source; disjoint, ascending.
    second : sequence of Replacement
        In the text that the first ones gave; disjoint, ascending.

    Returns
    -------
    tuple of Replacement
        In the source; disjoint, ascending. Replacements that overlap or touch are merged. Those that change nothing are
        left out.

    Examples
    --------
    >>> first, second = Replacement(2, 6, "so-so"), Replacement(12, 16, "book")
    >>> composed("a good old film", [first], [second])
    (Replacement(start=2, end=6, new='so-so'), Replacement(start=11, end=15, new='book'))
    """
    between = splice(text, first)
    spans: list[tuple[int, int, int, Replacement | None]] = []  # in the text between; how much longer it got there
    longer = 0
    for old in first:
        change = len(old.new) - (old.end - old.start)
        spans.append((old.start + longer, old.end + longer + change, change, None))
        longer += change
    spans += [(new.start, new.end, 0, new) for new in second]
    groups: list[_Meeting] = []
    for start, end, change, later in sorted(spans, key=lambda span: span[:2]):
        if not groups or start > groups[-1].end:
            groups.append(_Meeting(start, end))
        groups[-1].end = max(groups[-1].end, end)
        groups[-1].longer += change
        if later is not None:
            groups[-1].later.append(later)
    both, longer = [], 0
    for group in groups:
        start = group.start - longer
        longer += group.longer
        end = group.end - longer
        inside = [Replacement(new.start - group.start, new.end - group.start, new.new) for new in group.later]
        new_text = splice(between[group.start : group.end], inside)
        if new_text != text[start:end]:
            both.append(Replacement(start, end, new_text))
    return tuple(both)


@dataclass
class _Meeting:
    """Replacements of both sets that overlap or touch, and so are one in the source."""

    start: int
    """With `end`, where they stand in the text between the two."""
    end: int
    longer: int = 0
    """How much longer the first set has made it there."""
    later: list[Replacement] = field(default_factory=list)
    """Those of the second set."""


def _joined(text: str, before: Candidate, after: Candidate) -> Candidate:
    """Combine the candidates of two steps; without replacements if one step did not record them."""
    if after.unusable or after.text == before.text:
        return after if after.unusable else before
    recorded = (before.replacements or before.text == text) and after.replacements
    replacements = composed(text, before.replacements, after.replacements) if recorded else ()
    return Candidate(after.text, replacements, columns={**before.columns, **after.columns})


def _seed(seed: int, i: int) -> int:
    """Derive the seed of a part from that of its composition."""
    return int(generator(seed, "part", i).integers(2**64, dtype=np.uint64))
