"""The same on any machine: without what only POSIX has, in a locale without UTF-8, with paths and lines of Windows."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from augment.cli import main
from augment.data.corpus import read
from augment.errors import InputError, ModelError
from augment.guards.polarity import read_words
from augment.models.checkpoints import load_masked_lm
from benchmarks.grid.tasks import Task, load

ROOT = Path(__file__).parents[1]
PACKAGES = ("augment", "classifiers", "benchmarks")
MACHINE = ROOT / "tests" / "other_machine"
LACKING = [
    r"C:\data\rows.csv",
    r"C:\data\rows",
    r"C:rows",
    "C:/data/rows.csv",
    "d:/rows",
    r"..\rows",
    r"data\rows",
    r"\\server\share\rows.csv",
]


# Without what only POSIX has, and in a locale without UTF-8


@pytest.fixture(scope="module")
def job(tmp_path_factory, bert):
    """What the main job came to on a machine that lacks all this, and its folder."""
    folder = tmp_path_factory.mktemp("other machine")
    shutil.copytree(bert, folder / "bert")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    environment |= {
        "PYTHONPATH": str(MACHINE),
        "OMP_NUM_THREADS": "1",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "latin-1",
    }
    command = [sys.executable, str(MACHINE / "main_job.py"), str(folder)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, encoding="latin-1")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(os.name == "nt", reason="Windows is such a machine, and needs no simulation")
def test_the_simulated_machine_lacks_what_it_should(job):
    _, found = job
    assert len(found["lacks"]) == 9
    assert sys.platform != "linux" or found["encoding"].lower() not in ("utf-8", "utf8")
    assert found["output"].lower().replace("-", "").replace("iso8859", "latin") == "latin1"


def test_every_module_is_imported(job):
    _, found = job
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert found["modules"] == len(files) - len(PACKAGES)


def test_workers_make_the_same_bytes(job):
    folder, _ = job
    assert (folder / "two.csv").read_bytes() == (folder / "one.csv").read_bytes()


def test_an_interrupted_run_is_gone_on_with(job):
    folder, found = job
    assert found["left"]
    assert not found["left over"]
    assert (folder / "resumed.csv").read_bytes() == (folder / "whole.csv").read_bytes()


def test_texts_and_vectors_are_balanced(job):
    _, found = job
    assert found["in memory"] == {"voran": 18, "zurück": 18}
    assert found["vectors"] == {"voran": 18, "zurück": 18}


def test_a_file_that_memory_does_not_hold_is_read(job):
    assert job[1]["read"] == 25_000


def test_a_classifier_is_trained(job):
    assert job[1]["trained"]


def test_the_peak_of_memory_is_a_number_where_the_system_tells_it(job):
    assert job[1]["peak"] > 0 or sys.platform != "linux"


def test_letters_outside_ascii_reach_files_and_terminals(job):
    folder, found = job
    assert "zurück" in found["shown"]
    made = (folder / "filled.csv").read_text(encoding="utf-8")
    assert "naïve" in made
    assert "“Ünder”" in made
    assert "zurück" in json.loads((folder / "filled.csv.manifest.json").read_text(encoding="utf-8"))["counts_after"]


def test_every_text_file_is_opened_with_an_encoding_of_its_own():
    assert [place for package in PACKAGES for place in without_encoding(ROOT / package)] == []


@pytest.mark.parametrize(
    "code",
    [
        "open(path)",
        "open(path, 'w', newline='')",
        "path.open()",
        "path.open('a')",
        "path.open(mode='r')",
        "(folder / 'state.json').read_text()",
        "path.write_text('one')",
        "io.TextIOWrapper(buffer)",
        "tempfile.NamedTemporaryFile('w')",
        "subprocess.run(command, text=True)",
    ],
)
def test_a_text_file_without_an_encoding_is_noticed(code, tmp_path):
    (tmp_path / "module.py").write_text(f"{code}\n", encoding="utf-8")
    assert without_encoding(tmp_path) == [f"{tmp_path.name}/module.py:1: {code}"]


@pytest.mark.parametrize(
    "code",
    [
        "open(path, 'rb')",
        "open(path, encoding='utf-8')",
        "path.open('xb')",
        "path.read_text('utf-8')",
        "path.write_text('one', encoding='utf-8')",
        "os.open(path, flags)",
        "tempfile.NamedTemporaryFile()",
        "subprocess.run(command, capture_output=True)",
        "pa.ipc.open_stream(file)",
    ],
)
def test_what_names_one_or_needs_none_is_let_through(code, tmp_path):
    (tmp_path / "module.py").write_text(f"{code}\n", encoding="utf-8")
    assert without_encoding(tmp_path) == []


def without_encoding(folder: Path) -> list[str]:
    """Return the calls in the modules of a folder that leave the encoding of a text to the locale.

    Ruff's PLW1514 is like it, but sees neither `(folder / name).read_text()` nor `subprocess.run(…, text=True)`.
    """
    return [
        f"{path.relative_to(folder.parent).as_posix()}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted(folder.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and leaves_encoding_open(node)
    ]


def leaves_encoding_open(call: ast.Call) -> bool:
    """Tell whether a call opens a text, or starts a program that writes one, and names no encoding."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in named:
        return False
    if name in ("read_text", "write_text") and owner != "formatter":  # click's, which writes to a terminal
        return len(call.args) <= (name == "write_text")
    if name in ("open", "fdopen") and owner not in ("os", "zipfile", "tarfile"):
        place = 0 if owner and owner != "io" else 1
        mode = named.get("mode", call.args[place] if len(call.args) > place else None)
        return mode is None or (isinstance(mode, ast.Constant) and "b" not in str(mode.value))
    if name in ("NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile"):
        mode = named.get("mode", call.args[0] if call.args else None)
        return isinstance(mode, ast.Constant) and "b" not in str(mode.value)
    if owner == "subprocess":
        return "text" in named or "universal_newlines" in named
    return name == "TextIOWrapper"


