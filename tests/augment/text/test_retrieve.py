"""Rows from unlabelled text: each sentence once, near rows of its class, and nothing that is held out or known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from augment_command import augment, cells, invoke, lines, manifest, refused, table

from augment import FillMask, OneOf, Retrieve, checks
from augment.errors import InputError
from augment.generation.candidates import Draw
from augment.guards.agreement import Agreement
from augment.guards.base import Originals
from augment.run import text_run
from augment.text.retrieve import nearest
from augment.text.unlabelled_pool import Novelty, UnlabelledPool

FRAMES = (
    ("Last Sunday my uncle wrote to us:", ""),
    ("", ", as far as anybody in the village knows"),
    ("In the second letter there was only this:", ""),
    ("", "; that is what they told me on the phone"),
    ("A man at the next table said slowly:", ""),
    ("", ", or so the paper wrote in the spring"),
)
FEW = ["The shop opens at nine.", "The bus stops at the school.", "The museum is closed on Monday."]
MANY = [
    f"{what} was {how}!" for what in ("The food", "This film", "Our hotel") for how in ("great", "lovely", "superb")
]


def framed(texts: tuple[str, ...]) -> list[str]:
    """Sentences with much in common with texts, but not nearly all."""
    return [f"{before} {text.strip()}{after}".strip() for text in texts if text for before, after in FRAMES]


@pytest.fixture(scope="module")
def contract_pool(tmp_path_factory) -> str:
    return str(lines(str(tmp_path_factory.mktemp("pool") / "pool.txt"), *framed(checks.TEXTS)))


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("recipe", ["nearest", "self-training"])
@pytest.mark.filterwarnings("ignore:The teacher does not recognise")
def test_contract(contract_pool, recipe, check):
    check(Retrieve(pool=contract_pool, recipe=recipe))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working folder, with `in.csv` and `pool.txt` in it."""
    monkeypatch.chdir(tmp_path)
    rows = [{"text": text, "label": "few"} for text in FEW] + [{"text": text, "label": "many"} for text in MANY]
    table("in.csv", rows)
    lines("pool.txt", *framed((*FEW, *MANY)))
    return tmp_path


COMMAND = "upsample in.csv -o out.csv --strategy retrieve --param pool=pool.txt"


def made(name: str = "out.csv") -> list[dict[str, str]]:
    return [row for row in cells(name) if row["is_synthetic"].casefold() == "true"]


# Which sentences


def test_a_sentence_belongs_to_the_row_that_it_is_nearest_to_and_comes_once(place):
    augment(f"{COMMAND} --sampling-strategy few=12,many=20")
    rows, sentences = made(), Path("pool.txt").read_text().splitlines()
    assert len(rows) == 9 + 11
    assert len({row["pool_line"] for row in rows}) == len(rows)
    originals = FEW + MANY
    for row in rows:
        assert row["text"] == sentences[int(row["pool_line"]) - 1]
        assert originals[int(row["source_row"])] in row["text"]
        assert row["pool"] == "pool.txt"
        assert 0.3 < float(row["pool_similarity"]) < 1
        assert 0 < float(row["teacher_probability"]) < 1
    first = {row["source_row"]: row for row in rows if row["variant"] == "0"}
    for row in rows:
        assert float(row["pool_similarity"]) <= float(first[row["source_row"]]["pool_similarity"]), "nearest first"


def test_what_is_nearer_to_a_row_of_another_class_is_not_taken_and_the_shortfall_says_why(place):
    augment(f"{COMMAND} --sampling-strategy few=90")
    rows = made()
    assert all(any(text in row["text"] for text in FEW) for row in rows)
    assert 12 <= len(rows) <= len(FEW) * len(FRAMES)
    (why,) = manifest("out.csv")["missing"].values()
    assert why == {
        "rows": 87 - len(rows),
        "why": "3 sources without another sentence that was taken from the pool",
    }


