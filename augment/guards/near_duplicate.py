"""The guard against rows that nearly repeat each other, or a held-out row."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from importlib.metadata import version
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

from sklearn.utils._param_validation import Interval

from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard, Originals
from augment.words import folded, folded_words, key, whole

DETECTION = 0.95
"""Minimum probability of finding a pair just at the threshold. More similar pairs are found more often."""
SEED = 1
"""The seed of the hash functions. It is a constant: similarity must not depend on the run."""


class NearDuplicate(Guard):
    """A candidate must not share most of its word runs with another new row or with a held-out text.

    Two texts are compared by the Jaccard similarity of their word shingles: the runs of `shingle` words, without case
    and punctuation. A text with fewer words is compared by its words. MinHash finds the earlier texts that may be
    similar, and the similarity itself decides: nothing below `threshold` is rejected. About 5 % of the pairs just at
    the threshold are missed, and at most 1 % of those .1 above it. Originals are not compared, since a variant is
    always near its source. Of rows of several texts, new rows are compared by the text that is edited, since a long
    text beside it would make all of them alike; held-out rows are left to `held_out`, for the same reason.

    Parameters
    ----------
    threshold : float, default=0.75
        Minimum similarity that is rejected, in (0, 1].
    shingle : int, default=2
        Words of a shingle, 1 or more.
    permutations : int, default=24
        Maximum number of hash functions of a sketch, 1 or more. More of them save comparisons and cost memory.

    Notes
    -----
    The defaults come from SST-3: 8 variants each of 300 neutral rows by `fillmask` with `mini`, each variant against
    the earlier ones of its source. Of the 2,048 that repeated none of them, each threshold would reject

    =======  =====  =====  =====  =====
    shingle  .65    .70    .75    .80
    =======  =====  =====  =====  =====
    1 word   47 %   26 %   13 %   5.4 %
    2 words  2.6 %  1.7 %  0.9 %  0.1 %
    3 words  1.5 %  0.9 %  0.5 %  0.1 %
    =======  =====  =====  =====  =====

    With shingles of 2 words and .75, each of the 19 rejected variants differed in one word from an earlier variant. Two
    texts of 15 words or more that differ in one word always have a similarity of .75 or more. Shorter texts have it
    only if that word is near the beginning or the end. With shingles of 1 word and .75, three in five rejected variants
    differed in 2 words or more, and shared function words. Half of all variants had a similarity of .41 or less.

    200,000 rows like those of SST-3 (17 words) took 150 MB, 0.75 MB per 1,000, and 80 microseconds each on one core.
    Longer texts take 8 bytes more for each word.

    References
    ----------
    Broder 1997, "On the resemblance and containment of documents" (shingles, MinHash). Leskovec, Rajaraman and Ullman,
    "Mining of Massive Datasets", section 3.4 (bands).
    """

    name: ClassVar[str] = "near_duplicate"
    summary: ClassVar[str] = "nearly repeats no other new row and no held-out row"
    max_rows: ClassVar[int] = 200_000
    """Maximum number of rows with which this guard is used by default."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "threshold": [Interval(Real, 0, 1, closed="right")],
        "shingle": [Interval(Integral, 1, None, closed="left")],
        "permutations": [Interval(Integral, 1, None, closed="left")],
    }

    _asked: tuple[str, Sketch | None] = ("", None)
    """The last text that was asked for, and its sketch: mostly it is the next to be remembered."""

    def __init__(self, *, threshold: float = 0.75, shingle: int = 2, permutations: int = 24) -> None:
        self.threshold = threshold
        self.shingle = shingle
        self.permutations = permutations

    def identity(self) -> dict[str, Any]:
        """Return the version of rensa, whose hash functions have changed between versions."""
        return {"rensa": version("rensa")}

    def suits(self, budget: Mapping[Any, int], rows: int) -> bool:
        """Return whether the index of this many rows is small enough for a default guard."""
        return rows <= self.max_rows

    def fit(self, originals: Originals) -> None:
        """Index the held-out texts, and the new rows of an earlier run."""
        self.held_out_ = _Index(self.threshold, self.permutations)
        self.accepted_ = _Index(self.threshold, self.permutations)
        for text in originals.held_out if originals.beside is None else ():
            self.held_out_.add(self._sketch(text))
        self.whole_ = originals.several_edited
        for row, original in enumerate(originals.texts):
            if original and not originals.is_real(row):
                self.remember(original, originals.beside[row] if self.whole_ and originals.beside else "")

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Compare with the held-out texts."""
        if not self.held_out_.sets:
            return Judgement([True] * len(candidates))
        return Judgement([not self.held_out_.has_near(self._sketch(c.text)) for c in candidates])

    def reader(self) -> Callable[[Candidate], Sketch]:
        """Return what takes the sketch of a candidate."""
        return partial(_read, whole_row=self.whole_, size=self.shingle, permutations=self.accepted_.permutations)

    def admits(self, candidate: Candidate) -> bool:
        """Compare with what was accepted: the text that is edited, or whole rows if several are."""
        text = candidate.whole if self.whole_ else candidate.text
        found = candidate.readings.get(self.name) or self._sketch(text)
        self._asked = text, found
        return not self.accepted_.has_near(found)

    def remember(self, text: str, beside: str = "") -> None:
        """Index an accepted text, or a whole row."""
        one, (asked, found) = whole(text, beside) if self.whole_ else text, self._asked
        self.accepted_.add(found if found is not None and one == asked else self._sketch(one))

    def _sketch(self, text: str) -> Sketch:
        return sketch(text, self.shingle, self.accepted_.permutations)


class Sketch(NamedTuple):
    """What texts are compared by."""

    shingles: array[int]
    """The keys of its shingles, ascending: 8 bytes each; a set of integers would take 70."""
    hashes: Any
    """Their MinHash, of rensa."""


def _read(candidate: Candidate, *, whole_row: bool, size: int, permutations: int) -> Sketch:
    return sketch(candidate.whole if whole_row else candidate.text, size, permutations)


@lru_cache(maxsize=2048)  # a candidate is looked up once with every kind of text
def sketch(text: str, size: int, permutations: int) -> Sketch:
    """Return what a text is compared by.

    Parameters
    ----------
    text : str
    size : int
        Words of a shingle, 1 or more.
    permutations : int
        Hash functions of the MinHash, 1 or more.

    Returns
    -------
    Sketch
    """
    from rensa import RMinHash

    keys = shingles(text, size)
    hashes = RMinHash(permutations, SEED)
    hashes.update([number.to_bytes(8, "little") for number in keys])
    return Sketch(array("Q", sorted(keys)), hashes)


class _Index:
    """Sets of shingles by the bands of their sketches.

    rensa holds the bands. With 6 bands of 3, its index took .68 MB per 1,000 rows and 6 microseconds a row, that of
    datasketch, which keeps a Python set for each band of each row, 1.97 MB and 80 (at its defaults 4.0 MB).
    """

    def __init__(self, threshold: float, permutations: int) -> None:
        from rensa import RMinHashLSH

        self.threshold = threshold
        self.bands, rows = banding(threshold, permutations)
        self.permutations = self.bands * rows
        self.lsh = RMinHashLSH(threshold, self.permutations, self.bands)
        self.sets: list[array[int]] = []

    def add(self, one: Sketch) -> None:
        """Add a text."""
        self.lsh.insert(len(self.sets), one.hashes)
        self.sets.append(one.shingles)

    def has_near(self, one: Sketch) -> bool:
        """Return whether the index holds a text with at least the threshold's similarity."""
        found = self.lsh.query(one.hashes) if self.sets else ()
        if not found:
            return False
        shingle_keys = frozenset(one.shingles)
        return any(similarity(shingle_keys, self.sets[i]) >= self.threshold for i in found)


