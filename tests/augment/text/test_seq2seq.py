"""`seq2seq`: what it writes, in which order it gives beams, and which models it refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tiny_translators
from augment_command import ROWS, refused, table
from swapped_words import pair

import augment.text.seq2seq
from augment import Draw, Seq2Seq, upsample
from augment.checks import CHECKS, TEXTS
from augment.errors import InputError, ModelError
from augment.models.checkpoints import load_seq2seq
from augment.text.seq2seq import UNFINISHED

TEXT = "We sat upstairs by the window and ordered two coffees."


@pytest.fixture(scope="session")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Give the folder of a tiny model, by the name of its architecture."""

    @cache
    def folder(name: str) -> str:
        return str(getattr(tiny_translators, name)(tmp_path_factory.mktemp(name)))

    return folder


@pytest.fixture(scope="module", autouse=True)
def models_opened_once() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augment.text.seq2seq, "load_seq2seq", cache(load_seq2seq))
        yield


def prepared(*models: str, **options: Any) -> Seq2Seq:
    strategy = Seq2Seq(models=models, device="cpu", **options)
    strategy.check()
    strategy.prepare()
    return strategy


def draws(*texts: str, variants: int = 1, attempts: int = 1) -> list[Draw]:
    each = (
        (source, variant, attempt)
        for source in range(len(texts))
        for variant in range(variants)
        for attempt in range(attempts)
    )
    return [Draw(texts[source], "neutral", source, variant, attempt, 0) for source, variant, attempt in each]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("names", "beams"), [(("t5",), 1), (("bart", "t5"), 3)])
def test_contract(names: tuple[str, ...], beams: int, check: Any, translator: Callable[[str], str]):
    check(Seq2Seq(models=tuple(map(translator, names)), num_beams=beams, device="cpu"))


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}])
def test_neither_batches_nor_threads_change_a_candidate(options: Any, translator, one_and_two_threads):
    import torch

    made = []
    for threads, batch_size in ((1, 256), (2, 3), (1, 1)):
        torch.set_num_threads(threads)
        strategy = prepared(translator("bart"), translator("t5"), batch_size=batch_size, **options)
        made.append(strategy.candidates(draws(*TEXTS[:3], variants=2)))
    assert made[0] == made[1] == made[2]


def test_workers_make_the_same_rows(translator):
    data = (list(TEXTS[:3]) * 2, ["rare"] * 2 + ["often"] * 4)
    strategy = Seq2Seq(models=(translator("t5"),), device="cpu")
    alone, shared = (pair(data, strategy=strategy, guards=["none"], workers=workers) for workers in (1, 2))
    assert shared[:2] == alone[:2]
    assert len(alone[0]) == 2


def test_the_variants_of_a_source_take_its_beams_the_likeliest_first_until_none_is_left(translator):
    strategy = prepared(translator("bart"), num_beams=4)
    made = strategy.candidates(draws(TEXT, variants=6))
    texts = [candidate.text for candidate in made if candidate is not None]
    assert 2 <= len(set(texts)) == len(texts) <= 4
    assert made[len(texts) :] == [None] * (6 - len(texts))
    (link,) = strategy._chain
    assert texts == [text for text in link.best(link.tokens([TEXT]), 4, 4)[0] if text in texts]


def test_a_class_that_has_taken_all_beams_ends_with_fewer_rows_and_says_why(translator):
    data = (list(TEXTS[:3]) * 5, ["rare"] * 2 + ["often"] * 13)
    strategy = Seq2Seq(models=(translator("bart"),), num_beams=3, device="cpu")
    (texts, _), told = upsample(data, strategy=strategy, guards=["none"], random_state=0)
    assert 2 <= len(texts) - 15 <= 6
    assert told.missing["rare"]["why"] == "2 sources without another answer of the beam search"


def test_of_alike_answers_the_likeliest_is_kept(translator, monkeypatch):
    strategy = prepared(translator("bart"), num_beams=3)
    monkeypatch.setattr(strategy._chain[0], "best", lambda *_: [["It was fine.", "Nice!", "it was fine"]])
    made = strategy.candidates(draws(TEXT, variants=3))
    assert [candidate and candidate.text for candidate in made] == ["It was fine.", "Nice!", None]


def test_more_texts_than_are_kept_get_the_same_answers(translator, monkeypatch):
    asked = draws(*TEXTS[:3], variants=2)
    model = translator("bart")
    expected = prepared(model, num_beams=3).candidates(asked)
    monkeypatch.setattr(augment.text.seq2seq, "KEPT", 2)
    strategy = prepared(model, num_beams=3)
    assert [strategy.candidates(asked), strategy.candidates(asked[::-1])[::-1]] == [expected] * 2


