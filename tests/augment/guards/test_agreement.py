"""The teacher judges what it has not seen, says the same in any batch, and may be a model of one's own."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from augment.errors import InputError, ModelError
from augment.generation.candidates import Candidate, Draw
from augment.guards.agreement import Agreement
from augment.guards.base import Originals
from augment.models.encoder import Encoders, TextEncoder

pytestmark = pytest.mark.numeric

FOOD = ("soup", "bread", "cake", "pasta", "cheese", "salad", "pie", "stew", "rice", "fish", "ham", "fruit")
ROADS = ("train", "bus", "tram", "ferry", "taxi", "plane", "car", "bike", "truck", "boat", "metro", "van")
TOOLS = ("hammer", "drill", "saw", "wrench", "screw", "nail", "ladder", "paint", "glue", "rope", "file", "plane")
TEXTS = {
    "food": [f"The {w} was tasty and we ate {v} with it." for w in FOOD for v in FOOD[:3] if w != v],
    "road": [f"The {w} left the station late behind the {v}." for w in ROADS for v in ROADS[:3] if w != v],
    "tool": [f"He used a {w} and a {v} to repair the wall." for w in TOOLS for v in TOOLS[:3] if w != v],
}


@pytest.fixture(scope="module")
def encoders():
    return Encoders(device="cpu")


def originals(*classes, seed=0, more=()):
    rows = [(text, label) for label in classes for text in TEXTS[label]] + list(more)
    return Originals(texts=[text for text, _ in rows], labels=[label for _, label in rows], held_out=[], seed=seed)


def ready(encoders, known=None, **options):
    guard = Agreement(**options)
    guard.prepare(encoders)
    guard.fit(known or originals("food", "road", "tool"))
    return guard


def judged(guard, pairs, sources=None):
    """Judge (text, label) pairs, each made from a source that no fold holds unless sources are given."""
    sources = sources or [f"source {i}" for i in range(len(pairs))]
    draws = [Draw(source, label, i, 0, 0, 0) for i, (source, (_, label)) in enumerate(zip(sources, pairs, strict=True))]
    return guard.judge(draws, [Candidate(text) for text, _ in pairs])


RIGHT = [
    ("We ate the cake with cheese and bread.", "food"),
    ("The soup and the salad were tasty.", "food"),
    ("The tram left the station behind the bus.", "road"),
    ("A taxi stood late at the station.", "road"),
    ("He used a saw to repair the ladder.", "tool"),
    ("He took the hammer and a nail to the wall.", "tool"),
]
NEXT = {"food": "road", "road": "tool", "tool": "food"}
WRONG = [(text, NEXT[label]) for text, label in RIGHT]


# Verdicts


def test_right_labels_pass_and_wrong_ones_do_not_where_the_classes_are_easy(encoders):
    guard = ready(encoders)
    # Right labels get .94 or more, wrong ones .04 at most, in float32 and in bfloat16; the bound is .2.
    assert judged(guard, RIGHT).passed == [True] * 6
    assert judged(guard, WRONG).passed == [False] * 6
    assert min(guard.identity()["recall"].values()) > 0.9


def test_two_classes_are_judged_as_well_as_three(encoders):
    guard = ready(encoders, originals("food", "road"))
    assert guard.classes_ == ["food", "road"]
    assert judged(guard, RIGHT[:4]).passed == [True] * 4
    swapped = [(text, "road" if label == "food" else "food") for text, label in RIGHT[:4]]
    assert judged(guard, swapped).passed == [False] * 4


@pytest.mark.parametrize("classes", [("food", "road"), ("tool", "food", "road")])
def test_soft_labels_are_the_probabilities_in_the_order_of_the_classes(encoders, classes):
    guard = ready(encoders, originals(*classes), soft_labels=True)
    assert guard.identity()["classes"] == sorted(classes)
    assert guard.columns == {"label_probs": "list<float>"}
    pairs = [pair for pair in RIGHT if pair[1] in classes]
    judgement = judged(guard, pairs)
    for (_, label), probs in zip(pairs, judgement.columns["label_probs"], strict=True):
        assert sum(probs) == pytest.approx(1, abs=1e-5)
        assert sorted(classes)[int(np.argmax(probs))] == label
        assert all(type(p) is float for p in probs)
    assert ready(encoders, originals(*classes)).columns == judged(ready(encoders), []).columns == {}


def test_the_bound_is_on_the_probability_of_the_candidates_own_class(encoders):
    odd = [("The bread van left the station.", label) for label in ("food", "road", "tool")]
    sources = ["one source"] * 3
    probs = judged(ready(encoders, soft_labels=True), odd, sources).columns["label_probs"]
    assert probs[0] == probs[1] == probs[2]
    for own, label in enumerate(("food", "road", "tool")):
        for off, passes in ((-1e-3, True), (1e-3, False)):
            guard = ready(encoders, least=min(max(probs[0][own] + off, 1e-6), 1 - 1e-6))
            if 1e-3 < probs[0][own] < 1 - 1e-3:
                assert judged(guard, [(odd[0][0], label)], sources[:1]).passed == [passes]


def test_probabilities_are_those_of_scikit_learns_regression(encoders):
    from sklearn.linear_model import LogisticRegression

    for classes in (("food", "road"), ("food", "road", "tool")):
        known = originals(*classes)
        guard = ready(encoders, known, soft_labels=True, folds=3)
        vectors = TextEncoder(device="cpu", normalize=True).encode(known.texts)
        folds = np.array([guard._fold(text) for text in known.texts])
        candidates = [text for text, _ in RIGHT]
        new = TextEncoder(device="cpu", normalize=True).encode(candidates)
        for fold in range(3):
            kept = folds != fold
            expected = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
            expected.fit(vectors[kept], np.array(known.labels)[kept])
            source = next(text for text in known.texts if guard._fold(text) == fold)
            found = judged(guard, [(text, "food") for text in candidates], [source] * 6).columns["label_probs"]
            assert np.allclose(found, expected.predict_proba(new), atol=2e-3)


def test_verdicts_and_soft_labels_do_not_depend_on_the_batch(encoders):
    guard = ready(encoders, soft_labels=True)
    pairs, sources = [*RIGHT, *WRONG], [text for label in TEXTS for text in TEXTS[label][:4]]
    together = judged(guard, pairs, sources)
    backwards = judged(guard, pairs[::-1], sources[::-1])
    assert list(backwards.passed) == list(together.passed)[::-1]
    assert backwards.columns["label_probs"][::-1] == together.columns["label_probs"]
    fresh = Encoders(device="cpu")
    fresh.get("mini").batch_size = 3
    guard.prepare(fresh)
    for i, pair in enumerate(pairs):
        alone = judged(guard, [pair], sources[i : i + 1])
        assert (alone.passed[0], alone.columns["label_probs"][0]) == (
            together.passed[i],
            together.columns["label_probs"][i],
        )
    assert judged(guard, []).passed == []


def test_a_fit_is_the_same_every_time_and_for_more_rows_than_are_taken_follows_the_seed(encoders):
    one, again = ready(encoders), ready(Encoders(device="cpu"))
    assert np.array_equal(one.weights_, again.weights_)
    few = [ready(encoders, originals("food", "road", "tool", seed=seed), max_rows=60) for seed in (1, 1, 2)]
    assert np.array_equal(few[0].weights_, few[1].weights_)
    assert not np.array_equal(few[0].weights_, few[2].weights_)


# What the teacher has seen


def leaking(guard, encoders):
    """Fit on rows of which some are of the wrong class and betray it by a word of their own; score their own texts."""
    secret = [f"Zyxgle {i} quorvint {i} said nothing of it." for i in range(6)]
    copies = [text.upper() + " !" for text in secret]
    more = [(text, "food") for text in secret] + [(text, "food") for text in copies]
    known = originals("food", "road", more=more)
    guard.prepare(encoders)
    guard.fit(known)
    return known, secret, copies


def test_the_teacher_that_scores_a_candidate_saw_neither_its_source_nor_a_copy_of_it(encoders, monkeypatch):
    import augment.guards.agreement as module

    seen = []
    fit = module._logistic_regression
    monkeypatch.setattr(module, "_logistic_regression", lambda v, y, n: (seen.append(v), fit(v, y, n))[1])
    guard = Agreement(folds=5)
    known, secret, copies = leaking(guard, encoders)
    assert len(seen) == 5
    vectors = encoders.encode("mini", [str(text) for text in known.texts])
    for text, copy in zip(secret, copies, strict=True):
        assert guard._fold(text) == guard._fold(copy)
        teacher = seen[guard._fold(text)]
        for own in (text, copy):
            (vector,) = encoders.encode("mini", [own])
            assert not (teacher == vector).all(axis=1).any()
            others = [fold for fold in range(5) if fold != guard._fold(text)]
            assert all((seen[fold] == vector).all(axis=1).any() for fold in others), "all other teachers saw it"
    assert sum(map(len, seen)) == 4 * len(vectors)


def test_a_row_whose_label_only_its_own_words_betray_is_not_vouched_for_by_itself(encoders):
    """The same candidate, a copy of an odd row: the teachers that saw that row know the label, its own does not."""
    odd = "The ferry left the harbour late behind the boat."
    guard = Agreement(folds=5, soft_labels=True)
    guard.prepare(encoders)
    guard.fit(originals("food", "road", more=[(odd, "food"), (odd.upper(), "food"), (f"{odd}..", "food")]))
    elsewhere = next(text for text in TEXTS["road"] if guard._fold(text) != guard._fold(odd))
    own, other = judged(guard, [(odd, "food")] * 2, [odd, elsewhere]).columns["label_probs"]
    assert own[0] < 0.2 < other[0]  # .09 and .74, in float32 and in bfloat16


def test_copies_of_one_text_share_a_fold():
    guard = Agreement()
    for text in ("A fine day, isn't it?", "ÇA VA"):
        assert len({guard._fold(copy) for copy in (text, text.lower(), text.upper(), f" {text} !!")}) == 1
    assert {guard._fold(f"text {i}") for i in range(60)} == set(range(5))


# What it cannot be fitted on


def test_a_class_that_would_be_missing_without_one_fold_is_refused(encoders):
    known = originals("food", "road", more=[("One lonely text.", "tool"), ("ONE lonely text", "tool")])
    with pytest.raises(InputError, match=r"without one of its 5 folds no row is left of 'tool'\. Give more rows"):
        ready(encoders, known)
    with pytest.raises(InputError, match=r"no row is left of 'tool', 'void'\."):
        ready(encoders, originals("food", "road", more=[("A text.", "tool"), (None, "void"), (" ", "void")]))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"least": 0}, r"`least` of Agreement must be a number in \(0, 1\) or None\. Got 0"),
        ({"least": 1.0}, r"must be a number in \(0, 1\)"),
        ({"folds": 1}, "`folds` of Agreement must be a whole number of 2 or more. Got 1"),
        ({"max_rows": 9}, "`max_rows` of Agreement must be twice `folds` or more. Got max_rows=9, folds=5"),
        ({"max_rows": 0, "folds": 1}, r"`folds` of .* `max_rows` of Agreement must be a whole number of 1 or more"),
    ],
)
def test_parameters_out_of_range_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        Agreement(**options).check()


# What is sent to other processes


def test_a_fitted_guard_leaves_the_model_behind_and_its_copy_says_the_same(encoders):
    """In worker processes it is tried among the tests of workers."""
    guard = ready(encoders, soft_labels=True)
    sent = pickle.dumps(guard)
    assert len(sent) < 100_000, "no model and no rows"
    copy = pickle.loads(sent)
    assert not any(name.startswith("_") for name in vars(copy))
    copy.prepare(Encoders(device="cpu"))
    assert judged(copy, RIGHT + WRONG) == judged(guard, RIGHT + WRONG)


# A teacher of one's own


@pytest.fixture(scope="module")
def teacher(bert, tmp_path_factory):
    """A text-classification model of four labels with random weights."""
    import torch
    from tiny_models import bert_shape
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    path = tmp_path_factory.mktemp("teacher")
    tokenizer = AutoTokenizer.from_pretrained(bert)
    labels = {0: "Road", 1: "TOOL", 2: "food", 3: "Weather"}
    shape = bert_shape(len(tokenizer), hidden_size=64)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        BertForSequenceClassification(
            BertConfig(**shape, id2label=labels, label2id={v: k for k, v in labels.items()})
        ).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def probabilities(teacher, texts):
    """What transformers alone says, one text at a time."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(teacher)
    model = AutoModelForSequenceClassification.from_pretrained(teacher).eval()
    with torch.no_grad():
        return np.concatenate(
            [model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1).numpy() for text in texts]
        )


