"""Duplicates and nlpaug's edits: exact counts, seeded by the draw alone, and nothing touched but the edited words."""

from __future__ import annotations

import random
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment import checks, registry, words
from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Originals
from augment.guards.protected import ProtectedSpan, protected_spans
from augment.protection import protection, replaceable
from augment.text.duplication import Random
from augment.text.nlpaug_edits import (
    KeyboardEdit,
    NlpAugEdit,
    OcrEdit,
    RandomCharEdit,
    RandomWordEdit,
    SpellingEdit,
    SplitEdit,
    SynonymEdit,
    replacements,
)
from augment.upsampling import upsample

EDITS = (
    KeyboardEdit(),
    OcrEdit(),
    SpellingEdit(),
    SplitEdit(),
    *(RandomCharEdit(action=action) for action in ("substitute", "insert", "swap", "delete")),
    *(RandomWordEdit(action=action) for action in ("delete", "swap")),
)
NEUTRAL = [
    "The shop on the corner opens at nine and closes at six on most days.",
    "We sat upstairs by the window and ordered two coffees with a slice of cake.",
    "They did n't say when the second part of the story takes place .",
    "Zoë's café, the “old” one, moved to the other side of the street last year. 😀",
]
POSITIVE = [f"I loved every minute of visit number {i} and would go again." for i in range(40)]
TEXTS, LABELS = NEUTRAL + POSITIVE, ["neutral"] * 4 + ["positive"] * 40


def draws(text: str, n: int = 1) -> list[Draw]:
    return [Draw(text, "neutral", 0, variant, 0, 0) for variant in range(n)]


def new_rows(strategy, seed: int = 0, texts: list[str] = TEXTS) -> list[str]:
    strategy.set_params(random_state=seed)
    return strategy.fit_resample(texts, LABELS)[0][len(texts) :]


@pytest.fixture(scope="module", params=EDITS, ids=lambda edit: f"{edit.name}-{getattr(edit, 'action', '')}".strip("-"))
def edit(request) -> NlpAugEdit:
    """Each edit in turn, prepared."""
    request.param.prepare()
    return request.param


# The contract: the registered defaults stand in test_checks.py


@checks.parametrize_with_checks(
    [
        *(RandomCharEdit(action=action) for action in ("insert", "swap", "delete")),
        RandomWordEdit(action="swap"),
    ]
)
def test_every_action_keeps_the_contract(strategy, check):
    check(strategy)


@checks.parametrize_with_checks([SynonymEdit()])
def test_synonyms_keep_the_contract_where_wordnet_is_installed(strategy, check):
    try:
        strategy.prepare()
    except InputError as error:
        pytest.skip(str(error))
    check(strategy)


# Duplication


def test_random_gives_copies_in_the_exact_number():
    strategy = Random(random_state=0, sampling_strategy={"neutral": 30})
    texts, labels = strategy.fit_resample(TEXTS, LABELS)
    assert Counter(labels) == {"neutral": 30, "positive": 40}
    assert strategy.shortfall_ == {}
    assert texts[44:] == [TEXTS[source] for source in strategy.source_indices_]
    shares = Counter(texts[44:])
    assert set(shares) == set(NEUTRAL), "every source has its turn"
    assert max(shares.values()) - min(shares.values()) <= 1


def test_random_copies_no_text_that_is_held_out():
    held_out = NEUTRAL[0].upper()
    (texts, labels), manifest = upsample((TEXTS, LABELS), strategy="random", against=[held_out])
    assert Counter(labels) == {"neutral": 40, "positive": 40}
    assert set(texts[44:]) == set(NEUTRAL[1:])
    assert set(manifest.rejected) == {"held_out"}


# Rows


def test_counts_are_exact_and_rows_follow_from_the_seed(edit):
    rows = new_rows(edit)
    assert len(rows) == 36
    assert edit.shortfall_ == {}
    assert len(set(rows) | set(TEXTS)) == len(rows) + len(TEXTS), "each is new"
    assert new_rows(edit) == rows
    assert new_rows(edit, seed=1) != rows


def test_a_shortfall_is_counted_where_a_text_has_no_more_edits_to_give():
    texts = ["Good film", "It was so"] + POSITIVE
    strategy = RandomWordEdit(random_state=0)
    _, labels = strategy.fit_resample(texts, ["neutral"] * 2 + ["positive"] * 40)
    made = Counter(labels)["neutral"] - 2
    assert 0 < made < 38
    assert strategy.shortfall_ == {"neutral": 38 - made}


