"""A candidate must be near its source in meaning and not upon it; the measure is a plain cosine."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.guards.similarity import Similarity
from augment.models.encoder import Encoders, TextEncoder

pytestmark = pytest.mark.numeric

PAIRS = [
    ("The shop opens at nine.", "The shop opens at nine."),
    ("The shop opens at nine.", "The shop opens at ten."),
    ("The shop opens at nine.", "A wonderful evening with great food."),
    ("I loved this film.", "I loved this book."),
    ("I loved this film.", "Nine blue parcels, late again, on the corner of the street."),
]


def judged(guard, pairs=PAIRS):
    draws = [Draw(source, "neutral", i, 0, 0, 0) for i, (source, _) in enumerate(pairs)]
    return list(guard.judge(draws, [Candidate(new) for _, new in pairs]).passed)


@pytest.fixture(scope="module")
def encoders():
    return Encoders(device="cpu")


@pytest.fixture(scope="module")
def cosines():
    encoder = TextEncoder(device="cpu")
    sources, new = (encoder.encode(list(texts)) for texts in zip(*PAIRS, strict=True))
    return np.diag(cosine_similarity(sources, new))


def ready(encoders, **options):
    guard = Similarity(**options)
    guard.prepare(encoders)
    return guard


def test_the_measure_is_the_cosine_of_the_encoders_vectors(encoders, cosines):
    assert cosines[0] == pytest.approx(1)
    assert cosines[1] > cosines[2]
    for cosine in cosines[1:]:
        for off, passes in ((-1e-4, True), (1e-4, False)):
            low = judged(ready(encoders, low=float(cosine) + off, high=1.0))
            assert low == [bool(other >= cosine + off) for other in cosines]
            assert low[list(cosines).index(cosine)] == passes
            high = judged(ready(encoders, low=-1.0, high=float(cosine) - off))
            assert high[1:] == [bool(other <= cosine - off) for other in cosines[1:]]


def test_the_borders_of_the_window_belong_to_it(encoders):
    vectors = encoders.encode("mini", list(PAIRS[1]))
    exact = float((vectors[:1] * vectors[1:]).sum(axis=1)[0])
    assert judged(ready(encoders, low=exact, high=1.0), [PAIRS[1]]) == [True]
    assert judged(ready(encoders, low=-1.0, high=exact), [PAIRS[1]]) == [True]
    assert judged(ready(encoders, low=float(np.nextafter(exact, 2)), high=1.0), [PAIRS[1]]) == [False]
    assert judged(ready(encoders, low=-1.0, high=float(np.nextafter(exact, -2))), [PAIRS[1]]) == [False]


def test_the_defaults_reject_the_source_itself_and_what_says_something_else(encoders):
    assert judged(ready(encoders)) == [False, True, False, True, False]


def test_a_verdict_does_not_depend_on_the_batch(encoders, cosines):
    low = float(np.median(cosines))
    together = judged(ready(encoders, low=low, high=1.0))
    assert [judged(ready(Encoders(device="cpu"), low=low, high=1.0), [pair])[0] for pair in PAIRS] == together
    assert judged(ready(encoders, low=low, high=1.0), PAIRS[::-1]) == together[::-1]
    assert judged(ready(encoders), []) == []


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (0.9, 0.2), (-1.1, 0.5), (0.5, 1.1), (float("nan"), 1.0)])
def test_a_window_that_is_none_is_refused(low, high):
    with pytest.raises(
        InputError, match=r"`(low|high)` of Similarity must be (below `high`|a number in [\[(]-1, 1[\])])\. Got"
    ):
        Similarity(low=low, high=high).check()


def test_its_identity_is_that_of_the_encoders_weights(encoders, bert):
    guard = ready(encoders)
    opened = TextEncoder().prepare()
    assert guard.identity() == {"revision": opened.revision, "dtype": str(opened.dtype).removeprefix("torch.")}
    assert guard.identity() != ready(encoders, model=str(bert)).identity()


def test_it_leaves_the_model_behind_and_works_after_it_is_prepared_anew(encoders):
    sent = pickle.loads(pickle.dumps(ready(encoders, low=0.7)))
    assert not any(name.startswith("_") for name in vars(sent))
    sent.prepare(Encoders(device="cpu"))
    assert judged(sent) == judged(ready(encoders, low=0.7))