def test_what_the_first_model_of_a_beam_search_writes_is_kept(translator, monkeypatch):
    strategy = prepared(translator("bart"), translator("t5"), num_beams=3)
    first = strategy.candidates(draws(*TEXTS[:3]))
    monkeypatch.setattr(strategy, "_chain", [])
    assert strategy.candidates(draws(*TEXTS[:3], variants=2))[::2] == first


def test_a_text_longer_than_the_window_gives_none_and_an_answer_without_an_end_is_named(translator):
    long = " ".join([TEXT] * 9)
    for beams in (1, 3):
        assert prepared(translator("bart"), num_beams=beams).candidates(draws(long)) == [None]
    (cut,) = prepared(translator("bart"), max_length=2).candidates(draws(TEXT))
    assert (cut.text, cut.unusable) == ("", UNFINISHED)


def test_a_prefix_is_read_and_a_language_begins_the_answer(translator):
    plain, prefixed = (prepared(translator("t5"), num_beams=2, **o) for o in ({}, {"prefixes": ("The old story of",)}))
    assert plain.candidates(draws(TEXT)) != prefixed.candidates(draws(TEXT))
    english, german = tiny_translators.LANGUAGES
    codes = {"src_lang": (english, german), "tgt_lang": (german, english)}
    model = translator("nllb")
    chain = prepared(model, model, num_beams=2, **codes)
    chain.candidates(draws("a b"))
    knows = chain._chain[0].checkpoint.tokenizer.convert_tokens_to_ids
    assert [link._config.forced_bos_token_id for link in chain._chain] == [knows(german), knows(english)]
    assert chain._tokens(0, ["a b"])[0][0] == knows(english)
    assert chain._tokens(1, ["a b"])[0][0] == knows(german)
    with pytest.raises(InputError, match="knows no language 'xx'"):
        prepared(model, src_lang=("xx",), tgt_lang=("xx",))


def test_a_marian_model_translates_where_sentencepiece_is_installed(translator, monkeypatch, tmp_path):
    pytest.importorskip("sentencepiece", reason="sentencepiece is an extra")
    made = prepared(translator("marian")).candidates(draws(*TEXTS[:3]))
    assert any(candidate.text for candidate in made)


def test_a_tokenizer_that_needs_sentencepiece_names_the_extra(translator, monkeypatch, tmp_path):
    import importlib.util

    if importlib.util.find_spec("sentencepiece") is not None:
        pytest.skip("sentencepiece is installed")
    folder = tmp_path / "marian"
    shutil.copytree(translator("bart"), folder)
    for name in ("tokenizer.json", "vocab.json", "merges.txt"):
        (folder / name).unlink(missing_ok=True)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "MarianTokenizer"}')
    with pytest.raises(ModelError, match=r"needs the package sentencepiece.*counterpoise\[seq2seq\]"):
        prepared(str(folder))


# Bad input


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    table("in.csv", ROWS)
    return tmp_path


def test_what_is_no_sequence_to_sequence_model_is_refused(place: Path, bert: Path):
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=20)).save_pretrained("gpt")
    shutil.copytree(bert, "bert")
    shutil.copytree(bert, "broken")
    Path("broken/config.json").write_text("{")
    command = "upsample in.csv -o out.csv --strategy seq2seq --param models="
    for name in ("bert", "gpt"):
        refused(command + name, f"The model '{name}' is not a sequence-to-sequence model. Give a translator")
    refused(command + "broken", "The model 'broken' cannot be loaded")
    refused(command + "./nowhere", "There is no model folder './nowhere'")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ("models=a/opus-mt-en-de,a/opus-mt-fr-en", "'a/opus-mt-en-de' writes 'de', and 'a/opus-mt-fr-en' reads 'fr'"),
        ("models=a/opus-mt-en-de", "the last model writes 'de'. Add one from 'de' to 'en'."),
        ('models=["a","","b"]', "a name is empty"),
        ("models=a,b prefixes=x", "`prefixes` of Seq2Seq must be empty, or one for each model"),
        ("models=a,b src_lang=en,de tgt_lang=fr,en", "`src_lang` of Seq2Seq must be a chain"),
        ("models=a num_beams=2 top_p=.5", "`top_p` of Seq2Seq must be left at 0.95 unless `num_beams` is 1"),
        ("num_beams=2", "needs a value for 'models'"),
    ],
)
def test_a_chain_with_a_gap_is_refused_before_a_model_is_opened(parameters: str, says: str, place: Path):
    given = " ".join(f"--param '{one}'" for one in parameters.split())
    refused(f"upsample in.csv -o out.csv --strategy seq2seq {given}", says)