def test_the_numbers_of_edited_words_are_kept_to():
    text = " ".join(["several"] * 40)
    for parameters, expected in (
        ({}, 6),
        ({"aug_p": 0.01}, 1),
        ({"aug_p": 0.01, "aug_min": 3}, 3),
        ({"aug_p": 1.0}, 10),
        ({"aug_p": 1.0, "aug_max": None}, 40),
    ):
        for cls in (KeyboardEdit, SpellingEdit):
            strategy = cls(**parameters)
            strategy.prepare()
            (candidate,) = strategy.candidates(draws(text))
            assert len(candidate.replacements) == expected, (cls.name, parameters)


def test_the_global_generators_stand_where_they_stood_also_after_an_error(edit):
    def states():
        return random.getstate(), repr(np.random.get_state())  # noqa: NPY002

    before = states()
    first = edit.candidates(draws(NEUTRAL[0], 4))
    assert states() == before
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    assert edit.candidates(draws(NEUTRAL[0], 4)) == first, "they play no part either"
    before = states()
    with pytest.raises(TypeError):
        edit.candidates([*draws(NEUTRAL[0]), *draws(None)])
    assert states() == before


def test_spellings_do_not_depend_on_the_order_that_strings_have_in_a_set():
    import nlpaug.augmenter.word.spelling as shared

    strategy = SpellingEdit()
    strategy.prepare()
    first = strategy.candidates(draws(NEUTRAL[0], 20))
    lists = shared.SPELLING_ERROR_MODEL.dict
    kept = {word: list(found) for word, found in lists.items()}
    try:
        for found in lists.values():
            found.reverse()  # as another PYTHONHASHSEED might
        strategy.prepare()
        assert strategy.candidates(draws(NEUTRAL[0], 20)) == first
    finally:
        lists.update(kept)


# Texts


def test_nothing_but_the_edited_words_is_touched(edit):
    text = "  “Hello, world” —  said Zoë;\tand they don't reply (at http://a.b/c , @bob , #tag) 😀 .\n"
    allowed = replaceable(text, protection())
    gaps = [text[before.end : after.start] for before, after in pairwise(allowed)]
    deletes = edit.name == "nlpaug:random_word" and edit.action == "delete"
    marks = "“”,—;()@#😀."
    for candidate in edit.candidates(draws(text, 50)):
        assert isinstance(candidate, Candidate)
        assert words.splice(text, candidate.replacements) == candidate.text
        if deletes:
            assert [c for c in candidate.text if c in marks] == [c for c in text if c in marks]
            assert all(kept in candidate.text for kept in ("don't", "http://a.b/c", "@bob", "#tag"))
        else:
            assert {(r.start, r.end) for r in candidate.replacements} <= set(allowed)
            assert all(gap in candidate.text for gap in gaps)


@pytest.mark.parametrize("text", ["", " \t", "😀 😀", "…", "12 34", "no", "Don't!", "https://example.org"])
def test_a_text_without_a_word_to_edit_gives_none(edit, text):
    assert edit.candidates(draws(text)) == [None]


def test_a_single_word_is_edited_where_the_edit_can(edit):
    (candidate,) = edit.candidates(draws("Something"))
    if edit.name == "nlpaug:random_word":
        assert candidate is None, "there is nothing to swap it with, and deleting it would leave nothing"
    else:
        assert candidate is None or candidate.text.strip() not in ("", "Something")
        assert candidate is not None or edit.name == "nlpaug:spelling", "only a list may lack the word"


@settings(max_examples=40)
@given(text=st.text(max_size=60) | st.lists(st.sampled_from(["ılık", "ßa", "now", "İyi", "its", "I"])).map(" ".join))
def test_any_text_gives_none_or_a_change_of_words_that_may_be_edited(edit, text):
    for candidate in edit.candidates(draws(text, 3)):
        if candidate is not None:
            assert words.splice(text, candidate.replacements) == candidate.text
            assert candidate.text == text or words.folded(candidate.text, " ") != words.folded(text, " ")


