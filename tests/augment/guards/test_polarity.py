"""A polar class gets no word of the other pole and loses none of its own, and nothing else is touched."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Originals
from augment.guards.polarity import Polarity, read_words, shipped_words
from augment.models.encoder import Encoders
from augment.protection import negations_of, protection
from augment.registry import GUARDS
from augment.text.fill_mask import FillMask
from augment.words import Replacement, folded_words, splice

LISTS = Path(__file__).parents[3] / "augment" / "language_data"
SOURCE = "The film is good, the seats are red."
# Words that hold a sentence together, and hedges and degrees that neutral texts are full of.
FUNCTION_WORDS = folded_words(
    "a about above after again all almost also although always am an and another any are around as at away back be"
    " because been before being below between big both but by can could did different do does done down each either"
    " else enough even ever every everyone far few first for from get go had half has have he her here hers him his"
    " how i if in into is it its just kind last least less like little long lot made make many may maybe me might more"
    " most much must my near never new next no nor not nothing now of off often old on once one only or other our out"
    " over own part people perhaps pretty quite rather really right same see she should since small so some sometimes"
    " sort still such than that the their them then there these they thing this those though three through time to too"
    " true two under until up us usually very was way we well were what when where whether which while who whole whose"
    " why will with without would yes yet you your"
)


def prepared(**parameters: Any) -> Polarity:
    guard = Polarity(**parameters)
    guard.prepare(Encoders())
    named = [name for pole in ("positive", "negative", "neutral") for name in parameters.get(pole) or ()]
    guard.fit(Originals(texts=[], labels=["neutral", *named], held_out=[], seed=0))
    return guard


def passes(guard: Polarity, new: str, *, source: str = SOURCE, label: Any = "neutral") -> bool:
    """Judge a candidate that says nothing of how it was made."""
    return guard.judge([Draw(source, label, 0, 0, 0, 0)], [Candidate(new)]).passed[0]


def passes_replaced(guard: Polarity, old: str, new: str, *, source: str = SOURCE, label: str = "neutral") -> bool:
    """Judge a candidate with one recorded replacement."""
    start = source.index(old)
    replacement = Replacement(start, start + len(old), new)
    candidate = Candidate(splice(source, [replacement]), (replacement,))
    return guard.judge([Draw(source, label, 0, 0, 0, 0)], [candidate]).passed[0]


def test_a_neutral_row_gets_no_word_of_praise_or_blame_and_may_keep_or_lose_those_of_the_source():
    guard = prepared()
    assert passes(guard, "The film is good, the chairs are red.")
    assert passes(guard, "The seats are red.")
    assert not passes(guard, "The film is good, the seats are great.")
    assert not passes(guard, "The film is awful, the seats are red.")
    assert not passes(guard, "The film is good, the good seats are red."), "once more than the source"


def test_recorded_replacements_are_taken_at_their_word():
    guard = prepared()
    assert passes_replaced(guard, "red", "blue")
    assert passes_replaced(guard, "good", "long")
    assert not passes_replaced(guard, "red", "awful")
    assert not passes_replaced(guard, "red", "good"), "though the source has the word elsewhere"
    assert not passes_replaced(guard, "good", "bad")


def test_a_clitic_beside_a_recorded_replacement_is_no_part_of_it():
    assert not passes_replaced(prepared(), "plot", "joy", source="The plot 's here")


@pytest.mark.parametrize("new", ["GREAT", "Great", "great,", "(great)"])
def test_case_and_punctuation_hide_nothing(new):
    assert not passes(prepared(), f"The film is good, the seats are {new}.")
    assert not passes_replaced(prepared(), "red", new)


def test_words_are_whole():
    guard = prepared()
    assert passes(guard, "The film is good, the goodwill seats are red.")
    assert not passes(guard, "The film is good, the feel-bad seats are red.")


REVIEW = "A wonderful film with a dull start."


@pytest.mark.parametrize(
    ("label", "new", "passing"),
    [
        ("positive", "A wonderful film with a slow start.", False),  # blame comes in, though blame goes
        ("positive", "A wonderful film with a red start.", True),
        ("positive", "A wonderful play with a dull start.", True),
        ("positive", "A splendid film with a dull start.", True),
        ("positive", "A long film with a dull start.", False),
        ("positive", "A funny film with a dull start.", False),
        ("negative", "A wonderful film with a great start.", False),
        ("negative", "A long film with a dull start.", True),
        ("negative", "A wonderful film with a red start.", False),
        ("negative", "A wonderful film with a slow start.", True),
        ("negative", "A wonderful film with a funny start.", False),
        ("neutral", "A long film with a dull start.", True),
        ("neutral", "A splendid film with a dull start.", False),
    ],
)
def test_a_row_keeps_its_pole(label, new, passing):
    guard = prepared()
    assert passes(guard, new, source=REVIEW, label=label) is passing, "with nothing recorded"
    pairs = zip(REVIEW.rstrip(".").split(), new.rstrip(".").split(), strict=True)
    (old, word), *others = [(old, word) for old, word in pairs if old != word]
    assert not others
    assert passes_replaced(guard, old, word, source=REVIEW, label=label) is passing


def test_each_recorded_replacement_must_keep_the_own_word():
    source = "A wonderful film of long days."
    swapped = (Replacement(2, 11, "long"), Replacement(20, 24, "wonderful"))
    draw, candidate = Draw(source, "positive", 0, 0, 0, 0), Candidate(splice(source, swapped), swapped)
    assert prepared().judge([draw], [candidate]).passed == [False]
    assert prepared().judge([draw], [Candidate(candidate.text)]).passed == [True], "the text still has its words"


def test_a_deleted_word_is_a_lost_one():
    assert not passes(prepared(), "A film with a dull start.", source=REVIEW, label="positive")
    assert not passes_replaced(prepared(), "wonderful ", "", source=REVIEW, label="positive")
    assert passes_replaced(prepared(), "film ", "", source=REVIEW, label="positive")


def test_words_count_by_their_form_also_under_a_negation():
    guard = prepared()
    assert not passes(guard, "It is not bad.", source="It is not long.", label="positive")
    assert not passes(guard, "It is not long.", source="It is not good.", label="positive")
    assert passes(guard, "It is not long.", source="It is not good.", label="negative")


@pytest.mark.parametrize(
    ("pole", "names"),
    [
        ("positive", ["positive", "Pos", "VERY POSITIVE", "very_positive", "extremely-positive", "4 stars", "5 stars"]),
        ("negative", ["Negative", "neg", "Very Negative", "somewhat_negative", "1 star", "2 stars"]),
        ("neutral", ["neutral", "NEUTRAL", "neu", "3 stars"]),
        ("positive", ["Positiv", "sehr_positiv", "très positif", "positiva", "positief"]),
        ("negative", ["negativ", "Négatif", "negativo", "negatief"]),
        (None, ["mixed", "conflict", "1", 5, "positively", "not negative", "sports", "", "very neutral"]),
    ],
)
def test_polar_classes_are_known_by_their_usual_names(pole, names):
    assert [Polarity().pole(name) for name in names] == [pole] * len(names)


def test_other_classes_pass_untouched():
    guard = prepared()
    new = "The film is awful, the seats are great."
    assert passes(guard, new, label="mixed")
    assert passes(guard, new, label=1)
    assert not passes(guard, new, label="Neutral")


def test_classes_can_be_named_for_each_pole():
    guard = prepared(positive=("Lob",), negative=("1", "2"), neutral=())
    labels = ("lob", "LOB", 1, "2", "neutral", "positive")
    assert [guard.pole(label) for label in labels] == ["positive", "positive", "negative", "negative", None, None]
    assert prepared(positive=("Lob",)).pole("negative") == "negative", "the other poles keep their usual names"
    assert prepared(negative=("neutral",)).pole("neutral") == "negative", "what is named goes before what is usual"


def test_a_class_of_two_poles_is_refused():
    with pytest.raises(InputError, match="`positive` of Polarity must be of other classes than the other poles"):
        Polarity(positive=("a", "A", "b"), neutral=("B",)).check()
    Polarity(positive=("a", "A"), neutral=("B",)).check()


def test_each_candidate_is_judged_by_its_own_draw():
    draws = [
        Draw("one", "neutral", 0, 0, 0, 0),
        Draw("two", "mixed", 1, 0, 0, 0),
        Draw("bad", "neutral", 2, 0, 0, 0),
    ]
    candidates = [Candidate(text) for text in ("bad", "bad", "bad")]
    assert prepared().judge(draws, candidates).passed == [False, True, True]


def test_an_own_file_takes_the_place_of_the_list_of_its_pole(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("\ufeff# Colours\nRED\n\n  blue  # and its shades\nGrün\n", encoding="utf-8")
    guard = prepared(positive_words=str(path))
    assert read_words("positive", str(path)) == {"red", "blue", "grün"}
    assert passes(guard, "The film is great, the seats are red.")
    assert not passes(guard, "The film is awful, the seats are red."), "the other list stays"
    assert not passes(guard, "The film is good, the seats are Blue.")
    assert not passes(guard, "The film is good, the seats are GRÜN.")
    assert passes(guard, "The film is good, the shades are red."), "a comment is no word"
    assert not passes(guard, "The film is good, the seats are wide.", label="positive"), "red is lost"
    fitted = prepared(positive_words=str(path), negative_words=str(path))
    fitted.fit(Originals(texts=["a"], labels=["neutral"], held_out=[], seed=0))
    assert fitted.identity()["words"] == 6


def test_the_manifest_tells_one_list_from_another_and_says_the_poles(tmp_path):
    path = tmp_path / "words.txt"

    def identity(content: str, parameter: str = "positive_words") -> dict[str, Any]:
        path.write_text(content)
        guard = prepared(**{parameter: str(path)})
        guard.fit(Originals(texts=["a", "b", "c"], labels=["Positive", "other", "neg"], held_out=[], seed=0))
        return guard.identity()

    first = identity("red\nblue\n")
    assert first["poles"] == {"Positive": "positive", "neg": "negative"}
    assert identity("# another order\nblue\nred\n") == first
    assert identity("red\ngreen\n") != first
    assert identity("red\nblue\n", "negative_words")["words_hash"] != first["words_hash"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "must be a UTF-8 file with one word a line: [Errno 2] No such file or directory"),
        (b"", "holds no word. Write one a line."),
        (b"# nothing\n\n--\n", "holds no word. Write one a line."),
        (b"caf\xe9\n", "must be a UTF-8 file with one word a line: 'utf-8' codec"),
        (b"good\nvery bad\n", "must hold one word. Got 'very bad'. Put each on its own."),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        prepared(positive_words=str(path))
    assert message in str(caught.value)
    assert repr(str(path)) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pole", ["positive", "negative", "neutral"])
def test_classes_must_be_a_tuple(pole):
    with pytest.raises(InputError, match=f"`{pole}` of Polarity must be a tuple of classes or None"):
        Polarity(**{pole: "good"}).check()


def test_a_class_that_the_data_has_not_is_refused():
    with pytest.raises(InputError) as caught:
        prepared(neutral=("Neutrl",)).fit(
            Originals(texts=["a", "b", "c"], labels=["neutral", "positive", "neutral"], held_out=[], seed=0)
        )
    assert str(caught.value) == (
        "`neutral` of the polarity guard names the class 'Neutrl' and the data has no such class, but 'neutral',"
        " 'positive'. Did you mean 'neutral'? Name its classes."
    )
    prepared().fit(Originals(texts=["a", "b"], labels=["Neutral", "sports"], held_out=[], seed=0))
    prepared(neutral=("1",)).fit(Originals(texts=["a", "b"], labels=[0, 1], held_out=[], seed=0))


def test_data_without_a_polar_class_is_refused():
    with pytest.raises(InputError) as caught:
        prepared().fit(Originals(texts=["a", "b"], labels=["sports", "politics"], held_out=[], seed=0))
    assert str(caught.value) == (
        "The polarity guard knows none of the classes 'sports', 'politics'. Say which are of which pole, e.g."
        " polarity:positive=praise,negative=complaint, or leave the guard out."
    )


def test_it_reads_its_words_again_in_another_process():
    copy = pickle.loads(pickle.dumps(prepared()))
    copy.prepare(Encoders())
    assert not passes(copy, "The film is great.")


def test_the_command_line_can_name_classes_for_each_pole():
    guard = GUARDS.parse("polarity:positive=praise,thanks,negative=")
    assert (guard.positive, guard.negative, guard.neutral) == (("praise", "thanks"), (), None)


def test_the_shipped_lists_are_sorted_and_share_only_the_words_of_both_poles():
    lists = {}
    for pole in ("positive", "negative"):
        text = (LISTS / f"en.{pole}.txt").read_text(encoding="utf-8")
        own, both = ([line for line in part.splitlines() if line] for part in text.split("\n\n", 1)[1].split("\n# "))
        assert both.pop(0).startswith("Words of both poles")
        for words in (own, both):
            assert words == sorted(set(words))
            assert all(folded_words(word) == [word] for word in words)
        assert 600 <= len(own) <= 900
        assert not set(own) & set(both)
        assert shipped_words(pole) == {*own, *both}
        lists[pole] = own, both
    assert lists["positive"][1] == lists["negative"][1]
    assert not set(lists["positive"][0]) & set(lists["negative"][0])


def test_the_shipped_lists_hold_no_function_word_and_no_negation():
    words = shipped_words("positive") | shipped_words("negative")
    assert words.isdisjoint(FUNCTION_WORDS)
    negations = protection()
    assert len(negations) == len(negations_of())
    assert not [word for word in words for pattern in negations if pattern.fullmatch(word)]


@pytest.mark.numeric
@pytest.mark.parametrize("label", ["positive", "negative", "neutral"])
def test_of_a_real_strategy_it_rejects_what_changes_the_pole_and_nothing_else(label):
    strategy = FillMask(mask_ratio=0.3)
    strategy.prepare()
    texts = ("This is a wonderful film about two awful brothers.", "The lovely shop on the dirty corner opens at nine.")
    draws = [Draw(text, label, i, n, 0, 0) for i, text in enumerate(texts) for n in range(40)]
    candidates = [candidate for candidate in strategy.candidates(draws) if candidate]
    passed = prepared().judge(draws, candidates).passed
    assert 0.1 < sum(passed) / len(passed) < 1
    lists = {pole: shipped_words(pole) for pole in ("positive", "negative")}
    for draw, candidate, passing in zip(draws, candidates, passed, strict=True):
        new = {word for replacement in candidate.replacements for word in folded_words(replacement.new)}
        clean = all(new.isdisjoint(words) for pole, words in lists.items() if pole != label)
        own = lists.get(label, frozenset())
        kept = all(
            own.isdisjoint(folded_words(draw.text[start:end])) or not own.isdisjoint(folded_words(word))
            for start, end, word in candidate.replacements
        )
        assert passing == (clean and kept)
