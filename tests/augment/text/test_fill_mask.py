"""What `fillmask` replaces and with what, and that nothing else of a text changes."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from filled_masks import ODD, candidates, draws, strategy
from tiny_models import in_order

from augment import words
from augment.generation.candidates import Draw
from augment.protection import PRONOUNS
from augment.words import folded, splice, word_spans

LITERALS = ("[MASK]", "<mask>", "[UNK]", "</s>", "<s>", "[CLS]", "<pad>")
NEGATED = "I do n't know, it was not good and NOT cheap, nobody can't say no or Never without it"


def new_words(draw, candidate):
    """The words of a candidate: those of its source, with the replacements in their places."""
    new = {replacement[:2]: replacement.new for replacement in candidate.replacements}
    return [new.get(tuple(span), draw.text[slice(*span)]) for span in word_spans(draw.text)]


# What stays


def test_text_outside_of_the_replacements_is_byte_for_byte_as_it_was(folder):
    for draw, candidate in candidates(strategy(folder, mask_ratio=0.4), ODD, times=8):
        spans, at, end = word_spans(draw.text), 0, 0
        assert candidate.replacements
        for replacement in candidate.replacements:
            gap = draw.text[end : replacement.start]
            assert replacement[:2] in spans
            assert candidate.text[at : at + len(gap)] == gap
            at += len(gap)
            assert candidate.text[at : at + len(replacement.new)] == replacement.new
            at += len(replacement.new)
            end = replacement.end
        assert candidate.text[at:] == draw.text[end:]


@pytest.mark.parametrize("fill", ["parallel", "sequential"])
def test_a_fill_is_one_word_neither_the_old_one_nor_its_neighbours(folder, fill):
    made = strategy(folder, mask_ratio=1.0, fill=fill, top_k=None, top_p=1.0)
    for draw, candidate in candidates(made, ODD, times=6):
        final = new_words(draw, candidate)
        for i, span in enumerate(word_spans(draw.text)):
            if tuple(span) not in {r[:2] for r in candidate.replacements}:
                continue
            old = draw.text[slice(*span)]
            assert word_spans(final[i]) == [(0, len(final[i]))]
            assert any(c.isalpha() for c in final[i])
            assert folded(final[i]) != folded(old)
            assert folded(final[i]) not in [folded(word) for word in (*final[max(i - 1, 0) : i], *final[i + 1 : i + 2])]


@pytest.mark.numeric
@pytest.mark.parametrize("fill", ["parallel", "sequential"])
@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "deberta", "albert"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Favourites are the, good, film, day. First: no "the" (stood there), no "good" (beside it) -> film.
        # Second: neither good, nor the new film, nor the old film -> the. Third: no film, no the -> good.
        ("The good film", "Film the good"),
        ("THE GOOD FILM!", "FILM THE GOOD!"),
        ("a  shop", "the  good"),
        ("Day", "The"),
        ("The", "Good"),
        ("tHe", "good"),
    ],
)
def test_rigged_fills_are_those_worked_out_by_hand(rigged, name, fill, text, expected):
    made = strategy(rigged(name), mask_ratio=1.0, top_k=1, fill=fill)
    assert made.candidates(draws([text]))[0].text == expected


def test_the_old_word_is_left_out_also_where_every_case_of_it_leads(rigged):
    """RoBERTa's vocabulary holds "good" and "GOOD": neither may come back for "Good"."""
    vocabulary = strategy(rigged("roberta"))._engine.vocabulary
    assert {"good", "GOOD"} <= set(vocabulary.words)
    made = strategy(rigged("roberta"), mask_ratio=1.0, top_k=2, top_p=1.0, temperature=100.0)
    texts = {candidate.text for _, candidate in candidates(made, ["the Good the"], times=60)}
    middles = {text.split()[1] for text in texts}
    assert middles <= {"Film", "Day"}
    assert middles


def test_no_fill_is_left_where_every_word_is_forbidden(folder):
    made = strategy(folder, mask_ratio=1.0)
    made._engine.vocabulary.families[:] = 0  # one family for all: whatever stood there is in it
    made._engine.vocabulary._number.clear()
    made._engine.vocabulary._number["film"] = 0
    candidate = made.candidates(draws(["film"]))[0]
    assert candidate.text == "film"
    assert candidate.replacements == ()