def test_a_text_that_chance_leaves_as_it_is_is_not_said_to_allow_no_edit():
    edit = OcrEdit()
    edit.prepare()
    found = edit.candidates(draws("We ate the ham at noon.", 60))  # of these words one alone has a letter to mistake
    assert None not in found
    assert 10 < sum(candidate.text != "We ate the ham at noon." for candidate in found) < 60
    assert edit.candidates(draws("We ate the ham.", 20)) == [None] * 20


def test_a_deleted_word_leaves_no_gap_and_takes_its_clitic_along():
    for text, new, expected in (
        ("I like it, really.", ["I", "like", "", "really"], "I like, really."),
        ("The film ended.", ["", "Film", "ended"], "Film ended."),
        ("  The film ended.", ["", "Film", "ended"], "Film ended."),
        ("(the film)", ["", "film"], "(film)"),
        ("(the old film)", ["", "", "film"], "(film)"),
        ("I met John's friend.", ["I", "met", "", "friend"], "I met friend."),
        ("it 's late", ["", "Late"], "Late"),
        ("a\nb  c", ["a", "", "c"], "a  c"),
        ("one two three", ["", "", ""], ""),
    ):
        found = list(replacements(text, words.word_spans(text), new))
        assert words.splice(text, found) == expected


def test_a_split_puts_one_space_into_words_of_four_letters_or_more_and_changes_nothing_else():
    strategy = SplitEdit(aug_p=0.3)
    strategy.prepare()
    text = NEUTRAL[0]
    for candidate in strategy.candidates(draws(text, 100)):
        for start, end, new in candidate.replacements:
            assert new.replace(" ", "", 1) == text[start:end]
            assert len(text[start:end]) >= 4
            assert new.strip() == new != text[start:end]
    assert len({candidate.text for candidate in strategy.candidates(draws(text, 100))}) > 50


def test_deleting_keeps_all_words_but_those_that_went():
    strategy = RandomWordEdit(aug_p=0.3)
    strategy.prepare()
    text = "Evde ılık su ve the end, the very very end."
    old = words.folded_words(text)
    for candidate in strategy.candidates(draws(text, 100)):
        new = words.folded_words(candidate.text.replace("Ilık", "ılık"))  # a capital where the first word went
        left = iter(old)
        assert len(old) - 3 <= len(new) < len(old)
        assert all(word in left for word in new), f"{candidate.text!r} is no part of {text!r}"


# Protected spans


@pytest.mark.parametrize("edit", [type(e)(**e.get_params() | {"aug_p": 1.0, "aug_max": None}) for e in EDITS], ids=str)
def test_protected_spans_survive_in_every_row(edit):
    texts = [
        "Now I know that the corner  shop isn't open, and no one said when it would be.",
        "Nobody could n't have known: hot soup, not cold, from the Corner shop on the hill.",
        *POSITIVE,
    ]
    edit.set_params(protect=("corner shop",), protect_patterns=(r"\bsou\w+",), random_state=0)
    labels = ["neutral"] * 2 + ["positive"] * 40
    rows = edit.set_params(sampling_strategy={"neutral": 12}).fit_resample(texts, labels)[0][42:]
    patterns = protection(("corner shop",), (r"\bsou\w+",))
    assert len(rows) + edit.shortfall_.get("neutral", 0) == 10
    assert rows
    for row, source in zip(rows, edit.source_indices_, strict=True):
        assert protected_spans(row, patterns) == protected_spans(texts[source], patterns)
        assert ("isn't" if source == 0 else "could n't") in row


def test_an_edit_that_makes_a_negation_is_rejected_and_counted():
    texts = ["On and on and on it went, hot and in tune.", "In and in and on we went, now and then.", *POSITIVE]
    strategy = SpellingEdit(aug_p=1.0, random_state=0)
    rows = strategy.fit_resample(texts, ["neutral"] * 2 + ["positive"] * 40)[0][42:]
    assert strategy.rejections_["protected_span"] > 0
    assert all(protected_spans(row, protection()) == [] for row in rows)


def test_the_guard_compares_spans_in_order_blind_to_case_and_spacing():
    nothing = Originals(texts=[], labels=[], held_out=[], seed=0)
    guard = ProtectedSpan(protect=("New York",))
    guard.fit(nothing)
    for source, candidate, passes in (
        ("I do n't like New York", "I DON'T love new  york", True),
        ("not here, never there", "never here, not there", False),
        ("not here", "here", False),
        ("here we know", "here we no", False),
        ("New York", "York New", False),
        ("no words of note", "no words at all", True),
    ):
        judged = guard.judge(draws(source), [Candidate(candidate)])
        assert list(judged.passed) == [passes], (source, candidate)
    free = ProtectedSpan(protect_negations=False)
    free.fit(nothing)
    assert list(free.judge(draws("not here"), [Candidate("here")]).passed) == [True]
    with pytest.raises(InputError, match=r"must be a tuple of regular expressions.* '\(' is not one: missing \)"):
        ProtectedSpan(protect_patterns=("(",)).check()