@pytest.mark.parametrize("recipe", ["nearest", "self-training"])
def test_no_row_repeats_or_nearly_repeats_what_is_held_out_or_known_or_taken(place, recipe):
    known = "The first bus of the day stops at the old school behind the church and waits for ten minutes."
    held = "The little shop beside the station opens at nine and sells fresh bread until the evening comes."
    table(
        "in.csv",
        [{"text": text, "label": "few"} for text in (*FEW, known, "We met at six by the river.")]
        + [{"text": text, "label": "many"} for text in MANY],
    )
    lines("held.txt", held, "The post is late.")
    close = [
        *(known, known.upper(), known.replace("ten", "two"), f"Now: {known}"),
        *(held, held.replace(" ", "  "), held.replace("fresh", "old"), held.replace("comes", "comes again")),
        *("the post is late", "The shop, opens at NINE!"),
    ]
    twin = "The museum behind the station is closed on Monday and on every holiday of the long winter."
    twins = [twin, twin.replace("long", "cold"), twin.replace("The museum", "A museum")]
    lines("pool.txt", *close, *twins, *framed((*FEW,)), "")
    augment(f"{COMMAND} --param recipe={recipe} --against held.txt --sampling-strategy few=+40 --guard none")
    texts = [row["text"] for row in made()]
    assert texts
    assert not {*close} & {*texts}
    assert sum("holiday of the" in text for text in texts) == 1


def test_self_training_takes_the_sentences_of_which_the_teacher_is_surest(place):
    rng = np.random.default_rng(0)
    few = [
        f"{a} {b} at {c}." for a in ("The shop", "The bus") for b in ("opens", "stops") for c in ("six", "ten", "two")
    ]
    table(
        "in.csv",
        [{"text": text, "label": "few"} for text in few]
        + [{"text": f"{text} {i}", "label": "many"} for text in MANY for i in range(4)],
    )
    pool = framed((*FEW, *MANY, *(f"{text} Really {i}." for i, text in enumerate(MANY))))
    lines("pool.txt", *(pool[i] for i in rng.permutation(len(pool))))
    result = augment(f"{COMMAND} --param recipe=self-training --sampling-strategy few=+6")
    assert "does not recognise 'few'" in result.stderr
    rows = made()
    shares = [float(row["teacher_probability"]) for row in rows]
    assert len(rows) == 6
    assert min(shares) > 0.5
    assert all(any(text in row["text"] for text in FEW) for row in rows)


def test_neighbours_and_least_bound_what_is_taken(place):
    augment(f"{COMMAND} --sampling-strategy few=+99 --param neighbours=2")
    assert len(made()) == 6
    augment(f"{COMMAND} --sampling-strategy few=+99 --param least=.8 --overwrite")
    assert all(float(row["pool_similarity"]) >= 0.8 for row in made())


def test_the_guards_compare_no_sentence_with_its_source_and_the_teacher_is_asked(place):
    rows = [{"text": f"{text} {i}", "label": kind} for kind, texts in (("few", FEW), ("many", MANY)) for text in texts
            for i in range(8)]  # fmt: skip
    table("in.csv", rows)
    result = augment(COMMAND)
    assert "The guard 'agreement' is asked by default" in result.stderr
    record = manifest("out.csv")
    assert [guard["name"] for guard in record["guards"]] == ["held_out", "duplicate", "near_duplicate", "agreement"]
    assert record["guards"][-1]["parameters"]["model"] == "mini"
    refused(f"{COMMAND} --overwrite --encoder ./nosuch", "nosuch")
    augment(f"{COMMAND} --overwrite --guard none")
    assert [guard["name"] for guard in manifest("out.csv")["guards"]] == ["held_out", "duplicate"]


# The same bytes