# Paths of Windows


@pytest.fixture
def no_hub(monkeypatch):
    """No look-up on the hub, where a path is meant."""

    def fail(*arguments, **options):
        raise AssertionError("a path was looked up on the hub")

    monkeypatch.setattr("datasets.load_dataset", fail)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", fail)
    monkeypatch.setattr("transformers.AutoModelForMaskedLM.from_pretrained", fail)


@pytest.mark.parametrize("path", LACKING)
def test_a_path_that_leads_nowhere_is_no_hub_id_of_a_data_set(path, no_hub):
    with pytest.raises(InputError, match="no such file or folder; check the path"):
        read(path)


@pytest.mark.parametrize("path", [path for path in LACKING if not path.endswith(".csv")])
def test_a_path_that_leads_nowhere_is_no_hub_id_of_a_model(path, no_hub):
    with pytest.raises(ModelError, match="There is no model folder"):
        load_masked_lm(path)


@pytest.mark.parametrize("path", LACKING)
def test_a_task_of_ones_own_takes_the_whole_path_behind_its_colon(path, no_hub):
    with pytest.raises(InputError) as error:
        load(Task(name=f"csv:{path}"), None)
    assert str(error.value).startswith(f"{Path(path)}: no such file or folder")


@pytest.mark.parametrize("path", LACKING)
def test_a_held_out_file_that_is_not_there_is_named(path, no_hub, tmp_path):
    output = str(tmp_path / "out.csv")
    options = ["upsample", "sample", "-o", output, "--strategy", "random", "--against", path]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 2
    assert f"{Path(path)}: no such file or folder" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_files_under_paths_of_windows_are_read(tmp_path, monkeypatch):
    name = r"data\rows.csv" if os.name == "nt" else r"C:\data\rows.csv"  # elsewhere a name like any other
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    words = [[f"w{number:04x}" for number in range(7 * i, 7 * i + 7)] for i in range(40)]  # no two sentences are alike
    lines = [f"{' '.join(sentence)},{'ab'[i % 2]}" for i, sentence in enumerate(words)]
    Path(name).write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    assert len(read(name).texts) == 40
    assert set(load(Task(name=f"csv:{name}"), None).train.counts) == {"a", "b"}
    options = ["upsample", name, "-o", "new.csv", "--strategy", "random", "--against", name, "-q"]
    assert CliRunner().invoke(main, options).exit_code == 0


# Lines of Windows

FORMS = {
    "csv": 'text,label\n"Two\nlines.",a\nOne line.,b\n',
    "tsv": "text\tlabel\nTwo lines.\ta\nOne line.\tb\n",
    "jsonl": '{"text": "Two lines.", "label": "a"}\n{"text": "One line.", "label": "b"}\n',
}


@pytest.mark.parametrize("suffix", FORMS)
def test_line_ends_of_windows_are_no_part_of_the_texts(suffix, tmp_path):
    path = tmp_path / f"rows.{suffix}"
    path.write_bytes(FORMS[suffix].encode().replace(b"\n", b"\r\n"))
    corpus = read(str(path))
    assert [text.replace("\r\n", " ").replace("\n", " ") for text in corpus.texts] == ["Two lines.", "One line."]
    assert corpus.named_labels() == ["a", "b"]


def test_line_ends_of_windows_are_no_part_of_words_and_sentences(tmp_path):
    from augment.data.formats.text_lines import text_lines

    words = tmp_path / "words.txt"
    words.write_bytes(b"lovely\r\nawful # a note\r\n")
    assert read_words("positive", str(words)) == {"lovely", "awful"}
    sentences = tmp_path / "sentences.txt"
    sentences.write_bytes(b"It is open.\r\nIt has two doors.\r\n")
    assert list(text_lines(str(sentences))) == ["It is open.", "It has two doors."]
