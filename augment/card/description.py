"""The card of a data set, from an output of upsampling and its manifest."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augment.data.layout import FORMATS
from augment.data.other_splits import TRAIN, splits_of_folder
from augment.data.reading import load, load_split
from augment.errors import InputError, OutputError, counted
from augment.file_modes import readable_as
from augment.files import check_ordinary, staged_text
from augment.markdown import escaped, front_matter, table_lines
from augment.plain_data import as_expected
from augment.report.run_notes import run_notes
from augment.report.written_table import expected_rows, read_manifest, rows_made, written_layout
from augment.run.manifest import manifest_path

_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
"""Rows below which the hub gives a data set this size."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:\S+)?")
_NOT_TOLD = "not told; ask before you pass the rows on"


@dataclass(frozen=True, kw_only=True)
class CardDetails:
    """What a card says that no manifest knows.

    Parameters
    ----------
    title : str, optional
        The name of the data set. None for the name of the output.
    licence : str, optional
        The hub's identifier of the licence of the data set, e.g. ``"cc-by-4.0"``.
    source_licence, model_licence : str, optional
        The licence of the input, and that of the model that made the new rows, in any words.
    languages : sequence of str, default=()
        Codes of two or three letters.
    """

    title: str | None = None
    licence: str | None = None
    source_licence: str | None = None
    model_licence: str | None = None
    languages: Sequence[str] = ()


def dataset_card(output: Path, details: CardDetails | None = None, *, files: Mapping[str, str] | None = None) -> str:
    """Return the card of an output.

    Parameters
    ----------
    output : Path
        The table, with its manifest beside it.
    details : CardDetails, optional
    files : mapping, optional
        The name of each split and its file in the repository, if the rows go there too.

    Returns
    -------
    str
        Markdown with a front matter in YAML. Folders of this machine and addresses of endpoints are left out.

    Raises
    ------
    InputError
        If the output or its manifest is missing or cannot be used, or they differ in their number of rows.
    """
    details = details or CardDetails()
    for code in details.languages:
        if not re.fullmatch("[a-z]{2,3}", code):
            raise InputError(f"`languages` must be codes of two or three small letters, e.g. 'en'. Got {code!r}.")
    with as_expected(str(manifest_path(output)), "Run `augment upsample` again to get its manifest as it was."):
        manifest = read_manifest(output)
        rows, expected = len(load(output, written_layout(manifest))), expected_rows(manifest)
        if rows != expected and not manifest.get("reviews"):
            raise InputError(
                f"{output}: has {counted(rows, 'row')}, and its manifest speaks of {expected:,}. One was changed since,"
                " so a card would not be true. Run `augment upsample` again."
            )
        split = _split_of(manifest)
        others = {name: len(load_split(output, name)) for name in splits_of_folder(output) if name != split}
        whole = rows + sum(others.values())
        title = details.title or output.stem
        meta = {
            "pretty_name": title,
            "license": details.licence,
            "language": list(details.languages),
            "task_categories": ["text-classification"],
            "size_categories": [next((size for most, size in _SIZES.items() if whole < most), "n>10M")],
            "source_datasets": [name] if _is_hub_id(name := str(manifest["input"]["name"])) else [],
            "tags": ["counterpoise", "synthetic"],
            "configs": files
            and [
                {
                    "config_name": "default",
                    "data_files": [{"split": split, "path": path} for split, path in files.items()],
                }
            ],
        }
        if meta["size_categories"] == ["n>10M"]:
            meta["size_categories"] = ["10M<n<100M"] if whole < 100_000_000 else ["100M<n<1B"]
        return (
            "\n".join([*front_matter(meta), f"# {escaped(title)}", "", *_body(manifest, rows, details, others)]) + "\n"
        )


def write_card(output: Path, path: Path, details: CardDetails | None = None, *, overwrite: bool = False) -> None:
    """Write the card of an output to a file.

    Parameters
    ----------
    output : Path
        The table, with its manifest beside it.
    path : Path
        A ``.md`` file.
    details : CardDetails, optional
        What no manifest knows.
    overwrite : bool, default=False
        Replace an existing file.

    Raises
    ------
    InputError
        See `dataset_card`; or if the file has another suffix.
    OutputError
        If the file exists and may not be replaced, or cannot be written.
    """
    if path.suffix.lower() != ".md":
        raise InputError(f"{path}: a card is a Markdown file; expected the suffix .md, got {path.suffix!r}.")
    check_ordinary(path, file=True)
    if os.path.exists(path) and not overwrite:
        raise OutputError(f"{path}: exists already; give `overwrite=True` to replace it, or choose another name.")
    content = dataset_card(output, details)
    with readable_as([output]), staged_text(content, path):
        pass


def _label_columns(source: Mapping[str, Any], *, several: bool) -> list[list[str]]:
    """Return the columns of labels, and what each holds."""
    if not several:
        return [[source["label_column"], "the class"]]
    columns = (source.get("layout") or {}).get("label_columns") or []
    return [[name, "1 if the row has this label, or else 0"] for name in columns] or [
        [source["label_column"], "the labels"]
    ]


