"""How `fillmask` draws a word, and that no size of a batch changes what is drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from filled_masks import ODD, candidates, draws, strategy
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import ARCHITECTURES, DTYPES, in_order

from augment.generation.candidates import Draw
from augment.text.fitting_words import nucleus, pick

LOGITS = np.log([0.5, 0.25, 0.15, 0.1])


# Drawing


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


def mixed(sentences):
    """Texts of very different lengths."""
    return [*sentences[:6], *ODD, "Good day", " ".join(sentences[:8]), "film " * 80]


OFTEN = ("bert", "deberta")
"""The models that are tried in every number format by default; the others by default in float32 alone."""
MODELS_AND_DTYPES = [
    pytest.param(name, dtype, marks=[] if dtype == "float32" or name in OFTEN else pytest.mark.slow)
    for name in ARCHITECTURES
    for dtype in DTYPES
]


# The same rows whatever the batch


@pytest.mark.numeric
@pytest.mark.parametrize("fill", ["parallel", "sequential"])
@pytest.mark.parametrize(("name", "dtype"), MODELS_AND_DTYPES)
def test_batch_size_does_not_change_a_byte(tiny, sentences, fill, name, dtype):
    found = [
        strategy(tiny(name), mask_ratio=0.15, batch_size=size, fill=fill, dtype=dtype).candidates(
            draws(mixed(sentences))
        )
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
            rows = [([*t.ids[:1], engine.mask_id, *t.ids[2:]], [1]) for t in engine.pieces.tokenize(sentences[:16])]
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
        rows = [([*t.ids[:1], engine.mask_id, *t.ids[2:]], [1]) for t in engine.pieces.tokenize(sentences)]
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


# Balancing


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