@pytest.mark.parametrize("name", ["roberta", "distilbert", "bert"])
def test_capitalisation_is_taken_over(tiny, name):
    text = "The shop was GOOD and My sister liked IT"
    made = strategy(tiny(name), mask_ratio=1.0, top_k=None, temperature=2.0)
    for draw, candidate in candidates(made, [text], times=30):
        for old, new in zip(text.split(), new_words(draw, candidate), strict=True):
            if new == "I":
                continue
            if old.isupper():
                assert new.isupper()
            elif old[0].isupper():
                assert new[0].isupper()
                assert new[1:].islower() or len(new) == 1
            else:
                assert new.islower()


# What is protected


def test_negations_are_never_replaced(folder):
    made = strategy(folder, mask_ratio=0.6)
    kept = ("do n't", "not", "NOT", "nobody", "can't", "no", "Never", "without")
    spans = [match.span() for word in kept for match in re.finditer(rf"\b{word}\b", NEGATED)]
    assert len(spans) == len(kept)
    for _, candidate in candidates(made, [NEGATED], times=60):
        assert all(re.search(rf"\b{word}\b", candidate.text) for word in kept)
        for replacement in candidate.replacements:
            assert all(replacement.end <= start or end <= replacement.start for start, end in spans)


def test_negations_are_replaced_when_protection_is_off(bert):
    made = strategy(bert, mask_ratio=0.6, protect_negations=False)
    texts = [candidate.text for _, candidate in candidates(made, [NEGATED], times=40)]
    assert any("not good" not in text for text in texts)
    assert any("Never" not in text for text in texts)


def test_words_phrases_and_patterns_are_never_replaced(folder):
    text = "The BLUE bus to New   York stops at gate A7 and at the old Town hall, blue as it is"
    made = strategy(folder, mask_ratio=0.7, protect=("blue", "new york"), protect_patterns=(r"gate \w+", r"\bt\w+n\b"))
    changed = Counter()
    for draw, candidate in candidates(made, [text], times=60):
        changed.update(draw.text[r.start : r.end] for r in candidate.replacements)
        for kept in ("BLUE", "New   York", "gate A7", "Town", "blue"):
            assert kept in candidate.text
    assert not set(changed) & {"BLUE", "New", "York", "gate", "A7", "Town", "blue"}
    assert set(changed) == {"The", "bus", "to", "stops", "at", "and", "the", "old", "hall", "as", "it", "is"}


@pytest.mark.parametrize("literal", LITERALS)
def test_a_special_token_in_a_text_stays_text(folder, literal):
    text = f"{literal} the film {literal}was good{literal}"
    made = strategy(folder, mask_ratio=0.3, protect_patterns=(re.escape(literal),))
    for _, candidate in candidates(made, [text], times=12):
        assert candidate.text.count(literal) == 3
        assert candidate.text != text


@pytest.mark.parametrize("literal", LITERALS)
def test_no_fill_writes_a_special_token(folder, literal):
    made = strategy(folder, mask_ratio=1.0, top_k=None, temperature=5.0)
    for _, candidate in candidates(made, ["the film was good"], times=40):
        assert literal not in candidate.text
        assert re.fullmatch(r"[A-Za-z]+( [A-Za-z]+){3}", candidate.text)


def test_what_is_no_ordinary_word_stays_whole_and_so_do_words_with_a_clitic(folder):
    kept = ("@user", "#day", "https://t.co/x", "10:30pm", "AT&T", "d*mn", "2nd", "I'm", "they'll", "it 's", ":D")
    text = "I'm here @user #day good https://t.co/x at 10:30pm by AT&T d*mn film 2nd day they'll come it 's good :D"
    made = strategy(folder, mask_ratio=1.0)
    for _, candidate in candidates(made, [text], times=10):
        assert all(part in candidate.text for part in kept)
        assert len(candidate.replacements) == text.count(" ") + 1 - len(kept) - 1  # "it 's" is two


def test_no_pronoun_stands_before_a_possessive(tiny):
    made = strategy(tiny("bert"), mask_ratio=1.0, top_k=None, top_p=1.0, temperature=50.0)
    pronouns = [word for word in made._engine.vocabulary.words if word in PRONOUNS]
    assert len(pronouns) > 5, "the tiny vocabulary holds none: the test says nothing"
    drawn = [c.text for _, c in candidates(made, ["film's", "the film 's end"], times=150)]
    hosts = {text.lower().removesuffix("'s").split()[-1] if text.endswith("'s") else text.split()[1] for text in drawn}
    assert len(hosts) > 50
    assert not {host.lower() for host in hosts} & PRONOUNS


