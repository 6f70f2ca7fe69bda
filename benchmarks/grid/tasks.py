"""The data that is measured on: where its splits lie, what of them is trained on, and what stands in two of them."""

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
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from augment.data.reading import SUFFIXES, Layout
from augment.errors import InputError, did_you_mean
from augment.seeding import generator
from augment.settings import Settings
from augment.words import folded
from classifiers.data.splits import near_copies

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
SHARES = {"train": 0.7, "dev": 0.15, "test": 0.15}
"""How one's own file is split, by class."""
OWN = "csv:"
"""What stands before the path of one's own file."""


class Task(Settings):
    """What a model is trained and tested on.

    Examples
    --------
    >>> Task(name="sst3", ratio=0.05).title("neutral")
    'sst3, neutral at .05'
    """

    name: str
    """One of `SOURCES`, ``sample``, or ``csv:`` and the path of one's own file."""
    train_from: Literal["train", "dev"] = "train"
    """dev: train on four fifths of the dev rows and validate on the others, where the training file is absent."""
    train_rows: Annotated[int, Field(ge=10)] | None = None
    """Most training rows; drawn by seed, each class at its share."""
    ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """Rows of `label` over rows of the largest class, in training; drawn by seed."""
    label: str | None = None
    """The rare class; by default that with the fewest training rows."""

    def title(self, rare: str) -> str:
        """Name the task in tables."""
        notes = [f"{self.train_rows:,} rows"] if self.train_rows is not None else []
        notes += [f"{rare} at {f'{self.ratio:g}'.removeprefix('0')}"] if self.ratio is not None else []
        notes += ["trained on dev"] if self.train_from == "dev" else []
        return ", ".join([self.name, *notes])


MOST_CLASSES = 256
"""Of a task: predictions are kept as bytes."""


@dataclass(frozen=True)
class LabelledRows:
    """Labelled texts."""

    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def counts(self) -> dict[str, int]:
        """The rows of each class, in sorted order of the names."""
        return dict(sorted(Counter(self.labels).items()))

    @cached_property
    def fingerprint(self) -> str:
        """What identifies the content: the front of a SHA-256 of texts and labels."""
        content = json.dumps([self.texts, self.labels], ensure_ascii=False).encode("utf-8", "surrogatepass")
        return hashlib.sha256(content).hexdigest()[:16]

    def taken(self, rows: Sequence[int] | np.ndarray) -> LabelledRows:
        """Return some of the rows, in the order given."""
        return LabelledRows(tuple(self.texts[i] for i in rows), tuple(self.labels[i] for i in rows))

    def joined(self, other: LabelledRows) -> LabelledRows:
        """Return these rows and then those of another."""
        return LabelledRows(self.texts + other.texts, self.labels + other.labels)


@dataclass(frozen=True)
class Source:
    """Where the splits of a known data set lie, in a folder and on the hub."""

    files: Mapping[Split, tuple[str, ...]]
    """Under the data folder; the rows of several files follow on each other."""
    hub: tuple[str, ...]
    """Ids, with a configuration if there are several; the rows of several follow on each other."""
    hub_splits: Mapping[Split, str]
    layout: Layout = field(default_factory=Layout)
    label_names: Mapping[str, str] = field(default_factory=dict)
    """What the labels of the hub's rows are called here; those that are not named stay as they are."""
    hub_label: str | None = None
    """Label column of the hub's rows, if it is another."""
    origin: str = ""
    """Where the files are to be had."""


_DYNASENT = {
    1: {split: f"dynasent-v1.1/dynasent-v1.1-round01-yelp-{split}.jsonl" for split in SPLITS},
    2: {split: f"dynasent-v1.1/dynasent-v1.1-round02-dynabench-{split}.jsonl" for split in SPLITS},
}
_DYNASENT_ZIP = "dynasent-v1.1.zip"
_AT_GITHUB = "https://github.com/cgpotts/dynasent (dynasent-v1.1.zip, which may be given as it is)"
_WITH_DEV: Mapping[Split, str] = {"train": "train", "dev": "validation", "test": "test"}


def _dynasent(*rounds: int) -> Source:
    return Source(
        files={split: tuple(_DYNASENT[number][split] for number in rounds) for split in SPLITS},
        hub=tuple(f"tasksource/dynasent:r{number}" for number in rounds),
        hub_splits=_WITH_DEV,
        layout=Layout(text_column="sentence", label_column="gold_label", labels=("negative", "neutral", "positive")),
        origin=_AT_GITHUB,
    )


