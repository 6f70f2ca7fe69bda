"""Texts that a model of English cannot fill are named before the run; English ones never are."""

from __future__ import annotations

import csv
import json
import random
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from augment import FillMask, OneOf, Random, upsample
from augment.cli import main
from augment.text.languages import unlike_english

OTHERS = {
    "de": ["Der Film war leider gar nicht gut.", "Ich habe das Buch nie zu Ende gelesen.", "Wir essen gern im Garten."],
    "es": ["No nos gustó nada la comida.", "La tienda abre a las nueve.", "El servicio fue muy lento y la sopa fría."],
    "fr": ["Le film n'était pas bon du tout.", "Je n'ai jamais fini ce livre.", "Le magasin ouvre à neuf heures."],
    "it": ["Il film non mi è piaciuto per niente.", "Non ho mai finito questo libro.", "Il negozio apre alle nove."],
    "pl": ["Film niestety nie był dobry.", "Nigdy nie skończyłem tej książki.", "Sklep otwiera się o dziewiątej rano."],
    "id": ["Film itu sayangnya tidak bagus sama sekali.", "Saya tidak pernah membaca buku ini.", "Toko itu buka pagi."],
}
OTHER_LETTERS = {
    "zh": ["菜很好吃，服务也很快。", "店在车站旁边，九点开门。"],
    "ja": ["駅の近くに店があります。", "昨日の夜に本を読みました。"],
    "th": ["อาหารอร่อยมากครับ", "ร้านเปิดเก้าโมงเช้า"],
    "hi": ["यह फ़िल्म मुझे बिल्कुल पसंद नहीं आई।", "दुकान नौ बजे खुलती है।"],
    "ar": ["هذا الفيلم لم يعجبني أبدا.", "يفتح المتجر في التاسعة."],
    "ru": ["Фильм мне совсем не понравился.", "Магазин открывается в девять."],
}
ENGLISH = [
    "@united ur the worst!! 3hrs late #fail http://t.co/x 😡😡",
    "lol gr8 flight, thx u guys xx :D",
    "what is the exchange rate",
    "set a timer for 10 minutes",
    "Effective but too-tepid biopic",
    "I am still waiting on my card?",
    "A deliciously naïve café in São Paulo, with crème brûlée",
    "gonna b @ the gate 2nite, c u there",
]
NAMES = [
    "Meryl Streep, Robert De Niro, John Cazale, Christopher Walken, John Savage",
    "Ana Sofía Rodríguez Hernández, Guadalajara; Juan Pablo Montoya Roldán, Bogotá",
    "Heidi Klum, Karl Lagerfeld, Claudia Schiffer, Jil Sander, Wolfgang Joop",
]
DATA = Path(__file__).parents[3].parent / "shared" / "data"
FREQUENT = ["The shop on the corner opens at nine and closes at six."] * 18


@pytest.mark.parametrize("texts", OTHERS.values(), ids=list(OTHERS))
def test_texts_in_latin_letters_that_are_not_english_are_told(texts):
    assert unlike_english(texts * 4) == "they do not read like English"


@pytest.mark.parametrize("texts", OTHER_LETTERS.values(), ids=list(OTHER_LETTERS))
def test_other_letters_are_told_at_once_and_counted(texts):
    assert unlike_english(texts) == "100 % are in other letters than Latin"
    assert unlike_english([*texts, *ENGLISH[:6]]) == "25 % are in other letters than Latin"
    assert unlike_english([*texts * 2, *OTHERS["de"] * 4]) == (
        "25 % are in other letters than Latin and the others do not read like English"
    )


@pytest.mark.parametrize(
    "texts", [ENGLISH, ["Good film"], [], ["", "10:30", "😀"], ["Wasabi"] * 9, NAMES, ENGLISH * 50 + ["的"]]
)
def test_of_english_and_of_too_little_text_nothing_is_told(texts):
    assert unlike_english(texts) == ""


