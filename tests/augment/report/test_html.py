"""The report: what stands in it, that it holds together without data, and that data neither runs nor loads in it."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from augment.cli.entry import main
from augment.errors import InputError
from augment.report import text_findings
from augment.report.html import check_report, render, write_report
from augment.report.text_findings import appraise
from augment.run.manifest import manifest_path

HOSTILE = "<script>alert(1)</script> & \"quotes\" 'too' $\\frac{"
VOID = {"meta", "br", "link", "img", "input", "hr"}
LOADS = {"script", "link", "iframe", "object", "embed", "img", "base", "form", "audio", "video", "foreignobject"}


class Page(HTMLParser):
    """Reads a page, sees to it that tags are closed in order, and keeps text, attributes and tables."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[list[str]] = []
        self.section = ""
        self.sections: dict[str, str] = {"": ""}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "h2":
            self.section = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag
        if tag == "h2":
            self.sections[self.section] = ""

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["h2"]:
            self.section += data
        elif not {"style", "script"} & {*self.open}:
            self.sections[self.section] = self.sections.get(self.section, "") + data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.sections.values()).split())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, bert: Path, sentences: list[str]) -> Path:
    """An output of `augment upsample` with two upsampled classes, one of a hostile name, and unicode."""
    folder = tmp_path_factory.mktemp("made")
    labels = ["positive"] * 18 + ["naïve 中"] * 12 + [HOSTILE] * 8
    table(folder / "in.csv", [{"text": t, "label": lab} for t, lab in zip(sentences, labels, strict=False)])
    result = CliRunner().invoke(
        main,
        [
            "upsample",
            str(folder / "in.csv"),
            "-o",
            str(folder / "out.csv"),
            "--guard",
            "none",
            "--model",
            str(bert),
            "-q",
        ],
    )
    assert result.exit_code == 0, result.output
    return folder / "out.csv"


@pytest.fixture(scope="module")
def html(made: Path, bert: Path) -> str:
    """The report about it."""
    return render(appraise(made, model=str(bert)))


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    for file in (made, manifest_path(made)):
        shutil.copy(file, tmp_path / file.name)
    return tmp_path / "out.csv"


@pytest.fixture
def page(out: Path, bert: Path) -> Callable[..., Page]:
    """Give the page of the output as it stands now."""
    return lambda **options: Page(render(appraise(out, model=str(bert), **options)))


