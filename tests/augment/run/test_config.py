"""A run is repeated from its manifest to the byte, and a file that does not fit is refused in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from augment import upsample
from augment.cli.entry import main
from augment.errors import InputError
from augment.guards.selection import ALWAYS
from augment.run.config import OUTCOME, RunConfig, read
from augment.run.manifest import Manifest
from augment.text.composition import OneOf, Sequential
from augment.text.nlpaug_edits import KeyboardEdit, OcrEdit, RandomWordEdit

NEUTRAL = [
    "The shop on the corner opens at nine.",
    "We sat upstairs, by the old window.",
    "The parcel came on Monday; the manual on Tuesday.",
    "The second part takes place in a small town.",
]
POSITIVE = [f"I loved every minute of evening number {n}, and so did they." for n in ("one", "two", "three", "four")]
MORE = ["Fresh bread, friendly people and a fine view.", "Our guide knew every stone.", "A charming little book it is."]
QUICK = ("--strategy", "nlpaug:keyboard", "--guard", "none", "-q")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with `in.csv` and `dev.csv` in it."""
    monkeypatch.chdir(tmp_path)
    table("in.csv", [*((text, "neutral") for text in NEUTRAL), *((text, "positive") for text in [*POSITIVE, *MORE])])
    table("dev.csv", [("We sat upstairs, by the open window.", "neutral")])
    return tmp_path