SOURCES: Mapping[str, Source] = {
    "sst3": Source(
        files={split: (f"sst3/{split}.csv",) for split in SPLITS},
        hub=("SetFit/sst5",),
        hub_splits=_WITH_DEV,
        hub_label="label_text",
        label_names={"very negative": "negative", "very positive": "positive"},
        origin="https://nlp.stanford.edu/sentiment (text,label; root labels 0, 1 negative, 2 neutral, 3, 4 positive)",
    ),
    "dynasent-r1": _dynasent(1),
    "dynasent-r2": _dynasent(2),
    "dynasent": _dynasent(1, 2),
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
"""The known data sets. Yelp and Amazon are tested on alone."""
CROSS_DOMAIN = ("sst3", "dynasent-r1", "dynasent-r2", "yelp", "amazon")
"""Tests of the known tasks, beside their own, in the order of tables."""


def read_split(name: str, split: Split, data_dir: Path | None, layout: Layout | None = None) -> LabelledRows:
    """Read one split of a task.

    Parameters
    ----------
    name : str
        See `Task.name`.
    split : {"train", "dev", "test"}
    data_dir : Path or None
        Where the known data sets lie; None for the hub.
    layout : Layout, optional
        Of one's own file.

    Returns
    -------
    LabelledRows
        Those with a text and one of the labels.

    Raises
    ------
    InputError
        If there is no such task, it has no such split, or its files are not there: it says which, and where to get
        them.
    """
    check_name(name)
    if name not in SOURCES:
        return _own_split(name, split, layout or Layout())
    source = SOURCES[name]
    if split not in source.files:
        raise InputError(f"The task {name!r} is tested on alone: it has no {split} rows. Train on another one.")
    if data_dir is None:
        return _from_hub(name, source, split)
    rows = LabelledRows()
    for file in source.files[split]:
        with _opened(data_dir, file) as path:
            if path is None:
                missing = [one for files in source.files.values() for one in files if not _is_there(data_dir, one)]
                raise InputError(
                    f"{data_dir}: lacks {', '.join(missing)} of the task {name!r}. Get what lacks from"
                    f" {source.origin}, or leave --data-dir out for the hub."
                )
            rows = rows.joined(_read(str(path), source.layout))
    return rows


def check_name(name: str) -> None:
    """See that there is such a task.

    Raises
    ------
    InputError
        With the name that may have been meant.
    """
    if name.strip() == OWN:
        raise InputError("The task 'csv:' names no file. Give its path behind the colon, e.g. csv:reviews.csv.")
    if name != "sample" and not name.startswith(OWN) and name not in SOURCES:
        known = (*SOURCES, "sample")
        raise InputError(
            f"There is no task {name!r}. There is {', '.join(known)}, and csv:FILE for a file of your own."
            f"{did_you_mean(name, known)}"
        )


def at_hand(name: str, data_dir: Path | None) -> list[str]:
    """Return the tasks whose test rows a model of this one is tested on: its own first, then those that are there.

    Parameters
    ----------
    name : str
        See `Task.name`.
    data_dir : Path or None

    Returns
    -------
    list of str
    """
    if name not in SOURCES:
        return [name]
    return [name, *(other for other in CROSS_DOMAIN if other != name and has_test_rows(other, data_dir))]


def has_test_rows(name: str, data_dir: Path | None) -> bool:
    """Tell whether the test rows of a task are in the data folder or, without one, on the hub."""
    if name not in SOURCES:
        return True
    source = SOURCES[name]
    return bool(source.hub) if data_dir is None else all(_is_there(data_dir, file) for file in source.files["test"])


@dataclass(frozen=True)
class TaskData:
    """What a task is made of, before anything is drawn by seed."""

    task: Task
    rare: str
    """The class that is to be raised."""
    train: LabelledRows
    """Without those that equal or nearly equal a validation or test row."""
    validation: LabelledRows
    tests: Mapping[str, LabelledRows]
    """By name; the task's own is the first."""
    shared: Mapping[str, int]
    """Training rows that were taken out since they equal or nearly equal a row of the part: "dev", or a test set."""
    absent: Sequence[str] = ()
    """Test sets that were named, and are not to be had."""

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.task.title(self.rare)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, sorted."""
        return sorted(self.train.counts)

    def drawn(self, seed: int) -> tuple[LabelledRows, LabelledRows]:
        """Draw the training rows of one seed.

        Parameters
        ----------
        seed : int

        Returns
        -------
        train : LabelledRows
            At most `Task.train_rows`, each class at its share, and of the rare class as many as `Task.ratio` says; in
            the order of the file.
        reserve : LabelledRows
            The others: real rows that an arm may be given.
        """
        labels = np.array(self.train.labels)
        rows = {name: np.flatnonzero(labels == name) for name in self.classes}
        keep = {name: len(places) for name, places in rows.items()}
        limit = self.task.train_rows
        if limit is not None and limit < len(labels):
            keep = {name: max(2, round(n * limit / len(labels))) for name, n in keep.items()}
        if self.task.ratio is not None:
            most = max(n for name, n in keep.items() if name != self.rare)
            wanted = round(self.task.ratio * most)
            if wanted < 2:
                raise InputError(
                    f"The task {self.task.name!r} has {most:,} training rows of its largest class, and a ratio of"
                    f" {self.task.ratio:g} would leave {wanted} of {self.rare!r}; 2 are needed. Give a larger ratio."
                )
            if wanted > keep[self.rare]:
                raise InputError(
                    f"The task {self.task.name!r} has {keep[self.rare]:,} training rows of {self.rare!r}, and a ratio"
                    f" of {self.task.ratio:g} takes {wanted:,}. Give a smaller ratio."
                )
            keep[self.rare] = wanted
        chosen = np.zeros(len(labels), dtype=bool)
        for number, (name, places) in enumerate(rows.items()):
            chosen[generator(seed, "subset", number).permutation(places)[: keep[name]]] = True
        return self.train.taken(np.flatnonzero(chosen)), self.train.taken(np.flatnonzero(~chosen))

    @property
    def test_texts(self) -> list[str]:
        """Those of all test sets."""
        return [text for rows in self.tests.values() for text in rows.texts]

    def fingerprints(self) -> dict[str, Any]:
        """Return what identifies the content of each part."""
        tests = {name: rows.fingerprint for name, rows in self.tests.items()}
        return {"train": self.train.fingerprint, "validation": self.validation.fingerprint, "tests": tests}


def load(
    task: Task, data_dir: Path | None, tests: Sequence[str] | None = None, layout: Layout | None = None
) -> TaskData:
    """Read a task.

    Parameters
    ----------
    task : Task
    data_dir : Path or None
        Where the known data sets lie; None for the hub.
    tests : sequence of str, optional
        Names of the tasks whose test rows are tested on beside its own; None for what is at hand.
    layout : Layout, optional
        Of one's own file.

    Returns
    -------
    TaskData

    Raises
    ------
    InputError
        If a part cannot be read, or the rare class is none of its classes.
    """
    names = at_hand(task.name, data_dir) if tests is None else [task.name, *(n for n in tests if n != task.name)]
    there = [name for name in names if name == task.name or has_test_rows(name, data_dir)]
    test_rows = {name: read_split(name, "test", data_dir, layout) for name in there}
    if task.train_from == "dev":
        train, validation = _halves(read_split(task.name, "dev", data_dir, layout))
    else:
        train, validation = (read_split(task.name, split, data_dir, layout) for split in ("train", "dev"))
    held_out = {"dev": validation, **test_rows}
    near = {part: near_copies(train.texts, rows.texts) for part, rows in held_out.items()}
    train = train.taken(np.flatnonzero(~np.any([*near.values()], axis=0)))
    counts = train.counts
    if len(counts) < 2:
        raise InputError(f"The task {task.name!r} has training rows of {len(counts)} class; it takes two or more.")
    if len(counts) > MOST_CLASSES:
        raise InputError(f"The task {task.name!r} has {len(counts)} classes; a benchmark takes {MOST_CLASSES} at most.")
    rare = task.label or min(counts, key=lambda name: (counts[name], name))
    if rare not in counts:
        raise InputError(
            f"The task {task.name!r} has no training rows of the class {rare!r}. Its classes are {', '.join(counts)}."
            f"{did_you_mean(rare, counts)}"
        )
    for name, rows in held_out.items():
        unknown = sorted(set(rows.labels) - set(counts))
        if unknown or not len(rows):
            what = f"has the class {unknown[0]!r}, which the training rows lack" if unknown else "has no rows"
            raise InputError(f"The task {task.name!r}: its part {name!r} {what}.")
    shared = {part: int(copies.sum()) for part, copies in near.items() if copies.any()}
    return TaskData(task, rare, train, validation, test_rows, shared, [name for name in names if name not in there])


def _read(source: str, layout: Layout) -> LabelledRows:
    """Read the rows of a table that have a text."""
    from augment.data.corpus import read

    corpus = read(source, layout)
    pairs = [
        (text, label)
        for text, label in zip(corpus.texts, corpus.named_labels(), strict=True)
        if text is not None and text.strip()
    ]
    return LabelledRows(tuple(text for text, _ in pairs), tuple(label for _, label in pairs))


def _from_hub(name: str, source: Source, split: Split) -> LabelledRows:
    """Fetch a split from the hub."""
    if not source.hub:
        raise InputError(
            f"The task {name!r} is not on the hub. Give --data-dir, a folder with {source.files[split][0]}, from"
            f" {source.origin}."
        )
    layout = replace(source.layout, header=True, columns=None, split=source.hub_splits[split])
    if source.hub_label is not None:
        layout = replace(layout, label_column=source.hub_label)
    rows = LabelledRows()
    for hub_id in source.hub:
        rows = rows.joined(_read(hub_id, layout))
    return LabelledRows(rows.texts, tuple(source.label_names.get(label, label) for label in rows.labels))


def _is_there(data_dir: Path, file: str) -> bool:
    """Tell whether a file lies in the data folder, or in the archive that it is published in."""
    with _opened(data_dir, file, read=False) as path:
        return path is not None


@contextmanager
def _opened(data_dir: Path, file: str, *, read: bool = True) -> Iterator[Path | None]:
    """Give the path of a file of the data folder, out of the published archive if it lies in that; None if not."""
    archive = data_dir / _DYNASENT_ZIP
    if (data_dir / file).is_file():
        yield data_dir / file
    elif file.startswith("dynasent") and archive.is_file():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, Path(file).name)
            try:
                with zipfile.ZipFile(archive) as packed:
                    if file not in packed.namelist():
                        yield None
                        return
                    if read:
                        with packed.open(file) as inside, path.open("wb") as outside:
                            shutil.copyfileobj(inside, outside)
            except zipfile.BadZipFile as error:
                raise InputError(f"{archive}: is no whole zip file ({error}); fetch it again.") from None
            yield path
    else:
        yield None


def _own_split(name: str, split: Split, layout: Layout) -> LabelledRows:
    """Read a split of one's own data: a folder with a file for each, or one file that is split here."""
    source = name.removeprefix(OWN)
    folder = Path(source)
    if folder.is_dir() and any((folder / f"{part}{suffix}").is_file() for part in SPLITS for suffix in SUFFIXES):
        for suffix in SUFFIXES:
            if (folder / f"{split}{suffix}").is_file():
                return _read(str(folder / f"{split}{suffix}"), layout)
        raise InputError(f"{folder}: has no file for the {split} rows; expected {split}.csv beside the others.")
    return _split_by_group(_read(source, layout), source)[split]


def _split_by_group(rows: LabelledRows, name: str) -> dict[Split, LabelledRows]:
    """Split rows at random, always alike, each class at its share, and equal texts on one side."""
    first: dict[str, int] = {}
    groups: dict[int, list[int]] = {}
    for i, text in enumerate(rows.texts):
        groups.setdefault(first.setdefault(folded(text), i), []).append(i)
    parts: dict[Split, list[int]] = {split: [] for split in SPLITS}
    for number, label in enumerate(rows.counts):
        own = [start for start in groups if rows.labels[start] == label]
        if len(own) < 10:
            raise InputError(
                f"{name}: the class {label!r} has {len(own)} different texts, and 10 are needed to split them. Add"
                " some, or give a folder with train.csv, dev.csv and test.csv."
            )
        order = generator(0, "subset", number, 1).permutation(own)
        ends = np.round(np.cumsum([SHARES[split] for split in SPLITS]) * len(order)).astype(int)
        for split, start, end in zip(SPLITS, [0, *ends], ends, strict=False):
            parts[split] += [i for group in order[start:end] for i in groups[int(group)]]
    return {split: rows.taken(sorted(chosen)) for split, chosen in parts.items()}


def _halves(dev: LabelledRows) -> tuple[LabelledRows, LabelledRows]:
    """Split dev rows where they have to serve for training as well: four fifths, and one to validate on."""
    labels = np.array(dev.labels)
    held_out = np.zeros(len(labels), dtype=bool)
    for number, name in enumerate(dev.counts):
        own = np.flatnonzero(labels == name)
        held_out[generator(0, "subset", number, 2).permutation(own)[: max(1, len(own) // 5)]] = True
    return dev.taken(np.flatnonzero(~held_out)), dev.taken(np.flatnonzero(held_out))
