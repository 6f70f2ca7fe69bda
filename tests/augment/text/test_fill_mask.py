"""What `fillmask` replaces, with what, and that nothing else of a text or of a run changes."""

from __future__ import annotations

import re
from collections import Counter
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from tiny_models import DTYPES, in_order

from augment import words
from augment.errors import InputError
from augment.generation.candidates import Draw
from augment.text.fill_mask import FillMask, nucleus, pick
from augment.words import folded, splice, word_spans

ODD = (
    "The  shop\ton the corner opens at   nine.",
    "Zoë's café — the “old” one — moved to Łódź, naïve as it is.",
    "It was n't clear to me , but they 'll see it -LRB- again -RRB- .",
    "   The parcel came on Monday; both in one box.\t\n",
    "good😀film 👩‍👩‍👧 was SO good!!! 10/10",
    "A well-made film, isn't it? I'd say it's fine.",
    "日本 film and Москва day",
    "e\u0301toile\u00a0of the\u2009day\u200b",
    "THE BEST DAY OF MY LIFE",
    "the room_key and the x2 y",
)
LITERALS = ("[MASK]", "<mask>", "[UNK]", "</s>", "<s>", "[CLS]", "<pad>")
NEGATED = "I do n't know, it was not good and NOT cheap, nobody can't say no or Never without it"


def strategy(folder, **parameters):
    """A prepared strategy on the CPU in float32, each variant with masks of its own, unless told otherwise."""
    made = FillMask(**{"model": str(folder), "device": "cpu", "dtype": "float32", "share_masks": 1, **parameters})
    made.check()
    made.prepare()
    return made


def draws(texts, times=1):
    return [Draw(text, "x", i, v, 0, 0) for i, text in enumerate(texts) for v in range(times)]


def candidates(made, texts, times=1):
    """Pairs of draw and candidate."""
    asked = draws(texts, times)
    return list(zip(asked, made.candidates(asked), strict=True))


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
    pieces = len(made._engine.tokenize([text])[0].ids)
    assert pieces > 3 * made._engine.window
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
    ids = engine.tokenize([" ".join(sentences)])[0].ids
    at = len(ids) - 40
    assert at > 2 * engine.window
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
    tokens = made._engine.tokenize([text])[0]
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


# Drawing


LOGITS = np.log([0.5, 0.25, 0.15, 0.1])


@pytest.mark.parametrize(
    ("u", "top_k", "top_p", "temperature", "expected"),
    [
        (0.0, None, 1.0, 1.0, 0),
        (0.49, None, 1.0, 1.0, 0),
        (0.51, None, 1.0, 1.0, 1),
        (0.76, None, 1.0, 1.0, 2),
        (0.91, None, 1.0, 1.0, 3),
        (0.999999, None, 1.0, 1.0, 3),
        (0.99, 1, 1.0, 1.0, 0),
        (0.66, 2, 1.0, 1.0, 0),  # 2/3 and 1/3
        (0.67, 2, 1.0, 1.0, 1),
        (0.999, 2, 1.0, 1.0, 1),
        (0.99, 100, 1.0, 1.0, 3),
        (0.99, None, 0.4, 1.0, 0),  # the first alone reaches .4
        (0.66, None, 0.7, 1.0, 0),  # two reach .7: 2/3 and 1/3
        (0.67, None, 0.7, 1.0, 1),
        (0.999, None, 0.7, 1.0, 1),
        (0.999, None, 0.76, 1.0, 2),  # three reach .76
        (0.999, 2, 0.6, 1.0, 0),  # after top-k the first has 2/3, which reaches .6
        (0.999, 2, 0.7, 1.0, 1),
        (0.71, None, 1.0, 0.5, 0),  # squares: .25, .0625, .0225, .01 of .345 -> the first has .7246
        (0.73, None, 1.0, 0.5, 1),
        (0.999, None, 0.72, 0.5, 0),  # the temperature comes before top-p
        (0.999, None, 0.73, 0.5, 1),
        (0.37, None, 1.0, 2.0, 0),  # roots: .707, .5, .387, .316 of 1.911 -> the first has .370
        (0.371, None, 1.0, 2.0, 1),
        (0.9999, None, 1.0, 0.001, 0),
    ],
)
def test_a_draw_by_hand(u, top_k, top_p, temperature, expected):
    assert pick(nucleus(LOGITS, top_k, top_p, temperature), u) == expected
    assert pick(nucleus(LOGITS + 7.5, top_k, top_p, temperature), u) == expected


