"""Among several fillings the best is taken: content words, inflected alike, that disturb their neighbours least."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from filled_masks import ODD, draws, strategy

from augment.data.corpus import read
from augment.generation.candidates import Draw
from augment.text.content_words import is_content
from augment.text.fill_mask import FILLINGS, MASKED, FillMask
from augment.text.inflection import WordForms, article, ending, is_form_of
from augment.text.masked_text import Filling
from augment.text.opposites import opposites
from augment.words import Span, folded, word_spans

pytestmark = pytest.mark.numeric

CHOOSING = {"mask_ratio": 0.2, "where": "content", "likeness": 1.0, "choose": 8}


@pytest.fixture(scope="module")
def mini():
    made = FillMask(device="cpu", dtype="float32", mask_ratio=0.15)
    made.check()
    made.prepare()
    return made


@pytest.fixture(scope="module")
def made_by_mini(mini):
    """Pairs of draw and candidate on the bundled sample."""
    texts = [text for text in read("sample").texts if text][::3]
    asked = draws(texts)
    return list(zip(asked, mini.candidates(asked), strict=True))


@pytest.mark.parametrize("share", [1, 4])
@pytest.mark.parametrize("fill", ["parallel", "sequential"])
def test_a_candidate_alone_is_the_same_as_among_others(bert, sentences, share, fill):
    asked = [Draw(text, "a", i, v, n, 0) for i, text in enumerate(sentences[:6]) for v in range(5) for n in range(2)]
    together = strategy(bert, **CHOOSING, share_masks=share, fill=fill, batch_size=7).candidates(asked)
    alone = strategy(bert, **CHOOSING, share_masks=share, fill=fill)
    assert [alone.candidates([draw])[0] for draw in asked] == together
    assert len({candidate.text for candidate in together}) > len(asked) // 3


def test_the_filling_whose_words_fit_best_is_taken_and_it_alone_is_measured(bert, sentences, monkeypatch):
    made = strategy(bert, **CHOOSING)
    fillings = []
    fill = made._filler.fill
    monkeypatch.setattr(made._filler, "fill", lambda pool: fill(pool) or fillings.extend(pool))
    measured = []
    compare = made._steadiness.compare
    monkeypatch.setattr(made._steadiness, "compare", lambda changes: measured.extend(changes) or compare(changes))
    asked = draws(sentences)
    found = made.candidates(asked)
    assert len(measured) == len(asked)
    for draw, candidate in zip(asked, found, strict=True):
        own = [filling for filling in fillings if filling.masking.wording.text == draw.text]
        n_words = max(1, round(CHOOSING["mask_ratio"] * len(word_spans(draw.text))))
        assert len(own) == CHOOSING["choose"] * n_words
        assert len(candidate.replacements) == n_words
        best = {}
        for filling in sorted(own, key=Filling.score, reverse=True):
            for r in filling.replacements(made._words_of):
                if r.start not in best and r.new.casefold() not in {other.new.casefold() for other in best.values()}:
                    best[r.start] = r
        assert set(candidate.replacements) == set(list(best.values())[:n_words])
        assert candidate.steadiness is not None
        assert 0 < candidate.naturalness < 1


def test_variants_that_share_take_one_filling_after_another_and_their_passes(bert, sentences, monkeypatch):
    made = strategy(bert, **CHOOSING, share_masks=4)
    passed = []
    likeliest = made._engine.likeliest
    monkeypatch.setattr(made._engine, "likeliest", lambda rows, n: passed.extend(rows) or likeliest(rows, n))
    found = made.candidates([Draw(sentences[0], "a", 0, variant, 0, 0) for variant in range(4)])
    assert len({candidate.text for candidate in found}) == 4
    assert len(passed) <= CHOOSING["choose"] // FILLINGS


def test_words_that_are_masked_together_share_a_pass_and_each_filling_fills_its_own(bert, monkeypatch):
    text = " ".join(["the shop was good and the film was great"] * 3)
    made = strategy(bert, mask_ratio=0.04, choose=8)
    passed = []
    likeliest = made._engine.likeliest
    monkeypatch.setattr(made._engine, "likeliest", lambda rows, n: passed.extend(rows) or likeliest(rows, n))
    (candidate,) = made.candidates(draws([text]))
    ((ids, positions),) = passed
    assert ids.count(made._engine.mask_id) == len(positions) == round(MASKED * len(word_spans(text)))
    assert len(candidate.replacements) == 1


def test_later_variants_replace_the_words_that_earlier_ones_have_left(mini):
    text = "The young nurse asked about my allergies and wrote the answers on a yellow card."
    first, second = (mini.candidates([Draw(text, "a", 0, variant, 0, 0)])[0] for variant in (0, mini.share_masks))
    assert {r.start for r in first.replacements}.isdisjoint(r.start for r in second.replacements)


def test_words_with_near_synonyms_are_replaced_rather(mini):
    texts = [f"The movie about the {word} was long." for word in ("noodles", "lawyers", "tigers", "windows")]
    asked = [Draw(text, "a", 0, 0, 0, seed) for text in texts for seed in range(25)]
    old = Counter(
        draw.text[r.start : r.end]
        for draw, candidate in zip(asked, mini.candidates(asked), strict=True)
        for r in candidate.replacements
    )
    assert old["movie"] > sum(old.values()) / 2


def test_a_try_again_is_made_of_new_fillings(bert, sentences):
    made = strategy(bert, **CHOOSING)
    tries = [made.candidates(draws(sentences[:1]))[0], made.candidates([Draw(sentences[0], "x", 0, 0, 1, 0)])[0]]
    assert tries[0] != tries[1]


def test_one_filling_is_drawn_without_a_look_at_the_states(bert, monkeypatch):
    made = strategy(bert, choose=1)
    monkeypatch.setattr(made._steadiness, "compare", pytest.fail)
    assert all(made.candidates(draws(["the film was good", "a day in the shop"])))


def test_content_words_alone_are_replaced_by_content_words(made_by_mini):
    for draw, candidate in made_by_mini:
        for start, end, new in candidate.replacements:
            assert is_content(draw.text, Span(start, end))
            assert is_content(new.lower(), Span(0, len(new)))


def test_where_there_are_function_words_alone_they_are_replaced(mini):
    assert mini.candidates(draws(["So it is then."]))[0].replacements


def test_fills_are_inflected_like_the_old_word_and_fit_the_article(made_by_mini):
    after_article = 0
    for draw, candidate in made_by_mini:
        for start, end, new in candidate.replacements:
            old = draw.text[start:end]
            assert ending(new) == ending(old), (old, new)
            assert not is_form_of(new, old), (old, new)
            before = draw.text[:start].lower().split()[-1:]
            if before in (["a"], ["an"]):
                after_article += 1
                assert article(new) == before[0]
    assert after_article


def test_no_word_is_replaced_by_its_opposite(mini, made_by_mini):
    known = opposites("en")
    for draw, candidate in made_by_mini:
        for start, end, new in candidate.replacements:
            assert new.casefold() not in known.get(draw.text[start:end].casefold(), ())
    texts = ["It was a small room.", "The best thing is the soup.", "My daughter paid for it.", "We came together."]
    asked = [Draw(text, "a", i, variant, 0, 0) for i, text in enumerate(texts) for variant in range(0, 400, 4)]
    words = {folded(new) for made in mini.candidates(asked) for *_, new in made.replacements}
    assert words.isdisjoint({"big", "large", "worst", "son", "apart"})
    assert len(words) > 5, "others are put in"


def test_no_word_of_the_text_comes_again(made_by_mini):
    for draw, candidate in made_by_mini:
        standing = {folded(draw.text[slice(*span)]) for span in word_spans(draw.text)}
        new = [folded(replacement.new) for replacement in candidate.replacements]
        assert not standing.intersection(new)
        assert len(set(new)) == len(new)


def test_odd_texts_are_filled_too(bert):
    for draw, candidate in zip(asked := draws(ODD), strategy(bert, **CHOOSING).candidates(asked), strict=True):
        assert candidate is None or folded(candidate.text) != folded(draw.text) or not candidate.replacements


def test_words_like_the_old_one_are_preferred(bert, sentences):
    """With a large weight the likest words win whatever the model finds likely."""
    plain = strategy(bert, top_k=None)
    by_likeness = strategy(bert, top_k=None, likeness=1000.0)
    likeness = plain._filter.word_likeness
    vocabulary = plain._engine.vocabulary.words

    def mean_rank(made):
        ranks = []
        for draw, candidate in zip(asked := draws(sentences), made.candidates(asked), strict=True):
            for start, end, new in candidate.replacements:
                pieces = made._engine.pieces.tokenize([draw.text[start:end]])[0].ids
                entries = np.flatnonzero([bool(word) for word in vocabulary])
                found = dict(zip((vocabulary[i] for i in entries), likeness.likeness(pieces, entries), strict=True))
                own = found.get(new, found.get(new.lower()))
                ranks.append(sum(value > own for value in found.values()))
        return sum(ranks) / len(ranks)

    assert mean_rank(by_likeness) < mean_rank(plain) / 3


def test_forms_are_found_as_words_are_compared(mini):
    words = [*mini._engine.vocabulary.words[::7], "be", "bee", "e", "Straße", ""]
    forms = WordForms(words)
    for word in ["be", "Long", "make", "making", "e", "tea", "strasse", "menu", "menus", ""]:
        assert forms.of(word) == [i for i, other in enumerate(words) if other is not None and is_form_of(other, word)]
