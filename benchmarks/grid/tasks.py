"""Tasks, the data sets of a benchmark: what is trained on, what each seed draws, and near copies between splits."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_serializer, model_validator

from augment.data.layout import Layout
from augment.errors import InputError, counted, did_you_mean
from augment.seeding import Subset, generator
from augment.settings import Settings
from benchmarks.grid.sources import LabelledRows, at_hand, digest, has_test_rows, read_split
from classifiers.data.splits import near_copies

LEFT_OUT = "left-out"
"""The value of `Task.pool` for the rows that the draw leaves out."""
_LATER = ("per_class", "classes", "classes_seed", "tail", "pool")  # see `without_later`
MOST_CLASSES = 256
"""The largest number of classes of a task, since predictions are kept as bytes."""
MOST_NAMES = 5
"""The largest number of classes that a title or a line names."""


def without_later(kind: type[Settings], written: Mapping[str, Any], later: Container[str]) -> dict[str, Any]:
    """Leave out settings that came after the first results, where they have their defaults.

    Parameters
    ----------
    kind : type
        The settings.
    written : mapping of str to object
        Them as plain data.
    later : container of str
        The names of those that came later.

    Returns
    -------
    dict
    """
    fields = kind.model_fields
    return {name: value for name, value in written.items() if name not in later or value != fields[name].default}


class Task(Settings):
    """A task: the data that a model is trained and tested on.

    Examples
    --------
    >>> Task(name="sst3", ratio=0.05).title(["neutral"])
    'sst3, neutral at .05'
    >>> Task(name="banking77", classes=20, per_class=10).title(["card_acceptance"])
    'banking77, 20 classes, 10 a class'
    """

    name: str
    """One of `benchmarks.grid.sources.SOURCES`, ``sample``, or ``csv:`` and the path of the user's own file."""
    train_from: Literal["train", "dev"] = "train"
    """dev: train on four fifths of the dev rows and validate on the others, if there is no training file."""
    train_rows: Annotated[int, Field(ge=10)] | None = None
    """About the number of training rows. They are drawn by seed, each class at its share."""
    ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """Rows of each rare class divided by rows of the largest other class, in training. They are drawn by seed."""
    label: str | list[str] | None = None
    """The rare class or classes; by default the class with the fewest training rows."""
    per_class: Annotated[int, Field(ge=2)] | None = None
    """The number of training rows of each class. They are drawn by seed. A class with fewer gives all."""
    classes: Annotated[int, Field(ge=2)] | None = None
    """The number of classes. They are drawn by `classes_seed`, and are the same for all cells. Rows of other classes
    are left out of training, validation and tests."""
    classes_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """The seed of the draw of `classes`."""
    tail: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The share of the classes that are rare, in place of `label`: those with the fewest training rows. At least one
    class is rare, and at least one is not."""
    pool: Annotated[str, Field(min_length=1)] | None = None
    """Texts without labels, for arms that use such: ``left-out`` for the training rows of these classes that the draw
    of a seed leaves out, or a file: a table, or ``.txt`` with a text a line, in the data folder or elsewhere."""

    @model_validator(mode="after")
    def _settings_fit(self) -> Task:
        who = f"The task {self.name!r}"
        if self.per_class is not None and self.train_rows is not None:
            raise InputError(f"{who} has 'per_class' and 'train_rows', which draw the same rows. Give one of them.")
        if self.tail is not None and self.label is not None:
            raise InputError(f"{who} has 'tail' and 'label', which both choose the rare classes. Give one of them.")
        if self.tail is not None and self.ratio is None:
            raise InputError(f"{who} has 'tail' without 'ratio', which says how many rows are left. Give both.")
        if "classes_seed" in self.model_fields_set and self.classes is None:
            raise InputError(f"{who} has 'classes_seed' without 'classes', so no class is drawn. Give both.")
        if isinstance(self.label, list) and len(set(self.label)) != max(1, len(self.label)):
            raise InputError(f"{who}: 'label' must name one class or more, each once. Got {self.label!r:.60}.")
        if self.pool == LEFT_OUT and (self.per_class, self.train_rows, self.ratio) == (None, None, None):
            raise InputError(
                f"{who} draws no rows, so that none are left for the pool. Give 'per_class', 'train_rows' or 'ratio',"
                " or a file as 'pool'."
            )
        return self

    @model_serializer(mode="wrap")
    def _written(self, handler: Callable[[Task], dict[str, Any]]) -> dict[str, Any]:
        """Leave out the settings of `_LATER` that are not set, so that the keys of older cells stay."""
        return without_later(Task, handler(self), _LATER)

    def title(self, rare: Sequence[str]) -> str:
        """Name the task in tables. `rare` are the names of its rare classes."""
        notes = [f"{self.classes} classes"] if self.classes is not None else []
        notes += [f"draw {self.classes_seed}"] if self.classes_seed else []
        notes += [f"{self.train_rows:,} rows"] if self.train_rows is not None else []
        notes += [f"{self.per_class} a class"] if self.per_class is not None else []
        if self.ratio is not None:
            who = _listed(rare) if self.tail is None else f"tail of {_share(self.tail)}"
            notes += [f"{who} at {_share(self.ratio)}"]
        notes += ["trained on dev"] if self.train_from == "dev" else []
        return ", ".join([self.name, *notes])


def _share(value: float) -> str:
    return f"{value:g}".removeprefix("0")


def _listed(names: Sequence[str]) -> str:
    """List names, and count those that are too many."""
    more = len(names) - MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:MOST_NAMES])} and {more} more"


@dataclass(frozen=True)
class TaskData:
    """The rows of a task, before any are drawn by seed."""

    task: Task
    rare: tuple[str, ...]
    """The rare classes, whose share is to be raised."""
    train: LabelledRows
    """Training rows, without those that equal or nearly equal a validation or test row."""
    validation: LabelledRows
    tests: Mapping[str, LabelledRows]
    """Test sets by name. The task's own is the first."""
    shared: Mapping[str, int]
    """The number of training rows that were removed as near copies of a row of "dev" or of a test set."""
    absent: Sequence[str] = ()
    """Test sets that were named but are not available."""
    pool_file: tuple[str, ...] = ()
    """The texts of the file `Task.pool`, without those that equal or nearly equal a validation or test row."""
    pool_shared: int = 0
    """The number of texts that were removed from it."""
    all_classes: int = 0
    """The number of classes before `Task.classes` of them were drawn; 0 if none were drawn."""

    @property
    def title(self) -> str:
        """The name of the task in tables."""
        return self.task.title(self.rare)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, sorted."""
        return sorted(self.train.counts)

    @cached_property
    def kept(self) -> dict[str, int]:
        """The number of training rows of each class in a draw. It is the same for each seed.

        Raises
        ------
        InputError
            If the ratio leaves fewer than two rows, or takes more rows than any rare class has.
        """
        counts, limit = self.train.counts, self.task.train_rows
        keep = counts
        if self.task.per_class is not None:
            keep = {name: min(n, self.task.per_class) for name, n in counts.items()}
        elif limit is not None and limit < len(self.train):
            keep = {name: min(n, max(2, round(n * limit / len(self.train)))) for name, n in counts.items()}
        if self.task.ratio is None:
            return keep
        most = max(n for name, n in keep.items() if name not in self.rare)
        wanted = round(self.task.ratio * most)
        largest = max(self.rare, key=lambda name: keep[name])
        if wanted < 2:
            raise InputError(
                f"The task {self.task.name!r} has {most:,} training rows of its largest class, and a ratio of"
                f" {self.task.ratio:g} would leave {wanted} of {largest!r}; 2 are needed. Give a larger ratio."
            )
        if wanted > keep[largest]:
            raise InputError(
                f"The task {self.task.name!r} has {keep[largest]:,} training rows of {largest!r}, and a ratio"
                f" of {self.task.ratio:g} takes {wanted:,}. Give a smaller ratio."
            )
        return keep | {name: min(wanted, keep[name]) for name in self.rare}

    @property
    def fewer(self) -> dict[str, int]:
        """Classes that have fewer training rows than the draw takes of a class, with the number of their rows."""
        limits = dict.fromkeys(self.train.counts, self.task.per_class or 0)
        if self.task.ratio is not None:
            limits |= dict.fromkeys(self.rare, max(self.kept[name] for name in self.rare))
        return {name: n for name, n in self.train.counts.items() if n < limits[name]}

    def drawn(self, seed: int) -> tuple[LabelledRows, LabelledRows]:
        """Draw the training rows of one seed.

        Parameters
        ----------
        seed : int

        Returns
        -------
        train : LabelledRows
            Of each class as many rows as `kept` says, in the order of the file. A draw of fewer rows of a class is a
            part of a draw of more rows with the same seed.
        reserve : LabelledRows
            The other rows. They are real rows that an arm may add.
        """
        if seed not in self._draws:
            labels = np.array(self.train.labels)
            chosen = np.zeros(len(labels), dtype=bool)
            for number, (name, count) in enumerate(self.kept.items()):
                places = np.flatnonzero(labels == name)
                chosen[generator(seed, "subset", number, Subset.FEW_ROWS).permutation(places)[:count]] = True
            own, reserve = (self.train.taken(np.flatnonzero(rows)) for rows in (chosen, ~chosen))
            self._draws[seed] = own, reserve
        return self._draws[seed]

    @cached_property
    def _draws(self) -> dict[int, tuple[LabelledRows, LabelledRows]]:
        """The draws so far, by seed: many cells have the same."""
        return {}

    def pool(self, seed: int) -> tuple[str, ...]:
        """Return the texts without labels that an arm may use with one seed.

        Parameters
        ----------
        seed : int

        Returns
        -------
        tuple of str
            Those of the file in its order. Rows that the draw leaves out are shuffled, since files are often sorted by
            class. Empty if the task has no pool.
        """
        if self.task.pool != LEFT_OUT:
            return self.pool_file
        texts = self.drawn(seed)[1].texts
        return tuple(texts[i] for i in generator(seed, "subset", 0, Subset.POOL).permutation(len(texts)))

    def unlabelled(self, seed: int) -> list[str]:
        """Return the texts of a seed's training rows and of its pool, each once, sorted.

        Where the pool is what a draw leaves out, they are the same for all seeds.

        Parameters
        ----------
        seed : int

        Returns
        -------
        list of str
        """
        own = self.train.texts if self.task.pool == LEFT_OUT else self.drawn(seed)[0].texts
        return sorted({*own, *self.pool_file})

    def draw_record(self, seed: int) -> dict[str, Any]:
        """Return what was drawn with one seed, as plain data.

        Parameters
        ----------
        seed : int

        Returns
        -------
        dict
            ``task``: its settings. ``fewer``: see `fewer`. ``left_out``: the number of rows that the draw has left
            out. ``pool``: the number of its texts, and their hash.
        """
        pool = self.pool(seed)
        return {
            "task": self.task.model_dump(mode="json"),
            "fewer": self.fewer,
            "left_out": len(self.train) - sum(self.kept.values()),
            "pool": {"texts": len(pool), "fingerprint": digest(pool)} if self.task.pool is not None else None,
        }

    @property
    def draw_notes(self) -> list[str]:
        """What a reader should know of the draws, one line each."""
        lines = []
        if self.all_classes:
            lines.append(f"{self.title}: drawn of {self.all_classes} classes: {', '.join(self.classes)}.")
        if self.fewer:
            counts = [f"{name} {n:,}" for name, n in sorted(self.fewer.items(), key=lambda pair: (pair[1], pair[0]))]
            what = counted(len(counts), "class has fewer rows and gives", "classes have fewer rows and give")
            lines.append(f"{self.title}: {what} all: {_listed(counts)}.")
        if self.pool_shared:
            what = counted(self.pool_shared, "text", "texts")
            lines.append(f"{self.title}: {what} of the pool nearly equal validation or test rows and are taken out.")
        return lines

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
        parts = {"train": self.train.fingerprint, "validation": self.validation.fingerprint, "tests": tests}
        return parts | ({"pool": digest(self.pool_file)} if self.pool_file else {})


def load(
    task: Task,
    data_dir: Path | None,
    tests: Sequence[str] | None = None,
    layout: Layout | None = None,
    *,
    read: Callable[..., Parts] | None = None,
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
    read : callable, optional
        `read_parts`, or one that remembers what it has read for other tasks.

    Returns
    -------
    TaskData

    Raises
    ------
    InputError
        If a part cannot be read, or the task does not have the rare classes or enough classes.
    """
    parts = (read or read_parts)(
        task.name,
        task.train_from,
        task.classes,
        task.classes_seed,
        data_dir,
        None if tests is None else tuple(tests),
        layout,
    )
    train, held_out = parts.train, {"dev": parts.validation, **parts.tests}
    counts = train.counts
    if len(counts) < 2:
        raise InputError(f"The task {task.name!r} has training rows of {len(counts)} class; it takes two or more.")
    if len(counts) > MOST_CLASSES:
        raise InputError(f"The task {task.name!r} has {len(counts)} classes; a benchmark takes {MOST_CLASSES} at most.")
    rare = _rare(task, counts)
    for name, rows in held_out.items():
        unknown = sorted(set(rows.labels) - set(counts))
        if unknown or not len(rows):
            what = f"has the class {unknown[0]!r}, which is not in the training rows" if unknown else "has no rows"
            raise InputError(f"The task {task.name!r}: its part {name!r} {what}.")
    texts, pool_shared = _read_pool(task, data_dir, [text for rows in held_out.values() for text in rows.texts])
    data = TaskData(
        task,
        rare,
        train,
        parts.validation,
        parts.tests,
        shared=parts.shared,
        absent=parts.absent,
        pool_file=texts,
        pool_shared=pool_shared,
        all_classes=parts.all_classes,
    )
    if task.pool == LEFT_OUT and sum(data.kept.values()) == len(train):
        raise InputError(
            f"The task {task.name!r} leaves no row out of its draw, so that the pool is empty. Draw fewer rows, or give"
            " a file as 'pool'."
        )
    return data


