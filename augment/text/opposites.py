"""Words of opposite meaning, so that none takes the place of the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from augment.word_lists import entries


@cache
def opposites(language: str) -> dict[str, frozenset[str]]:
    """Return the words of a language that have opposites, each with them.

    Parameters
    ----------
    language : str
        One of `augment.word_lists.LANGUAGES`.

    Returns
    -------
    dict of str to frozenset of str
        In lower case. Empty if no list comes with the package.

    Examples
    --------
    >>> sorted(opposites("en")["bigger"])[:3], "table" in opposites("en")
    (['little', 'small', 'smaller'], False)
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for line in entries(language, "opposites"):
        left, right = (side.split() for side in line.split("|"))
        for own, other in ((left, right), (right, left)):
            for word in own:
                found[word].update(other)
    return {word: frozenset(others) for word, others in found.items()}


class OppositeEntries:
    """Finds the opposites of a word in a list of words, without a look at each.

    Parameters
    ----------
    words : sequence of (str or None)
        In any case. None is no opposite of any word.
    language : str
        One of `augment.word_lists.LANGUAGES`.

    Examples
    --------
    >>> OppositeEntries(["thin", None, "Thick", "tea"], "en").of("THIN")
    [2]
    """

    def __init__(self, words: Sequence[str | None], language: str) -> None:
        self._opposites = opposites(language)
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(words):
            if word is not None and word.casefold() in self._opposites:
                self._places[word.casefold()].append(place)

    def of(self, word: str) -> list[int]:
        """Return the places of the opposites of a word, ascending."""
        others = self._opposites.get(word.casefold(), frozenset())
        return sorted(place for other in others for place in self._places.get(other, ()))