def test_a_word_is_replaced_by_one_in_its_own_script_or_stays(tiny):
    made = strategy(tiny("bert"), mask_ratio=1.0)
    text = "The shop on the corner, день 電影 फ़िल्म, opens at nine"
    for _, candidate in candidates(made, [text], times=10):
        assert ", день 電影 फ़िल्म, " in candidate.text
        assert len(candidate.replacements) == 8
    mostly_other = ["Фильм мне не понравился so much", "店在车站旁边", "दुकान नौ बजे खुलती है good"]
    assert made.candidates(draws(mostly_other)) == [None] * 3


def test_words_in_a_script_that_the_vocabulary_knows_are_replaced_within_it(tiny):
    made = strategy(tiny("bert"), mask_ratio=1.0, top_k=None, top_p=1.0, temperature=50.0)
    vocabulary = made._engine.vocabulary
    vocabulary._scripts["CYRILLIC"] = 1 + max(vocabulary._scripts.values())
    own = [i for i, word in enumerate(vocabulary.words) if word][:20]
    vocabulary.scripts[own] = vocabulary._scripts["CYRILLIC"]
    fills = {r.new.lower() for _, c in candidates(made, ["день and фильм"], times=60) for r in c.replacements[::2]}
    assert fills <= {vocabulary.words[i].lower() for i in own}
    assert len(fills) > 5


# How many, and where


def test_the_first_and_the_last_word_are_replaced_as_often_as_others(folder):
    text = "Good people know the shop"
    made = strategy(folder, mask_ratio=0.2)
    at = Counter(candidate.replacements[0].start for _, candidate in candidates(made, [text], times=300))
    expected = [span.start for span in word_spans(text)]
    assert sorted(at) == expected
    assert min(at.values()) > 300 / 5 * 0.6, at


@pytest.mark.parametrize(
    ("ratio", "count", "masks"),
    [
        (0.5, 10, 5),
        (0.15, 10, 2),
        (0.15, 3, 1),
        (0.01, 10, 1),
        (1.0, 10, 10),
        (0.25, 10, 3),
        (0.14, 10, 1),
        (0.5, 1, 1),
    ],
)
@pytest.mark.parametrize("fill", ["parallel", "sequential"])
def test_mask_ratio_counts_words_and_at_least_one(bert, ratio, count, masks, fill):
    text = " ".join(["shop", "river", "music", "water", "garden", "house", "film", "day", "book", "price"][:count])
    made = strategy(bert, mask_ratio=ratio, fill=fill)
    assert {len(candidate.replacements) for _, candidate in candidates(made, [text], times=10)} == {masks}


def test_protected_words_count_towards_the_ratio_and_bound_it(bert):
    text = "shop river music water garden house film day book price"
    made = strategy(bert, mask_ratio=0.5, protect=tuple(text.split()[:7]))
    assert {len(candidate.replacements) for _, candidate in candidates(made, [text], times=5)} == {3}


def test_masks_are_drawn_anew_for_every_variant_attempt_source_and_seed(bert):
    made = strategy(bert, mask_ratio=0.3)
    text = "We sat upstairs by the window and ordered two coffees with cake"
    base = Draw(text, "x", 0, 0, 0, 0)
    for field in ("variant", "attempt", "source", "seed"):
        found = made.candidates([base._replace(**{field: i}) for i in range(20)])
        assert len({tuple(r[:2] for r in c.replacements) for c in found}) > 10, field
        assert len({c.text for c in found}) == 20, field