class Parts(NamedTuple):
    """The parts of a data set, in the classes of a task."""

    train: LabelledRows
    """Without rows that equal or nearly equal a validation or test row."""
    validation: LabelledRows
    tests: dict[str, LabelledRows]
    shared: dict[str, int]
    absent: list[str]
    all_classes: int


def read_parts(
    name: str,
    train_from: str,
    classes: int | None,
    classes_seed: int,
    data_dir: Path | None,
    tests: tuple[str, ...] | None,
    layout: Layout | None,
) -> Parts:
    """Read the parts of a data set. Tasks that differ only in their draws have the same ones.

    The arguments are those of `Task` and of `load`.
    """
    names = at_hand(name, data_dir) if tests is None else [name, *(other for other in tests if other != name)]
    there = [one for one in names if one == name or has_test_rows(one, data_dir)]
    test_rows = {one: read_split(one, "test", data_dir, layout) for one in there}
    if train_from == "dev":
        train, validation = _halves(read_split(name, "dev", data_dir, layout))
    else:
        train, validation = (read_split(name, split, data_dir, layout) for split in ("train", "dev"))
    all_classes = 0
    if classes is not None:
        all_classes, drawn = len(train.counts), _drawn_classes(name, classes, classes_seed, train)
        train, validation = _of_classes(train, drawn), _of_classes(validation, drawn)
        test_rows = {one: _of_classes(rows, drawn) for one, rows in test_rows.items()}
    near = {part: near_copies(train.texts, rows.texts) for part, rows in {"dev": validation, **test_rows}.items()}
    return Parts(
        train.taken(np.flatnonzero(~np.any([*near.values()], axis=0))),
        validation,
        test_rows,
        {part: int(copies.sum()) for part, copies in near.items() if copies.any()},
        [one for one in names if one not in there],
        all_classes,
    )


