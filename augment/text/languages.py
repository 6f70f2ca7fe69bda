"""Tell texts that a model of English can fill from others, by their letters and their commonest words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from augment.writing_systems import LATIN, script

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
