"""Cut the rows of a class in two: new rows are made of one half, and compared with real rows of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from augment.data.corpus import Corpus
from augment.data.layout import Layout
from augment.data.named_files import NamedFile
from augment.errors import InputError, did_you_mean
from augment.generation.candidates import Candidate
from augment.generation.loop import Row
from augment.guards.base import Originals
from augment.guards.near_duplicate import NearDuplicate
from augment.registry import STRATEGIES
from augment.report.text_measures import word_counts
from augment.seeding import Subset, generator
from augment.text.base import TextStrategy

CLASS = ":class="
EVERY_CLASS = "*"
CONTROLS = {
    "duplication": "random",
    "random_word": "nlpaug:random_word",
    "fillmask-drawn": (
        "fillmask:model=mini,mask_ratio=0.15,where=any,likeness=0,choose=1,fill=parallel,share_masks=4,condition=none,"
        "top_k=50,top_p=0.95,temperature=1.0,protect_negations=true,language=en,adapt=false"
    ),
}
"""The arms that are always measured: real rows as they are, which nothing should tell apart; words deleted at random;
and fill-mask as it was when the first figures were published, each of its parameters given."""


class ClassOfFile(NamedTuple):
    """A class of a file, or all of its classes."""

    file: NamedFile
    label: str
    """The name of the class; `EVERY_CLASS` for all of them."""

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Read ``FILE:class=NAME``; after ``FILE`` may stand what `NamedFile.parsed` reads.

        Raises
        ------
        InputError
            If a name is missing.

        Examples
        --------
        >>> ClassOfFile.parsed("tweets.csv:column=Tweet:class=neutral").label
        'neutral'
        """
        file, _, label = text.partition(CLASS)
        if not file or not label:
            raise InputError(
                f"A class of a file is written FILE{CLASS}NAME, and all classes FILE{CLASS}{EVERY_CLASS}. Got {text!r}."
            )
        return cls(NamedFile.parsed(file), label)

    def __str__(self) -> str:
        return f"{self.file}{CLASS}{self.label}"


