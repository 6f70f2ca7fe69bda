"""The base class of guards, and the data that guards see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw, Judgement
from augment.parameters import OnlyWith, Rule, check_parameters
from augment.registry import GUARDS
from augment.words import whole

if TYPE_CHECKING:
    import numpy as np

    from augment.models.encoder import Encoders


@dataclass(frozen=True, kw_only=True, eq=False)
class Originals:
    """The data that is known before any row is made."""

    texts: Sequence[str | None]
    """Every row's text, synthetic rows of an earlier run included; a draw's `source` counts them."""
    labels: Sequence[Any]
    """Every row's class."""
    held_out: Iterable[str]
    """Texts that no new row may come near to."""
    seed: int
    """The seed of the run."""
    is_synthetic: np.ndarray | None = None
    """For every row, whether an earlier run has made it; bool. None if no row is synthetic."""
    language: str | None = None
    """The language of the strategy's word lists; None if it has none."""
    wanted: Mapping[Any, int] | None = None
    """Class to the number of rows that the strategy makes of it; None if that is not known."""
    beside: Sequence[str] | None = None
    """For every row the other texts of it, which are not edited; see `augment.generation.candidates.Draw`. Then
    `held_out` has whole rows, as `whole` gives them. None if a row has one text."""
    several_edited: bool = False
    """Whether several texts of a row are edited."""
    edits: bool = True
    """Whether each new row is an edit of its source, and stays in its class."""

    def whole(self, row: int) -> str:
        """Return the text of a row and those beside it; empty if it has no text."""
        text = self.texts[row]
        return whole(text, "" if self.beside is None else self.beside[row]) if text else ""

    def is_real(self, row: int) -> bool:
        """Return whether a row was not made by an earlier run."""
        return self.is_synthetic is None or not self.is_synthetic[row]