def table(name: str, rows: list[tuple[str, str]], columns: tuple[str, str] = ("text", "label")) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    with open(name, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(main, ["upsample", *map(str, arguments)])
    assert done.exit_code == 0, done.stderr
    return done


def refused(*arguments: object) -> str:
    done = CliRunner().invoke(main, ["upsample", *map(str, arguments)])
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def manifest(name: str) -> dict[str, Any]:
    return json.loads(Path(f"{name}.manifest.json").read_text(encoding="utf-8"))


def written(content: dict[str, Any], name: str = "run.json") -> str:
    Path(name).write_text(json.dumps(content), encoding="utf-8")
    return name


def settings(name: str) -> dict[str, Any]:
    """What a manifest says of the run itself, and not of how it went."""
    return {key: value for key, value in manifest(name).items() if key != "seconds"}


# Repeating


@pytest.mark.parametrize(
    "options",
    [
        (*QUICK, "--param", "protect=shop,old window", "--param", "aug_p=0.4"),
        (*QUICK, "--seed", 2**64 - 1, "--max-per-source", 3, "--sampling-strategy", "neutral=9", "--only-synthetic"),
        (*QUICK, "--output-encoding", "utf-16"),
        (*QUICK, "--against", "dev.csv", "--labels", "neutral,positive", "--sampling-strategy", "0.8"),
        (
            "--strategy",
            "nlpaug:ocr",
            "--guard",
            "polarity:positive=positive",
            "--guard",
            "length_ratio:low=.9",
        ),
        ("--strategy", "random", "--against", "dev.csv"),
        ("--strategy", "nlpaug:random_word", "--guard", "protected_span:protect=shop"),
    ],
)
def test_a_run_is_repeated_from_its_manifest_to_the_byte(options):
    run("in.csv", "-o", "one.csv", *options)
    run("--config", "one.csv.manifest.json", "-o", "two.csv")
    assert Path("two.csv").read_bytes() == Path("one.csv").read_bytes()
    assert settings("two.csv") == settings("one.csv")


def test_the_encoding_of_the_output_is_repeated_and_an_option_or_another_format_goes_before():
    run("in.csv", "-o", "one.csv", *QUICK, "--output-encoding", "utf-16")
    again = ("--config", "one.csv.manifest.json", "-q")
    for output, options, encoding in (
        ("two.tsv", (), "utf-16-le"),
        ("three.csv", ("--output-encoding", "utf-8"), "utf-8"),
        ("four.parquet", (), None),
    ):
        run(*again, "-o", output, *options)
        assert (manifest(output)["output"] or {}).get("encoding") == encoding
    assert "There is no encoding 'utf-99'" in refused(
        "in.csv", "--config", written({"output_encoding": "utf-99"}), *QUICK, "-o", "no.csv"
    )


@pytest.mark.parametrize(("rows", "says"), [(3, "is not asked"), (30, "is asked by default")])
def test_what_default_guards_find_is_found_again_when_a_run_is_repeated(rows, says):
    words = {"sports": "team game score", "other": "tree river rain"}
    table(
        "in.csv",
        [
            (f"The {word} number {n} was in the {kind} news of day {n % 7}.", kind)
            for kind, own in words.items()
            for word in own.split()
            for n in range(rows // (1 + (kind == "sports")))
        ],
    )
    run("in.csv", "-o", "one.csv", "--strategy", "nlpaug:keyboard", "-q")
    (note,) = manifest("one.csv")["guard_notes"].values()
    assert says in note
    assert note in run("--config", "one.csv.manifest.json", "-o", "two.csv").stderr
    assert Path("two.csv").read_bytes() == Path("one.csv").read_bytes()
    assert settings("two.csv") == settings("one.csv")


def test_the_fill_mask_is_repeated_by_itself_and_as_a_step():
    alone = {"name": "fillmask", "parameters": {"mask_ratio": 0.3, "device": "cpu"}}
    steps = {"name": "sequential", "parameters": {"steps": [alone, {"name": "nlpaug:keyboard"}]}}
    for name, part, faster in (("alone", alone, ("--batch-size", 3)), ("steps", steps, ())):
        asked = written({"input": {"name": "in.csv"}, "strategy": part, "guards": []})
        assert "made with" not in run("--config", asked, "-o", f"{name}.csv").stderr
        run("--config", f"{name}.csv.manifest.json", "-o", f"{name}.again.csv", *faster)
        assert Path(f"{name}.again.csv").read_bytes() == Path(f"{name}.csv").read_bytes()
    assert manifest("steps.csv")["strategy"]["identity"]["parts"][0]["revision"].startswith("sha256:")


def test_a_composition_of_compositions_is_repeated_and_its_own_guards_are_asked_once():
    strategy = Sequential(
        steps=[RandomWordEdit(aug_p=0.3), OneOf(choices=[KeyboardEdit(protect=("shop",)), OcrEdit()], weights=(3, 1))]
    )
    run("in.csv", "-o", "one.csv", "--config", written({"strategy": strategy.to_config(), "seed": 4}))
    run("--config", "one.csv.manifest.json", "-o", "two.csv")
    assert Path("two.csv").read_bytes() == Path("one.csv").read_bytes()
    assert settings("two.csv") == settings("one.csv")
    asked = [guard["name"] for guard in manifest("two.csv")["guards"]]
    assert asked.count("protected_span") == 2, "one for each way in which its parts protect"


def test_a_callable_is_recorded_as_the_totals_that_it_gave():
    texts, labels = [*NEUTRAL, *POSITIVE, *MORE], ["neutral"] * 4 + ["positive"] * 7
    options = {"strategy": KeyboardEdit(), "guards": [], "seed": 3}
    (made, _), done = upsample(
        (texts, labels), sampling_strategy=lambda counts: {"neutral": counts["neutral"] + 2}, **options
    )
    recorded = json.loads(done.to_json())
    assert recorded["sampling_strategy"] == {"neutral": 6}
    run("in.csv", "--config", written(recorded), "-o", "out.csv")
    with open("out.csv", encoding="utf-8", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == made


def test_the_manifest_of_data_in_memory_asks_for_the_data():
    _, done = upsample((NEUTRAL, ["a", "a", "b", "b"]), strategy="random", against=["One held-out text."])
    Path("run.json").write_text(done.to_json(), encoding="utf-8")
    assert "give the name as an option" in refused("--config", "run.json", "-o", "out.csv")


def test_every_key_of_a_manifest_is_known():
    assert {"schema", *Manifest.__dataclass_fields__} == {*RunConfig.model_fields} | OUTCOME
    run("in.csv", "-o", "one.csv", *QUICK, "--against", "dev.csv")
    read(Path("one.csv.manifest.json"))


# By hand


def test_a_file_may_leave_anything_out():
    run("in.csv", "-o", "one.csv", *QUICK, "--seed", 0)
    run("in.csv", "--config", written({}), *QUICK, "-o", "two.csv")
    part = {"name": "nlpaug:keyboard"}
    run("--config", written({"input": {"name": "in.csv"}, "strategy": part, "guards": []}), "-o", "three.csv")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes() == Path("three.csv").read_bytes()


def test_a_file_may_name_columns_with_or_without_a_layout():
    table("other.csv", [*((t, "neutral") for t in NEUTRAL[:2]), *((t, "positive") for t in MORE)], ("body", "kind"))
    names = {"text_column": "body", "label_column": "kind"}
    part = {"name": "random"}
    run("--config", written({"input": {"name": "other.csv", **names}, "strategy": part}), "-o", "one.csv")
    run("--config", written({"input": {"name": "other.csv", "layout": names}, "strategy": part}), "-o", "two.csv")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_a_sampling_strategy_may_be_written_as_on_the_command_line():
    for number, wanted in enumerate(["neutral=6", {"neutral": 6}]):
        run("in.csv", "--config", written({"sampling_strategy": wanted}), *QUICK, "-o", f"{number}.csv")
    assert Path("0.csv").read_bytes() == Path("1.csv").read_bytes()
    assert manifest("0.csv")["made"] == {"neutral": 2}


# Options beside the file


def test_an_option_that_is_given_goes_before_the_file_also_with_its_default():
    run("in.csv", "-o", "plain.csv", *QUICK)
    run("in.csv", "-o", "one.csv", *QUICK, "--seed", 5, "--sampling-strategy", "neutral=6", "--max-per-source", 1)
    again = ("--config", "one.csv.manifest.json")
    run(*again, "--seed", 0, "--sampling-strategy", "auto", "--max-per-source", 9, "-o", "two.csv")
    assert Path("two.csv").read_bytes() == Path("plain.csv").read_bytes()
    run(*again, "--param", "aug_p=0.9", "-o", "three.csv")
    found = manifest("three.csv")
    assert (found["strategy"]["parameters"]["aug_p"], found["seed"], found["max_per_source"]) == (0.9, 5, 1)


def test_a_guard_adds_to_those_of_the_file_and_only_takes_their_place():
    run("in.csv", "-o", "one.csv", "--strategy", "nlpaug:ocr", "--guard", "only:near_duplicate:threshold=.8", "-q")
    first = [(guard["name"], guard["parameters"]) for guard in manifest("one.csv")["guards"]]
    always = ["changed", "length_ratio", "protected_span", "held_out", "duplicate"]
    assert [name for name, _ in first] == [*always, "near_duplicate"], "polarity would be a default"

    def guards_of(*options: str) -> list[tuple[str, Any]]:
        run("--config", "one.csv.manifest.json", "-o", "two.csv", "--overwrite", "-q", *options)
        return [(guard["name"], guard["parameters"]) for guard in manifest("two.csv")["guards"]]

    assert guards_of() == first
    assert [name for name, _ in guards_of("--guard", "polarity")] == [*always, "near_duplicate", "polarity"]
    assert dict(guards_of("--guard", "near_duplicate:threshold=.9"))["near_duplicate"]["threshold"] == 0.9
    assert [name for name, _ in guards_of("--guard", "only:polarity")] == [*always, "polarity"]
    assert [name for name, _ in guards_of("--guard", "none")] == always


def test_guards_written_by_hand_are_all_that_are_asked_besides_those_of_every_run():
    for guards in ([], [{"name": "polarity"}]):
        run("in.csv", "-o", "one.csv", "--overwrite", "--config", written({"guards": guards}), *QUICK[:2])
        names = {guard["name"] for guard in manifest("one.csv")["guards"]} - {"protected_span"}
        assert names == {*ALWAYS, *(guard["name"] for guard in guards)}


def test_another_strategy_and_other_files_replace_those_of_the_file():
    run("in.csv", "-o", "one.csv", *QUICK, "--param", "aug_p=0.9", "--against", "dev.csv")
    table("test.csv", [("Something else altogether, is it not?", "neutral")])
    again = ("--config", "one.csv.manifest.json", "--strategy", "nlpaug:ocr")
    run(*again, "--against", "test.csv", "-o", "two.csv")
    found = manifest("two.csv")
    assert (found["strategy"]["name"], found["strategy"]["parameters"]["aug_p"]) == ("nlpaug:ocr", 0.15)
    assert [file["name"] for file in found["against"]] == ["test.csv"]


def test_an_option_of_the_layout_changes_that_alone_and_lifts_the_check_of_the_data():
    table("in.csv", [*((t, "a") for t in NEUTRAL[:2]), *((t, "b") for t in MORE), *((t, "c") for t in POSITIVE)])
    run("in.csv", "-o", "one.csv", "--strategy", "random", "--labels", "a,b", "--text-column", "text")
    run("--config", "one.csv.manifest.json", "--labels", "a,c", "-o", "two.csv")
    assert manifest("two.csv")["counts_after"] == {"a": 4, "c": 4}
    assert manifest("two.csv")["input"]["layout"]["text_column"] == "text"


# What has changed in the meantime


def test_the_input_may_stand_elsewhere_and_must_be_the_same():
    run("in.csv", "-o", "one.csv", *QUICK)
    table("moved/in.csv", [])
    Path("in.csv").rename("moved/in.csv")
    said = refused("--config", "one.csv.manifest.json", "-o", "two.csv")
    assert "in.csv: no such file or folder" in said
    assert f"relative ones are looked for in the current folder, {Path.cwd()}" in said
    run("moved/in.csv", "--config", "one.csv.manifest.json", "-o", "two.csv")
    assert Path("two.csv").read_bytes() == Path("one.csv").read_bytes()


def test_other_data_are_refused_until_the_fingerprint_is_removed():
    run("in.csv", "-o", "one.csv", *QUICK)
    with open("in.csv", "a", encoding="utf-8") as file:
        file.write("One more row.,neutral\n")
    said = refused("--config", "one.csv.manifest.json", "-o", "two.csv")
    assert said.startswith(
        "Error: in.csv: is not the data that one.csv.manifest.json was made from: fingerprint sha256:"
    )
    assert "remove 'fingerprint' from the file to run on other data." in said
    assert not Path("two.csv").exists()
    changed = manifest("one.csv")
    del changed["input"]["fingerprint"]
    run("--config", written(changed), "-o", "two.csv")


def test_another_held_out_file_is_refused_until_its_digest_is_removed():
    run("in.csv", "-o", "one.csv", *QUICK, "--against", "dev.csv")
    table("dev.csv", [("Something else.", "neutral")])
    said = refused("--config", "one.csv.manifest.json", "-o", "two.csv")
    assert "dev.csv: is not the held-out file that one.csv.manifest.json was made against" in said
    assert "remove 'texts' from 'against[0]' in one.csv.manifest.json" in said
    changed = manifest("one.csv")
    del changed["against"][0]["texts"]
    run("--config", written(changed), "-o", "two.csv")
    Path("dev.csv").unlink()
    assert "The name is from run.json" in refused("--config", "run.json", "-o", "three.csv")


def test_another_model_or_version_is_refused_until_its_identity_is_removed():
    run("in.csv", "-o", "one.csv", "--strategy", "nlpaug:keyboard", "--guard", "near_duplicate", "-q")
    changed = manifest("one.csv")
    changed["strategy"]["identity"]["nlpaug"] = "1.0"
    said = refused("--config", written(changed), "-o", "two.csv")
    assert "The strategy 'nlpaug:keyboard' is not what it was when run.json was made: nlpaug was \"1.0\" and is" in said
    assert "remove 'identity' of the strategy from the file to run all the same" in said
    assert not list(Path().glob("two.csv*")), "nothing is left behind"
    del changed["strategy"]["identity"]
    (near,) = (guard for guard in changed["guards"] if guard["name"] == "near_duplicate")
    near["identity"]["rensa"] = "0.0.1"
    said = refused("--config", written(changed), "-o", "two.csv")
    assert "The guard 'near_duplicate' is not what it was when run.json was made: rensa was \"0.0.1\"" in said
    del near["identity"]
    run("--config", written(changed), "-o", "two.csv")


def test_an_option_that_changes_the_strategy_lifts_the_check_of_it():
    run("in.csv", "-o", "one.csv", *QUICK)
    changed = manifest("one.csv")
    changed["strategy"]["identity"]["nlpaug"] = "1.0"
    run("--config", written(changed), "--param", "aug_p=0.5", "-o", "two.csv")


def test_other_versions_are_told_and_stop_nothing():
    run("in.csv", "-o", "one.csv", *QUICK)
    changed = manifest("one.csv")
    here = changed["versions"]["numpy"]
    changed["versions"]["numpy"] = "1.0"
    told = run("--config", written(changed), "-o", "two.csv").stderr
    assert f"run.json was made with numpy 1.0 ({here} here): rows may differ." in told
    assert "made with" not in run("--config", "one.csv.manifest.json", "-o", "three.csv").stderr


# Files that do not fit


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"sead": 1}, "run.json: A run has no key 'sead'. It has input, against, strategy,"),
        ({"sead": 1}, "Did you mean 'seed'?"),
        ({"input": {"nam": "in.csv"}}, "'input' has no key 'nam'. It has name, layout, fingerprint,"),
        ({"input": {"layout": {"lables": ["a"]}}}, "'input.layout' has no key 'lables'."),
        ({"input": {"layout": {"lables": ["a"]}}}, "Did you mean 'labels'?"),
        ({"strategy": {"name": "random", "parametres": {}}}, "Did you mean 'parameters'?"),
        ({"strategy": {"parameters": {}}}, "'strategy.name' is missing; give it."),
        ({"strategy": "random"}, '\'strategy\' is written {"strategy": {"name": "random"}}. Got \'random\'.'),
        ({"output": "o.csv"}, "'output' has no effect in a file. Remove it, and give --output."),
        ({"strategy": {"name": "randm"}}, "run.json: There is no strategy 'randm'."),
        ({"strategy": {"name": "nlpaug:ocr", "parameters": {"aug_q": 1}}}, "Did you mean 'aug_p'?"),
        (
            {"strategy": {"name": "nlpaug:ocr", "parameters": {"aug_p": 7}}},
            "`aug_p` of OcrEdit must be a number in (0, 1]. Got 7",
        ),
        ({"strategy": {"name": "sequential"}}, "The strategy 'sequential' needs a value for 'steps'"),
        ({"guards": [{"name": "polarty"}]}, "Did you mean 'polarity'?"),
        ({"guards": [{"name": "changed"}, {"name": "changed"}]}, "The guard 'changed' is named twice."),
        ({"seed": "1"}, "'seed' must be a whole number. Got '1'."),
        ({"seed": 1.5, "only_synthetic": 1}, "'only_synthetic' must be True or False. Got 1."),
        ({"seed": 1.5, "only_synthetic": 1}, "'seed' must be a whole number. Got 1.5."),
        ({"seed": -1}, "The seed must be a whole number from 0 to 2**64 - 1. Got -1."),
        ({"max_per_source": 0}, "--max-per-source must be a whole number, 1 or more. Got 0."),
        ({"against": ["dev.csv"]}, "'against.0' must be an object. Got 'dev.csv'."),
        ({"sampling_strategy": [1]}, "--sampling-strategy must be a word, a share,"),
        ({"schema": 99}, "run.json: has the schema 99, and this version reads 1."),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(content, says):
    assert says in refused("in.csv", "--config", written(content), "-o", "out.csv")
    assert not list(Path().glob("out.csv*"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"seed": 1,}', "run.json: is not JSON: line 1, column 1"),
        (b"", "run.json: is not JSON: line 1, column 1"),
        (b"[1]", 'run.json: must hold one object, e.g. {"seed": 1}. Got list.'),
        (b'{"seed": "\xe9"}', "run.json: is not JSON in UTF-8"),
        (None, "run.jsn: no such file or folder; check the path. Did you mean 'run.json'?"),
    ],
)
def test_a_file_that_is_no_json_is_refused_in_one_line(content, says):
    Path("run.json").write_bytes(b"{}" if content is None else content)
    assert says in refused("in.csv", "--config", "run.json" if content is not None else "run.jsn", "-o", "out.csv")