class NamedStrategy(NamedTuple):
    """A text strategy under a name of its own."""

    name: str
    spec: str
    """The strategy and its parameters, ``NAME[:KEY=VALUE,…]``."""

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Read ``[NAME=]STRATEGY[:KEY=VALUE,…]``; without a name the whole text is the name.

        Raises
        ------
        InputError
            If there is no such strategy, it makes vectors, or a parameter cannot be used.

        Examples
        --------
        >>> NamedStrategy.parsed("short=fillmask:mask_ratio=.1"), NamedStrategy.parsed("nlpaug:synonym").name
        (NamedStrategy(name='short', spec='fillmask:mask_ratio=.1'), 'nlpaug:synonym')
        """
        name, equals, spec = text.partition("=")
        if not equals or ":" in name:
            name = spec = text
        arm = cls(name.strip(), spec.strip())
        if not arm.name:
            raise InputError(f"An arm is written NAME=STRATEGY[:KEY=VALUE,…]. Got {text!r}.")
        arm.strategy()
        return arm

    def strategy(self) -> TextStrategy:
        """Return the strategy, which is not prepared yet."""
        made = STRATEGIES.parse(self.spec)
        if not isinstance(made, TextStrategy):
            raise InputError(f"The strategy {made.name!r} makes vectors, and an arm makes texts. Give another.")
        made.check()
        return made


class Pair(NamedTuple):
    """A new row, its source, and the real row that it is compared with."""

    label: str
    new: str
    source: str
    source_row: int
    """The row number of the source in the file."""
    real: str
    real_row: int
    """The row number of the real row. No new row of any arm is made of it."""


@dataclass(frozen=True)
class Halves:
    """A data set without the rows that new ones are compared with, and those rows."""

    name: str
    corpus: Corpus
    """What the strategies see: the sources, and the rows of other classes."""
    rows: np.ndarray
    """The row number in the file of each row of `corpus`; int64."""
    wanted: dict[str, int]
    """The number of new rows of each class."""
    real: dict[str, list[tuple[str, int]]]
    """For each class the texts and row numbers of the other half, in an order drawn by the seed."""
    near_copies: int
    """Rows of the classes that were left out because they nearly repeat an earlier one."""
    seed: int

    @property
    def real_texts(self) -> list[str]:
        """The texts of the other half."""
        return [text for own in self.real.values() for text, _ in own]

    @cached_property
    def texts(self) -> list[str]:
        """The texts of `corpus`."""
        return [text or "" for text in self.corpus.texts]


def halves(chosen: ClassOfFile, *, rows: int, seed: int) -> Halves:
    """Read a file, and cut the rows of a class, or of every class, in two halves.

    Rows that nearly repeat an earlier one of these classes are left out first, so that no row of one half is a near
    copy of a row of the other. Rows that were made by upsampling are left out, too.

    Parameters
    ----------
    chosen : ClassOfFile
    rows : int
        The number of new rows. For all classes it is shared evenly among them.
    seed : int

    Returns
    -------
    Halves
        With fewer new rows where a half of a class has fewer.

    Raises
    ------
    InputError
        If the file cannot be read, the class is not there, or it has fewer than two different rows.
    """
    corpus = chosen.file.labelled(Layout())
    labels, texts = np.array(corpus.named_labels(), dtype=object), corpus.texts
    usable = corpus.has_text & ~corpus.is_synthetic
    names = sorted(corpus.classes) if chosen.label == EVERY_CLASS else [chosen.label]
    if names[0] not in corpus.classes:
        raise InputError(
            f"{corpus.name}: there is no class {chosen.label!r}. Got {', '.join(sorted(corpus.classes))}."
            f"{did_you_mean(chosen.label, corpus.classes)}"
        )
    own = np.flatnonzero(usable & np.isin(labels, names))
    distinct = own[_distinct([texts[int(i)] or "" for i in own])]
    sources, others = {}, {}
    for place, name in enumerate(names):
        order = generator(seed, "subset", place, Subset.COMPARED_HALVES).permutation(distinct[labels[distinct] == name])
        sources[name], others[name] = order[: len(order) // 2], order[len(order) // 2 :]
    most = {name: len(sources[name]) for name in names}
    wanted = {name: n for name, n in _quotas(most, rows, seed).items() if n}
    if not wanted:
        raise InputError(f"{chosen}: has fewer than two different rows of a class, and both halves need one. Add some.")
    kept = np.sort(np.concatenate([np.flatnonzero(usable & ~np.isin(labels, names)), *sources.values()]))
    return Halves(
        str(chosen),
        _table(corpus.name, [texts[int(i)] or "" for i in kept], labels[kept].tolist()),
        corpus.rows[kept],
        wanted,
        {name: [(texts[int(i)] or "", int(corpus.rows[i])) for i in others[name]] for name in wanted},
        len(own) - len(distinct),
        seed,
    )


def made_pairs(halves: Halves, strategy: TextStrategy, *, guards: Sequence[str] | None = None) -> list[Pair]:
    """Make the new rows of an arm as `augment upsample` does, each with a real row to compare it with.

    The real rows are held-out rows of the run. Each new row gets the real row of its class, among those not taken yet,
    whose number of words is nearest to that of its source. So rows that a strategy can make nothing of, such as very
    short ones, are as rare among the real rows.

    Parameters
    ----------
    halves : Halves
    strategy : TextStrategy
        Not prepared yet.
    guards : sequence of str, optional
        See `augment.guards.selection.select`; not for a strategy that copies.

    Returns
    -------
    list of Pair
        In the order in which the new rows were made.

    Raises
    ------
    CounterpoiseError
        If the strategy or a guard cannot be used, or no row could be made.
    """
    from augment.run.job import HeldOutTexts, plan_job
    from augment.run.text_run import Run

    job = plan_job(
        halves.corpus,
        strategy,
        sampling_strategy={name: f"+{n}" for name, n in halves.wanted.items()},
        seed=halves.seed,
        held_out=[HeldOutTexts("the real rows", halves.real_texts)],
        guards=None if strategy.copies else guards,
    )
    made: list[Row] = list(Run(job).make().rows)
    if not made:
        raise InputError(f"{halves.name}: the strategy {strategy.name!r} can make no row. Give another strategy.")
    pairs: list[Pair] = []
    for place, name in enumerate(halves.wanted):
        own, real = [row for row in made if row.label == name], halves.real[name]
        sources = [halves.texts[row.source] for row in own]
        order = generator(halves.seed, "subset", place, Subset.PARTNERS).permutation(len(own))
        partners = _nearest(word_counts(sources), word_counts([text for text, _ in real]), order)
        for row, source, partner in zip(own, sources, partners, strict=True):
            pairs.append(Pair(name, row.text, source, int(halves.rows[row.source]), *real[partner]))
    return pairs


def _distinct(texts: Sequence[str]) -> list[int]:
    """Return the places of the texts that nearly repeat no earlier one."""
    index = NearDuplicate()
    index.fit(Originals(texts=[], labels=[], held_out=[], seed=0))
    kept = []
    for place, text in enumerate(texts):
        if index.admits(Candidate(text)):
            index.remember(text)
            kept.append(place)
    return kept


def _quotas(most: dict[str, int], rows: int, seed: int) -> dict[str, int]:
    """Share a number of rows evenly among classes, none above its own most."""
    order = [list(most)[i] for i in generator(seed, "subset", 0, Subset.QUOTAS).permutation(len(most))]
    shares = dict.fromkeys(most, 0)
    left = min(rows, sum(most.values()))
    while left:
        open_ = [name for name in order if shares[name] < most[name]]
        for name in open_[:left]:
            shares[name] += 1
        left -= min(left, len(open_))
    return shares


def _nearest(lengths: np.ndarray, offered: np.ndarray, order: np.ndarray) -> list[int]:
    """Give each length the nearest one offered that is not taken yet, in an order; return the places of those."""
    free, taken = np.ones(len(offered), dtype=bool), np.zeros(len(lengths), dtype=np.int64)
    for i in order:
        distance = np.where(free, np.abs(offered - lengths[i]), np.iinfo(np.int64).max)
        taken[i] = int(distance.argmin())
        free[taken[i]] = False
    return taken.tolist()


def _table(name: str, texts: list[str], labels: list[str]) -> Corpus:
    """Return a corpus of texts and class names."""
    from datasets import Dataset

    from augment.data.corpus import from_table

    layout = Layout(text_column="text", label_column="label", single_label=True)
    return from_table(Dataset.from_dict({"text": texts, "label": labels}), name, layout)