def classes(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        pairs = [(row["gold_label"], row["sentence"]) for row in rows]
    else:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
        pairs = (
            [(row[1], row[0]) for row in lines[1:]] if lines[0] == ["text", "label"] else [(r[0], r[-1]) for r in lines]
        )
    for label, text in pairs:
        found.setdefault(label, []).append(text)
    return found


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data sets are not beside the project")
def test_no_class_of_any_english_data_set_raises_an_alarm():
    files = [path for path in sorted(DATA.rglob("*")) if path.suffix in (".csv", ".jsonl")]
    assert len(files) > 10
    assert [
        (path.name, label) for path in files for label, texts in classes(path).items() if unlike_english(texts)
    ] == []


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data sets are not beside the project")
@pytest.mark.parametrize("size", [3, 10, 30])
def test_no_small_sample_of_english_raises_an_alarm(size):
    rng = random.Random(0)
    files = [path for path in sorted(DATA.rglob("*")) if path.suffix in (".csv", ".jsonl")]
    large = [texts for path in files for texts in classes(path).values() if len(texts) >= size]
    assert len(large) > 300
    assert [texts for one in large for _ in range(5) if unlike_english(texts := rng.sample(one, size))] == []


# Before a run


def warned(call) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in found if "English model" in str(warning.message)]


RARE = OTHERS["de"] * 4
DATA_IN_MEMORY = ([*RARE, *FREQUENT], ["rare"] * len(RARE) + ["often"] * len(FREQUENT))


def test_python_users_are_warned_once_with_the_class_and_a_model():
    for call in (
        lambda: upsample(DATA_IN_MEMORY, guards=["none"]),
        lambda: FillMask(guards=["none"], random_state=0).fit_resample(*DATA_IN_MEMORY),
        lambda: upsample(DATA_IN_MEMORY, strategy=OneOf(choices=[Random(), FillMask()]), guards=["none"]),
    ):
        (message,) = warned(call)
        assert message.startswith("mini is an English model")
        assert "'rare' (they do not read like English)" in message
        assert "often" not in message
        assert "FacebookAI/xlm-roberta-base" in message


def test_nobody_is_warned_of_classes_that_get_no_rows_of_english_or_with_another_strategy_or_model(folder):
    english = (
        ["We sat by the window, and it was a good day for a walk."] * 3 + RARE,
        ["rare"] * 3 + ["often"] * 12,
    )
    assert warned(lambda: upsample(english, guards=["none"])) == []
    assert warned(lambda: upsample(DATA_IN_MEMORY, strategy="random")) == []
    model = FillMask(model=str(folder), device="cpu")
    assert warned(lambda: upsample(DATA_IN_MEMORY, strategy=model, guards=["none"])) == []


def test_well_known_models_of_english_count_as_english_and_multilingual_ones_do_not():
    texts, places = RARE, {"rare": range(len(RARE))}
    for name in ("bert-base-cased", "FacebookAI/roberta-large", "answerdotai/ModernBERT-base", "albert-base-v2"):
        (message,) = warned(lambda name=name: FillMask(model=name).examine(texts, places))
        assert message.startswith(f"{name} is an English model")
    for name in ("FacebookAI/xlm-roberta-base", "google-bert/bert-base-multilingual-cased", "camembert-base"):
        assert warned(lambda name=name: FillMask(model=name).examine(texts, places)) == []


@pytest.mark.parametrize("last", [["--dry-run"], ["-q"]])
def test_the_command_warns_in_one_line_before_the_run(tmp_path, last):
    source = tmp_path / "rows.csv"
    rows = "".join(f'"{text}",{label}\n' for text, label in zip(*DATA_IN_MEMORY, strict=True))
    source.write_text("text,label\n" + rows, encoding="utf-8")
    result = CliRunner().invoke(
        main, ["upsample", str(source), "-o", str(tmp_path / "out.csv"), "--guard", "none", *last]
    )
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stderr.splitlines() if "English model" in line]
    assert line.startswith("Warning: mini is an English model")
    assert "--model" in line


def test_rows_that_the_model_cannot_write_get_no_new_rows_and_the_shortfall_says_so():
    rare = [text for texts in OTHER_LETTERS.values() for text in texts]
    data = ([*rare, *FREQUENT], ["rare"] * len(rare) + ["often"] * 18)
    with pytest.warns(UserWarning, match="100 % are in other letters than Latin"):
        (texts, _), manifest = upsample(data, seed=0)
    assert len(texts) == len(data[0])
    assert manifest.missing["rare"] == {"rows": 6, "why": "12 sources without anything to replace"}