def _drawn_classes(name: str, classes: int, seed: int, train: LabelledRows) -> set[str]:
    """Draw the classes of a task."""
    names = [*train.counts]
    if classes >= len(names):
        raise InputError(
            f"The task {name!r} has {len(names)} classes, and 'classes' draws {classes} of them. Give a smaller number,"
            " or leave it out."
        )
    order = generator(seed, "subset", 0, Subset.CLASSES).permutation(len(names))
    return {names[i] for i in order[:classes]}


def _of_classes(rows: LabelledRows, classes: set[str]) -> LabelledRows:
    """Return the rows of some classes."""
    return rows.taken([i for i, label in enumerate(rows.labels) if label in classes])


def _rare(task: Task, counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return the rare classes of a task. Those that it does not name are in order of their training rows."""
    by_count = sorted(counts, key=lambda name: (counts[name], name))
    if task.label is None:
        number = 1 if task.tail is None else round(task.tail * len(counts))
        return tuple(by_count[: min(max(1, number), len(counts) - 1)])
    named = (task.label,) if isinstance(task.label, str) else tuple(task.label)
    for name in named:
        if name not in counts:
            raise InputError(
                f"The task {task.name!r} has no training rows of the class {name!r}. Its classes are"
                f" {', '.join(counts)}.{did_you_mean(name, counts)}"
            )
    if len(named) == len(counts):
        raise InputError(f"The task {task.name!r} names all of its classes as rare. Leave one or more out of 'label'.")
    return named


def _read_pool(task: Task, data_dir: Path | None, held_out: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Read the file of a pool. Return its texts without near copies of held-out texts, and the number of these."""
    if task.pool in (None, LEFT_OUT):
        return (), 0
    from augment.data.corpus import read_texts

    assert task.pool is not None
    in_folder = Path() if data_dir is None else data_dir / task.pool
    source = in_folder if in_folder.is_file() else Path(task.pool)
    if not source.is_file():
        where = "" if data_dir is None else f", neither in {data_dir} nor elsewhere"
        raise InputError(
            f"The task {task.name!r}: there is no file {task.pool!r} for its pool{where}. Give a file, or"
            f" 'pool: {LEFT_OUT}'.{did_you_mean(task.pool, [LEFT_OUT])}"
        )
    texts = [text for text in read_texts(source) if text.strip()]
    near = near_copies(texts, held_out)
    return tuple(text for text, copy in zip(texts, near, strict=True) if not copy), int(near.sum())


def _halves(dev: LabelledRows) -> tuple[LabelledRows, LabelledRows]:
    """Part dev rows that are also used for training: four fifths for training, one fifth for validation."""
    labels = np.array(dev.labels)
    held_out = np.zeros(len(labels), dtype=bool)
    for number, name in enumerate(dev.counts):
        own = np.flatnonzero(labels == name)
        order = generator(0, "subset", number, Subset.HALF_OF_THE_DEV_ROWS).permutation(own)
        held_out[order[: max(1, len(own) // 5)]] = True
    return dev.taken(np.flatnonzero(~held_out)), dev.taken(np.flatnonzero(held_out))