@pytest.mark.parametrize("fill", ["parallel", "sequential"])
def test_a_long_text_is_filled_everywhere_and_keeps_its_length(folder, sentences, fill):
    made = strategy(folder, mask_ratio=0.2, fill=fill)
    text = " ".join(sentences)
    pieces = len(made._engine.pieces.tokenize([text])[0].ids)
    assert pieces > 3 * made._engine.pieces.window
    spans = word_spans(text)
    hit = set()
    for draw, candidate in candidates(made, [text], times=4):
        assert len(candidate.replacements) == int(0.2 * len(spans) + 0.5)
        assert len(new_words(draw, candidate)) == len(word_spans(candidate.text)) == len(spans)
        hit |= {spans.index(r[:2]) * 20 // len(spans) for r in candidate.replacements}
    assert hit == set(range(20)), "some twentieth of the text was never touched"


@pytest.mark.numeric
def test_a_mask_in_a_long_text_sees_its_surroundings(bert, sentences):
    """Two words before the mask are changed, deep in the text: the likeliest fills change with them."""
    engine = strategy(bert)._engine
    ids = engine.pieces.tokenize([" ".join(sentences)])[0].ids
    at = len(ids) - 40
    assert at > 2 * engine.pieces.window
    row = [*ids[:at], engine.mask_id, *ids[at + 1 :]]
    near, far = list(row), list(row)
    near[at - 2 : at] = [ids[0], ids[0]]
    far[:2] = [ids[5], ids[5]]
    plain, changed, same = (in_order(engine.likeliest([(r, [at])], 20))[1] for r in (row, near, far))
    assert not np.allclose(plain, changed, atol=1e-3)
    assert np.array_equal(plain, same)


# Sequential


@pytest.mark.numeric
def test_sequential_fills_every_mask_each_seeing_the_last(bert):
    import torch

    text = "we sat by the river"
    made = strategy(bert, mask_ratio=0.6, fill="sequential")
    tokens = made._engine.pieces.tokenize([text])[0]
    seen: list[torch.Tensor] = []
    model = made._engine.checkpoint.model
    hook = model.register_forward_pre_hook(lambda _, __, kwargs: seen.append(kwargs["input_ids"][0]), with_kwargs=True)
    candidate = made.candidates(draws([text]))[0]
    hook.remove()
    places = [tokens.cover(words.Span(*r[:2])).start + 1 for r in candidate.replacements]  # one piece each; + [CLS]
    fills = [made._engine.checkpoint.tokenizer.convert_tokens_to_ids(r.new) for r in candidate.replacements]
    mask = made._engine.mask_id
    assert len(seen) == len(fills) == 3
    for turn, ids in enumerate(seen):
        assert [int(ids[place]) for place in places] == fills[:turn] + [mask] * (3 - turn)
        others = [i for i in range(len(tokens.ids)) if i + 1 not in places]
        assert [int(ids[i + 1]) for i in others] == [tokens.ids[i] for i in others]


@pytest.mark.numeric
def test_parallel_is_one_pass_and_differs_from_sequential(folder, sentences):
    texts = sentences[:12]
    parallel = [c for _, c in candidates(strategy(folder, mask_ratio=0.6), texts)]
    sequential = [c for _, c in candidates(strategy(folder, mask_ratio=0.6, fill="sequential"), texts)]
    assert [[r[:2] for r in c.replacements] for c in parallel] == [[r[:2] for r in c.replacements] for c in sequential]
    assert [c.replacements[0] for c in parallel] == [c.replacements[0] for c in sequential]
    assert parallel != sequential


# Balancing


def test_a_negation_is_never_inserted_unless_negations_are_left_alone(tiny, sentences):
    def inserted(protect: bool) -> set[str]:
        made = strategy(tiny("bert"), top_k=None, top_p=1.0, temperature=50.0, protect_negations=protect)
        drawn = [candidate for _, candidate in candidates(made, sentences[:6], times=150)]
        return {r.new.casefold() for candidate in drawn for r in candidate.replacements}

    negations = {"not", "no", "never", "nothing", "without"}
    assert inserted(False) & negations, "the tiny vocabulary holds none: the test says nothing"
    assert not inserted(True) & negations


@pytest.mark.numeric
def test_a_label_before_the_text_is_seen_and_never_masked(bert, sentences):
    with pytest.warns(UserWarning, match="was not trained with labels"):
        made = strategy(bert, condition="prefix", mask_ratio=1.0)
    found, plain = [], strategy(bert, mask_ratio=1.0)
    for label in ("neutral", "good"):
        draws = [Draw(text, label, i, 0, 0, 0) for i, text in enumerate(sentences)]
        found.append(made.candidates(draws))
        for draw, candidate, other in zip(draws, found[-1], plain.candidates(draws), strict=True):
            assert [r[:2] for r in candidate.replacements] == [r[:2] for r in other.replacements], (
                "the same words masked"
            )
            assert splice(draw.text, candidate.replacements) == candidate.text
    assert [c.text for c in found[0]] != [c.text for c in found[1]], "another label, other fills"
    assert made.candidates(draws[:3]) == found[-1][:3]
