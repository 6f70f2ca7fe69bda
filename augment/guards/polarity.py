"""The guard that keeps praise and blame out of a class that has neither."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from augment.errors import InputError, did_you_mean
from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard, Originals
from augment.parameters import TextTuple
from augment.words import folded_words, key

if TYPE_CHECKING:
    from augment.models.encoder import Encoders


class Polarity(Guard):
    """In some classes no word of praise or blame may be inserted; words of the source may stay.

    For "neutral", an inserted "great" or "awful" is the likeliest way to a wrong label. Other classes pass untouched.

    Parameters
    ----------
    classes : tuple of str, default=("neutral",)
        The guarded classes, without regard to case; at least one of them must be in the data.
    words_file : str, optional
        A UTF-8 file with one word a line, with all inflections, without regard to case; ``#`` starts a comment. It
        replaces the English list that comes with the package.

    Notes
    -----
    Of the candidates of `fillmask` for neutral rows of SST-3 (`mini`, defaults, 8 for each of 300 rows) it rejects
    11 %, most often for "funny", "bad", "good", "love", "entertaining" and "best". No row was left without any.
    """

    name: ClassVar[str] = "polarity"
    summary: ClassVar[str] = "inserts no word of praise or blame into a neutral row"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "classes": [TextTuple("at least one class", least=1)],
        "words_file": [str, None],
    }

    def __init__(self, *, classes: tuple[str, ...] = ("neutral",), words_file: str | None = None) -> None:
        self.classes = classes
        self.words_file = words_file

    def suits(self, budget: Mapping[Any, int], rows: int) -> bool:
        """Return whether rows of a guarded class are to be made."""
        watched = {name.casefold() for name in self.classes}
        return any(n_rows and str(label).casefold() in watched for label, n_rows in budget.items())

    def prepare(self, encoders: Encoders) -> None:
        """Read the words.

        Raises
        ------
        InputError
            If the file cannot be read or holds no word, or a line holds several.
        """
        self._words = read_words(self.words_file)

    def identity(self) -> dict[str, Any]:
        """Return the number of words and their hash."""
        return {"words": len(self._words), "words_hash": f"{key(' '.join(sorted(self._words))):016x}"}

    def fit(self, originals: Originals) -> None:
        """Raise an error if the data has none of the guarded classes."""
        classes = {str(label): None for label in originals.labels}
        if not self._guarded().intersection(label.casefold() for label in classes):
            raise InputError(
                f"The polarity guard is for {', '.join(map(repr, self.classes))} and the data has no such class, but"
                f" {', '.join(map(repr, classes))}.{did_you_mean(self.classes[0], classes)}"
                " Name its classes, or leave the guard out."
            )

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Look up the inserted words."""
        guarded = self._guarded()
        return Judgement(
            [
                str(draw.label).casefold() not in guarded or self._words.isdisjoint(inserted(draw, candidate))
                for draw, candidate in zip(draws, candidates, strict=True)
            ]
        )

    def _guarded(self) -> set[str]:
        """Return the classes without case."""
        return {name.casefold() for name in self.classes}


def inserted(draw: Draw, candidate: Candidate) -> Iterable[str]:
    """Return the folded words that a candidate has and its source has not, or has less often.

    Parameters
    ----------
    draw : Draw
    candidate : Candidate
        If it records its replacements, all their new words count as inserted, even those that also stand elsewhere in
        the source.

    Returns
    -------
    iterable of str

    Examples
    --------
    >>> draw = Draw("A fine day, a long day.", "neutral", 0, 0, 0, 0)
    >>> sorted(inserted(draw, Candidate("A Fine day, a fine long day!")))
    ['fine']
    """
    if candidate.replacements:
        return [word for replacement in candidate.replacements for word in folded_words(replacement.new)]
    return Counter(folded_words(candidate.text)) - Counter(folded_words(draw.text))


def read_words(path: str | None) -> frozenset[str]:
    """Read a list of words, folded.

    Parameters
    ----------
    path : str or None
        See `Polarity`; None for the list that comes with the package.

    Returns
    -------
    frozenset of str
        At least one.

    Raises
    ------
    InputError
        If the file cannot be read or holds no word, or a line holds several.
    """
    source = files("augment.guards") / "polarity_words.txt" if path is None else Path(path)
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The word list {path!r} of the polarity guard must be a UTF-8 file with one word a line: {error}."
        ) from error
    words = set()
    for number, line in enumerate(lines, 1):
        line_words = folded_words(line.partition("#")[0])
        if len(line_words) > 1:
            raise InputError(
                f"Line {number} of {path!r} must hold one word. Got {line.strip()!r}. Put each on its own."
            )
        words.update(line_words)
    if not words:
        raise InputError(f"The word list {path!r} of the polarity guard holds no word. Write one a line.")
    return frozenset(words)