def table(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def edit_manifest(out: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads(manifest_path(out).read_text(encoding="utf-8"))
    change(manifest)
    manifest_path(out).write_text(json.dumps(manifest), encoding="utf-8")


def augment(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


# The page


def test_nothing_loads_and_nothing_runs_but_the_script_of_the_table(html: str) -> None:
    read = Page(html)
    assert LOADS & {tag for tag in read.tags if tag != "image"} == {"script"}
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\">" in html
    assert read.tags["script"] == 1
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    for tag, name, value in read.attributes:
        if name in ("href", "xlink:href", "src", "action"):
            assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value)
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html


def test_every_new_row_is_in_the_table_of_rows_with_what_is_known_of_it(page: Callable[..., Page], out: Path) -> None:
    read = page()
    new = {str(i): row for i, row in enumerate(rows_of(out)) if row["is_synthetic"] == "true"}
    listed = {row[0]: row for row in read.rows if row[0] in new and len(row) == 5}
    assert listed.keys() == new.keys()
    for number, (_, label, text, source, similarity) in listed.items():
        assert (label, text, source) == (new[number]["label"], new[number]["text"], new[number]["source_row"])
        assert similarity == "–" or -1 <= float(similarity) <= 1
    assert "augment review out.csv" in read.sections["New rows beside their sources"]


def test_no_two_elements_share_an_id_and_every_reference_has_one(html: str) -> None:
    read = Page(html)
    ids = [value for _, name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    wanted = {value[1:] for _, name, value in read.attributes if name.endswith("href") and value.startswith("#")}
    wanted |= {found for _, _, value in read.attributes for found in re.findall(r"url\(#([^)]+)\)", value)}
    assert wanted <= set(ids)


def test_what_comes_from_the_data_stays_text(out: Path, bert: Path) -> None:
    table(out, [{**row, "text": f"<img src=x onerror=alert(1)> {row['text']}"} for row in rows_of(out)])
    edit_manifest(out, lambda m: m["input"].update(name="<i>in"))
    hostile = out.rename(out.with_name("<script>x&.csv"))
    manifest_path(out).rename(manifest_path(hostile))
    read = Page(render(appraise(hostile, model=str(bert))))
    assert HOSTILE in [row[0] for row in read.rows]
    assert "<img src=x onerror=alert(1)>" in read.sections["New rows beside their sources"]
    assert "<i>in" in read.text
    assert "<script>x&.csv" in read.text
    assert (read.tags["img"], read.tags["script"]) == (0, 1)
    assert "<img src=x onerror=alert(1)>" in read.sections["New rows"]


def test_the_tables_say_what_the_manifest_says(page: Callable[..., Page], out: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["missing"] = {HOSTILE: {"rows": 1234, "why": "77 candidates rejected as duplicate"}}
        manifest["rejected"] = {"duplicate": 77, "length_ratio": 3}

    edit_manifest(out, change)
    manifest = json.loads(manifest_path(out).read_text(encoding="utf-8"))
    rows = page().rows
    for name, before in manifest["counts_before"].items():
        made, after = manifest["made"].get(name, 0), manifest["counts_after"][name]
        missing = "1,234" if name == HOSTILE else "0"
        assert [name, str(before), str(made), missing, str(after)] in rows
    candidates = 80 + sum(manifest["made"].values())
    assert ["duplicate", "77", f"{100 * 77 / candidates:.1f} %"] in rows
    assert ["changed", "0", "0.0 %"] in rows
    assert "77 candidates rejected as duplicate" in page().text


def test_the_measurements_are_those_of_the_rows(html: str, out: Path, bert: Path) -> None:
    found = appraise(out, model=str(bert))
    read = Page(html)
    assert [one.name for one in found.classes] == sorted(["naïve 中", HOSTILE])
    for one in found.classes:
        texts = [row["text"] for row in rows_of(out) if row["label"] == one.name and row["is_synthetic"] == "true"]
        assert sorted(one.lengths_new) == sorted(text_findings.text_measures.word_counts(texts))
        assert one.compared == min(len(texts), len(one.lengths_originals))
        assert len(one.cosines) == len(texts)
        assert [one.name, *(f"{q:.2f}" for q in np.quantile(one.cosines, (0.05, 0.25, 0.5, 0.75, 0.95)))] in read.rows


def test_every_example_stands_beside_its_own_source(out: Path, bert: Path) -> None:
    rows = rows_of(out)
    found = appraise(out, model=str(bert))
    assert {example.label for example in found.examples} == {"naïve 中", HOSTILE}
    for example in found.examples:
        source, new = ("".join(piece.text for piece in pieces) for pieces in (example.source, example.new))
        assert rows[example.source_row]["text"] == source
        assert any(r["text"] == new and r["source_row"] == str(example.source_row) for r in rows)
        assert any(piece.changed for piece in example.new)


def test_the_same_input_gives_the_same_bytes(html: str, out: Path, bert: Path, tmp_path: Path) -> None:
    write_report(out, tmp_path / "again.html", model=str(bert))
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == html


def test_a_seed_draws_other_examples(made: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_findings, "EXAMPLES", 4)
    first, again, other = (appraise(made, model=str(bert), seed=seed).examples for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_sample_bounds_what_is_looked_at(out: Path, bert: Path) -> None:
    rows = rows_of(out)
    table(out, rows * 10)
    found = appraise(out, model=str(bert), sample=100)
    assert found.looked_at <= 100
    assert found.encoded <= 20 + 2 * len(found.classes)
    assert found.warnings  # the manifest knows nothing of the copies


# What may be absent


def test_the_teachers_probabilities_are_those_of_the_own_class(page: Callable[..., Page], out: Path) -> None:
    classes = ["positive", HOSTILE, "naïve 中"]
    rows = rows_of(out)
    for row in rows:
        own = 0.75 if row["label"] == HOSTILE else 0.5
        probabilities = [own if name == row["label"] else (1 - own) / 2 for name in classes]
        row["label_probs"] = json.dumps(probabilities) if row["is_synthetic"] == "true" else ""
    table(out, rows)
    guard = {"name": "agreement", "parameters": {"least": 0.2}, "identity": {"classes": classes}}
    edit_manifest(out, lambda m: m["guards"].append(guard))
    rows_read = page().rows
    assert [HOSTILE, *["0.75"] * 6] in rows_read
    assert ["naïve 中", *["0.50"] * 6] in rows_read


def test_the_page_says_what_the_run_noted(page: Callable[..., Page], out: Path) -> None:
    noted = {
        "guard_notes": {"agreement": "The guard 'agreement' is asked by default: <b>it is right</b>."},
        "singletons": "copy",
        "single_classes": ["<i>rare"],
        "empty_columns": ["id", "<script>"],
        "splits_not_held_out": ["test"],
    }
    edit_manifest(out, lambda m: m.update(noted))
    read = page()
    told = read.sections["How they were made"]
    assert "The guard 'agreement' is asked by default: <b>it is right</b>." in told
    assert "These classes have a single text, and their new rows repeat it: '<i>rare'." in told
    assert "New rows leave these columns empty: 'id', '<script>'." in told
    assert "These splits of the input were not held out, so new rows may be close to their rows: 'test'." in told
    assert read.tags["script"] == 1


@pytest.mark.parametrize("singletons", [None, "skip", "error"])
def test_the_page_notes_only_what_there_is(page: Callable[..., Page], out: Path, singletons: str | None) -> None:
    edit_manifest(out, lambda m: m.update(singletons=singletons, single_classes=["rare"]))
    told = page().sections["How they were made"]
    assert ("These classes have a single text, so they got no new rows: 'rare'." in told) is (singletons == "skip")
    assert "empty" not in told
    assert "not held out" not in told


def test_a_manifest_of_an_earlier_version_is_shown_too(page: Callable[..., Page], out: Path) -> None:
    fields = ("guard_notes", "singletons", "single_classes", "empty_columns", "splits_not_held_out")
    edit_manifest(out, lambda m: [m.pop(field) for field in fields])
    assert "Versions" in page().sections["How they were made"]


def test_without_the_agreement_guard_the_page_says_so(html: str) -> None:
    assert "agreement guard was off" in Page(html).sections["Agreement of a teacher"]


def test_new_rows_alone_find_their_sources_in_the_input(page: Callable[..., Page], out: Path) -> None:
    table(out, [row for row in rows_of(out) if row["is_synthetic"] == "true"])
    edit_manifest(out, lambda m: m.update(only_synthetic=True))
    read = page()
    assert read.tags["del"] > 1
    edit_manifest(out, lambda m: m["input"].update(name="/gone/in.csv"))
    read = page()
    assert "'/gone/in.csv' is not here" in read.sections["New rows beside their sources"]
    assert "'/gone/in.csv' is not here" in read.sections["Similarity to the source"]
    assert "–" in next(row for row in read.rows if row[0] == f"{HOSTILE}, originals")  # there are none to measure


def test_sources_are_not_looked_up_in_an_input_that_was_changed(
    page: Callable[..., Page], out: Path, tmp_path: Path
) -> None:
    table(out, [row for row in rows_of(out) if row["is_synthetic"] == "true"])
    table(tmp_path / "in.csv", [{"text": f"other text {i}", "label": "positive"} for i in range(40)])
    edit_manifest(out, lambda m: (m.update(only_synthetic=True), m["input"].update(name=str(tmp_path / "in.csv"))))
    assert "has been changed since" in page().sections["New rows beside their sources"]


def test_sources_are_right_where_rows_were_kept_out(tmp_path: Path, bert: Path, sentences: list[str]) -> None:
    labels = ["", "positive", "negative"] + ["positive"] * 17 + ["negative"] * 8
    table(tmp_path / "in.csv", [{"text": t, "label": lab} for t, lab in zip(sentences, labels, strict=False)])
    out = tmp_path / "out.csv"
    augment("upsample", tmp_path / "in.csv", "-o", out, "--guard", "none", "--model", bert, "--drop-unlabelled")
    found = appraise(out, model=str(bert))
    assert found.examples
    for example in found.examples:
        assert "".join(piece.text for piece in example.source) == sentences[example.source_row]


@pytest.mark.parametrize("alone", [False, True])
def test_an_output_without_new_rows_has_a_report_too(page: Callable[..., Page], out: Path, alone: bool) -> None:
    rows = [row for row in rows_of(out) if row["is_synthetic"] == "false"]
    table(out, rows)
    if alone:
        out.write_text(",".join(rows[0]) + "\n")

    def change(manifest: dict[str, Any]) -> None:
        manifest.update(made={}, counts_after=manifest["counts_before"], only_synthetic=alone)

    edit_manifest(out, change)
    assert "There are no new rows to measure." in page().sections["Quality"]


def test_a_table_that_does_not_fit_its_manifest_is_told_of(out: Path, bert: Path) -> None:
    assert not appraise(out, model=str(bert)).warnings
    rows = rows_of(out)
    table(out, rows[1:])
    assert "one of them was changed since" in appraise(out, model=str(bert)).warnings[0]
    table(out, [{**rows[0], "label": "new"}, *rows[1:]])
    assert "other numbers of rows" in appraise(out, model=str(bert)).warnings[0]


def test_control_characters_do_not_reach_the_page(out: Path, bert: Path) -> None:
    edit_manifest(out, lambda m: m["input"].update(name="bell\a"))
    html = render(appraise(out, model=str(bert)))
    assert "bell\ufffd" in html
    assert "\a" not in html


# The command


def test_the_command_writes_the_report_and_does_not_replace_one(out: Path, bert: Path) -> None:
    result = augment("report", out, "--model", bert)
    assert result.exit_code == 0, result.output
    written = out.with_name("out.csv.report.html")
    before = written.read_bytes()
    assert before.startswith(b"<!doctype html>")
    again = augment("report", out, "--model", bert)
    assert again.exit_code == 2
    assert "exists already; give --overwrite" in again.stderr
    assert written.read_bytes() == before
    assert augment("report", out, "--model", bert, "--overwrite", "--seed", 1).exit_code == 0
    assert sorted(p.name for p in out.parent.iterdir()) == ["out.csv", "out.csv.manifest.json", "out.csv.report.html"]


def test_a_file_without_a_manifest_is_no_output_of_upsample(out: Path) -> None:
    manifest_path(out).write_text("{}")
    with pytest.raises(InputError, match="not a manifest of schema 1"):
        appraise(out)
    manifest_path(out).unlink()
    with pytest.raises(InputError, match=r"out\.csv\.manifest\.json: cannot be read .* with its manifest beside it"):
        appraise(out)
    with pytest.raises(InputError, match="no such file"):
        appraise(out.with_name("gone.csv"))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(rejected="x"),
        lambda m: m.update(made={"neutral": "many"}),
        lambda m: m.update(seconds="x"),
        lambda m: m.update(guards=[{}]),
        lambda m: m.update(counts_before=5),
        lambda m: m["input"].update(layout=1.5),
        lambda m: m["input"].pop("empty_texts"),
        lambda m: m["strategy"].update(parameters=[]),
    ],
)
def test_an_edited_manifest_is_told_in_one_line(out: Path, bert: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    edit_manifest(out, change)
    result = augment("report", out, "--model", bert)
    assert result.exit_code == 2, result.exception
    says = r"out\.csv\.manifest\.json: does not hold what belongs there \((\w+Error: |part '\w+')"
    assert re.search(says, result.output)
    assert not out.with_name("out.csv.report.html").exists()


def test_a_table_without_the_columns_of_upsampling_is_refused(out: Path) -> None:
    table(out, [{"text": row["text"], "label": row["label"]} for row in rows_of(out)])
    with pytest.raises(InputError, match="has no column 'is_synthetic'"):
        appraise(out)


def test_a_column_that_upsampling_cannot_have_written_is_refused(out: Path) -> None:
    table(out, [{**row, "source_row": "first"} for row in rows_of(out)])
    with pytest.raises(InputError, match="column 'source_row' must hold int64 values"):
        appraise(out)


@pytest.mark.parametrize(("option", "value", "said"), [("sample", 99, "100 texts or more"), ("seed", -1, "The seed")])
def test_options_out_of_range_are_refused(out: Path, option: str, value: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        appraise(out, **{option: value})


def test_without_the_extra_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "counterpoise\[report\]"'):
        check_report(tmp_path / "r.html", overwrite=False)


@pytest.mark.parametrize("name", ["missing/r.html", "r.csv", "folder.html"])
def test_a_report_that_cannot_be_written_stops_upsampling_before_any_work(
    name: str, made: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder.html").mkdir()
    result = augment("upsample", made.with_name("in.csv"), "-o", tmp_path / "o.csv", "--report", tmp_path / name)
    assert result.exit_code == 2
    assert name in result.stderr
    assert result.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["folder.html"]


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ""])
def test_upsample_writes_the_report_beside_any_kind_of_output(
    suffix: str, made: Path, bert: Path, tmp_path: Path
) -> None:
    arguments = ["--guard", "none", "--model", bert, "--report", tmp_path / "r.html"]
    result = augment("upsample", made.with_name("in.csv"), "-o", tmp_path / f"out{suffix}", *arguments)
    assert result.exit_code == 0, result.output
    read = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert read.tags["svg"] == 1 + 3 * 2
    assert read.tags["ins"] > 1