def test_a_folder_is_no_file_and_no_input_is_asked_for():
    Path("folder").mkdir()
    assert "folder: cannot be read" in refused("in.csv", "--config", "folder", "-o", "out.csv")
    assert "Give INPUT (a file" in refused("-o", "out.csv")
    assert "run.json: names no input; give INPUT, or its 'name' under 'input' in a file for --config." in refused(
        "--config", written({}), "-o", "out.csv"
    )


def test_the_command_line_cannot_compose_and_says_what_can():
    said = refused("in.csv", "--strategy", "sequential", "-o", "out.csv")
    assert (
        "needs a value for 'steps', which is for a strategy made of others: write it into a file for --config" in said
    )
    assert "`one_of.choices`" in refused("in.csv", "--strategy", "one_of", "--param", "choices=random", "-o", "out.csv")


def test_mistakes_are_errors_of_the_library():
    with pytest.raises(InputError):
        read(Path("nowhere.json"))


def test_a_file_that_names_no_guard_asks_for_those_alone_that_are_always_asked():
    for number, (given, there) in enumerate((({"guards": []}, False), ({}, True))):
        written({"input": {"name": "in.csv"}, "strategy": {"name": "random"}, **given}, f"own{number}.json")
        run("--config", f"own{number}.json", "-o", f"own{number}.csv", "--strategy", "nlpaug:keyboard")
        asked = [guard["name"] for guard in manifest(f"own{number}.csv")["guards"]]
        assert ("near_duplicate" in asked) is there


