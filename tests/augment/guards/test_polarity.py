"""No praise and no blame gets into a guarded class, and nothing else is touched."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Originals
from augment.guards.polarity import Polarity, read_words
from augment.models.encoder import Encoders
from augment.protection import NEGATIONS, protection
from augment.registry import GUARDS
from augment.text.fill_mask import FillMask
from augment.words import Replacement, folded_words, splice

SHIPPED = Path(__file__).parents[3] / "augment" / "guards" / "polarity_words.txt"
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
    return guard


def passes(guard: Polarity, new: str, *, source: str = SOURCE, label: Any = "neutral") -> bool:
    """Judge a candidate that says nothing of how it was made."""
    return guard.judge([Draw(source, label, 0, 0, 0, 0)], [Candidate(new)]).passed[0]


def passes_replaced(guard: Polarity, old: str, new: str, *, source: str = SOURCE) -> bool:
    """Judge a candidate with one recorded replacement."""
    start = source.index(old)
    replacement = Replacement(start, start + len(old), new)
    candidate = Candidate(splice(source, [replacement]), (replacement,))
    return guard.judge([Draw(source, "neutral", 0, 0, 0, 0)], [candidate]).passed[0]


def test_inserted_words_of_praise_and_blame_are_rejected_and_those_of_the_source_may_stay():
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
    guard = prepared(words_file=None)
    assert passes(guard, "The film is good, the goodwill seats are red.")
    assert not passes(guard, "The film is good, the feel-bad seats are red.")


def test_other_classes_pass_untouched():
    guard = prepared()
    new = "The film is awful, the seats are great."
    assert passes(guard, new, label="positive")
    assert passes(guard, new, label=1)
    assert not passes(guard, new, label="Neutral")
    assert not passes(guard, new, label="NEUTRAL")


def test_other_classes_can_be_guarded():
    guard = prepared(classes=("Mixed", "1"))
    new = "The film is awful."
    assert [passes(guard, new, label=label) for label in ("mixed", 1, "1", "neutral")] == [False, False, False, True]


def test_each_candidate_is_judged_by_its_own_draw():
    draws = [
        Draw("one", "neutral", 0, 0, 0, 0),
        Draw("two", "positive", 1, 0, 0, 0),
        Draw("bad", "neutral", 2, 0, 0, 0),
    ]
    candidates = [Candidate(text) for text in ("bad", "bad", "bad")]
    assert prepared().judge(draws, candidates).passed == [False, True, True]


def test_an_own_file_takes_the_place_of_the_list(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("\ufeff# Colours\nRED\n\n  blue  # and its shades\nGrün\n", encoding="utf-8")
    guard = prepared(words_file=str(path))
    assert read_words(str(path)) == {"red", "blue", "grün"}
    assert passes(guard, "The film is awful, the seats are red.")
    assert not passes(guard, "The film is good, the seats are Blue.")
    assert not passes(guard, "The film is good, the seats are GRÜN.")
    assert passes(guard, "The film is good, the shades are red."), "a comment is no word"
    assert guard.identity()["words"] == 3


def test_the_manifest_tells_one_list_from_another(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("red\nblue\n")
    first = prepared(words_file=str(path)).identity()
    path.write_text("# another order\nblue\nred\n")
    assert prepared(words_file=str(path)).identity() == first
    path.write_text("red\ngreen\n")
    assert prepared(words_file=str(path)).identity() != first


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
        prepared(words_file=str(path))
    assert message in str(caught.value)
    assert repr(str(path)) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("classes", [(), "neutral"])
def test_classes_must_be_a_tuple_of_some(classes):
    with pytest.raises(InputError, match="`classes` of Polarity must be a tuple of at least one class"):
        Polarity(classes=classes).check()


def test_guarding_classes_that_the_data_has_not_is_refused():
    guard = prepared(classes=("Neutrl",))
    with pytest.raises(InputError) as caught:
        guard.fit(Originals(["a", "b", "c"], ["neutral", "positive", "neutral"], [], 0))
    assert str(caught.value) == (
        "The polarity guard is for 'Neutrl' and the data has no such class, but 'neutral', 'positive'."
        " Did you mean 'neutral'? Name its classes, or leave the guard out."
    )
    prepared().fit(Originals(["a", "b"], ["Neutral", "positive"], [], 0))
    prepared(classes=("1",)).fit(Originals(["a", "b"], [0, 1], [], 0))


def test_it_reads_its_words_again_in_another_process():
    copy = pickle.loads(pickle.dumps(prepared()))
    copy.prepare(Encoders())
    assert not passes(copy, "The film is great.")


def test_the_command_line_can_name_it():
    guard = GUARDS.create("polarity", {"classes": "neutral,mixed"})
    assert tuple(guard.classes) == ("neutral", "mixed")


def test_the_shipped_list_has_two_sorted_sections_and_no_word_twice():
    sections = SHIPPED.read_text().split("\n# ")[1:]
    lists = [section.split() for section in sections if section.startswith(("Positive", "Negative"))]
    assert [words.pop(0) for words in lists] == ["Positive", "Negative"]
    for words in lists:
        assert words == sorted(words)
        assert 200 <= len(words) <= 350
        assert all(folded_words(word) == [word] for word in words)
    both = lists[0] + lists[1]
    assert len(set(both)) == len(both)
    assert read_words(None) == set(both)


def test_the_shipped_list_holds_no_function_word_and_no_negation():
    words = read_words(None)
    assert words.isdisjoint(FUNCTION_WORDS)
    negations = protection()
    assert len(negations) == len(NEGATIONS)
    assert not [word for word in words for pattern in negations if pattern.fullmatch(word)]


@pytest.mark.numeric
def test_of_a_real_strategy_it_rejects_what_praises_or_blames_and_nothing_else():
    strategy = FillMask(mask_ratio=0.3)
    strategy.prepare()
    texts = ("This is a very new film about two brothers.", "The shop on the corner opens at nine.")
    draws = [Draw(text, "neutral", i, n, 0, 0) for i, text in enumerate(texts) for n in range(40)]
    candidates = [candidate for candidate in strategy.candidates(draws) if candidate]
    passed = prepared().judge(draws, candidates).passed
    assert 0.5 < sum(passed) / len(passed) < 1  # of 3 seeds 62 to 72 of 80, in float32 and in bfloat16
    for candidate, passing in zip(candidates, passed, strict=True):
        new = {word for replacement in candidate.replacements for word in folded_words(replacement.new)}
        assert passing == new.isdisjoint(read_words(None))
