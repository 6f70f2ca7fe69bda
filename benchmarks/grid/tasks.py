"""Tasks, the data sets of a benchmark: where their splits are, what is trained on, and near copies between splits."""

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

from augment.data.layout import FORMATS, Layout
from augment.data.splitting import PARTS, Part, split_rows
from augment.errors import InputError, did_you_mean
from augment.seeding import generator
from augment.settings import Settings
from classifiers.data.splits import near_copies

LEAST = 10
"""The smallest number of different texts of a class in the user's own file, which is split here."""
OWN = "csv:"
"""The prefix of the path of the user's own file."""


class Task(Settings):
    """A task: the data that a model is trained and tested on.

    Examples
    --------
    >>> Task(name="sst3", ratio=0.05).title("neutral")
    'sst3, neutral at .05'
    """

    name: str
    """One of `SOURCES`, ``sample``, or ``csv:`` and the path of the user's own file."""
    train_from: Literal["train", "dev"] = "train"
    """dev: train on four fifths of the dev rows and validate on the others, if there is no training file."""
    train_rows: Annotated[int, Field(ge=10)] | None = None
    """The largest number of training rows. They are drawn by seed, each class at its share."""
    ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """Rows of `label` divided by rows of the largest class, in training. They are drawn by seed."""
    label: str | None = None
    """The rare class; by default the class with the fewest training rows."""

    def title(self, rare: str) -> str:
        """Name the task in tables."""
        notes = [f"{self.train_rows:,} rows"] if self.train_rows is not None else []
        notes += [f"{rare} at {f'{self.ratio:g}'.removeprefix('0')}"] if self.ratio is not None else []
        notes += ["trained on dev"] if self.train_from == "dev" else []
        return ", ".join([self.name, *notes])


MOST_CLASSES = 256
"""The largest number of classes of a task, since predictions are kept as bytes."""


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
        content = json.dumps([self.texts, self.labels], ensure_ascii=False).encode("utf-8", "surrogatepass")
        return hashlib.sha256(content).hexdigest()[:16]

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
    layout: Layout = field(default_factory=Layout)
    label_names: Mapping[str, str] = field(default_factory=dict)
    """Our names of the labels of the hub's rows. Other labels keep their names."""
    hub_label: str | None = None
    """The label column of the hub's rows, if it has another name."""
    origin: str = ""
    """Where users can get the files."""


_DYNASENT = {
    1: {split: f"dynasent-v1.1/dynasent-v1.1-round01-yelp-{split}.jsonl" for split in PARTS},
    2: {split: f"dynasent-v1.1/dynasent-v1.1-round02-dynabench-{split}.jsonl" for split in PARTS},
}
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
"""The test sets that known tasks are also tested on, in the order of tables."""


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


def check_name(name: str) -> None:
    """Check that a task exists.

    Raises
    ------
    InputError
        If it does not exist. The message suggests a similar name.
    """
    if name.strip() == OWN:
        raise InputError("The task 'csv:' needs a file. Give its path after the colon, e.g. csv:reviews.csv.")
    if name != "sample" and not name.startswith(OWN) and name not in SOURCES:
        known = (*SOURCES, "sample")
        raise InputError(
            f"There is no task {name!r}. There is {', '.join(known)}, and csv:FILE for a file of your own."
            f"{did_you_mean(name, known)}"
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
    """The rows of a task, before any are drawn by seed."""

    task: Task
    rare: str
    """The rare class, whose share is to be raised."""
    train: LabelledRows
    """Training rows, without those that equal or nearly equal a validation or test row."""
    validation: LabelledRows
    tests: Mapping[str, LabelledRows]
    """Test sets by name. The task's own is the first."""
    shared: Mapping[str, int]
    """The number of training rows that were removed as near copies of a row of "dev" or of a test set."""
    absent: Sequence[str] = ()
    """Test sets that were named but are not available."""

    @property
    def title(self) -> str:
        """The name of the task in tables."""
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
            At most `Task.train_rows`, each class at its share. `Task.ratio` sets the number of rows of the rare class.
            In the order of the file.
        reserve : LabelledRows
            The other rows. They are real rows that an arm may add.
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
    def notes(self) -> list[str]:
        """A line for each kind of rows that were left out when files were read."""
        return list(
            dict.fromkeys(line for rows in (self.train, self.validation, *self.tests.values()) for line in rows.notes)
        )

    @property
    def test_texts(self) -> list[str]:
        """The texts of all test sets."""
        return [text for rows in self.tests.values() for text in rows.texts]

    def fingerprints(self) -> dict[str, Any]:
        """Return a hash of the content of each part."""
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
        Names of more tasks whose test rows are used. None for all that are available.
    layout : Layout, optional
        Of one's own file.

    Returns
    -------
    TaskData

    Raises
    ------
    InputError
        If a part cannot be read, or the task does not have the rare class.
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
            what = f"has the class {unknown[0]!r}, which is not in the training rows" if unknown else "has no rows"
            raise InputError(f"The task {task.name!r}: its part {name!r} {what}.")
    shared = {part: int(copies.sum()) for part, copies in near.items() if copies.any()}
    return TaskData(task, rare, train, validation, test_rows, shared, [name for name in names if name not in there])


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
    return LabelledRows(rows.texts, names, rows.notes)


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
            try:
                with zipfile.ZipFile(archive) as packed:
                    if file not in packed.namelist():
                        yield None
                        return
                    if read:
                        with packed.open(file) as inside, path.open("wb") as outside:
                            shutil.copyfileobj(inside, outside)
            except zipfile.BadZipFile as error:
                raise InputError(f"{archive}: is not a complete zip file ({error}). Download it again.") from None
            yield path
    else:
        yield None


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
    return rows.taken(split_rows(rows.texts, rows.labels, source, least=LEAST)[split])


def _halves(dev: LabelledRows) -> tuple[LabelledRows, LabelledRows]:
    """Part dev rows that are also used for training: four fifths for training, one fifth for validation."""
    labels = np.array(dev.labels)
    held_out = np.zeros(len(labels), dtype=bool)
    for number, name in enumerate(dev.counts):
        own = np.flatnonzero(labels == name)
        held_out[generator(0, "subset", number, 2).permutation(own)[: max(1, len(own) // 5)]] = True
    return dev.taken(np.flatnonzero(~held_out)), dev.taken(np.flatnonzero(held_out))
