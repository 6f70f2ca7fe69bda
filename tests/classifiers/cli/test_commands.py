"""The commands `classifiers train`, `evaluate` and `predict`: what they print, write, refuse and leave behind."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from small_trainings import RARE, TRAIN, VALIDATION

from classifiers.cli.entry import main
from classifiers.data.splits import near_copies

PROGRAM = Path(sys.executable).parent / "classifiers"


def written(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(zip(*rows, strict=True))
    return path


@pytest.fixture
def place(tmp_path, monkeypatch):
    written(tmp_path / "train.csv", TRAIN)
    written(tmp_path / "rare.csv", RARE)
    written(tmp_path / "dev.csv", VALIDATION)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(bert):
    return ["--encoder", str(bert), "--learning-rate", "3e-3", "--epochs", "2", "--device", "cpu", "--dtype", "float32"]


@pytest.fixture
def quick(bert, without_curves):
    """Options of a quick training that draws no curves."""
    return options(bert)


def run(*arguments, **more):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **more)


def refused(*arguments):
    """Return the one line of an error with exit code 2."""
    found = run(*arguments)
    assert found.exit_code == 2, found.output
    (line,) = found.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny):
    folder = tmp_path_factory.mktemp("trained")
    written(folder / "train.csv", TRAIN)
    written(folder / "dev.csv", VALIDATION)
    found = run(
        *("train", folder / "train.csv", "--validation", folder / "dev.csv", "-o", folder / "model", "--epochs", 5),
        *("--encoder", tiny("bert"), "--learning-rate", "3e-3", "--device", "cpu", "--dtype", "float32", "-q"),
    )
    assert found.exit_code == 0, found.output
    return folder / "model"


# train


def test_train_shows_scores_and_gap_and_writes_the_model(place, bert):
    found = run("train", "train.csv", "--validation", "dev.csv", "-o", "model", *options(bert))
    assert found.exit_code == 0, found.output
    assert "step 6 (epoch 1): macro-F1 train" in found.stderr
    assert "of 12 steps" in found.stderr
    assert "Gap between original training rows and validation rows:" in found.stdout
    assert "model/curves.png" in found.stdout
    assert (place / "model" / "curves.png").exists()
    record = json.loads((place / "model" / "training.json").read_text())
    assert record["config"]["learning_rate"] == 3e-3
    assert record["classes"] == ["neutral", "positive"]
    assert f"{100 * record['best']['validation']['macro_f1']:.1f}" in found.stdout


def test_train_prints_its_record_as_json(place, quick):
    found = run("train", "train.csv", "--validation", "dev.csv", "-o", "model", "--json", "-q", *quick)
    assert json.loads(found.stdout) == json.loads((place / "model" / "training.json").read_text())
    assert found.stderr == ""


def test_options_reach_the_configuration(place, quick):
    found = run(
        *("train", "rare.csv", "-o", "model", "-q", "--head", "bigru", "--loss", "focal", "--gamma", "2"),
        *("--class-weights", "neutral=2,positive=1", "--augment", "nlpaug:random_word", "--augment-mode", "redraw"),
        *("--guard", "none", "--variants", "2", "--soft-labels", "--sampling-strategy", "neutral=60"),
        *("--synthetic-weight", ".5", "--real-only", ".25", *quick),
    )
    assert found.exit_code == 0, found.output
    config = json.loads((place / "model" / "training.json").read_text())["config"]
    assert (config["head"], config["loss"], config["gamma"]) == ("bigru", "focal", 2.0)
    assert config["class_weights"] == {"neutral": 2.0, "positive": 1.0}
    assert (config["synthetic_weight"], config["real_only"]) == (0.5, 0.25)
    augmentation = config["augmentation"]
    assert (augmentation["mode"], augmentation["strategy"]) == ("redraw", "nlpaug:random_word")
    assert (augmentation["variants"], augmentation["soft_labels"]) == (2, True)
    assert (augmentation["guards"], augmentation["sampling_strategy"]) == (["none"], {"neutral": 60})


@pytest.mark.parametrize(
    ("options", "mode", "strategy"),
    [
        (["--augment", "random"], "static", "random"),
        (["--augment", "smote", "--head-epochs", "2"], "features", "smote"),
        (["--augment", "none", "--augment-mode", "features", "--head-epochs", "2"], "features", None),
    ],
)
def test_the_mode_follows_from_what_the_strategy_makes(place, quick, options, mode, strategy):
    found = run("train", "rare.csv", "-o", "model", "-q", "--json", *options, *quick)
    assert found.exit_code == 0, found.output
    augmentation = json.loads(found.stdout)["config"]["augmentation"]
    assert (augmentation["mode"], augmentation["strategy"]) == (mode, strategy)


def test_a_balanced_draw_takes_no_strategy(place, quick):
    options = ["--augment-mode", "balanced", "--draw", "undersample"]
    found = run("train", "rare.csv", "-o", "model", "-q", "--json", *options, *quick)
    assert json.loads(found.stdout)["last"]["step"] == 2 * 2


def test_train_works_on_what_augment_upsample_wrote(place, quick):
    from augment.cli.entry import main as augment

    made = CliRunner().invoke(
        augment, ["upsample", "rare.csv", "-o", "up.csv", "--strategy", "random", "--against", "dev.csv", "-q"]
    )
    assert made.exit_code == 0, made.output
    found = run("train", "up.csv", "-o", "model", "-q", "--json", *quick)
    assert json.loads(found.stdout)["rows"]["synthetic"] == {"neutral": 72, "positive": 0}


def test_rows_that_stand_in_a_test_file_too_are_no_sources(place, quick):
    written(place / "test.csv", (RARE[0][:2], RARE[1][:2]))
    found = run(
        "train", "rare.csv", "-o", "model", "-q", "--json", "--augment", "random", "--against", "test.csv", *quick
    )
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["rows"]["no_sources"] == near_copies(RARE[0], RARE[0][:2]).sum() >= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--loss", "focl"], "Invalid value for '--loss'"),
        (["--gamma", "-1"], "--gamma must be 0 or more. Got -1.0."),
        (["--class-weights", "neutral"], "--class-weights must be 'balanced' or CLASS=WEIGHT"),
        (["--class-weights", "neutrl=2,positive=1"], "must name each class once"),
        (["--augment", "fillmsk"], "Did you mean 'fillmask'"),
        (["--augment-mode", "redraw"], "needs a strategy for new texts. Name one with --augment"),
        (["--soft-labels"], "Name a strategy with --augment"),
        (["--augment", "random", "--variants", "3"], "'static' has no key 'variants'"),
        (["--augment", "random", "--augment-mode", "redraw", "--variants", "few"], "a number of sets, or 'background'"),
        (["--augment", "random", "--param", "x=1"], "x"),
        (["--patience", "2"], "there are none"),
        (["--against", "dev.csv"], "There are no synthetic rows, so --against has no effect"),
        (["--augment", "random", "--against", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--encoder", "nowhere/at/all"], "There is no model folder"),
        (["--encoder", "."], "holds no model"),
        (["--text-column", "label"], "two different columns"),
        (["--label-column", "txt"], "has no label column 'txt'"),
    ],
)
def test_train_refuses_in_one_line_and_leaves_nothing(place, options, message):
    before = sorted(place.iterdir())
    assert message in refused("train", "train.csv", "-o", "model", *options)
    assert sorted(place.iterdir()) == before


def test_train_refuses_bad_data_in_one_line(place, quick):
    assert "nowhere.csv: no such file" in refused("train", "nowhere.csv", "-o", "model")
    (place / "numbers.csv").write_text("text,label\n1,a\n2,b\n")
    (place / "table.jsonl").write_text('{"text": 1, "label": "a"}\n{"text": 2, "label": "b"}\n')
    assert "must hold strings, got int64" in refused("train", "table.jsonl", "-o", "model")
    assert "holds numbers, e.g. '1'" in refused("train", "numbers.csv", "-o", "model")
    (place / "other.csv").write_text("text,label\na good day,bad\n")
    line = refused("train", "train.csv", "--validation", "other.csv", "-o", "model")
    assert "has the class 'bad', which is not in the training data train.csv. Its classes are neutral, positive" in line
    (place / "one.csv").write_text("text,label\na good day,good\nb,good\n")
    assert "has only one class, 'good'" in refused("train", "one.csv", "-o", "model")
    (place / "empty.csv").write_text("text,label\na good day,good\n,bad\n")
    assert "the class 'bad' has no original row with a text" in refused("train", "empty.csv", "-o", "model")
    (place / "file").write_text("")
    assert "is a file" in refused("train", "train.csv", "-o", "file", *quick)
    assert not (place / "model").exists()


def test_a_loss_that_is_no_number_is_one_line_and_exit_1(place, quick):
    found = run("train", "train.csv", "-o", "model", *quick, "--learning-rate", "1e20", "-q")
    assert found.exit_code == 1
    assert "Error: The loss is nan at step" in found.stderr
    assert "Try a lower learning_rate" in found.stderr


def test_a_model_is_not_overwritten_unasked(place, quick, model):
    assert "holds a model already" in refused("train", "train.csv", "-o", model, *quick)


@pytest.mark.numeric
def test_ctrl_c_says_how_to_go_on_and_resume_goes_on(place, quick):
    command = [PROGRAM, "train", "train.csv", "--validation", "dev.csv", "-o", "model", *quick, "--epochs", "8"]
    code = (
        "import signal, subprocess, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from classifiers.cli.entry import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, command[1:])], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    history = place / "model" / "checkpoints" / "history.jsonl"
    until = time.monotonic() + 120
    while (not history.exists() or history.read_text().count("\n") < 2) and time.monotonic() < until:
        assert process.poll() is None, process.stderr.read()[-2000:]
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.strip().splitlines()[-1].startswith("Error: Interrupted: what is finished is kept in model")
    assert "holds an unfinished training. Give --resume" in refused(*map(str, command[1:]))
    assert "The training in 'model' is unfinished" in refused("evaluate", "model", "dev.csv")
    found = run(*command[1:], "--resume", "-q")
    assert found.exit_code == 0, found.output
    assert (place / "model" / "history.jsonl").read_text().count("\n") == 8
    assert not (place / "model" / "checkpoints").exists()


# evaluate


def test_evaluate_shows_tables_for_each_file(place, model):
    found = run("evaluate", model, "dev.csv", "train.csv")
    assert found.exit_code == 0, found.output
    for text in (
        "macro-F1",
        "accuracy",
        "ECE",
        "as neutral",
        "precision",
        "recall",
        "calibration",
        "dev.csv",
        "train.csv",
    ):
        assert text in found.stdout


@pytest.mark.numeric
def test_evaluate_gives_the_scores_that_training_recorded(place, model):
    (found,) = json.loads(run("evaluate", model, "dev.csv", "--json", "-q").stdout)
    best = json.loads((model / "training.json").read_text())["best"]["validation"]
    # The nearest row lies .07 from .5, and bfloat16 moves a row by .009 at most.
    assert found["macro_f1"] == pytest.approx(best["macro_f1"])
    half = torch.cpu._is_avx512_bf16_supported()  # then "auto" computes in bfloat16, and batches are padded otherwise
    assert found["loss"] == pytest.approx(best["loss"], rel=5e-3 if half else 1e-4)
    assert sum(map(sum, found["confusion"])) == found["rows"] == len(VALIDATION[0])
    assert sum(bin_["rows"] for bin_ in found["reliability"]) == found["rows"]


def test_evaluate_reads_star_files_as_they_are_published(place, quick):
    rows = (["a dull day .", "it opens .", "a good day ."] * 4, ["negative", "neutral", "positive"] * 4)
    written(place / "three.csv", rows)
    assert run("train", "three.csv", "-o", "stars", "-q", *quick).exit_code == 0
    (place / "yelp.csv").write_text('"1","a dull day ."\n"3","it opens ."\n"4","a good day ."\n"2","a dull day ."\n')
    (place / "amazon.csv").write_text('"5","","a good day ."\n"3","","it opens ."\n')
    found = json.loads(run("evaluate", "stars", "yelp.csv", "amazon.csv", "three.csv", "--json", "-q").stdout)
    assert [one["support"] for one in found] == [
        {"negative": 2, "neutral": 1, "positive": 1},
        {"negative": 0, "neutral": 1, "positive": 1},
        {"negative": 4, "neutral": 4, "positive": 4},
    ]


@pytest.mark.numeric
def test_classes_that_differ_in_case_alone_are_kept_apart(place, quick):
    texts, labels = TRAIN
    written(place / "case.csv", (texts, [{"neutral": "pos", "positive": "Pos"}[label] for label in labels]))
    # After 8 epochs each row is sure; after 2 some lie so near .5 that bfloat16, which evaluates here, turns them.
    asked = (*quick, "--epochs", 8)
    assert run("train", "case.csv", "--validation", "case.csv", "-o", "case", "-q", *asked).exit_code == 0
    (found,) = json.loads(run("evaluate", "case", "case.csv", "--json", "-q").stdout)
    best = json.loads((place / "case" / "training.json").read_text())["best"]["validation"]
    assert found["macro_f1"] == pytest.approx(best["macro_f1"])
    assert "[/red]" not in found["classes"]


def test_a_class_name_that_looks_like_markup_is_shown_as_it_is(place, quick):
    texts, labels = TRAIN
    written(place / "odd.csv", (texts, [{"neutral": "[/red]", "positive": "a\u2028b"}[label] for label in labels]))
    found = run("train", "odd.csv", "--validation", "odd.csv", "-o", "odd", *quick)
    assert found.exit_code == 0, found.output
    assert "[/red]" in found.stdout
    assert "[/red]" in run("evaluate", "odd", "odd.csv", "-q").stdout


@pytest.mark.numeric
def test_evaluate_matches_labels_without_case_and_refuses_others(place, model):
    written(place / "upper.csv", (VALIDATION[0], [label.upper() for label in VALIDATION[1]]))
    same, plain = (json.loads(run("evaluate", model, f, "--json", "-q").stdout)[0] for f in ("upper.csv", "dev.csv"))
    assert same["confusion"] == plain["confusion"]
    written(place / "other.csv", (["a", "b"], ["bad", "positive"]))
    assert "does not know the label 'bad'. It knows neutral, positive" in refused("evaluate", model, "other.csv")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nosuch", "There is no folder 'nosuch'. Give one of `classifiers train`, or a hub id (owner/name)."),
        ("no/such/model", "There is no folder 'no/such/model'."),
        ("runs/nosuch", "There is no folder 'runs/nosuch'."),
        (r"C:\models\nosuch", "There is no folder"),
        ("dev.csv", "'dev.csv' is a file."),
        ("runs", "The folder 'runs' holds no model: it has no config.json."),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "predict", "export"])
def test_a_folder_that_holds_no_classifier_is_told_at_once(command, name, says, place, monkeypatch):
    (place / "runs").mkdir()
    monkeypatch.setitem(sys.modules, "augment.models.checkpoints", None)  # nothing is opened, or it would fail
    rest = {"evaluate": ["dev.csv"], "predict": ["dev.csv"], "export": ["--to", "onnx"]}[command]
    assert refused(command, name, *rest).startswith(f"Error: {says}")


@pytest.mark.slow
def test_a_wrong_folder_is_told_before_anything_heavy_is_imported(place):
    code = (
        "import sys; from classifiers.cli.entry import main\n"
        "try: main(['predict', 'nosuch', 'dev.csv'])\n"
        "except SystemExit: print(*{'torch', 'transformers', 'pyarrow', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=place)
    assert done.stdout.strip() == ""
    assert "There is no folder 'nosuch'" in done.stderr


# predict


def test_predict_writes_label_and_probabilities_of_each_row_in_order(place, model):
    found = run("predict", model, "dev.csv")
    rows = list(csv.DictReader(found.stdout.splitlines()))
    assert [row["text"] for row in rows] == VALIDATION[0]
    assert list(rows[0]) == ["text", "label", "p_neutral", "p_positive"]
    assert sum(float(rows[0][name]) for name in ("p_neutral", "p_positive")) == pytest.approx(1, abs=1e-5)
    right = sum(row["label"] == label for row, label in zip(rows, VALIDATION[1], strict=True))
    assert right / len(rows) > 0.9


def test_predict_takes_lines_and_gives_lines(place, model):
    found = run(
        "predict", model, "-", "--format", "jsonl", input='He "adored", truly, the music .\n\nthe shop opens .\n'
    )
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [row["text"] for row in rows] == ['He "adored", truly, the music .', "", "the shop opens ."]
    (place / "lines.txt").write_text("the shop opens .\nthe waiter adored the music .\n")
    found = run("predict", model, "lines.txt", "-o", "out.jsonl")
    assert found.stdout == ""
    assert [json.loads(line)["label"] for line in (place / "out.jsonl").read_text().splitlines()] == [
        "neutral",
        "positive",
    ]
    assert "predictions are written as .csv or .jsonl" in refused("predict", model, "lines.txt", "-o", "out.tsv")
    assert "out.jsonl exists already" in refused("predict", model, "lines.txt", "-o", "out.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("where", ["--workers 2", "--executor ray --workers 2"])
def test_predict_says_the_same_with_workers(place, model, where):
    pytest.importorskip("ray", reason="needs the extra [ray]")
    alone = run("predict", model, "dev.csv")
    shared = run("predict", model, "dev.csv", *where.split())
    assert (shared.stdout, shared.stderr) == (alone.stdout, alone.stderr)


def test_predict_quotes_a_lone_carriage_return(place, model):
    (place / "odd.jsonl").write_text(json.dumps({"text": "fine\rbut slow"}) + "\n")
    rows = list(csv.DictReader(io.StringIO(run("predict", model, "odd.jsonl").stdout, newline="")))
    assert [row["text"] for row in rows] == ["fine\rbut slow"]
    assert rows[0]["label"] in ("neutral", "positive")


def test_predict_makes_formulas_harmless_on_request(place, model):
    (place / "lines.txt").write_text("=1+1\nfine\n-3\n@home\n")
    plain, safe = (run("predict", model, "lines.txt", *options).stdout for options in ([], ["--csv-safe"]))
    texts = [row["text"] for row in csv.DictReader(safe.splitlines())]
    assert texts == ["'=1+1", "fine", "-3", "'@home"]
    assert safe.replace("'", "") == plain
    assert "--csv-safe is for csv" in refused("predict", model, "lines.txt", "--format", "jsonl", "--csv-safe")


def test_predict_streams_lines_from_a_pipe_and_stops_quietly_when_it_closes(place, model):
    feed = "\n".join(TRAIN[0] * 200)
    process = subprocess.Popen(
        f"head -c 100000000 | {PROGRAM} predict {model} | head -2",
        shell=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, told = process.communicate(feed, timeout=120)
    assert len(out.splitlines()) == 2
    assert "Traceback" not in told


def test_predict_reads_a_byte_order_mark_and_crlf_and_refuses_what_is_not_utf_8(place, model):
    (place / "windows.txt").write_bytes(b"\xef\xbb\xbfthe shop opens .\r\na view .\r\n")
    rows = list(csv.DictReader(run("predict", model, "windows.txt").stdout.splitlines()))
    assert [row["text"] for row in rows] == ["the shop opens .", "a view ."]
    (place / "latin.txt").write_bytes("das Caf\u00e9 .\n".encode("latin-1"))
    assert "latin.txt is not UTF-8" in refused("predict", model, "latin.txt", "-o", "out.csv")
    assert not (place / "out.csv").exists()


def test_predict_leaves_nothing_behind_when_it_fails(place, model):
    (place / "table.csv").write_text("words,label\na,b\n")
    assert "has no text column" in refused("predict", model, "table.csv", "-o", "out.csv")
    assert not (place / "out.csv").exists()
    assert "no.txt: no such file or folder" in refused("predict", model, "no.txt")


# All


def test_help_is_quick_and_loads_no_torch():
    code = "import sys, classifiers.cli.entry; assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    start = time.monotonic()
    subprocess.run([PROGRAM, "train", "--help"], capture_output=True, check=True)
    assert time.monotonic() - start < 5 * (1 + os.getloadavg()[0])


def test_every_setting_has_an_option_with_help():
    from classifiers.config import TrainConfig

    text = run("train", "--help").stdout
    for name in set(TrainConfig.model_fields) - {"augmentation"}:
        assert f"--{name.replace('_', '-')}" in text
        assert TrainConfig.model_fields[name].description
    assert "[default: 0]" in text.partition("--seed")[2].partition("--")[0]


# Files as people have them


def test_files_of_another_spelling_are_evaluated_and_predicted_as_the_plain_ones_are(place, model):
    texts, labels = VALIDATION
    lines = "".join(f'"{text}";{label}\r\n' for text, label in zip(texts, labels, strict=True))
    (place / "other.csv").write_bytes(b"\xff\xfe" + f"Tweet;Label\r\n{lines}".encode("utf-16-le"))
    plain, other = (
        json.loads(run("evaluate", model, file, "--json", "-q").stdout)[0] for file in ("dev.csv", "other.csv")
    )
    assert {**other, "file": ""} == {**plain, "file": ""}
    found = run("predict", model, "other.csv")
    assert found.stdout == run("predict", model, "dev.csv").stdout == run("predict", model, "dev.csv", "-o", "-").stdout
    assert not (place / "-").exists()
    (place / "lines.txt").write_bytes("das Café .\n".encode("windows-1252"))
    row = next(csv.DictReader(run("predict", model, "lines.txt", "--encoding", "windows-1252").stdout.splitlines()))
    assert row["text"] == "das Café ."
    assert "Options on columns" in refused("predict", model, "lines.txt", "--delimiter", ";")
    assert "--quoting is for csv and tsv files" in refused("evaluate", model, "dev.jsonl", "--quoting", "none")


def test_a_validation_file_may_have_its_texts_in_a_column_of_another_name(place, quick):
    written(place / "other.csv", VALIDATION)
    content = (place / "other.csv").read_text(encoding="utf-8")
    (place / "other.csv").write_text(content.replace("text,", "words,", 1), encoding="utf-8")
    assert "has no text column" in refused("train", "train.csv", "--validation", "other.csv", "-o", "model")
    found = run("train", "train.csv", "--validation", "other.csv:column=words", "-o", "model", "-q", *quick)
    assert found.exit_code == 0, found.output