def test_a_run_asks_the_guard_with_the_parameters_of_the_strategy():
    (texts, _), manifest = upsample((TEXTS, LABELS), strategy=OcrEdit(protect=("shop",), protect_negations=False))
    (guard,) = [guard for guard in manifest.guards if guard["name"] == "protected_span"]
    assert guard["parameters"] == {
        "protect": ["shop"],
        "protect_patterns": [],
        "protect_negations": False,
        "language": "en",
    }
    assert manifest.strategy["identity"] == {"nlpaug": "1.1.11"}
    assert len(texts) == 80


# Parameters and what is missing


def test_every_parameter_out_of_range_is_named():
    strategy = RandomWordEdit(action="crop", aug_p=0, aug_min=5, aug_max=4, protect="not", protect_patterns=("(",))
    with pytest.raises(InputError) as caught:
        strategy.fit_resample(TEXTS, LABELS)
    said = str(caught.value)
    for part in (
        "`aug_p` of RandomWordEdit must be a number in (0, 1]. Got 0.",
        "`aug_max` of RandomWordEdit must be `aug_min` or more, or None. Got aug_max=4, aug_min=5.",
        "`action` of RandomWordEdit must be 'delete' or 'swap'. Got 'crop'.",
        "`protect` of RandomWordEdit must be a tuple of words and phrases. Got 'not'.",
        "of RandomWordEdit must be a tuple of regular expressions. Got ('(',). '(' is not one: missing )",
    ):
        assert part in said
    with pytest.raises(InputError, match=r"`aug_min` of OcrEdit must be a whole number of 1 or more\. Got 'x'"):
        OcrEdit(aug_min="x").check()


def test_parameters_are_read_from_texts_and_come_back_from_a_configuration():
    strategy = registry.STRATEGIES.create("nlpaug:random_word", {"action": "swap", "aug_max": "none", "protect": "a,b"})
    assert (strategy.action, strategy.aug_max, strategy.protect) == ("swap", None, ("a", "b"))
    again = registry.STRATEGIES.from_config(registry.STRATEGIES.to_config(strategy))
    assert again.get_params() == strategy.get_params()


def test_a_missing_package_is_named_with_the_mend(monkeypatch):
    monkeypatch.setitem(sys.modules, "nlpaug.augmenter.char", None)
    with pytest.raises(InputError, match=r"'nlpaug:ocr' needs the package nlpaug, .*pip install 'nlpaug>=1.1.11,<2'"):
        OcrEdit().prepare()
    monkeypatch.setitem(sys.modules, "nltk", None)
    with pytest.raises(InputError, match=r"'nlpaug:synonym' needs the package nltk, .*pip install nltk &&"):
        SynonymEdit().prepare()


def test_a_missing_corpus_is_named_with_the_mend_and_nothing_is_downloaded(tmp_path, monkeypatch):
    (tmp_path / "nltk").mkdir()
    (tmp_path / "nltk" / "__init__.py").write_text(  # stands for nltk without its data, which raises the same
        "def pos_tag(tokens):\n    raise LookupError('Resource not found.')\n"
        "def download(name):\n    raise AssertionError(f'{name} was downloaded')\n"
    )
    (tmp_path / "nltk" / "corpus.py").write_text(
        "class wordnet:\n    @staticmethod\n    def synsets(word):\n        raise LookupError('Resource not found.')\n"
    )
    for name in [name for name in sys.modules if name.partition(".")[0] == "nltk"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        with pytest.raises(InputError) as caught:
            SynonymEdit().prepare()
    finally:
        for name in ("nltk", "nltk.corpus"):
            sys.modules.pop(name, None)
    assert str(caught.value) == (
        "The strategy 'nlpaug:synonym' needs data of nltk that is not installed: wordnet,"
        " averaged_perceptron_tagger_eng. Run: python -m nltk.downloader wordnet averaged_perceptron_tagger_eng"
    )