class Guard:
    """Base of all guards: a subclass overrides `judge`, or `admits` and `remember`, and what else it needs.

    A guard sets `name` and `summary`, lists its parameters in a keyword-only constructor that only stores them, and
    says in `_parameter_constraints` what each may be: they are checked before a run opens anything. `fit` is called
    once, in the main process. `judge` sees batches of candidates, in any order and in any process: its verdict on a
    candidate depends only on the candidate and its draw. Then one process goes through the candidates in the order of
    the plan. It calls `admits` for each candidate that passed all guards, and `remember` once it is accepted.
    """

    name: ClassVar[str]
    """The name under which rejections are counted, also on the command line."""
    summary: ClassVar[str]
    """One line for lists of guards."""
    binds_copies: ClassVar[bool] = False
    """Whether it also judges strategies whose new rows are copies by design."""
    of_edits: ClassVar[bool] = False
    """Whether it compares a candidate with the source that it was edited from. If the rows of a strategy are no edits
    (`TextStrategy.edits`), it is asked only if it is named."""
    of_classes: ClassVar[bool] = False
    """Whether it judges by the class of a row, so that it cannot judge rows of several labels."""
    moves: bool = False
    """Whether it may keep a candidate under another class than its source's."""
    reads_rows: ClassVar[bool] = False
    """Whether it reads a whole row, if rows have several texts. Otherwise it judges each text that is edited, and the
    row passes if all of them do."""
    asks: bool = False
    """Whether it asks a language model, many requests at a time. Such a guard runs in one process."""
    columns: Mapping[str, str] = {}
    """Columns that it adds to the output, and their Arrow types."""
    by_default: bool = False
    """Whether it was chosen by default, and is left out if `why_unfit` says why. `select` sets it, or a strategy."""

    language: str | None = None
    """The language of its word lists; None for that of the strategy."""

    relents: bool = False
    """Whether it judges a draw that is `lenient` less strictly. Such draws are made once a class lacks rows."""

    speed_only: ClassVar[tuple[str, ...]] = ()
    """Parameters that do not change the verdicts: a run may be resumed with other values."""

    from_rows: ClassVar[tuple[str, ...]] = ()
    """Keys of the identity that follow from the rows and the seed. They may differ when a run is repeated on others."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {}
    """Parameter → what it may be, in scikit-learn's form; see `augment.parameters`."""
    _parameter_rules: ClassVar[tuple[Rule | OnlyWith, ...]] = ()
    """How parameters must relate to each other."""

    def check(self) -> None:
        """Check the parameters, without opening anything.

        Raises
        ------
        InputError
            If parameters are out of range; the message names all of them.
        """
        check_parameters(self)

    def to_config(self) -> dict[str, Any]:
        """Return the name and the parameters as plain data; see `augment.registry.Registry.to_config`."""
        return GUARDS.to_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build a guard from the output of `to_config`; see `augment.registry.Registry.from_config`.

        Raises
        ------
        InputError
            If the name, a parameter or a value is unknown, or the guard is not of this class.
        """
        guard = GUARDS.from_config(config)
        if not isinstance(guard, cls):
            raise InputError(f"The configuration is of {guard.name!r}, which is not a {cls.__name__}: call Guard's.")
        return guard

    def in_language(self) -> tuple[str, ...]:
        """Return what it knows of one language alone, in the plural, such as ``"negations"``. Empty if nothing."""
        return ()

    def suits(self, budget: Mapping[Any, int], rows: int) -> bool:
        """Return whether a run should use this guard by default. Called only for the default guards.

        Parameters
        ----------
        budget : mapping of label to int
            Rows to make of each class.
        rows : int
            Rows of the output.

        Returns
        -------
        bool
        """
        return True

    def check_classes(self, classes: Sequence[str], language: str | None = None) -> None:
        """Check that the guard can judge these classes, without opening anything. Called before a run, and by `fit`.

        Parameters
        ----------
        classes : sequence of str
            All classes of the data, by their names.
        language : str, optional
            That of the strategy.

        Raises
        ------
        InputError
            If a parameter names a class that is not there, or the guard has nothing to go by.
        """
        return

    def keep_beside(self, output: Path) -> None:
        """Keep what is paid for beside this output. Called by runs that write a file, before `prepare`.

        Parameters
        ----------
        output : Path
        """
        return

    def prepare(self, encoders: Encoders) -> None:
        """Open models. Called before `fit` and, in every other process, before `judge`.

        Parameters
        ----------
        encoders : Encoders
            Encoders that all guards share. An attribute that keeps one has a leading underscore, and is dropped when
            the guard is sent to another process.
        """

    def __getstate__(self) -> dict[str, Any]:
        """Drop what `prepare` opened."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def identity(self) -> dict[str, Any]:
        """Return what determines the verdicts besides the parameters, for the manifest. Called after `fit`."""
        return {}

    def language_of(self, originals: Originals) -> str:
        """Return the language of its word lists: its own, else that of the strategy, else English."""
        return self.language or originals.language or "en"

    def fit(self, originals: Originals) -> None:
        """Learn from the originals and the held-out texts before any row is made."""

    def why_unfit(self) -> str | None:
        """Return, in a sentence, why it cannot judge this data, or None. Called after `fit` of a default guard."""
        return None

    def finding(self) -> str | None:
        """Return, in a clause, what a user should know about the fit of a default guard, or None. Called after it."""
        return None

    def rules_out(self, draws: Sequence[Draw]) -> Sequence[bool]:
        """Say of each source, before anything is made of it, whether hardly any candidate made of it would pass.

        Other sources of the class get its rows. If they do not suffice, it is tried after all. As for `judge`, the
        answer depends on the draw alone.

        Parameters
        ----------
        draws : sequence of Draw
            First tries at rows.

        Returns
        -------
        sequence of bool, of the same length
        """
        return [False] * len(draws)

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Judge each candidate independently of the others.

        Parameters
        ----------
        draws : sequence of Draw
        candidates : sequence of Candidate, of the same length

        Returns
        -------
        Judgement
        """
        return Judgement([True] * len(candidates))

    def reader(self) -> Callable[[Candidate], Any] | None:
        """Return what finds in a candidate what `admits` compares, so that workers can do it; None if it is quick.

        Returns
        -------
        callable or None
            It can be pickled. What it returns, too; it depends on the candidate alone, and `admits` finds it in
            `Candidate.readings`, if a worker has made the candidate.
        """
        return None

    def admits(self, candidate: Candidate) -> bool:
        """Judge one candidate against what was accepted before."""
        return True

    def remember(self, text: str, beside: str = "") -> None:
        """Learn that a candidate was accepted, now or in the run that this one resumes.

        Parameters
        ----------
        text : str
            Its text.
        beside : str, default=""
            `Candidate.beside`: the other texts of its row.
        """
