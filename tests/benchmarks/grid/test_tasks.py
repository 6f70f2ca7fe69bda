"""Tasks: where data lies, how it is split, what is drawn of it, and what stands in two splits."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from augment.data.layout import Layout
from augment.errors import InputError
from augment.words import folded
from benchmarks.grid.sources import CROSS_DOMAIN, LabelledRows, at_hand, read_split
from benchmarks.grid.tasks import Task, TaskData, load

DATA = Path(__file__).parents[4] / "shared" / "data"
with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not beside the project")


def sentences(label: str, count: int, start: int = 0) -> list[tuple[str, str]]:
    """Texts that have hardly a word in common."""
    found = []
    for number in range(start, start + count):
        letters = hashlib.sha256(f"{label} {number}".encode()).hexdigest()
        found.append((f"{label} {' '.join(letters[i : i + 5] for i in range(0, 40, 5))}", label))
    return found


def put(path: Path, rows: list[tuple[str, str]], header: tuple[str, ...] | None = ("text", "label")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        if header:
            writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.fixture
def sst3(tmp_path: Path) -> Path:
    train = sentences("negative", 60) + sentences("neutral", 40) + sentences("positive", 80)
    put(tmp_path / "sst3/train.csv", train)
    put(
        tmp_path / "sst3/dev.csv",
        sentences("negative", 8, 500) + sentences("neutral", 6, 500) + sentences("positive", 8, 500),
    )
    put(
        tmp_path / "sst3/test.csv",
        sentences("negative", 9, 700) + sentences("neutral", 9, 700) + sentences("positive", 9, 700),
    )
    return tmp_path


def test_the_rows_of_a_seed_are_its_own_and_every_class_keeps_its_share(sst3):
    data = load(Task(name="sst3", train_rows=90), sst3)
    first, reserve = data.drawn(0)
    assert first.counts == {"negative": 30, "neutral": 20, "positive": 40}
    assert first == data.drawn(0)[0] != data.drawn(1)[0]
    assert sorted(first.texts + reserve.texts) == sorted(data.train.texts)
    places = [data.train.texts.index(text) for text in first.texts]
    assert places == sorted(places)


def test_a_class_of_one_row_keeps_it():
    rows = LabelledRows(tuple(f"Text {number}." for number in range(21)), ("one",) + ("many",) * 20)
    data = TaskData(Task(name="own", train_rows=10), ("one",), rows, LabelledRows(), {}, {})
    assert data.kept == {"many": 10, "one": 1}
    assert data.drawn(0)[0].counts == data.kept


def test_a_controlled_imbalance_is_the_share_of_the_largest_class(sst3):
    data = load(Task(name="sst3", ratio=0.1), sst3)
    drawn, reserve = data.drawn(3)
    assert data.rare == ("neutral",)
    assert drawn.counts == {"negative": 60, "neutral": 8, "positive": 80}
    assert reserve.counts == {"neutral": 32}
    assert data.title == "sst3, neutral at .1"
    assert Task(name="own", ratio=0.05).title(["10.0"]) == "own, 10.0 at .05"
    other = load(Task(name="sst3", ratio=0.05, label="positive"), sst3)
    assert other.drawn(3)[0].counts == {"negative": 60, "neutral": 40, "positive": 3}
    with pytest.raises(InputError, match=r"40 training rows of 'neutral', and a ratio of 0\.9 takes 72"):
        load(Task(name="sst3", ratio=0.9), sst3).drawn(0)
    with pytest.raises(InputError, match=r"would leave 1 of 'neutral'; 2 are needed"):
        load(Task(name="sst3", ratio=0.01), sst3).drawn(0)


@pytest.fixture
def many(tmp_path: Path) -> str:
    """A folder with six classes: 40, 30, 30, 20, 12 and 4 training rows, and 5 in each other part."""
    sizes = {"f": 40, "e": 30, "d": 30, "c": 20, "b": 12, "a": 4}
    put(tmp_path / "many/train.csv", [row for name, size in sizes.items() for row in sentences(name, size)])
    for split, start in (("dev", 500), ("test", 700)):
        put(tmp_path / f"many/{split}.csv", [row for name in sizes for row in sentences(name, 5, start)])
    return f"csv:{tmp_path / 'many'}"


def test_a_few_shot_draw_has_equally_many_rows_of_each_class_or_all_that_there_are(many):
    few, more = (load(Task(name=many, per_class=n), None) for n in (10, 20))
    assert few.drawn(0)[0].counts == {"a": 4, "b": 10, "c": 10, "d": 10, "e": 10, "f": 10}
    assert more.drawn(0)[0].counts == {"a": 4, "b": 12, "c": 20, "d": 20, "e": 20, "f": 20}
    assert set(few.drawn(0)[0].texts) < set(more.drawn(0)[0].texts)
    assert few.drawn(0)[0] != few.drawn(1)[0]
    train, reserve = few.drawn(0)
    assert sorted(train.texts + reserve.texts) == sorted(few.train.texts)
    assert few.draw_notes == [f"{many}, 10 a class: 1 class has fewer rows and gives all: a 4."]
    assert more.draw_notes == [f"{many}, 20 a class: 2 classes have fewer rows and give all: a 4, b 12."]


def test_some_of_many_classes_are_drawn_once_and_the_others_are_in_no_part(many):
    data = load(Task(name=many, classes=3, per_class=4), None)
    assert len(data.classes) == 3
    for rows in (data.train, data.drawn(0)[0], data.drawn(7)[0], data.validation, data.tests[many]):
        assert sorted(rows.counts) == data.classes
    assert data.drawn(0)[0] != data.drawn(7)[0]
    assert data.draw_notes[0] == f"{many}, 3 classes, 4 a class: drawn of 6 classes: {', '.join(data.classes)}."
    others = [load(Task(name=many, classes=3, classes_seed=seed), None) for seed in (1, 2, 3)]
    assert len({tuple(other.classes) for other in others}) > 1
    assert others[0].title == f"{many}, 3 classes, draw 1"
    with pytest.raises(InputError, match="has 6 classes, and 'classes' draws 6 of them"):
        load(Task(name=many, classes=6), None)


def test_a_long_tail_is_cut_to_a_share_of_the_largest_class(many):
    data = load(Task(name=many, ratio=0.25, tail=0.5), None)
    assert data.rare == ("a", "b", "c")
    assert data.drawn(0)[0].counts == {"a": 4, "b": 10, "c": 10, "d": 30, "e": 30, "f": 40}
    assert data.title == f"{many}, tail of .5 at .25"
    assert data.fewer == {"a": 4}
    named = load(Task(name=many, ratio=0.25, label=["f", "e"], per_class=12), None)
    assert named.drawn(0)[0].counts == {"a": 4, "b": 12, "c": 12, "d": 12, "e": 3, "f": 3}
    assert named.title == f"{many}, 12 a class, f, e at .25"
    for share, rare in ((0.01, 1), (0.99, 5)):
        assert len(load(Task(name=many, ratio=0.1, tail=share), None).rare) == rare
    with pytest.raises(InputError, match=r"no training rows of the class 'g'"):
        load(Task(name=many, label=["a", "g"]), None)
    with pytest.raises(InputError, match="names all of its classes as rare"):
        load(Task(name=many, label=list("abcdef")), None)


def test_the_pool_of_left_out_rows_has_their_texts_in_no_order_of_classes(many):
    data = load(Task(name=many, classes=3, per_class=4, pool="left-out"), None)
    pools = [data.pool(seed) for seed in (0, 1)]
    for seed, pool in enumerate(pools):
        reserve = data.drawn(seed)[1]
        assert sorted(pool) == sorted(reserve.texts)
        assert pool != reserve.texts
    assert set(pools[0]) != set(pools[1])
    assert load(Task(name=many, per_class=4), None).pool(0) == ()
    with pytest.raises(InputError, match="leaves no row out of its draw"):
        load(Task(name=many, per_class=40, pool="left-out"), None)


def test_the_pool_of_a_file_has_no_text_of_another_part(many, tmp_path):
    texts = [text for text, _ in sentences("unlabelled", 8) + sentences("f", 2, 500) + sentences("e", 1, 700)]
    put(tmp_path / "data/texts.csv", [(text,) for text in texts], ("text",))
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    inside = load(Task(name=many, pool="texts.csv"), tmp_path / "data")
    outside = load(Task(name=many, pool=str(tmp_path / "texts.txt")), None)
    assert inside.pool(0) == outside.pool(3) == tuple(texts[:8])
    assert inside.draw_notes == [f"{many}: 3 texts of the pool nearly equal validation or test rows and are taken out."]
    plain = load(Task(name=many), None).fingerprints()
    assert inside.fingerprints() == outside.fingerprints() == plain | {"pool": inside.fingerprints()["pool"]}
    with pytest.raises(InputError, match=r"no file 'left_out' for its pool.* Did you mean 'left-out'"):
        load(Task(name=many, pool="left_out"), None)


def test_training_rows_that_stand_in_another_split_are_taken_out_and_counted(sst3):
    train = list(csv.reader((sst3 / "sst3/train.csv").open()))[1:]
    dev, test = sentences("negative", 2, 500), sentences("positive", 1, 700)
    copies = [(dev[0][0].upper() + " !", "negative"), (dev[1][0] + " indeed", "negative"), (test[0][0], "neutral")]
    put(sst3 / "sst3/train.csv", [*map(tuple, train), *copies])
    data = load(Task(name="sst3"), sst3)
    assert data.shared == {"dev": 2, "sst3": 1}
    held_out = {folded(text) for rows in (data.validation, *data.tests.values()) for text in rows.texts}
    assert held_out.isdisjoint(map(folded, data.train.texts))
    assert len(data.train) == len(train)


def test_a_folder_without_the_files_is_told_which_and_where_to_get_them(sst3):
    with pytest.raises(
        InputError, match=r"lacks (dynasent-v1\.1/\S+-round01-yelp-(train|dev|test)\.jsonl,? ){3}.*github"
    ):
        load(Task(name="dynasent-r1"), sst3)
    (sst3 / "sst3/dev.csv").unlink()
    with pytest.raises(InputError, match=r"lacks sst3/dev\.csv of the task 'sst3'"):
        load(Task(name="sst3"), sst3)


def test_unknown_and_untrainable_tasks_are_refused(sst3):
    with pytest.raises(InputError, match=r"There is no task 'sst2'.* Did you mean 'sst3'"):
        read_split("sst2", "train", sst3)
    with pytest.raises(InputError, match="'yelp' is only for tests"):
        read_split("yelp", "train", sst3)
    with pytest.raises(InputError, match="needs a file"):
        read_split("csv:", "train", None)
    with pytest.raises(InputError, match=r"no training rows of the class 'nuetral'.*Did you mean 'neutral'"):
        load(Task(name="sst3", label="nuetral"), sst3)


def dynasent(folder: Path) -> dict[str, str]:
    """DynaSent files as they are published, by name."""
    files = {}
    for number, (part, source) in enumerate((("01", "yelp"), ("02", "dynabench"))):
        for place, split in enumerate(("train", "dev", "test")):
            rows = [
                row
                for n in ("negative", "neutral", "positive")
                for row in sentences(n, 12, 1000 * number + 100 * place)
            ]
            lines = [{"sentence": text, "gold_label": label, "hit_ids": []} for text, label in rows]
            lines += [{"sentence": f"no majority {number} {place}", "gold_label": None, "hit_ids": []}]
            lines += [{"sentence": f"two minds {number} {place}", "gold_label": "mixed", "hit_ids": []}]
            name = f"dynasent-v1.1/dynasent-v1.1-round{part}-{source}-{split}.jsonl"
            files[name] = "".join(json.dumps(line) + "\n" for line in lines)
    return files


def test_dynasent_is_read_from_its_folder_and_from_the_published_zip_alike(tmp_path):
    files = dynasent(tmp_path)
    for name, content in files.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_text(content)
    (tmp_path / "zip").mkdir()
    with zipfile.ZipFile(tmp_path / "zip" / "dynasent-v1.1.zip", "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    for task in ("dynasent-r1", "dynasent-r2", "dynasent"):
        rounds = 2 if task == "dynasent" else 1
        for split in ("train", "dev", "test"):
            rows = read_split(task, split, tmp_path / "folder")
            assert rows == read_split(task, split, tmp_path / "zip")
            assert rows.counts == dict.fromkeys(("negative", "neutral", "positive"), 12 * rounds)
    assert at_hand("dynasent", tmp_path / "zip") == ["dynasent", "dynasent-r1", "dynasent-r2"]


def test_a_broken_zip_is_one_line(tmp_path):
    (tmp_path / "dynasent-v1.1.zip").write_bytes(b"PK not at all")
    with pytest.raises(InputError, match="is not a complete zip file"):
        read_split("dynasent-r1", "dev", tmp_path)


def test_training_on_dev_keeps_a_fifth_of_it_to_validate_on(tmp_path):
    for name, content in dynasent(tmp_path).items():
        if "train" not in name:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content)
    data = load(Task(name="dynasent-r1", train_from="dev"), tmp_path)
    assert data.train.counts == dict.fromkeys(("negative", "neutral", "positive"), 10)
    assert data.validation.counts == dict.fromkeys(("negative", "neutral", "positive"), 2)
    assert set(data.train.texts).isdisjoint(data.validation.texts)
    assert data.title == "dynasent-r1, trained on dev"


def test_star_files_are_mapped_and_tested_on_by_models_of_other_tasks(sst3):
    put(sst3 / "yelp_review_full/test.csv", [("1", "awful"), ("3", "it is a shop"), ("5", "lovely")], None)
    put(sst3 / "amazon_review_full/test.csv", [("2", "", "poor"), ("3", "", "a box"), ("4", "", "fine")], None)
    assert read_split("yelp", "test", sst3).labels == ("negative", "neutral", "positive")
    assert read_split("amazon", "test", sst3).texts == ("poor", "a box", "fine")
    assert list(load(Task(name="sst3"), sst3).tests) == ["sst3", "yelp", "amazon"]
    assert list(load(Task(name="sst3"), sst3, tests=[]).tests) == ["sst3"]


def test_ones_own_file_is_split_always_alike_with_equal_texts_on_one_side(tmp_path):
    rows = sentences("no", 40) + sentences("yes", 60)
    path = put(tmp_path / "own.csv", rows + [(text.upper(), label) for text, label in rows[:20]])
    splits = {split: read_split(f"csv:{path}", split, None) for split in ("train", "dev", "test")}
    assert sum(map(len, splits.values())) == 120
    texts = {split: {folded(text) for text in found.texts} for split, found in splits.items()}
    assert texts["train"].isdisjoint(texts["dev"] | texts["test"])
    assert texts["dev"].isdisjoint(texts["test"])
    shares = {split: len(found) / 100 for split, found in texts.items()}
    assert shares == {"train": 0.7, "dev": 0.15, "test": 0.15}
    assert splits["train"] == read_split(f"csv:{path}", "train", None)


def test_ones_own_folder_is_taken_as_it_is_split(tmp_path):
    for split, start in (("train", 0), ("dev", 100), ("test", 200)):
        put(tmp_path / f"{split}.csv", sentences("no", 10, start) + sentences("yes", 10, start))
    data = load(Task(name=f"csv:{tmp_path}"), None)
    assert (len(data.train), len(data.validation)) == (20, 20)
    (tmp_path / "test.csv").unlink()
    with pytest.raises(InputError, match=r"has no file for the test rows. Expected test\.csv"):
        load(Task(name=f"csv:{tmp_path}"), None)


def test_ones_own_file_is_read_as_its_layout_says(tmp_path):
    rows = [(text, {"no": "1", "yes": "5"}[label]) for text, label in sentences("no", 20) + sentences("yes", 20)]
    path = put(tmp_path / "own.csv", rows, ("words", "marks"))
    with pytest.raises(InputError, match="has no text column"):
        load(Task(name=f"csv:{path}"), None)
    layout = Layout(text_column="words", label_column="marks", label_map="stars")
    assert load(Task(name=f"csv:{path}"), None, layout=layout).classes == ["negative", "positive"]


def test_a_file_of_ones_own_that_is_too_small_is_refused(tmp_path):
    path = put(tmp_path / "own.csv", sentences("no", 40) + sentences("yes", 9))
    with pytest.raises(InputError, match="a class needs 10 different texts to be split, and 'yes' has 9"):
        load(Task(name=f"csv:{path}"), None)


def test_a_test_set_with_a_class_of_its_own_is_refused(tmp_path):
    for split, start in (("train", 0), ("dev", 100), ("test", 200)):
        put(tmp_path / f"{split}.csv", sentences("no", 10, start) + sentences("yes", 10, start))
    put(tmp_path / "test.csv", sentences("no", 10, 200) + sentences("maybe", 3, 200))
    with pytest.raises(InputError, match="has the class 'maybe', which is not in the training rows"):
        load(Task(name=f"csv:{tmp_path}"), None)


def test_the_hub_is_asked_for_each_part_under_its_published_name(monkeypatch):
    asked = []

    def fetched(*names: str, split: str) -> Dataset:
        asked.append((*names, split))
        if names[0] == "SetFit/sst5":
            words = ["very negative", "negative", "neutral", "positive", "very positive"]
            return Dataset.from_dict({"text": list("abcde"), "label": [0, 1, 2, 3, 4], "label_text": words})
        if names[0] == "mteb/banking77":
            rows = [row for name in ("card_arrival", "pin_blocked") for row in sentences(f"{name} {split}", 16)]
            texts, labels = zip(*((text, label.removesuffix(f" {split}")) for text, label in rows), strict=True)
            return Dataset.from_dict({"text": texts, "label": [0] * 32, "label_text": labels})
        if names[0] == "clinc/clinc_oos":
            features = Features({"text": Value("string"), "intent": ClassLabel(names=["translate", "oos", "cancel"])})
            return Dataset.from_dict({"text": list("uvw"), "intent": [2, 1, 0]}, features=features)
        if names[0] == "Yelp/yelp_review_full":
            stars = ClassLabel(names=["1 star", *(f"{n} stars" for n in (2, 3, 4, 5))])
            features = Features({"label": stars, "text": Value("string")})
            return Dataset.from_dict({"label": [0, 2, 4], "text": list("xyz")}, features=features)
        labels = ["neutral", "mixed", "positive", "negative"]
        return Dataset.from_dict({"sentence": list("pqrs"), "gold_label": labels})

    monkeypatch.setattr("datasets.load_dataset", fetched)
    monkeypatch.setattr("augment.models.hub.reachable", lambda: True)
    found = read_split("sst3", "dev", None)
    assert found.labels == ("negative", "negative", "neutral", "positive", "positive")
    assert read_split("yelp", "test", None).labels == ("negative", "neutral", "positive")
    assert read_split("dynasent", "train", None) == LabelledRows(
        tuple("prsprs"), ("neutral", "positive", "negative") * 2
    )
    assert asked == [
        ("SetFit/sst5", "validation"),
        ("Yelp/yelp_review_full", "test"),
        ("tasksource/dynasent", "r1", "train"),
        ("tasksource/dynasent", "r2", "train"),
    ]
    for name in ("amazon", "airline"):
        with pytest.raises(InputError, match=rf"'{name}' is not on the hub\. Give `data_dir`"):
            read_split(name, "test", None)
    asked.clear()
    assert read_split("clinc150", "dev", None) == LabelledRows(("u", "w"), ("cancel", "translate"))
    train, dev = (read_split("banking77", part, None) for part in ("train", "dev"))
    assert train.counts == {"card_arrival": 14, "pin_blocked": 14}
    assert dev.counts == {"card_arrival": 2, "pin_blocked": 2}
    assert set(train.texts).isdisjoint(dev.texts)
    assert asked == [("clinc/clinc_oos", "imbalanced", "validation"), *[("mteb/banking77", "train")] * 2]


@with_data
@pytest.mark.parametrize("name", CROSS_DOMAIN)
def test_the_published_test_sets_have_the_published_counts(name):
    counts = {
        "sst3": {"negative": 912, "neutral": 389, "positive": 909},
        "dynasent-r1": dict.fromkeys(("negative", "neutral", "positive"), 1200),
        "dynasent-r2": dict.fromkeys(("negative", "neutral", "positive"), 240),
        "yelp": {"negative": 66, "neutral": 52, "positive": 2855},
        "amazon": {"negative": 199, "neutral": 355, "positive": 4494},
    }
    assert read_split(name, "test", DATA).counts == counts[name]


@with_data
@pytest.mark.parametrize(
    ("name", "draw", "rows", "left_out"),
    [
        pytest.param("airline", {}, 30, 9887, marks=pytest.mark.slow),
        ("banking77", {"classes": 20}, 200, 1648),
        ("clinc150", {"classes": 20}, 200, 973),
        pytest.param("sst3", {}, 30, 8502, marks=pytest.mark.slow),
    ],
)
def test_ten_rows_a_class_are_drawn_of_the_published_data(name, draw, rows, left_out):
    data = load(Task(name=name, per_class=10, pool="left-out", **draw), DATA, tests=[])
    train, _ = data.drawn(0)
    assert len(train) == rows
    assert set(train.counts.values()) == {10}
    assert len(data.pool(0)) == left_out
    assert not data.fewer


@pytest.mark.slow
@with_data
def test_of_the_published_training_rows_those_that_stand_elsewhere_are_taken_out():
    data = load(Task(name="sst3"), DATA)
    assert data.shared == {"dev": 3, "sst3": 9, "dynasent-r1": 1}
    assert len(data.train) == 8532
    held_out = {folded(text) for rows in (data.validation, *data.tests.values()) for text in rows.texts}
    assert held_out.isdisjoint(map(folded, data.train.texts))
    assert list(data.tests) == list(CROSS_DOMAIN)