def test_a_models_labels_are_matched_without_case_and_its_probabilities_are_its_own(teacher, monkeypatch):
    # In float32 on every processor: in bfloat16 the shares of this one were off by .009, and others round otherwise.
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: False)
    guard = ready(Encoders(device="cpu"), teacher=str(teacher), soft_labels=True, least=0.3)
    judgement = judged(guard, RIGHT)
    expected = probabilities(teacher, [text for text, _ in RIGHT])[:, [2, 0, 1]]  # food, road, tool
    own = [expected[i, sorted(TEXTS).index(label)] for i, (_, label) in enumerate(RIGHT)]
    assert 0 < sum(judgement.passed) < 6, "some pass and some do not"
    assert [bool(p >= 0.3) for p in own] == list(judgement.passed)  # the nearest ones are .23 and .37
    shares = expected / expected.sum(axis=1, keepdims=True)
    assert np.allclose(judgement.columns["label_probs"], shares, atol=1e-4)
    assert np.allclose(np.sum(judgement.columns["label_probs"], axis=1), 1, atol=1e-5)


def test_a_models_verdicts_do_not_depend_on_the_batch(teacher):
    guard = ready(Encoders(device="cpu"), teacher=str(teacher), soft_labels=True)
    together = judged(guard, RIGHT).columns["label_probs"]
    assert [judged(guard, [pair]).columns["label_probs"][0] for pair in RIGHT] == together
    assert list(judged(guard, []).passed) == []


