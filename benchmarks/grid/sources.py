"""Sources, the places of the known data sets and of the user's own: a split of each is read as labelled rows."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from augment.data.layout import FORMATS, Layout
from augment.data.splitting import LEAST_TO_MEASURE, PARTS, Part, split_rows
from augment.errors import InputError, did_you_mean

OWN = "csv:"
"""The prefix of the path of the user's own file."""


def digest(content: Any) -> str:
    """Return a hash of plain data: the first 16 digits of the SHA-256 of its JSON."""
    written = json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.sha256(written).hexdigest()[:16]


@dataclass(frozen=True)
class LabelledRows:
    """Labelled texts."""

    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    """A line for each kind of rows that were left out when the rows were read."""

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows of each class, in sorted order of the names."""
        return dict(sorted(Counter(self.labels).items()))

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the content: the first 16 digits of the SHA-256 of texts and labels."""
        return digest([self.texts, self.labels])

    def taken(self, rows: Sequence[int] | np.ndarray) -> LabelledRows:
        """Return some of the rows, in the order given."""
        return LabelledRows(tuple(self.texts[i] for i in rows), tuple(self.labels[i] for i in rows), self.notes)

    def joined(self, other: LabelledRows) -> LabelledRows:
        """Return these rows followed by the other rows."""
        return LabelledRows(self.texts + other.texts, self.labels + other.labels, self.notes + other.notes)


@dataclass(frozen=True)
class Source:
    """The places of the splits of a known data set, in a folder and on the hub."""

    files: Mapping[Part, tuple[str, ...]]
    """Files in the data folder. The rows of several files are joined."""
    hub: tuple[str, ...]
    """Hub ids, with a configuration if needed. The rows of several ids are joined."""
    hub_splits: Mapping[Part, str]
    """Names of the hub's splits. Without "dev", an eighth of the training rows of each class is taken for it."""
    layout: Layout = field(default_factory=Layout)
    label_names: Mapping[str, str] = field(default_factory=dict)
    """Our names of the labels of the hub's rows. Other labels keep their names."""
    hub_label: str | None = None
    """The label column of the hub's rows, if it has another name."""
    hub_leaves_out: frozenset[str] = frozenset()
    """Labels of the hub's rows that the task does not have."""
    sentiment: bool = True
    """Whether its classes are negative, neutral and positive, so that its models are also tested on `CROSS_DOMAIN`."""
    origin: str = ""
    """Where users can get the files."""


_DYNASENT = {
    1: {split: f"dynasent-v1.1/dynasent-v1.1-round01-yelp-{split}.jsonl" for split in PARTS},
    2: {split: f"dynasent-v1.1/dynasent-v1.1-round02-dynabench-{split}.jsonl" for split in PARTS},
}
_MOST_EXTRACTED = 1 << 30
_DYNASENT_ZIP = "dynasent-v1.1.zip"
_AT_GITHUB = "https://github.com/cgpotts/dynasent (dynasent-v1.1.zip, which may be given as it is)"
_WITH_DEV: Mapping[Part, str] = {"train": "train", "dev": "validation", "test": "test"}


def _dynasent(*rounds: int) -> Source:
    return Source(
        files={split: tuple(_DYNASENT[number][split] for number in rounds) for split in PARTS},
        hub=tuple(f"tasksource/dynasent:r{number}" for number in rounds),
        hub_splits=_WITH_DEV,
        layout=Layout(text_column="sentence", label_column="gold_label", labels=("negative", "neutral", "positive")),
        origin=_AT_GITHUB,
    )