def shingles(text: str, size: int) -> frozenset[int]:
    """Return keys of the runs of words in a text.

    Parameters
    ----------
    text : str
        Any text.
    size : int
        Words of a run, 1 or more.

    Returns
    -------
    frozenset of int
        64 bits each, never empty. A text with fewer words gives its words; a text without words gives itself.

    Examples
    --------
    >>> shingles("A fine day.", 2) == shingles("a FINE day", 2), len(shingles("a fine day", 2))
    (True, 2)
    """
    words = folded_words(text) or [folded(text)]
    size = size if len(words) >= size else 1
    return frozenset(key(" ".join(words[i : i + size])) for i in range(len(words) - size + 1))


def similarity(one: set[int] | frozenset[int], other: Sequence[int]) -> float:
    """Return the Jaccard similarity of two sets that are not empty, the second given as a sequence.

    Examples
    --------
    >>> similarity({1, 2, 3}, [2, 3, 4])
    0.5
    """
    common = len(one.intersection(other))
    return common / (len(one) + len(other) - common)


def banding(threshold: float, permutations: int) -> tuple[int, int]:
    """Choose the number of bands, and of hash functions in each, that find pairs at a threshold.

    Two sets of similarity s share one band of r functions with probability s**r, and any of b bands with probability 1
    - (1 - s**r)**b.

    Parameters
    ----------
    threshold : float
        In (0, 1].
    permutations : int
        Most hash functions, 1 or more.

    Returns
    -------
    bands, rows : int
        The widest bands, and so the fewest needless comparisons, that find a pair at the threshold with probability
        `DETECTION`. If that is impossible, each band is a single function.

    Examples
    --------
    >>> banding(0.75, 24), banding(0.5, 24), banding(1.0, 24)
    ((6, 3), (11, 2), (1, 24))
    """
    for rows in range(permutations, 0, -1):
        for bands in range(1, permutations // rows + 1):
            if 1 - (1 - threshold**rows) ** bands >= DETECTION:
                return bands, rows
    return permutations, 1