def test_a_models_numbers_stand_for_its_labels(teacher):
    from augment.models.scorer import TextScorer

    assert TextScorer(str(teacher), device="cpu").places([3, "1", "road"]) == [3, 1, 0]


def test_a_class_that_the_model_does_not_know_is_refused(teacher):
    with pytest.raises(InputError) as caught:
        ready(Encoders(device="cpu"), originals("food", "road", more=[("x", "Sport")]), teacher=str(teacher))
    assert str(caught.value) == (
        f"The teacher {str(teacher)!r} has no label 'Sport': it knows Road, TOOL, food, Weather."
        " Give a teacher trained on these classes, or rename the labels."
    )


def test_a_model_without_a_head_is_refused(bert):
    guard = Agreement(teacher=str(bert))
    with pytest.raises(ModelError, match=r"is not a text classifier: its checkpoint lacks '\w+"):
        guard.prepare(Encoders(device="cpu"))


def test_a_models_identity_follows_its_weights(teacher, tmp_path):
    one = ready(Encoders(device="cpu"), teacher=str(teacher)).identity()
    copy = shutil.copytree(teacher, tmp_path / "copy")
    assert ready(Encoders(device="cpu"), teacher=str(copy)).identity() == one
    (copy / "config.json").write_text((copy / "config.json").read_text() + "\n")
    assert ready(Encoders(device="cpu"), teacher=str(copy)).identity() != one
    assert one["classes"] == ["food", "road", "tool"]