SOURCES: Mapping[str, Source] = {
    "sst3": Source(
        files={split: (f"sst3/{split}.csv",) for split in PARTS},
        hub=("SetFit/sst5",),
        hub_splits=_WITH_DEV,
        hub_label="label_text",
        label_names={"very negative": "negative", "very positive": "positive"},
        origin="https://nlp.stanford.edu/sentiment (text,label; root labels 0, 1 negative, 2 neutral, 3, 4 positive)",
    ),
    "dynasent-r1": _dynasent(1),
    "dynasent-r2": _dynasent(2),
    "dynasent": _dynasent(1, 2),
    "airline": Source(
        files={split: (f"airline/{split}.csv",) for split in PARTS},
        hub=(),
        hub_splits={},
        origin="https://www.kaggle.com/datasets/crowdflower/twitter-airline-sentiment (one file: split it, and name the"
        " columns text,label)",
    ),
    "banking77": Source(
        files={split: (f"banking77/{split}.csv",) for split in PARTS},
        hub=("mteb/banking77",),
        hub_splits={"train": "train", "test": "test"},
        hub_label="label_text",
        sentiment=False,
        origin="https://github.com/PolyAI-LDN/task-specific-datasets (text,label; dev is part of the published train)",
    ),
    "clinc150": Source(
        files={split: (f"clinc150_imbalanced/{split}.csv",) for split in PARTS},
        hub=("clinc/clinc_oos:imbalanced",),
        hub_splits=_WITH_DEV,
        hub_label="intent",
        hub_leaves_out=frozenset({"oos"}),
        sentiment=False,
        origin="https://github.com/clinc/oos-eval (data_imbalanced.json without its out-of-scope rows, as text,label)",
    ),
    "yelp": Source(
        files={"test": ("yelp_review_full/test.csv",)},
        hub=("Yelp/yelp_review_full",),
        hub_splits={"test": "test"},
        layout=Layout(header=False, columns=("stars", "text"), text_column="text", label_map="stars"),
        origin="the yelp_review_full of Zhang et al. 2015",
    ),
    "amazon": Source(
        files={"test": ("amazon_review_full/test.csv",)},
        hub=(),
        hub_splits={},
        layout=Layout(header=False, columns=("stars", "title", "text"), text_column="text", label_map="stars"),
        origin="the amazon_review_full of Zhang et al. 2015",
    ),
}
"""The known data sets. Yelp and Amazon are only for tests."""
CROSS_DOMAIN = ("sst3", "dynasent-r1", "dynasent-r2", "yelp", "amazon")
"""The test sets that known tasks of sentiment are also tested on, in the order of tables."""


def read_split(name: str, split: Part, data_dir: Path | None, layout: Layout | None = None) -> LabelledRows:
    """Read one split of a task.

    Parameters
    ----------
    name : str
        See `Task.name`.
    split : {"train", "dev", "test"}
    data_dir : Path or None
        Where the known data sets lie; None for the hub.
    layout : Layout, optional
        The layout of the user's own file.

    Returns
    -------
    LabelledRows
        The rows that have a text and one of the labels.

    Raises
    ------
    InputError
        If the task is unknown, it does not have the split, or its files are missing. The message names the files and
        where to get them.
    """
    check_name(name)
    if name not in SOURCES:
        return _own_split(name, split, layout or Layout())
    source = SOURCES[name]
    if split not in source.files:
        raise InputError(f"The task {name!r} is only for tests: it has no {split} rows. Train on another task.")
    if data_dir is None:
        return _from_hub(name, source, split)
    rows = LabelledRows()
    for file in source.files[split]:
        with _opened(data_dir, file) as path:
            if path is None:
                missing = [one for files in source.files.values() for one in files if not _is_there(data_dir, one)]
                raise InputError(
                    f"{data_dir}: lacks {', '.join(missing)} of the task {name!r}. Get the missing files from"
                    f" {source.origin}, or leave `data_dir` out for the hub."
                )
            rows = rows.joined(_read(str(path), source.layout, file))
    return rows


def check_name(name: str, suites: Sequence[str] = ()) -> None:
    """Check that a task exists.

    Parameters
    ----------
    name : str
        See `Task.name`.
    suites : sequence of str, default=()
        Names that could have been given instead, for the message.

    Raises
    ------
    InputError
        If it does not exist. The message suggests a similar name.
    """
    if name.strip() == OWN:
        raise InputError("The task 'csv:' needs a file. Give its path after the colon, e.g. csv:reviews.csv.")
    if name != "sample" and not name.startswith(OWN) and name not in SOURCES:
        if Path(name).is_file():
            raise InputError(f"There is no task {name!r}, but a file of that name. Give it as csv:{name}.")
        known = (*SOURCES, "sample", *suites)
        raise InputError(
            f"There is no task{' or suite' if suites else ''} {name!r}. There is {', '.join(known)}, and csv:FILE for a"
            f" file of your own.{did_you_mean(name, known)}"
        )


def at_hand(name: str, data_dir: Path | None) -> list[str]:
    """Return the tasks whose test rows a model is tested on: its own task first, then the others that are available.

    Parameters
    ----------
    name : str
        See `Task.name`.
    data_dir : Path or None

    Returns
    -------
    list of str
    """
    if name not in SOURCES or not SOURCES[name].sentiment:
        return [name]
    return [name, *(other for other in CROSS_DOMAIN if other != name and has_test_rows(other, data_dir))]


