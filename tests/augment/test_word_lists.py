"""The lists of every language are sound, and the negations of each are found in its texts and in no other words."""

from __future__ import annotations

from pathlib import Path

import pytest

import augment
from augment.protection import protection, replaceable
from augment.text.languages import COMMON
from augment.text.opposites import opposites
from augment.word_lists import LANGUAGES, entries, has_list
from augment.words import folded_words

FOLDER = Path(augment.__file__).parent / "language_data"
WITH_POLES = sorted(language for language in LANGUAGES if has_list(language, "positive"))
SENTENCES = {
    "de": ("Das Essen war nicht gut, KEINER kam, und die Küche blieb kalt.", {"nicht", "KEINER"}),
    "es": ("No vino nadie ni llegó la sopa, solo notas y nidos.", {"No", "nadie", "ni"}),
    "fr": ("Je n’ai rien vu, personne ne parle de l'hôtel.", {"n’ai", "rien", "ne", "l'hôtel"}),
    "it": ("Non c'è più nessun'altra stanza senza finestra.", {"Non", "c'è", "nessun'altra", "senza"}),
    "ja": ("昨日は来ませんでした。", {"昨日は来ませんでした"}),
    "nl": ("Niemand kwam en het eten was niet geheel warm.", {"Niemand", "niet"}),
    "pt": ("Não veio ninguém e a sopa nunca chegou.", {"Não", "ninguém", "nunca"}),
}


def test_every_file_belongs_to_a_language_and_says_where_it_is_from():
    kinds = {"negations", "positive", "negative", "common", "poles", "opposites"}
    files = sorted(FOLDER.iterdir())
    assert len(files) >= 30
    for path in files:
        language, kind, suffix = path.name.split(".")
        assert language in LANGUAGES
        assert kind in kinds
        assert suffix == "txt"
        assert LANGUAGES[language] in path.read_text(encoding="utf-8").splitlines()[0]
        assert "Chosen for this package" in path.read_text(encoding="utf-8")
    assert all(has_list(language, "negations") for language in LANGUAGES)
    assert WITH_POLES == ["de", "en", "es", "fr", "it", "nl", "pt"]


@pytest.mark.parametrize("language", sorted({*WITH_POLES} - {"en"}))
def test_the_poles_of_a_language_are_sorted_and_apart_and_hold_no_common_word_and_no_negation(language):
    positive, negative = (entries(language, kind) for kind in ("positive", "negative"))
    for words in (positive, negative):
        assert list(words) == sorted(set(words))
        assert all(folded_words(word) == [word.casefold()] for word in words)
        assert len(words) > 150
        assert set(words).isdisjoint(entries(language, "common"))
        assert not [word for word in words if any(p.fullmatch(word) for p in protection(language=language))]
    assert set(positive).isdisjoint(negative)


@pytest.mark.parametrize("language", sorted(SENTENCES))
def test_negations_are_found_as_whole_words_of_their_language(language):
    text, kept = SENTENCES[language]
    free = {text[slice(*span)] for span in replaceable(text, protection(language=language))}
    every = {text[slice(*span)] for span in replaceable(text, [])} or {"昨日は来ませんでした"}
    assert every - free == kept


def test_english_negations_stand_in_no_other_language():
    text = "Das ist no problem, aber nicht hier."
    assert {text[slice(*span)] for span in replaceable(text, protection(language="de"))} >= {"no", "problem"}
    assert "no" not in {text[slice(*span)] for span in replaceable(text, protection())}
    assert "no" not in COMMON


def test_opposites_are_pairs_of_lower_case_words_and_none_is_its_own():
    lines = entries("en", "opposites")
    assert list(lines) == sorted(set(lines))
    for line in lines:
        left, right = (side.split() for side in line.split("|"))
        assert set(left).isdisjoint(right)
        assert all(word == word.casefold() for word in (*left, *right))
    found = opposites("en")
    assert all(word in found[other] for word, others in found.items() for other in others)
    assert opposites("de") == {}