def test_a_guard_with_a_model_leaves_it_behind_too(teacher):
    guard = ready(Encoders(device="cpu"), teacher=str(teacher), soft_labels=True)
    sent = pickle.loads(pickle.dumps(guard))
    sent.prepare(Encoders(device="cpu"))
    assert judged(sent, RIGHT) == judged(guard, RIGHT)


def test_rows_of_an_earlier_run_teach_nothing(encoders):
    # They stand in other folds than their parents, so a teacher would have seen near copies of what it judges.
    more = [(f"{text} indeed", NEXT[label]) for label in TEXTS for text in TEXTS[label]]
    known = originals("food", "road", "tool", more=more)
    made = np.arange(len(known.texts)) >= len(known.texts) - len(more)
    kept_out, never_there = ready(encoders, replace(known, is_synthetic=made)), ready(encoders)
    assert np.array_equal(kept_out.weights_, never_there.weights_)
    assert kept_out.recall_ == never_there.recall_ != ready(encoders, known).recall_


# Sources that it rules out


def ruled_out(guard, pairs):
    return list(guard.rules_out([Draw(text, label, i, 0, 0, 0) for i, (text, label) in enumerate(pairs)]))


@pytest.mark.parametrize("model", ["mini", "words"])
def test_it_rules_out_the_sources_of_which_the_teacher_that_has_not_seen_them_gives_their_class_too_little(
    encoders, model
):
    known = originals("food", "road", "tool", more=WRONG)  # rows that it is fitted on, in other folds
    guard = ready(encoders, known, model=model)
    assert ruled_out(guard, WRONG) == [True] * 6
    own = list(zip(known.texts, known.labels, strict=True))
    judged_as_candidates = judged(guard, own, known.texts).passed
    assert ruled_out(guard, own) == [not passed for passed in judged_as_candidates]


def test_it_rules_out_nothing_where_the_sources_cannot_tell_what_becomes_of_them(encoders):
    known = originals("food", "road", "tool", more=WRONG)
    assert not any(ruled_out(ready(encoders, known, least=None), WRONG)), "few sources are below a bound that is found"
    assert not any(ruled_out(ready(encoders, replace(known, edits=False)), WRONG)), "the rows are no edits"
    mostly_wrong = originals("food", "road", more=[(text, "tool") for text in TEXTS["food"]])
    guard = ready(encoders, mostly_wrong, least=0.6)
    assert not any(ruled_out(guard, [(text, "tool") for text in TEXTS["food"]])), (
        "a class that the teacher does not know"
    )
