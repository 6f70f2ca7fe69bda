"""How English words are inflected, and which article they take, as far as their spelling tells."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

# fmt: off
IRREGULAR_PAST = frozenset((
    "ate", "became", "began", "bent", "bit", "blew", "bought", "broke", "brought", "built", "burnt", "came", "caught",
    "chose", "clung", "crept", "dealt", "did", "drank", "drew", "drove", "dug", "fed", "fell", "felt", "fled", "flew",
    "forgot", "fought", "found", "froze", "gave", "got", "grew", "had", "heard", "held", "hid", "hung", "kept",
    "knelt", "knew", "laid", "learnt", "led", "left", "lent", "lit", "lost", "made", "meant", "met", "paid", "ran",
    "rang", "rode", "rose", "said", "sang", "sank", "sat", "saw", "sent", "shone", "shook", "shot", "shrank", "slept",
    "slid", "sold", "sought", "spelt", "spent", "spoke", "sprang", "spun", "stole", "stood", "struck", "stuck", "swam",
    "swept", "swore", "swung", "taught", "thought", "threw", "told", "took", "tore", "understood", "went", "wept",
    "woke", "won", "wore", "wrote",
))
IRREGULAR_PARTICIPLE = frozenset((
    "beaten", "bitten", "broken", "chosen", "driven", "drunk", "eaten", "fallen", "flown", "forgotten", "frozen",
    "given", "gone", "gotten", "grown", "hidden", "known", "ridden", "risen", "seen", "shaken", "shown", "spoken",
    "stolen", "sung", "taken", "thrown", "woken", "worn", "written",
))
COMPARATIVE = frozenset((
    "better", "bigger", "bolder", "brighter", "broader", "busier", "calmer", "cheaper", "cleaner", "clearer", "closer",
    "colder", "cooler", "darker", "deeper", "earlier", "easier", "faster", "fewer", "finer", "firmer", "fresher",
    "funnier", "greater", "happier", "harder", "heavier", "higher", "hotter", "kinder", "larger", "later", "lighter",
    "longer", "louder", "lower", "milder", "narrower", "nearer", "neater", "newer", "nicer", "older", "poorer",
    "prettier", "quicker", "quieter", "richer", "safer", "sharper", "shorter", "simpler", "slimmer", "slower",
    "smaller", "smarter", "smoother", "softer", "sooner", "steeper", "stricter", "stronger", "sweeter", "taller",
    "thicker", "thinner", "tighter", "tougher", "warmer", "weaker", "wider", "wilder", "worse", "younger",
))
IRREGULAR_PLURAL = frozenset((
    "children", "feet", "geese", "men", "mice", "people", "police", "teeth", "women",
))
_NO_PLURAL = frozenset((
    "always", "perhaps", "besides", "news", "species", "series", "means", "yes", "lots", "towards", "afterwards",
    "nowadays", "sometimes", "upstairs", "downstairs", "overseas", "indoors", "outdoors", "gas", "canvas",
))
# fmt: on
_LAST = "\U0010ffff"
"""The last character: what begins with a word stands before the word and this."""
_SUFFIX = 3
"""Letters of the longest ending that makes another form of a word."""


def ending(word: str) -> str:
    """Return the inflection that the spelling of an English word shows.

    Parameters
    ----------
    word : str
        One word, in any case.

    Returns
    -------
    str
        ``"s"`` for a plural or a third person, ``"ed"`` for a past form, ``"en"`` for a participle that differs from
        it, ``"ing"``, ``"ly"``, ``"er"`` for a comparative, ``"est"``, or an empty string. Words such as "bus",
        "thing" or "corner" have none.

    Examples
    --------
    >>> [ending(word) for word in ("Soups", "told", "closing", "thing", "glass", "fully", "people", "worse")]
    ['s', 'ed', 'ing', '', '', 'ly', 's', 'er']
    """
    word = word.casefold()
    if word in IRREGULAR_PAST or (word.endswith("ed") and not word.endswith("eed") and len(word) > 4):
        return "ed"
    if word in IRREGULAR_PARTICIPLE:
        return "en"
    if word in IRREGULAR_PLURAL:
        return "s"
    if word in COMPARATIVE:
        return "er"
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is", "ous")):
        return "" if word in _NO_PLURAL else "s"
    if word.endswith("ing") and len(word) > 5:
        return (
            "" if word in ("everything", "something", "anything", "nothing", "during", "evening", "morning") else "ing"
        )
    if word.endswith("ly") and len(word) > 4:
        return "ly"
    return "est" if word in ("best", "worst") or (word.endswith("est") and len(word) > 5) else ""


def is_form_of(word: str, other: str) -> bool:
    """Return whether two words differ only in their last few letters, as forms of one word do.

    Parameters
    ----------
    word, other : str
        Words, in any case.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_form_of("long", "longer"), is_form_of("menus", "menu"), is_form_of("tea", "coffee")
    (True, True, False)
    """
    short, long = sorted((word.casefold(), other.casefold()), key=len)
    return long.startswith(short.removesuffix("e")) and len(long) - len(short) <= _SUFFIX


class WordForms:
    """Finds the forms of a word in a list of words, without a look at each: those that `is_form_of` tells.

    Parameters
    ----------
    words : sequence of (str or None)
        In any case. None is no form of any word.

    Examples
    --------
    >>> WordForms(["long", None, "Longer", "tea", "along"]).of("LONG")
    [0, 2]
    """

    def __init__(self, words: Sequence[str | None]) -> None:
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for i, word in enumerate(words):
            if word is not None:
                self._places[word.casefold()].append(i)
        self._sorted = sorted(self._places)
        self._found: dict[str, list[int]] = {}

    def of(self, word: str) -> list[int]:
        """Return the places of the forms of a word, ascending."""
        word = word.casefold()
        if word not in self._found:
            self._found[word] = sorted(i for form in self._forms(word) for i in self._places.get(form, ()))
        return self._found[word]

    def _forms(self, word: str) -> set[str]:
        """Return what may be a form of a word in lower case, the longer ones from the list."""
        shorter = range(max(len(word) - _SUFFIX, 0), len(word) + 1)
        forms = {word[:n] for n in shorter} | {word[: n - 1] + "e" for n in shorter if n}
        stem = word.removesuffix("e")
        begin, end = bisect_left(self._sorted, stem), bisect_left(self._sorted, stem + _LAST)
        shortest, longest = len(word) + 1, len(word) + _SUFFIX
        forms.update(form for form in self._sorted[begin:end] if shortest <= len(form) <= longest)
        return forms


def article(word: str) -> str:
    """Return the indefinite article that an English word takes.

    Parameters
    ----------
    word : str
        One word, in any case.

    Returns
    -------
    str
        ``"a"`` or ``"an"``, by the first letter and a few exceptions.

    Examples
    --------
    >>> [article(word) for word in ("Egg", "shop", "hour", "user", "one")]
    ['an', 'a', 'an', 'a', 'a']
    """
    word = word.casefold()
    if word.startswith(("hour", "honest", "honor", "honour", "heir")):
        return "an"
    if word.startswith(("eu", "one", "once", "uni", "use", "usu", "uti", "ubi")) and not word.startswith("unin"):
        return "a"
    return "an" if word[:1] in tuple("aeiou") else "a"