def _body(manifest: Mapping[str, Any], rows: int, details: CardDetails, others: Mapping[str, int]) -> list[str]:
    """Return the lines below the title."""
    source, strategy = manifest["input"], manifest["strategy"]
    made, of_sets = rows_made(manifest), bool(manifest.get("label_sets"))
    kind, title = ("label", "Labels") if of_sets else ("class", "Classes")
    before, after = manifest["counts_before"], manifest["counts_after"]
    only = " The table has the new rows alone." if manifest.get("only_synthetic") else ""
    where = f" in the split {escaped(_split_of(manifest))}" if others else ""
    unchanged = ", ".join(f"{name} ({counted(count, 'row')})" for name, count in others.items())
    version = (manifest.get("versions") or {}).get("counterpoise", "")
    lines = [
        f"{counted(rows, 'row')}{where}. {counted(made, 'row was', 'rows were')} made by a program, from"
        f" {counted(source['rows'], 'row')} of {escaped(public(source['name']))}, with the strategy"
        f" {escaped(strategy['name'])} of Counterpoise {escaped(version)}.{only}"
        + (f" The other splits have no new rows: {escaped(unchanged)}." if others else ""),
        "",
        "**Use the new rows to train, never to evaluate.** A new row is close to its source: where you split the rows,"
        " keep those of one `source_row` together.",
        "",
        f"## {title}",
        "",
        *table_lines(
            [kind, "rows before", "new rows", "rows after"],
            [
                [name, f"{count:,}", f"{manifest['made'].get(name, 0):,}", f"{after.get(name, count):,}"]
                for name, count in before.items()
            ],
        ),
    ]
    if manifest["missing"]:
        lacks = [f"{lack['rows']:,} of {kind} {name!r} ({lack['why']})" for name, lack in manifest["missing"].items()]
        lines += [f"Rows that could not be made: {escaped('; '.join(lacks))}.", ""]
    settings = {
        "seed": manifest.get("seed"),
        "sampling strategy": manifest.get("sampling_strategy"),
        "most new rows of one source": manifest.get("max_per_source"),
        **(strategy.get("identity") or {}),
        **(strategy.get("parameters") or {}),
    }
    lines += ["## How the new rows were made", "", *table_lines(["setting", "value"], _settings(settings))]
    rejected = manifest["rejected"]
    names = [guard["name"] for guard in manifest["guards"]]
    parameters = {guard["name"]: guard.get("parameters") or {} for guard in manifest["guards"]}
    lines += [
        "## Guards",
        "",
        f"Each candidate was judged. {sum(rejected.values()):,} were rejected.",
        "",
        *table_lines(
            ["guard", "settings", "rejected"],
            [
                [
                    name,
                    ", ".join(f"{key}: {value}" for key, value in _settings(parameters.get(name, {}))),
                    f"{rejected.get(name, 0):,}",
                ]
                for name in dict.fromkeys([*names, *rejected])
            ],
        ),
    ]
    held_out = [
        f"{f'{name} of ' if (name := file.get('split')) in others else ''}{public(file['name'])}"
        f" ({counted(file['rows'], 'row')})"
        for file in manifest.get("against") or []
    ]
    notes = [*run_notes(manifest), *([f"Held out from the new rows: {', '.join(held_out)}."] if held_out else [])]
    for review in manifest.get("reviews") or []:
        decided = ", ".join(f"{count} {what}" for what, count in (review.get("decided") or {}).items())
        notes.append(f"A person reviewed new rows: {decided or 'see the manifest'}.")
    lines += [*(f"- {escaped(note)}" for note in notes), ""] if notes else []
    lines += [
        "## Columns",
        "",
        *table_lines(
            ["column", "content"],
            [
                [source["text_column"], "the text"],
                *_label_columns(source, several=of_sets),
                ["is_synthetic", "whether the row was made by a program"],
                ["source_row", "the number of the row that a new row was made from, counted from 0"],
            ],
        ),
        "## Licences",
        "",
        *table_lines(
            ["of", "licence"],
            [
                ["this data set", details.licence or _NOT_TOLD],
                [f"the source, {public(source['name'])}", details.source_licence or _NOT_TOLD],
                ["the model that made the new rows", details.model_licence or _NOT_TOLD],
            ],
        ),
    ]
    return lines[:-1]


def _settings(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return settings that are given, as text. Addresses of endpoints and files of keys are nobody else's business."""
    shown = []
    for name, value in values.items():
        if value in (None, [], {}) or re.search("url|key", name):
            continue
        if isinstance(value, str):
            value = public(value)
        shown.append((name, str(value) if len(str(value)) <= 200 else f"{str(value)[:200]} […]"))
    return shown


def public(name: object) -> str:
    """Return a name without the folders of this machine.

    Examples
    --------
    >>> public("/home/ada/mail.csv"), public("owner/name"), public("data/mail.csv")
    ('mail.csv', 'owner/name', 'mail.csv')
    """
    text = str(name)
    return text if _is_hub_id(text) else re.split(r"[/\\]", text.rstrip("/\\"))[-1]


def _is_hub_id(name: str) -> bool:
    return bool(_HUB_ID.fullmatch(name)) and not (
        os.path.exists(name) or name.startswith(".") or Path(name).suffix.lower() in FORMATS
    )


def splits_of(output: Path, manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the splits of an output: those of its folder, or that of its layout."""
    return splits_of_folder(output) or (_split_of(manifest),)


def _split_of(manifest: Mapping[str, Any]) -> str:
    """Return the split that got new rows."""
    return str((manifest["input"].get("layout") or {}).get("split") or TRAIN)
