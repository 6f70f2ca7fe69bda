"""Fill-mask in German and Chinese: the contract, whole words, negations, and one warning if the language is another."""

from __future__ import annotations

import json
import warnings

import pytest
from click.testing import CliRunner

from augment import FillMask, checks, upsample
from augment.checks import LABELS, TEXTS_OF
from augment.cli import main
from augment.generation.candidates import Draw
from augment.guards.selection import select
from augment.protection import protection
from augment.text.nlpaug_edits import KeyboardEdit, SpellingEdit, SynonymEdit
from augment.words import SENTENCE_START, word_spans


def pairs(text: str) -> list[tuple[int, int]]:
    """Cut runs of letters into words of two, as a stand-in for a dictionary."""
    return [(i, min(i + 2, end)) for start, end in word_spans(text) for i in range(start, end, 2)]


@pytest.fixture(params=["german", "chinese"])
def strategy(request, tiny):
    if request.param == "german":
        return FillMask(model=str(tiny("german")), language="de", device="cpu")
    return FillMask(model=str(tiny("chinese")), language="zh", segmenter=pairs, device="cpu")


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_the_contract_is_kept_in_german_and_chinese(strategy, check):
    check(strategy)


def test_chinese_words_are_filled_by_whole_words_of_several_letters(tiny):
    strategy = FillMask(model=str(tiny("chinese")), language="zh", segmenter=pairs, mask_ratio=0.3, device="cpu")
    strategy.prepare()
    lengths = set()
    for i, text in enumerate(filter(None, TEXTS_OF["zh"])):
        (candidate,) = strategy.candidates([Draw(text, "neutral", i, 0, 0, 0)])
        assert len(candidate.text) == len(text)
        for start, end, new in candidate.replacements:
            assert (start, end) in pairs(text)
            assert new != text[start:end]
            assert not any(negation.search(new) for negation in protection(language="zh"))
            lengths.add(len(new))
    assert 2 in lengths


def test_a_fill_that_is_no_word_is_not_taken(tiny):
    text = "我们坐在楼上"

    def known(found: str) -> list[tuple[int, int]]:
        """Know the words of the text alone; letters are words elsewhere."""
        return pairs(found) if found == text else [(i, i + 1) for i in range(len(found))]

    strategy = FillMask(model=str(tiny("chinese")), language="zh", segmenter=known, device="cpu")
    strategy.prepare()
    (candidate,) = strategy.candidates([Draw(text, "neutral", 0, 0, 0, 0)])
    assert candidate is None or candidate.text == text


def test_without_a_segmenter_nothing_is_made_of_chinese(tiny):
    strategy = FillMask(model=str(tiny("chinese")), protect_negations=False, device="cpu")
    strategy.prepare()
    assert strategy.candidates([Draw(TEXTS_OF["zh"][0], "neutral", 0, 0, 0, 0)]) == [None]


def test_icu_gives_the_words_of_chinese(tiny):
    pytest.importorskip("icu4py")
    strategy = FillMask(model=str(tiny("chinese")), language="zh", mask_ratio=0.9, choose=64, device="cpu")
    strategy.prepare()
    found = strategy.candidates([Draw(TEXTS_OF["zh"][1], "neutral", 0, i, 0, 0) for i in range(40)])
    assert {replacement.new for candidate in found for replacement in candidate.replacements}
    assert strategy.identity()["icu4py"]


def test_german_negations_are_neither_replaced_nor_inserted(tiny):
    strategy = FillMask(model=str(tiny("german")), language="de", mask_ratio=1.0, where="any", device="cpu")
    strategy.prepare()
    text = TEXTS_OF["de"][3]
    draws = [Draw(text, "neutral", 0, i, 0, 0) for i in range(20)]
    for candidate in strategy.candidates(draws):
        assert candidate.text.split().count("nicht") == 1
        assert candidate.text.split()[2] == "nicht"


def warned(call) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [str(one.message) for one in found if "language" in str(one.message)]


ROWS = ([*TEXTS_OF["de"], *TEXTS_OF["de"]], [*LABELS, *LABELS])


def test_texts_in_another_language_than_the_lists_are_told_once_with_the_option():
    (line,) = warned(lambda: upsample(ROWS, strategy=KeyboardEdit()))
    assert line == (
        "Some classes seem not to be in English ('neutral': German). `language='en'` has the negations and the words of"
        " praise and blame of English alone. Give `language='de'`."
    )
    assert warned(lambda: upsample(ROWS, strategy=KeyboardEdit(language="de"))) == []
    assert warned(lambda: upsample(ROWS, strategy=KeyboardEdit(protect_negations=False), guards=["none"])) == []
    assert warned(lambda: upsample(ROWS, strategy="random")) == []
    (line,) = warned(lambda: KeyboardEdit(language="fr", guards=["none"], random_state=0).fit_resample(*ROWS))
    assert "has the negations of French alone. Give `language='de'`." in line