def has_test_rows(name: str, data_dir: Path | None) -> bool:
    """Tell whether the test rows of a task are in the data folder or, without one, on the hub."""
    if name not in SOURCES:
        return True
    source = SOURCES[name]
    return bool(source.hub) if data_dir is None else all(_is_there(data_dir, file) for file in source.files["test"])


def _read(source: str, layout: Layout, name: str | None = None) -> LabelledRows:
    """Read the rows of a table that have a text. Another name than that of the source may be used in notes."""
    from augment.data.corpus import read
    from augment.data.notes import NOT_USED, on_reading

    corpus = replace(read(source, layout), name=name or source)
    pairs = [
        (text, label)
        for text, label in zip(corpus.texts, corpus.named_labels(), strict=True)
        if text is not None and text.strip()
    ]
    notes = tuple(on_reading(corpus, NOT_USED))
    return LabelledRows(tuple(text for text, _ in pairs), tuple(label for _, label in pairs), notes)


def _from_hub(name: str, source: Source, split: Part) -> LabelledRows:
    """Download a split from the hub."""
    if not source.hub:
        raise InputError(
            f"The task {name!r} is not on the hub. Give `data_dir`, a folder with {source.files[split][0]}, from"
            f" {source.origin}."
        )
    if split != "test" and "dev" not in source.hub_splits:
        whole = _hub_rows(name, source, "train")
        parts = split_rows(whole.texts, whole.labels, source.hub[0], shares={"train": 7 / 8, "dev": 1 / 8})
        return whole.taken(parts[split])
    return _hub_rows(name, source, split)


def _hub_rows(name: str, source: Source, split: Part) -> LabelledRows:
    """Return the rows of a split that the hub has, under our names of the labels."""
    layout = replace(source.layout, header=True, columns=None, split=source.hub_splits[split])
    if source.hub_label is not None:
        layout = replace(layout, label_column=source.hub_label)
    rows = LabelledRows()
    for hub_id in source.hub:
        try:
            rows = rows.joined(_read(hub_id, layout))
        except InputError as error:
            raise InputError(
                f"The task {name!r} cannot be read from the hub: {error} Or give `data_dir`, a folder with"
                f" {source.files[split][0]}."
            ) from error
    names = tuple(source.label_names.get(label, label) for label in rows.labels)
    used = [i for i, label in enumerate(names) if label not in source.hub_leaves_out]
    return LabelledRows(rows.texts, names, rows.notes).taken(used)


def _is_there(data_dir: Path, file: str) -> bool:
    """Tell whether a file is in the data folder, or in its published archive there."""
    with _opened(data_dir, file, read=False) as path:
        return path is not None


@contextmanager
def _opened(data_dir: Path, file: str, *, read: bool = True) -> Iterator[Path | None]:
    """Yield the path of a file of the data folder, extracted from its published archive if needed, or None."""
    archive = data_dir / _DYNASENT_ZIP
    if (data_dir / file).is_file():
        yield data_dir / file
    elif file.startswith("dynasent") and archive.is_file():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, Path(file).name)
            yield path if _extracted(archive, file, path, read=read) else None
    else:
        yield None


def _extracted(archive: Path, file: str, path: Path, *, read: bool) -> bool:
    """Extract a file of an archive if it is to be read, and return whether the archive has it."""
    try:
        with zipfile.ZipFile(archive) as packed:
            if file not in packed.namelist():
                return False
            if packed.getinfo(file).file_size > _MOST_EXTRACTED:
                most = _MOST_EXTRACTED >> 30
                raise InputError(f"{archive}: says that {file} has more than {most} GiB. Download it again.")
            if read:
                with packed.open(file) as inside, path.open("wb") as outside:
                    shutil.copyfileobj(inside, outside)
            return True
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 -- what a damaged archive raises is not documented
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{archive}: is not a complete zip file ({reason}). Download it again.") from None


def _own_split(name: str, split: Part, layout: Layout) -> LabelledRows:
    """Read a split of the user's own data: a folder with a file for each split, or one file that is split here."""
    source = name.removeprefix(OWN)
    folder = Path(source)
    if folder.is_dir() and any((folder / f"{part}{suffix}").is_file() for part in PARTS for suffix in FORMATS):
        for suffix in FORMATS:
            if (folder / f"{split}{suffix}").is_file():
                return _read(str(folder / f"{split}{suffix}"), layout)
        raise InputError(f"{folder}: has no file for the {split} rows. Expected {split}.csv beside the others.")
    rows = _read(source, layout)
    return rows.taken(split_rows(rows.texts, rows.labels, source, least=LEAST_TO_MEASURE)[split])
