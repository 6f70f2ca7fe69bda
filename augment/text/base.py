"""The base of text strategies: it owns the protocol, and a subclass writes one hook."""

from __future__ import annotations

import abc
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator

from augment.caller_warnings import warn_caller
from augment.data.containers import class_counts, columns, extended, has_text
from augment.data.layout import Layout
from augment.errors import InputError
from augment.generation.budget import SamplingStrategy, rows_to_make
from augment.generation.candidates import Candidate, Draw
from augment.generation.loop import Row, Tally, generate, shortfall
from augment.generation.plan import TRIES, usable_sources
from augment.generation.singletons import single_rows
from augment.generation.trials import binding, try_draws
from augment.guards.base import Guard, Originals
from augment.guards.selection import choice, select
from augment.models.encoder import Encoders
from augment.parameters import OnlyWith, Rule, check_parameters
from augment.registry import STRATEGIES
from augment.seed_names import SeededByRandomState
from augment.seeding import seed_of
from augment.text.languages import language_warning

if TYPE_CHECKING:
    from augment.models.checkpoints import Checkpoint

_log = logging.getLogger(__name__)


class TextStrategy(SeededByRandomState, BaseEstimator, abc.ABC):
    """Makes new texts of a class from the texts that it has.

    A subclass sets `name` and `summary`, lists its parameters in a keyword-only constructor that only stores
    them, says in `_parameter_constraints` what each may be, and writes `candidates`. It may override `prepare`, to open
    models, `identity`, to say which, and `learn`, to learn from the rows first. `augment.checks` judges it.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        See `augment.generation.budget.rows_to_make`. Used only by `fit_resample`.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        The seed, or where to draw it from; None draws a fresh one. Used only by `fit_resample`.
    guards : sequence of (str or Guard), optional
        See `augment.guards.selection.select`; None for the default ones. Used only by `fit_resample`.
    """

    name: ClassVar[str]
    """The name on the command line."""
    summary: ClassVar[str]
    """One line for lists of strategies."""
    kind: ClassVar[str] = "text"
    page: ClassVar[str] = ""
    """The page of the documentation that tells how to use it, named where a parameter is missing."""
    copies: bool = False
    """Whether its new rows are copies by design, and exempt from the guards against them."""

    barren: str = "without anything to replace"
    """What is said of sources that cannot give any candidate, after their number."""
    ranked: bool = False
    """Whether the variants of a source are a list that is fixed before the first draw: variant n is its n-th entry,
    whatever the seed of the draw. A rejected one is not tried again, since the next variant takes its place."""

    @property
    def tries(self) -> int:
        """How often a slot of the plan is tried before another one takes its place, 1 or more."""
        return 1 if self.ranked else TRIES

    @property
    def per_pool(self) -> int:
        """How many variants of a source take the candidates of one pool in turn, the best first, 1 or more."""
        return 1

    edits: bool = True
    """Whether its new rows are edits of their sources. Guards that compare the two, such as `length_ratio` and
    `polarity`, are asked by default only then."""

    language: str | None = None
    """The language of its word lists, one of `augment.word_lists.LANGUAGES`; None if it has none."""

    columns: Mapping[str, str] = {}
    """Columns that it adds to the output, and their Arrow types, such as ``"double"``. `Candidate.columns` has the
    values."""

    speed_only: ClassVar[tuple[str, ...]] = ()
    """Parameters that change the speed and not the rows: a run may be resumed with other values."""

    asks: bool = False
    """Whether it asks a service, several requests at a time. Then a run has one process, and its `model` may be a name
    that only the service knows."""

    together: int = 1
    """How many draws it works on at the same time."""

    learnt_: Any = None
    """What `learn` has learnt, as plain data; other processes get it, too. None if nothing."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {}
    """Parameter → what it may be, in scikit-learn's form; see `augment.parameters`. Those of this base are checked
    where they are used."""
    _parameter_rules: ClassVar[tuple[Rule | OnlyWith, ...]] = ()
    """How parameters must relate to each other."""

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.guards = guards

    @property
    def fewest_rows(self) -> int:
        """The smallest number of different texts of a class that it can make new ones from, 1 or more."""
        return 1

    @property
    def fewest_rows_advice(self) -> str:
        """How to lower that number, as the end of a sentence, or an empty string."""
        return ""

    @abc.abstractmethod
    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Return one candidate for each draw. This is the hook that a strategy writes.

        Parameters
        ----------
        draws : sequence of Draw
            What to make. All randomness comes from each draw's own `generator()`, so that a
            candidate depends only on its draw and not on the other draws.

        Returns
        -------
        list of (Candidate or None)
            As long as `draws`, in their order; None if the source text cannot give any.
        """

    def check(self) -> None:
        """Check the parameters, without opening anything.

        Raises
        ------
        InputError
            If parameters are out of range; the message names all of them.
        """
        check_parameters(self)

    def examine(self, texts: Sequence[str | None], sources: Mapping[Any, Sequence[int] | np.ndarray]) -> None:
        """Look at the sources: warn of those that it is not made for. Called once before a run, after `check`.

        Parameters
        ----------
        texts : sequence of str or None
            All texts.
        sources : mapping of label to sequence of int
            The places of the sources of each class that gets new rows.

        Raises
        ------
        InputError
            If a small file that it needs cannot be used. Models are opened later, in `prepare`.

        Warns
        -----
        UserWarning
            If new rows of them would not be worth having.
        """
        return

    def in_language(self) -> tuple[str, ...]:
        """Return what it knows of one language alone, in the plural, such as ``"negations"``. Empty if nothing."""
        return ()

    def learn(
        self,
        originals: Originals,
        *,
        layout: Layout | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> None:
        """Learn from the rows of the input, into `learnt_`. Called once in the main process, before `prepare`.

        Parameters
        ----------
        originals : Originals
            The rows, and the held-out texts, which must not be learnt from.
        layout : Layout, optional
            How the input is laid out, for other files of the same form. None if it is not a file.
        progress : callable, optional
            Called with the number of items just done, the total, and the word for them. The first call has 0 done.

        Raises
        ------
        CounterpoiseError
            If a model or a file cannot be opened, or what is learnt cannot be kept.
        """
        return

    def learnt(self) -> list[dict[str, Any]]:
        """Return a record of what was learnt, for the manifest: for each model ``weights``, a hash, and other keys."""
        return []

    def take_over(self, other: TextStrategy) -> None:
        """Take over what another strategy with the same parameters has learnt."""
        self.learnt_ = other.learnt_

    def prepare(self) -> None:
        """Open models and files. Called once in each process before any draw, after `check` and `learn`.

        Raises
        ------
        CounterpoiseError
            If a model cannot be opened.
        """
        return

    def identity(self) -> dict[str, Any]:
        """Return what determines the rows besides the parameters, for the manifest."""
        return {}

    def to_config(self) -> dict[str, Any]:
        """Return the name and the parameters as plain data; see `augment.registry.Registry.to_config`."""
        return STRATEGIES.to_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build a strategy from the output of `to_config`; see `augment.registry.Registry.from_config`.

        Raises
        ------
        InputError
            If the name, a parameter or a value is unknown, or the strategy is not of this class.
        """
        strategy = STRATEGIES.from_config(config)
        if not isinstance(strategy, cls):
            raise InputError(
                f"The configuration is of {strategy.name!r}, which is not a {cls.__name__}: call TextStrategy's."
            )
        return strategy

    def keep_beside(self, output: Path) -> None:
        """Note where the output will stand, for files of its own beside it. Called before `learn`, if there is a file.

        Parameters
        ----------
        output : Path
            The output.
        """
        return

    def forecast(self, originals: Originals, draws: Iterable[Draw]) -> str:
        """Return in a line what a run will cost, for a look at its plan. Called after `check` and `examine`.

        Parameters
        ----------
        originals : Originals
            As for `learn`.
        draws : iterable of Draw
            The first try at each row of the plan.

        Returns
        -------
        str
            Empty if it costs nothing but time.
        """
        return ""

    def record(self) -> dict[str, Any]:
        """Return what has become known while the rows were made, such as tokens to be paid for, for the manifest."""
        return {}

    def own_guards(self) -> list[Guard]:
        """Return guards that this strategy needs besides the chosen ones; with `Guard.by_default`, that suit it."""
        return []

    def opened(self) -> Checkpoint | None:
        """Return an open model that guards may encode with: it has the weights of its name. None if there is none."""
        return None

    def advice(self) -> str:
        """Return a line for the end of a run, on how its rows could be better; an empty string if there is none."""
        return ""

    def fit_resample(self, texts: Any, y: Any) -> tuple[Any, Any]:
        """Balance a data set: originals first, in order and untouched, new rows after them.

        Parameters
        ----------
        texts : sequence of str, shape (n,)
            List, tuple, numpy array or pandas Series. None and empty texts stay, but are not sources.
        y : sequence, shape (n,)
            Their classes, strings or integers.

        Returns
        -------
        texts, y
            Of shape (n + m,), in the caller's containers. Fitted: `sampling_strategy_`
            (class → rows to make), `shortfall_` (class → rows missing), `source_indices_` (m,) int64,
            `rejections_` (guard → count), `left_out_` (guard → class → sources that it rules out),
            `random_state_` (the seed).

        Raises
        ------
        InputError
            If lengths differ, a text is not a string, a label is missing, there are not two classes, or classes have
            fewer than `fewest_rows` texts.

        Warns
        -----
        UserWarning
            If fewer rows could be made than the classes were to get.
        """
        self.check()
        rows, labels = columns(texts, y)
        usable, counts = has_text(rows), class_counts(labels)
        place = {label: i for i, label in enumerate(counts)}
        sources = usable_sources(usable, np.array([place[label] for label in labels], dtype=np.int32), list(counts))
        budget = rows_to_make(self.sampling_strategy, counts)
        single_rows(None, self, rows, sources, budget)
        check_guards_apply(self, self.guards)
        whole = len(rows) + sum(budget.values())
        chosen = select(self.guards, self.own_guards(), budget=budget, rows=whole, edits=self.edits)
        examine(self, chosen, rows, {label: sources[label] for label, wanted in budget.items() if wanted})
        self.random_state_ = seed_of(self.random_state)
        originals = Originals(
            texts=rows,
            labels=labels,
            held_out=[],
            seed=self.random_state_,
            language=self.language,
            wanted=budget,
            edits=self.edits and not any(guard.moves for guard in chosen),
        )
        self.learn(originals)
        self.prepare()
        guards, _ = fitted_guards(self, chosen, originals)
        tally = Tally()
        new_rows: list[Row] = []
        for outcome in generate(
            partial(try_draws, self, guards),
            texts=rows,
            sources=sources,
            budget=budget,
            guards=guards,
            seed=self.random_state_,
            tally=tally,
            together=self.together,
            ranked=self.ranked,
            max_attempts=self.tries,
            per_pool=self.per_pool,
        ):
            new_rows += outcome.rows
        self.sampling_strategy_ = budget
        self.shortfall_ = tally.missing
        if tally.missing:
            warn_caller(shortfall(tally.lacking(self.barren)))
        self.rejections_ = dict(tally.rejections())
        self.left_out_ = tally.left_out()
        self.source_indices_ = np.array([row.source for row in new_rows], dtype=np.int64)
        return extended(texts, [row.text for row in new_rows]), extended(y, [row.label for row in new_rows])


def own_settings(strategy: Any) -> list[str]:
    """Return the settings of a run that a strategy or a sampler was built with and that are not the defaults.

    Parameters
    ----------
    strategy : TextStrategy or VectorSampler

    Returns
    -------
    list of str
        Of ``"sampling_strategy"``, ``"random_state"`` and ``"guards"``.

    Examples
    --------
    >>> from augment import Random
    >>> own_settings(Random(random_state=3))
    ['random_state']
    """
    defaults = {"sampling_strategy": "auto", "random_state": None, "guards": None}
    own = {name: getattr(strategy, name, default) for name, default in defaults.items()}
    return [name for name, value in own.items() if type(value) is not type(defaults[name]) or value != defaults[name]]


def guard_encoders(strategy: TextStrategy, *, device: str | None = None) -> Encoders:
    """Return encoders for the guards of a strategy: on the device of its models, or another one, and in their dtype.

    They share the model of a strategy that is prepared. For a composition they are those of its first part with a
    device. ``"auto"`` means what it means for filling masks,
    since the guards read every candidate.
    """
    params = strategy.get_params()

    def first(parameter: str) -> Any:
        return next((params[name] for name in params if name.rpartition("__")[2] == parameter), "auto")

    dtype = first("dtype")
    return Encoders(
        device=device or first("device"), dtype=None if dtype == "auto" else dtype, opened=strategy.opened()
    )


def check_guards_apply(strategy: TextStrategy, guards: Sequence[str | Guard] | None) -> None:
    """Refuse a guard that was named and that a strategy which copies by design is exempt from.

    Raises
    ------
    InputError
        Naming the guard.
    """
    for guard in choice(guards).guards if strategy.copies else ():
        if not guard.binds_copies:
            raise InputError(
                f"The guard {guard.name!r} does not judge copies, and {strategy.name!r} copies rows by design. Leave it"
                " out."
            )


def examine(
    strategy: TextStrategy,
    guards: Sequence[Guard],
    texts: Sequence[str | None],
    sources: Mapping[Any, Sequence[int] | np.ndarray],
) -> None:
    """Let a strategy look at its sources, and warn of those in another language than the word lists that are used.

    Parameters
    ----------
    strategy : TextStrategy
    guards : sequence of Guard
        Those of the run.
    texts, sources
        See `TextStrategy.examine`.

    Warns
    -----
    UserWarning
        See `TextStrategy.examine` and `augment.text.languages.language_warning`.
    """
    strategy.examine(texts, sources)
    used: dict[str, dict[str, None]] = {}
    users: list[TextStrategy | Guard] = [strategy, *binding(guards, copies=strategy.copies)]
    for user in users:
        for what in user.in_language():
            used.setdefault(user.language or strategy.language or "en", {})[what] = None
    for language, lists in used.items():
        if line := language_warning(language, list(lists), texts, sources):
            warn_caller(line)


def added_columns(strategy: TextStrategy, guards: Sequence[Guard]) -> dict[str, str]:
    """Return the columns that a strategy and the guards that apply to it add to the output, and their Arrow types."""
    active = binding(guards, copies=strategy.copies)
    return {**strategy.columns, **{name: dtype for guard in active for name, dtype in guard.columns.items()}}


class FittedGuards(NamedTuple):
    """Guards that are ready to judge."""

    guards: list[Guard]
    """In order."""
    notes: dict[str, str]
    """Name of a default guard to a sentence on its fit, or on why it was left out."""


def fitted_guards(
    strategy: TextStrategy, guards: Sequence[Guard], originals: Originals, *, device: str | None = None
) -> FittedGuards:
    """Prepare and fit the guards that apply to a strategy. A default guard that cannot judge the data is left out.

    Parameters
    ----------
    strategy : TextStrategy
    guards : sequence of Guard
    originals : Originals
    device : str, optional
        Where the guards compute what they learn. None for the device of the strategy's models.

    Returns
    -------
    FittedGuards

    Raises
    ------
    CounterpoiseError
        If a guard cannot open its model, or cannot be fitted on these rows.

    Notes
    -----
    What a default guard finds is a line on the logger `augment`, at the level INFO; a command prints it.
    """
    active = binding(guards, copies=strategy.copies)
    encoders = guard_encoders(strategy, device=device)
    notes = {}
    for guard in active:
        guard.prepare(encoders)
        guard.fit(originals)
        if guard.by_default and (why := guard.why_unfit()):
            notes[guard.name] = f"The guard {guard.name!r} is not asked: {why}"
        elif guard.by_default and (finding := guard.finding()):
            notes[guard.name] = f"The guard {guard.name!r} is asked by default: {finding}."
        if guard.name in notes:
            _log.info(notes[guard.name])
    return FittedGuards([guard for guard in active if not (guard.by_default and guard.why_unfit())], notes)
