"""How easily a word is replaced is told from the vocabulary alone."""

from __future__ import annotations

import pytest

from augment.models.checkpoints import load_masked_lm
from augment.models.masked_lm import MaskedLM
from augment.models.word_likeness import WordLikeness
from augment.text import replaceability
from augment.text.fitting_words import WordFilter
from augment.text.replaceability import Replaceability, Word

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def parts():
    checkpoint = load_masked_lm("mini", device="cpu", dtype="float32")
    vocabulary = MaskedLM(checkpoint, 8).vocabulary
    entries = [entry for entry, word in enumerate(vocabulary.words) if word is not None]
    likeness = WordLikeness(checkpoint.model.get_input_embeddings().weight, entries)
    found = WordFilter(vocabulary, likeness, language="en", likeness=1.0, top_k=50, top_p=0.95, temperature=1.0)
    return found, entries, vocabulary


def words(vocabulary, *texts, content=True):
    return [Word(text, content, (vocabulary.words.index(text),)) for text in texts]


def test_words_of_a_kind_are_easier_to_replace_than_others(parts):
    word_filter, entries, vocabulary = parts
    found = dict(
        zip(
            names := ("movie", "monday", "february", "opposed", "depends"),
            Replaceability(word_filter, entries).of(words(vocabulary, *names)),
            strict=True,
        )
    )
    assert min(found["movie"], found["monday"]) > max(found["opposed"], found["depends"])


def test_neither_the_word_itself_nor_its_forms_nor_its_opposites_count(parts, monkeypatch):
    word_filter, _, vocabulary = parts
    few = [vocabulary.words.index(word) for word in ("long", "longer", "short", "tea", "bread", "soup")]
    monkeypatch.setattr(replaceability, "LIKEST", 1)
    alone = Replaceability(word_filter, few[:3]).of(words(vocabulary, "long"))
    others = Replaceability(word_filter, few).of(words(vocabulary, "long"))
    assert alone == [0.0]
    expected = max(word_filter.word_likeness.table([few[:1]], few[3:])[0])
    assert others == pytest.approx([float(expected)])


def test_it_is_the_same_alone_as_among_others_and_when_it_is_asked_again(parts, monkeypatch):
    word_filter, entries, vocabulary = parts
    asked = words(vocabulary, *[vocabulary.words[entry] for entry in entries[3000:3300]])
    monkeypatch.setattr(replaceability, "AT_ONCE", 64)
    together = Replaceability(word_filter, entries)
    found = together.of(asked)
    assert together.of(asked[::-1]) == found[::-1]
    assert [Replaceability(word_filter, entries).of([word])[0] for word in asked[::30]] == found[::30]


def test_words_without_spaces_are_not_rated(parts):
    word_filter, entries, _ = parts
    assert Replaceability(word_filter, entries).of([Word("书店", True, (100, 101))]) == [0.0]