@pytest.mark.numeric
def test_the_rows_are_the_same_in_any_batches_and_by_workers_and_after_a_stop_and_from_the_manifest(place, monkeypatch):
    augment(f"{COMMAND} --sampling-strategy few=+12")
    whole = Path("out.csv").read_bytes()
    record = manifest("out.csv")["strategy"]["identity"]["pool"]
    assert (record["name"], record["rows"]) == ("pool.txt", len(framed((*FEW, *MANY))))
    augment(f"{COMMAND} --sampling-strategy few=+12 --overwrite --batch-size 3 --workers 2")
    assert Path("out.csv").read_bytes() == whole
    assert invoke("upsample -o again.csv --config out.csv.manifest.json").exit_code == 0
    assert Path("again.csv").read_bytes() == whole

    def stopped(*args, **kwargs):
        for number, outcome in enumerate(own(*args, **kwargs)):
            if number:
                raise KeyboardInterrupt
            yield outcome

    own = text_run.generate
    monkeypatch.setattr("augment.generation.loop.CHUNK", 5)
    monkeypatch.setattr(text_run, "generate", stopped)
    assert "resume" in invoke(f"{COMMAND} --sampling-strategy few=+12 --overwrite").output
    monkeypatch.setattr(text_run, "generate", own)
    augment(f"{COMMAND} --sampling-strategy few=+12 --resume --overwrite")
    assert Path("out.csv").read_bytes() == whole

    lines("pool.txt", "Another sentence.")
    result = invoke("upsample -o other.csv --config out.csv.manifest.json")
    assert result.exit_code == 2
    assert "pool.rows was" in result.stderr


@pytest.mark.parametrize("recipe", ["nearest", "self-training"])
def test_a_run_that_goes_on_from_an_earlier_one_takes_the_next_sentences(place, recipe):
    table("in.csv", [*cells("in.csv"), *({"text": f"{text} It is so.", "label": "few"} for text in FEW)])
    command = f"{COMMAND} --param recipe={recipe} --sampling-strategy few=+6"
    augment(command)
    augment(command.replace("in.csv", "out.csv", 1).replace("-o out.csv", "-o more.csv"))
    rows = made("more.csv")
    assert len(rows) == 12
    assert len({row["text"] for row in rows}) == 12
    assert len({row["pool_line"] for row in rows}) == 12


def test_parts_of_a_composition_give_sentences_too(contract_pool):
    strategy = OneOf(choices=[Retrieve(pool=contract_pool), FillMask()], random_state=0)
    texts, _ = strategy.fit_resample([t for t in checks.TEXTS if t], [*["few"] * 6, *["many"] * 9])
    new = texts[15:]
    assert len(new) == 3
    assert any(text in framed(checks.TEXTS) for text in new)


# Pools


def test_a_pool_may_be_a_table_and_lines_count_its_rows(place):
    sentences = framed((*FEW, *MANY))
    table("pool.csv", [{"id": "7", "note": text} for text in ("", *sentences)])
    augment(f"{COMMAND.replace('pool.txt', 'pool.csv:column=note')} --sampling-strategy few=+5")
    for row in made():
        assert (row["pool"], row["text"]) == ("pool.csv", sentences[int(row["pool_line"]) - 2])


def test_what_cannot_be_is_one_line_and_nothing_is_written(place):
    refused(f"{COMMAND} --param pool=nosuch.txt".replace("pool=pool.txt --param ", ""), "nosuch.txt: no such file")
    refused("upsample in.csv -o out.csv --strategy retrieve", "needs a value for 'pool': give --param pool=FILE")
    Path("pool.txt").write_text("")
    refused(COMMAND, "pool.txt: the file is empty")
    lines("pool.txt", "", "  ")
    refused(COMMAND, "no text but empty ones")
    lines("pool.txt", *FEW, *MANY, "THE FOOD WAS GREAT")
    refused(COMMAND, "pool.txt: all its texts equal a row of the input or a held-out text, so nothing in it is new.")
    held = framed((*FEW,))
    lines("pool.txt", *held)
    table("held.csv", [{"text": text} for text in held])
    refused(f"{COMMAND} --against held.csv", "pool.txt: all its texts equal a row of the input or a held-out text")
    table("pool.csv", [{"text": text, "sentiment": "few"} for text in held])
    refused(COMMAND.replace("pool.txt", "pool.csv"), "pool.csv: has labels, in the column 'sentiment'", "input itself")
    refused(f"{COMMAND}:column=text", "no columns")
    lines("pool.txt", *framed((*FEW, *MANY)))
    refused(f"{COMMAND} --param recipe=best", "recipe")
    refused(f"{COMMAND} --param recipe=self-training", "at least 5 different texts", "or give `recipe='nearest'`")