def test_a_run_is_repeated_with_another_seed_or_fewer_classes_though_its_teacher_is_fitted_anew():
    topics = {"sports": "team game score", "politics": "vote law court", "other": "tree river rain"}
    rows = [
        (f"The {word} number {n} was in the news of day {n % 7}, and the {label} page told of it.", label)
        for label, words in topics.items()
        for n in range(30 if label == "other" else 45)
        for word in words.split()[n % 3 :][:1]
    ]
    table("topics.csv", rows)
    run("topics.csv", "-o", "first.csv", "--strategy", "nlpaug:keyboard", "--seed", 1, "-q")
    (guard,) = [
        one for one in json.loads(Path("first.csv.manifest.json").read_text())["guards"] if "recall" in one["identity"]
    ]
    assert guard["name"] == "agreement"
    run("--config", "first.csv.manifest.json", "-o", "seed.csv", "--seed", 2, "-q")
    run("--config", "first.csv.manifest.json", "-o", "labels.csv", "--labels", "sports,other", "-q")
    run("--config", "first.csv.manifest.json", "-o", "same.csv", "-q")
    assert Path("same.csv").read_bytes() == Path("first.csv").read_bytes()
    changed = json.loads(Path("first.csv.manifest.json").read_text())
    for one in changed["guards"]:
        if one["name"] == "agreement":
            one["identity"]["recall"] = dict.fromkeys(topics, 0.5)
    Path("changed.json").write_text(json.dumps(changed))
    assert "recall" in refused("--config", "changed.json", "-o", "no.csv", "-q")


def test_words_that_are_protected_instead_are_protected_and_the_others_are_not():
    run("in.csv", "-o", "first.csv", *QUICK, "--param", "protect=shop")
    run("--config", "first.csv.manifest.json", "-o", "other.csv", "-q", "--param", "protect=window")
    run("--config", "first.csv.manifest.json", "-o", "model.csv", "-q", "--strategy", "fillmask")
    for name, words in (("first", ["shop"]), ("other", ["window"]), ("model", [])):
        guards = json.loads(Path(f"{name}.csv.manifest.json").read_text())["guards"]
        protected = [one["parameters"]["protect"] for one in guards if one["name"] == "protected_span"]
        assert protected == ([words] if words else []), name