@pytest.mark.parametrize(
    ("top_k", "top_p", "temperature"), [(None, 1.0, 1.0), (4, 0.9, 1.0), (5, 1.0, 2.5), (3, 0.8, 0.5)]
)
def test_a_draw_follows_the_probabilities(top_k, top_p, temperature):
    from scipy.stats import chisquare

    logits = np.sort(np.random.default_rng(1).normal(0, 1.5, 8))[::-1].astype(np.float32)
    shares = [np.exp(float(logit) / temperature) for logit in logits[:top_k]]
    shares = [share / sum(shares) for share in shares]
    kept, reached = [], 0.0
    for share in shares:
        if reached >= top_p:
            break
        kept.append(share)
        reached += share
    rng, draws_made = np.random.default_rng(2), 20_000
    kept_of = nucleus(logits, top_k, top_p, temperature)
    found = Counter(pick(kept_of, rng.random()) for _ in range(draws_made))
    assert sorted(found) == list(range(len(kept)))
    expected = np.array(kept) / sum(kept) * draws_made
    assert chisquare([found[i] for i in range(len(kept))], expected).pvalue > 0.001


@settings(deadline=None)
@given(
    st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=12),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.integers(1, 20),
    st.floats(0, 1, exclude_min=True),
    st.floats(0.01, 100),
)
def test_a_draw_stays_within_the_cut(logits, u, top_k, top_p, temperature):
    logits = np.sort(np.array(logits, np.float32))[::-1]
    cumulative = nucleus(logits, top_k, top_p, temperature)
    drawn = pick(cumulative, u)
    assert 0 <= drawn < min(len(logits), top_k or len(logits))
    assert pick(cumulative, 0.0) == 0


@pytest.mark.numeric
@pytest.mark.parametrize(
    ("top_k", "top_p", "temperature"), [(5, 1.0, 1.0), (None, 0.6, 1.0), (4, 0.9, 2.0)], ids=["top-k", "top-p", "all"]
)
@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_fills_follow_the_plain_models_probabilities(tiny, name, top_k, top_p, temperature):
    """A text of one word, so that one distribution stands behind every draw; computed here from the whole model."""
    import torch
    from scipy.stats import chisquare
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    model, tokenizer = (
        AutoModelForMaskedLM.from_pretrained(tiny(name)).eval(),
        AutoTokenizer.from_pretrained(tiny(name)),
    )
    made = strategy(tiny(name), top_k=top_k, top_p=top_p, temperature=temperature, protect_negations=False)
    text, times = "film", 1500
    with torch.no_grad():
        ids = torch.tensor([[tokenizer.cls_token_id, tokenizer.mask_token_id, tokenizer.sep_token_id]])
        logits = model(input_ids=ids).logits[0, 1].tolist()
    able = [(logits[i], word) for i, word in enumerate(made._engine.vocabulary.words) if word and word.lower() != text]
    able = sorted(able, reverse=True)[:top_k]
    shares = np.exp(np.array([logit for logit, _ in able]) / temperature)
    shares /= shares.sum()
    kept = int((np.cumsum(shares) < top_p).sum()) + 1
    expected: Counter[str] = Counter()
    for share, (_, word) in zip(shares[:kept], able, strict=False):
        expected["I" if word in "iI" else word.lower()] += share / shares[:kept].sum() * times
    found = Counter(candidate.text for _, candidate in candidates(made, [text], times=times))
    assert set(found) <= set(expected)
    common = [word for word, count in expected.items() if count >= 5]
    observed = [*(found[word] for word in common), times - sum(found[word] for word in common)]
    wanted = [*(expected[word] for word in common), times - sum(expected[word] for word in common)]
    if wanted[-1] < 1e-6:
        observed, wanted = observed[:-1], wanted[:-1]
    assert len(wanted) > 2
    assert chisquare(observed, wanted, sum_check=False).pvalue > 0.001


# The same rows whatever the batch


def mixed(sentences):
    """Texts of very different lengths."""
    return [*sentences[:10], *ODD, "Good day", " ".join(sentences[:8]), "film " * 150]