def test_a_pool_in_another_language_gets_a_warning(place):
    rows = [{"text": f"{text} {i}", "label": kind} for kind, texts in (("few", FEW), ("many", MANY)) for text in texts
            for i in range(4)]  # fmt: skip
    table("in.csv", rows)
    lines("pool.txt", *(text for text in checks.TEXTS_OF["de"] if text))
    result = augment(f"{COMMAND} --sampling-strategy few=+1")
    assert "seem to be in German, and the rows are in English" in result.stderr


def test_a_strategy_that_has_not_learnt_says_so(place):
    with pytest.raises(InputError, match="call `learn`"):
        Retrieve(pool="pool.txt").prepare()


# The pieces


@pytest.mark.parametrize("across", [1, 3, 2048])
def test_the_nearest_is_found_in_parts_as_in_one(monkeypatch, across):
    monkeypatch.setattr("augment.text.retrieve.ACROSS", across)
    rng = np.random.default_rng(0)
    vectors, others = rng.normal(size=(40, 8)).astype("float32"), rng.normal(size=(10, 8)).astype("float32")
    others[7] = others[2]
    assert nearest(vectors, others).tolist() == (vectors @ others.T).argmax(axis=1).tolist()


def test_rows_of_an_earlier_run_do_not_keep_sentences_out(place):
    known, old = "The shop opens at nine.", "We sat by the door."
    originals = Originals(
        texts=[known, old], labels=["few", "few"], held_out=[], seed=0, is_synthetic=np.array([False, True])
    )
    lines("pool.txt", known, old, "A third.")
    assert UnlabelledPool("pool.txt").new(originals).rows.tolist() == [1, 2]
    assert [Novelty(originals).accepts(text) for text in (known, old)] == [False, True]


def test_a_default_teacher_that_lacks_rows_is_left_out_and_a_named_one_is_refused():
    guard = Agreement(least=None)
    originals = Originals(texts=["One.", "Two.", "Three.", "Four."], labels=["a", "b", "b", "b"], held_out=[], seed=0)
    guard.by_default = True
    from augment.models.encoder import Encoders

    guard.prepare(Encoders())
    guard.fit(originals)
    assert "no row is left of 'a'" in guard.why_unfit()
    guard.by_default = False
    with pytest.raises(InputError, match="cannot be fitted: without one of its 5 folds"):
        guard.fit(originals)


def test_a_later_try_is_the_next_sentence(contract_pool):
    strategy = Retrieve(pool=contract_pool)
    strategy.learn(Originals(texts=list(checks.TEXTS), labels=list(checks.LABELS), held_out=[], seed=0))
    strategy.prepare()
    first, second = (Draw(checks.TEXTS[0], "neutral", 0, *place, 0) for place in ((1, 0), (0, 1)))
    assert strategy.candidates([first]) == strategy.candidates([second])


@pytest.mark.slow
def test_two_hundred_thousand_sentences_take_little_memory(tmp_path, bert):
    pytest.importorskip("resource", reason="no getrusage on Windows")
    rng = np.random.default_rng(0)
    words = np.array([f"w{i:04d}" for i in range(3000)])

    def sentences(count):
        return [" ".join(row) for row in words[rng.integers(0, len(words), (count, 6))]]

    rows = [{"text": text, "label": "few" if i < 40 else "many"} for i, text in enumerate(sentences(1000))]
    source = table(str(tmp_path / "in.csv"), rows)
    peaks = {}
    for count in (20_000, 200_000):
        pool = lines(str(tmp_path / f"{count}.txt"), *sentences(count))
        command = ["upsample", str(source), "-o", str(tmp_path / f"{count}.csv"), "--strategy", "retrieve", "--quiet"]
        command += ["--encoder", str(bert), "--device", "cpu"]
        code = (
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        run = [sys.executable, "-c", "from augment.cli.entry import main; main()", *command, "--param", f"pool={pool}"]
        done = subprocess.run([sys.executable, "-c", code, *run], capture_output=True, text=True, check=True)
        peaks[count] = int(done.stdout) / (2**20 if sys.platform == "darwin" else 2**10)
    print(f"peak: {peaks}")  # noqa: T201
    assert peaks[200_000] < peaks[20_000] + 100, "MiB"
