"""Tell in which language texts are, by their letters and their commonest words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from augment.errors import listed
from augment.word_lists import LANGUAGES, entries
from augment.writing_systems import LATIN, script

if TYPE_CHECKING:
    import numpy as np

LOOKED_AT = 500
"""Most texts of a class that are looked at."""
FEW = 0.05
"""Up to this share, texts in other letters are not mentioned. Nothing is made from them anyway."""
LEAST_TEXTS = 10
LEAST_WORDS = 40
"""With fewer texts or words nothing is said about their language: a few rows of names have no common words either."""
LEAST_COMMON = 0.15
"""Texts with a smaller share of `COMMON` words are not English. The share is .25 or more in every class of SST-3,
DynaSent, CLINC150, Banking77, tweets and reviews of Amazon and Yelp; in ten other languages it is .14 or less. Of
170,000 random samples of 10 and 30 rows of these English classes none has a smaller share. Of 10 rows of German,
Spanish, French, Italian or Dutch all have."""
NAMED_WORDS = 20
LEAST_SHARE = 0.2
LEAD = 1.2
"""A language is named if texts have so many words, at least this share of them is common in it, and so many times the
share of the next language. Of 13,000 random samples of 3, 10 and 30 rows of English classes, none is named another."""
KANA = 0.05
"""Texts in Chinese characters with a larger share of Japanese syllables are Japanese."""
# fmt: off
COMMON = frozenset((
    "the", "a", "an", "and", "of", "to", "in", "on", "at", "by", "for", "from", "with", "as", "than", "so", "or",
    "but", "i", "you", "we", "they", "she", "it", "me", "my", "your", "his", "her", "our", "their", "its", "this",
    "that", "is", "was", "are", "were", "be", "been", "am", "have", "has", "had", "do", "did", "can", "could",
    "will", "would", "should", "not", "if", "just", "all", "any", "some", "more", "very", "too", "only", "about",
    "up", "out", "what", "when", "where", "which", "who", "why", "how", "because", "there", "then", "get", "want",
    "need", "let", "please", "tell", "say", "set", "im", "ive", "dont",
))
# fmt: on
"""Common English words that are rare in other languages, unlike "no"."""
_WORD = re.compile(r"(?<![^\s\"'(“‘\[¿¡«-])[^\W\d_]+")


def unlike_english(texts: Iterable[str]) -> str:
    """Say what in these texts is not English.

    Parameters
    ----------
    texts : iterable of str
        Texts of one class.

    Returns
    -------
    str
        A clause about them; an empty string if they are English, or too few to tell.

    Examples
    --------
    >>> unlike_english(["Der Film war leider gar nicht gut.", "Ich habe das Buch nie zu Ende gelesen."] * 5)
    'they do not read like English'
    >>> unlike_english(["菜很好吃，服务也很快。", "汤太咸了。", "The shop opens at nine."])
    '67 % are in other letters than Latin'
    """
    n_texts = n_other = n_words = n_common = 0
    for text in texts:
        found = _WORD.findall(text)
        if not found:
            continue
        n_texts += 1
        if not text.isascii():
            latin = sum(len(word) for word in found if script(word) == LATIN)
            if 2 * latin < sum(map(len, found)):
                n_other += 1
                continue
        n_words += len(found)
        n_common += sum(word.casefold() in COMMON for word in found)
    clauses = []
    if n_other > FEW * n_texts:
        clauses.append(f"{n_other / n_texts:.0%} are in other letters than Latin".replace("%", " %"))
    if n_texts - n_other >= LEAST_TEXTS and n_words >= LEAST_WORDS and n_common < LEAST_COMMON * n_words:
        clauses.append(f"{'the others' if n_other else 'they'} do not read like English")
    return " and ".join(clauses)


def is_english(model: str) -> bool:
    """Return whether a masked language model is known to be one of English alone.

    Parameters
    ----------
    model : str
        A bundled name, or a hub id; those of before 2024 may stand without their owner.

    Returns
    -------
    bool
        False for a folder, and for any model that is not in ``english_models.txt``.

    Examples
    --------
    >>> is_english("mini"), is_english("bert-base-cased"), is_english("FacebookAI/xlm-roberta-base")
    (True, True, False)
    """
    return model in _english_models()


@cache
def _english_models() -> frozenset[str]:
    """Read the list. The hub knows most of them without their owner too."""
    lines = (files("augment.text") / "english_models.txt").read_text(encoding="utf-8").splitlines()
    ids = [line.partition("#")[0].strip() for line in lines]
    return frozenset(name for one in ids if one for name in (one, one.partition("/")[2] or one))


def likely_language(texts: Iterable[str]) -> str | None:
    """Say in which language texts are, by their letters and their commonest words.

    Parameters
    ----------
    texts : iterable of str
        Texts of one class.

    Returns
    -------
    str or None
        One of `augment.word_lists.LANGUAGES`; None if they are in another one, in several, or too few to tell.

    Examples
    --------
    >>> likely_language(["Der Film war leider gar nicht gut.", "Ich habe das Buch nie zu Ende gelesen."] * 3)
    'de'
    >>> likely_language(["菜很好吃，服务也很快。", "店在车站旁边，九点开门。"]), likely_language(["Wasabi"] * 9)
    ('zh', None)
    """
    scripts: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for text in texts:
        for word in _WORD.findall(text):
            if word.isascii():
                scripts[LATIN] += len(word)
                words[word.casefold()] += 1
                continue
            scripts.update(script(letter) for letter in word)
            if script(word) == LATIN:
                words[word.casefold()] += 1
    letters = scripts.total()
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if 2 * (scripts["CJK"] + kana) > letters:
        return "ja" if kana > KANA * letters else "zh"
    if 2 * scripts["THAI"] > letters:
        return "th"
    n_words = words.total()
    if n_words < NAMED_WORDS or 2 * scripts[LATIN] < letters:
        return None
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for language in _speakers().get(word, ()):
            counts[language] += count
    (first, most), (_, next_most) = counts.most_common(2) if len(counts) > 1 else [("", 0), ("", 0)]
    return first if most >= LEAST_SHARE * n_words and most >= LEAD * next_most else None


@cache
def _speakers() -> dict[str, list[str]]:
    """Return the languages in which a word is common."""
    speakers: dict[str, list[str]] = {}
    for language in LANGUAGES:
        for word in COMMON if language == "en" else entries(language, "common"):
            speakers.setdefault(word, []).append(language)
    return speakers


def language_warning(
    language: str,
    used: Sequence[str],
    texts: Sequence[str | None],
    sources: Mapping[Any, Sequence[int] | np.ndarray],
) -> str | None:
    """Say which classes are in another language than the word lists that a run uses.

    Parameters
    ----------
    language : str
        The language of the lists.
    used : sequence of str
        What they hold, e.g. ``["negations"]``.
    texts : sequence of str or None
        All texts.
    sources : mapping of label to sequence of int
        The places of the sources of each class that gets new rows.

    Returns
    -------
    str or None
        One line that names the option; None if no class is.
    """
    others: dict[str | None, list[str]] = {}
    for label, places in sources.items():
        step = max(1, len(places) // LOOKED_AT)
        sample = [texts[int(place)] or "" for place in places[::step][:LOOKED_AT]]
        likely = likely_language(sample)
        if likely not in (None, language) or (likely is None and language == "en" and unlike_english(sample)):
            others.setdefault(likely, []).append(str(label))
    if not others:
        return None
    lists = f"`language={language!r}` has the {' and the '.join(used)} of {LANGUAGES[language]} alone."
    named = [f"{listed(labels, most=5)}: {LANGUAGES[likely]}" for likely, labels in others.items() if likely]
    if None in others:
        named.append(f"{listed(others[None], most=5)}: which is not known")
    codes = " or ".join(f"`language={likely!r}`" for likely in others if likely)
    mend = (
        f"Give {codes}."
        if codes
        else f"It may be {', '.join(LANGUAGES)}. For another language give words of your own: `protect`,"
        " `protect_negations=False`, and files of words for the guard polarity."
    )
    return f"Some classes seem not to be in {LANGUAGES[language]} ({'; '.join(named)}). {lists} {mend}"
