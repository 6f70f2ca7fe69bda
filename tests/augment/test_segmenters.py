"""Words are found where no spaces part them, by ICU, by a function or by a registered name."""

from __future__ import annotations

import json

import pytest

from augment import registry
from augment.errors import InputError
from augment.protection import protection, replaceable
from augment.segmenters import icu, segmenter_identity, word_finder
from augment.text.nlpaug_edits import RandomWordEdit
from augment.words import Span, word_spans

TEXTS = {
    "zh": ("我昨天买了一本很好的书。", ["我", "昨天", "买", "了", "一本", "很好", "的", "书"]),
    "ja": ("駅の近くに店があります。", ["駅", "の", "近く", "に", "店", "が", "あり", "ます"]),
    "th": ("ร้านเปิดเก้าโมงเช้า", ["ร้าน", "เปิด", "เก้า", "โมง", "เช้า"]),
}


def halves(text: str) -> list[tuple[int, int]]:
    """Cut a text into words of two characters."""
    return [(i, min(i + 2, len(text))) for i in range(0, len(text), 2)]


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_icu_finds_whole_words_where_there_are_no_spaces(language):
    pytest.importorskip("icu4py")
    text, expected = TEXTS[language]
    assert [text[start:end] for start, end in word_finder(None, language)(text)] == expected
    assert segmenter_identity(None, language)["icu4py"]


def test_icu_leaves_other_words_to_the_rule_and_counts_characters_not_units():
    pytest.importorskip("icu4py")
    text = "😀 It's a well-made 手机! 我买了iPhone😀，很好 𠮷野家"
    found = [text[start:end] for start, end in icu(text)]
    assert found == ["It", "a", "well-made", "手机", "我", "买", "了", "iPhone", "很好", *found[9:]]
    assert "".join(found[9:]) == "𠮷野家"
    assert icu("It's fine") == word_spans("It's fine")


def test_a_function_says_what_a_word_is_and_what_holds_no_letter_is_none():
    assert word_finder(halves, "en")("我们，。买书") == [Span(0, 2), Span(4, 6)]
    assert word_finder(None, "de") is word_spans


@pytest.mark.parametrize("wrong", [[(0, 9)], [(1, 1)], [(0, 2), (1, 3)], ["ab"], [(0, None)], [3]])
def test_a_function_that_returns_no_spans_is_refused_with_what_it_gave(wrong):
    with pytest.raises(InputError, match=r"must return pairs \(start, end\).* Got .* for '我们买书'"):
        word_finder(lambda text: wrong, "zh")("我们买书")


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(InputError, match=r"`segmenter` of RandomWordEdit must be .*'icu'\. Got 'ico'\. Did you mean"):
        RandomWordEdit(segmenter="ico").check()
    with pytest.raises(InputError, match="must be None, a function of a text, or one of 'icu'"):
        RandomWordEdit(segmenter=3).check()


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "icu4py.breakers", None)
    with pytest.raises(InputError, match=r"pip install 'counterpoise\[segmenters\]'"):
        RandomWordEdit(language="zh").prepare()


def test_a_name_is_written_into_a_configuration_and_a_function_is_only_named_there():
    assert RandomWordEdit.from_config(RandomWordEdit(segmenter="icu").to_config()).segmenter == "icu"
    config = json.loads(json.dumps(RandomWordEdit(segmenter=halves).to_config()))
    assert config["parameters"]["segmenter"].endswith(".halves")
    with pytest.raises(InputError, match=r"A function cannot be read from a file: .*'counterpoise\.segmenters'"):
        registry.STRATEGIES.from_config(config)


def test_among_letters_without_spaces_names_tags_numbers_and_negations_stay():
    pytest.importorskip("icu4py")
    text = "@张三 说 #手机# 在3月买了AT&T的iPhone，不太好，特别慢"
    spans = icu(text)
    free = [text[slice(*span)] for span in replaceable(text, protection(language="zh"), spans, segmented=True)]
    assert free == ["说", "买", "了", "的", "iPhone", "慢"]
    assert replaceable(text, protection(language="zh")) == []


def test_whole_words_are_swapped_in_chinese():
    texts = ["我们坐在门口点了热面", "店在车站旁边早上开门", "菜很好吃服务也很快", "汤太咸了"]
    strategy = RandomWordEdit(action="swap", language="zh", segmenter=halves, random_state=0, guards=["none"])
    new, _ = strategy.fit_resample(texts, ["a", "b", "b", "b"])
    assert len(new) == 6
    for row in new[4:]:
        assert row != texts[0]
        assert sorted(row[i : i + 2] for i in range(0, 10, 2)) == sorted(texts[0][i : i + 2] for i in range(0, 10, 2))