def test_the_default_guards_take_the_language_of_the_strategy():
    (_, manifest) = upsample(ROWS, strategy=KeyboardEdit(language="de"))
    (polarity,) = [guard for guard in manifest.guards if guard["name"] == "polarity"]
    assert polarity["identity"]["language"] == "de"
    assert polarity["parameters"]["language"] is None
    chinese = ([*TEXTS_OF["zh"]], [*LABELS])
    _, manifest = upsample(chinese, strategy=KeyboardEdit(language="zh", segmenter=pairs))
    assert "no list of words of praise and blame for Chinese" in manifest.guard_notes["polarity"]


def test_what_is_english_alone_refuses_other_languages():
    for strategy in (SpellingEdit(language="de"), SynonymEdit(language="de")):
        with pytest.raises(Exception, match=r"`language` of .* must be 'en'\. Got 'de'"):
            strategy.check()
    with pytest.raises(Exception, match=r"`language` of FillMask must be 'de', 'en', .* Got 'dee'\. Did you mean"):
        FillMask(language="dee").check()


def test_the_command_takes_a_language_and_names_it_in_the_warning(tmp_path):
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [f'"{text.strip()}",{label}' for text, label in zip(*ROWS, strict=True) if text]
    source.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    command = ["upsample", str(source), "-o", str(output), "--strategy", "nlpaug:keyboard"]
    warning = CliRunner().invoke(main, [*command, "--dry-run"])
    assert "Give --language de." in warning.stderr
    result = CliRunner().invoke(main, [*command, "--language", "de", "-q"])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    manifest = json.loads((tmp_path / "out.csv.manifest.json").read_text(encoding="utf-8"))
    assert manifest["strategy"]["parameters"]["language"] == "de"
    wrong = CliRunner().invoke(main, [*command, "--language", "xx"])
    assert wrong.exit_code == 2
    assert "'en', 'de', 'es'" in wrong.stderr


def test_an_english_model_is_named_for_a_few_texts_in_another_language_and_so_is_a_better_one():
    texts, sources = ["Der Parkplatz kostet zehn Euro.", "Das Essen war kalt."], {"a": [0], "b": [1]}
    german = FillMask(language="de")
    with pytest.warns(UserWarning, match="mini is an English model, and it cannot fill texts in German well"):
        german.examine(texts, sources)
    assert "xlm-roberta" in german.advice()
    seen = FillMask()
    with pytest.warns(UserWarning, match="'a' .they are German"):
        seen.examine([f"{texts[0]} Ich habe das nicht gewusst. " * 3, "Fine."], sources)
    assert "xlm-roberta" in seen.advice()


def test_where_no_class_has_a_known_pole_a_run_in_another_language_says_so(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("text,label\nDas war sehr gut.,lob\nGut.,lob\nDas war schlecht.,tadel\n", encoding="utf-8")
    command = ["upsample", str(source), "--strategy", "nlpaug:keyboard", "--language", "de", "--dry-run"]
    says = "No class has a usual name for praise or blame"
    assert says in CliRunner().invoke(main, command).output
    named = [*command, "--guard", "polarity:positive=lob,negative=tadel"]
    assert says not in CliRunner().invoke(main, named).output


def test_a_guard_may_have_a_language_of_its_own():
    (polarity,) = [guard for guard in select(["polarity:language=fr"]) if guard.name == "polarity"]
    assert polarity.language == "fr"


def test_german_fills_are_written_as_the_vocabulary_has_them(tiny):
    """A noun is not written small, whatever it takes the place of."""
    strategy = FillMask(model=str(tiny("german")), language="de", where="any", mask_ratio=0.5, device="cpu")
    strategy.prepare()
    texts = list(filter(None, TEXTS_OF["de"]))
    found = strategy.candidates([Draw(text, "neutral", i, 0, 0, 0) for i, text in enumerate(texts)])
    within = [
        new
        for text, made in zip(texts, found, strict=True)
        for start, end, new in (made.replacements if made else ())
        if not SENTENCE_START.search(text, 0, start) and not text[start:end].isupper()
    ]
    assert set(within) <= set(strategy._engine.vocabulary.words)
    assert any(new[0].isupper() for new in within)
    assert any(new[0].islower() for new in within)