@pytest.mark.numeric
@pytest.mark.parametrize("fill", ["parallel", "sequential"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_size_does_not_change_a_byte(folder, sentences, fill, dtype):
    found = [
        strategy(folder, mask_ratio=0.3, batch_size=size, fill=fill, dtype=dtype).candidates(draws(mixed(sentences), 2))
        for size in (1, 7, 64)
    ]
    assert found[0] == found[1] == found[2]
    assert None not in found[0]


@pytest.mark.numeric
@pytest.mark.parametrize("name", ["bert", "roberta", "deberta"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_logits_are_bit_identical_over_batch_sizes_and_threads(tiny, sentences, name, dtype, one_and_two_threads):
    import torch

    found = []
    for threads, sizes in zip(one_and_two_threads, ((1, 7, 64), (7,)), strict=True):
        torch.set_num_threads(threads)
        for size in sizes:
            engine = strategy(tiny(name), batch_size=size, dtype=dtype)._engine
            rows = [([*t.ids[:1], engine.mask_id, *t.ids[2:]], [1]) for t in engine.tokenize(sentences[:16])]
            found.append(in_order(engine.likeliest(rows, 30)))
    for ids, logits in found[1:]:
        assert np.array_equal(ids, found[0][0])
        assert np.array_equal(logits, found[0][1])


@pytest.mark.numeric
@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_size_does_not_change_a_bit_of_a_model_wide_enough_for_kernels_to_differ(
    tiny, tmp_path, sentences, dtype
):
    """The tiny models pass without slabs as well; this one does not, in bfloat16."""
    import shutil

    import torch
    from tiny_models import bert_shape
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    path = shutil.copytree(tiny("bert"), tmp_path / "wide")
    size = len(AutoTokenizer.from_pretrained(path))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shape = bert_shape(size, hidden_size=128, intermediate_size=512, initializer_range=0.08)
        BertForMaskedLM(BertConfig(**shape)).save_pretrained(path)
    found = []
    for batch_size in (1, 7, 64):
        engine = strategy(path, batch_size=batch_size, dtype=dtype)._engine
        rows = [([*t.ids[:1], engine.mask_id, *t.ids[2:]], [1]) for t in engine.tokenize(sentences)]
        found.append(in_order(engine.likeliest(rows, 30)))
    for ids, logits in found[1:]:
        assert np.array_equal(ids, found[0][0])
        assert np.array_equal(logits, found[0][1])


@pytest.mark.numeric
def test_threads_do_not_change_a_byte(bert, sentences, one_and_two_threads):
    import torch

    found = []
    for threads in one_and_two_threads:
        torch.set_num_threads(threads)
        found.append(strategy(bert, mask_ratio=0.3).candidates(draws(mixed(sentences))))
    assert found[0] == found[1]


@pytest.mark.numeric
@pytest.mark.slow
@pytest.mark.parametrize("fill", ["parallel", "sequential"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_size_does_not_change_a_byte_of_the_bundled_model(sentences, fill, dtype):
    """Its products are wide enough for the kernels to choose differently; the tiny ones may not be."""
    found = [
        strategy("mini", mask_ratio=0.3, batch_size=size, fill=fill, dtype=dtype).candidates(draws(mixed(sentences)))
        for size in (1, 7, 64)
    ]
    assert found[0] == found[1] == found[2]


def test_a_strategys_top_k_is_its_own(bert):
    """Two strategies on one model stand side by side."""
    narrow, wide = strategy(bert, top_k=1, mask_ratio=1.0), strategy(bert, top_k=None, top_p=1.0, mask_ratio=1.0)
    before = {c.text for _, c in candidates(narrow, ["the shop"], times=20)}
    assert len({c.text for _, c in candidates(wide, ["the shop"], times=20)}) > 10
    assert {c.text for _, c in candidates(narrow, ["the shop"], times=20)} == before
    assert len(before) == 1


# Parameters


def test_one_message_names_every_bad_parameter(bert):
    bad = {
        "mask_ratio": 0.0,
        "fill": "both",
        "top_k": 0,
        "top_p": 1.5,
        "temperature": 0.0,
        "batch_size": 0,
        "protect": "not",
        "protect_patterns": ("(", "fine"),
    }
    with pytest.raises(InputError) as caught:
        FillMask(model=str(bert), **bad).check()
    message = str(caught.value)
    assert "\n" not in message
    for name in bad:
        assert f"`{name}` of fillmask" in message
    for text in ("Got 0.0.", "Got 'both'.", "Got 1.5.", "Got 'not'.", "'('"):
        assert text in message
    assert message.count("`") == 2 * len(bad)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mask_ratio", -0.1),
        ("mask_ratio", 1.01),
        ("mask_ratio", float("nan")),
        ("top_p", 0.0),
        ("top_p", float("nan")),
        ("top_k", -3),
        ("temperature", float("inf")),
        ("temperature", float("nan")),
        ("temperature", -1.0),
        ("protect_patterns", r"\bx\b"),
        ("batch_size", -1),
    ],
)
def test_each_bad_value_is_refused_without_opening_a_model(name, value):
    with pytest.raises(InputError, match=rf"^`{name}` of fillmask must be .* Got "):
        FillMask(model="/no/such/folder", **{name: value}).check()


@pytest.mark.parametrize(
    ("name", "value"),
    [("mask_ratio", "half"), ("top_k", "50"), ("top_k", 2.5), ("batch_size", 1.5), ("temperature", None)],
)
def test_values_of_another_type_are_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"^`{name}` of fillmask must be .* Got {value!r}"):
        FillMask(**{name: value}).check()


def test_bad_parameters_are_refused_before_the_data_is_looked_at():
    with pytest.raises(InputError, match="`top_k` of fillmask"):
        FillMask(top_k=0).fit_resample(["a"], ["b", "c"])


def test_nothing_is_checked_or_opened_by_the_constructor():
    FillMask(model="/no/such/folder", mask_ratio=-1)


def test_parameters_round_trip():
    made = FillMask(model="elsewhere", mask_ratio=0.3, protect=("a", "b"), top_k=None, random_state=3)
    assert clone(made).get_params() == made.get_params()
    assert clone(made) is not made
    assert made.set_params(top_p=0.5, fill="sequential") is made
    assert (made.get_params()["top_p"], made.get_params()["fill"]) == (0.5, "sequential")
    with pytest.raises(ValueError, match="Invalid parameter 'top_q'"):
        made.set_params(top_q=1)
    with pytest.raises(TypeError):
        FillMask("mini")


def test_identity_says_which_model_ran(bert):
    identity = strategy(bert).identity()
    assert identity["model"] == str(bert)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", identity["revision"])
    assert (identity["device"], identity["dtype"]) == ("cpu", "float32")


# Balancing


def small(sentences):
    """Fourteen texts of "many" and six of "few"."""
    return sentences[:20], ["many"] * 14 + ["few"] * 6


@pytest.mark.parametrize("container", [list, tuple, np.array, lambda v: np.array(v, object), pd.Series])
def test_containers_come_back(bert, sentences, container):
    texts, y = (container(column) for column in small(sentences))
    made = FillMask(model=str(bert), device="cpu", random_state=0)
    new_texts, new_y = made.fit_resample(texts, y)
    assert type(new_texts) is type(texts)
    assert type(new_y) is type(y)
    assert getattr(new_texts, "dtype", None).__class__ is getattr(texts, "dtype", None).__class__
    assert list(new_texts[:20]) == sentences[:20]
    assert list(new_y) == ["many"] * 14 + ["few"] * 14
    assert len(set(new_texts)) == 28
    assert all(isinstance(text, str) for text in new_texts)


def test_variants_of_one_source_all_differ(bert, sentences):
    made = FillMask(model=str(bert), device="cpu", random_state=0, sampling_strategy={"few": 90, "many": 14})
    texts, y = made.fit_resample(*small(sentences))
    assert Counter(y) == {"few": 90, "many": 14}
    assert len({folded(text) for text in texts}) == len(texts)
    assert Counter(made.source_indices_.tolist()) == dict.fromkeys(range(14, 20), 14)


def test_a_text_with_nothing_to_replace_is_no_source_and_others_take_over(bert, sentences):
    texts, y = small(sentences)
    texts = [*texts[:14], "!!! 123", "no, never", *texts[16:]]
    made = FillMask(model=str(bert), device="cpu", random_state=0)
    new_texts, new_y = made.fit_resample(texts, y)
    assert made.candidates(draws(["!!! 123", "no, never", "", " "])) == [None] * 4
    assert Counter(new_y)["few"] == 14
    assert set(made.source_indices_) == {16, 17, 18, 19}
    assert made.shortfall_ == {}
    assert new_texts[14:16] == ["!!! 123", "no, never"]


def test_a_class_with_nothing_to_replace_at_all_is_reported_short(bert, sentences):
    made = FillMask(model=str(bert), device="cpu", random_state=0)
    texts, y = made.fit_resample([*sentences[:4], "1!", "2!"], ["many"] * 4 + ["few"] * 2)
    assert len(texts) == len(y) == 6
    assert made.shortfall_ == {"few": 2}


@pytest.mark.numeric
def test_the_seed_alone_decides_whatever_the_batch_size(bert, sentences):
    def resampled(**parameters):
        return FillMask(model=str(bert), device="cpu", **parameters).fit_resample(*small(sentences))[0]

    first = resampled(random_state=5)
    assert first == resampled(random_state=5, batch_size=3) == resampled(random_state=np.int64(5))
    assert first != resampled(random_state=6)


class Counting(FillMask):
    """Counts how often it resampled, and what."""

    calls: ClassVar[list[int]] = []

    def fit_resample(self, texts, y):
        Counting.calls.append(len(texts))
        return super().fit_resample(texts, y)


def test_in_a_pipeline_only_training_folds_are_resampled(bert, sentences):
    from imblearn.pipeline import make_pipeline
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    texts, y = small(sentences)
    upsample = Counting(model=str(bert), device="cpu", random_state=0)
    pipeline = make_pipeline(upsample, TfidfVectorizer(), LogisticRegression())
    Counting.calls.clear()
    scores = cross_val_score(pipeline, texts, y, cv=2, error_score="raise")
    assert len(scores) == 2
    assert np.isfinite(scores).all()
    assert Counting.calls == [10, 10]
    pipeline.fit(texts, y)
    assert Counting.calls == [10, 10, 20]
    assert pipeline.named_steps["counting"].sampling_strategy_ == {"few": 8}
    assert len(pipeline.predict(texts)) == len(pipeline.predict_proba(texts)) == 20
    assert Counting.calls == [10, 10, 20]


def test_a_negation_is_never_inserted_unless_negations_are_left_alone(tiny, sentences):
    def inserted(protect: bool) -> set[str]:
        made = strategy(tiny("bert"), top_k=None, top_p=1.0, temperature=50.0, protect_negations=protect)
        drawn = [candidate for _, candidate in candidates(made, sentences[:6], times=150)]
        return {r.new.casefold() for candidate in drawn for r in candidate.replacements}

    negations = {"not", "no", "never", "nothing", "without"}
    assert inserted(False) & negations, "the tiny vocabulary holds none: the test says nothing"
    assert not inserted(True) & negations


@pytest.mark.numeric
@pytest.mark.parametrize("share", [1, 3, 4])
def test_so_many_variants_share_their_masks_and_one_pass_and_are_filled_apart(bert, sentences, share, monkeypatch):
    made = strategy(bert, share_masks=share, mask_ratio=0.4)
    asked = []
    likeliest = made._engine.likeliest
    monkeypatch.setattr(made._engine, "likeliest", lambda rows, count: asked.extend(rows) or likeliest(rows, count))
    draws = [Draw(sentences[0], "neutral", 5, variant, 0, 0) for variant in range(12)]
    found = made.candidates(draws)
    masks = [tuple(r[:2] for r in candidate.replacements) for candidate in found]
    for first in range(0, 12, share):
        assert len(set(masks[first : first + share])) == 1
    assert len(set(masks)) > 12 // share // 2
    assert len(asked) == len(set(masks))
    assert len({candidate.text for candidate in found}) > 8
    assert [made.candidates([draw])[0] for draw in draws] == found, "alone as together"


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


@pytest.mark.numeric
def test_a_try_again_is_masked_as_before_filled_anew_and_costs_no_pass(bert, sentences, monkeypatch):
    made = strategy(bert, share_masks=4, mask_ratio=0.4)
    passed = []
    likeliest = made._engine.likeliest
    monkeypatch.setattr(
        made._engine, "likeliest", lambda rows, count: passed.append(len(rows)) or likeliest(rows, count)
    )
    tries = [made.candidates([Draw(text, "a", i, 0, n, 0) for i, text in enumerate(sentences)]) for n in range(8)]
    assert passed == [len(sentences), 0, 0, 0, len(sentences), 0, 0, 0]
    for of_one in zip(*tries, strict=True):
        masks = [tuple(r[:2] for r in candidate.replacements) for candidate in of_one]
        assert len(set(masks[:4])) == len(set(masks[4:])) == 1
        assert len({candidate.text for candidate in of_one}) > 3
    fresh = strategy(bert, share_masks=4, mask_ratio=0.4)
    assert fresh.candidates([Draw(sentences[2], "a", 2, 0, 3, 0)]) == [tries[3][2]], "whatever was asked before"
