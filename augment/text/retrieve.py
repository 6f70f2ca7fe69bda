"""The strategy that takes new rows from unlabelled text: real sentences, each with the class of a row near it."""

from __future__ import annotations

import logging
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from augment.data.layout import Layout
from augment.data.named_files import NamedFile
from augment.data.named_sources import find_source
from augment.errors import InputError, listed
from augment.generation.budget import SamplingStrategy
from augment.generation.candidates import Candidate, Draw
from augment.guards.agreement import MIN_ROWS, Agreement
from augment.guards.base import Guard, Originals
from augment.models.encoder import Encoders
from augment.text.base import TextStrategy
from augment.text.pool_vectors import PoolVectors
from augment.text.unlabelled_pool import Novelty, UnlabelledPool, real_texts

BLOCK = 4096
"""Texts of the pool that are encoded and compared together. Fixed, so that no option can change the rows."""
ACROSS = 2048
"""Rows of the input that a block is compared with at a time."""
SPARE = 1.0
"""Texts that self-training takes from the pool beyond those that are wanted, as a share of these: guards may reject as
many."""

_log = logging.getLogger(__name__)


class Retrieve(TextStrategy):
    r"""Take real sentences from a pool of unlabelled text, and give each the class of a row that it is near to.

    A sentence belongs to the row that it is nearest to, of all rows of all classes, by the cosine of their vectors.
    So no sentence comes twice, and what is nearer to a row of another class is not taken. Sentences that equal or
    nearly equal a row, a held-out text or one another are left out.

    Parameters
    ----------
    pool : str
        A file of unlabelled texts, as ``FILE`` or ``FILE:column=NAME:split=NAME``: any table that is read as input, or
        a ``.txt`` file with one text a line.
    recipe : {"nearest", "self-training"}, default="nearest"
        Which sentences become rows of a class: those nearest to its rows; or those of which a teacher that is fitted on
        all rows is surest, each with the nearest row of the class as its source.
    encoder : str, default="mini"
        What makes the vectors: a bundled name, a folder, or a hub id.
    neighbours : int or None, default=None
        The largest number of sentences for one row, the nearest ones; None for no limit.
    least : float or None, default=None
        Smallest cosine of a sentence and its row, in [-1, 1]; None for no limit.
    batch_size : int, default=64
        Texts of a forward pass. Changes memory and speed, not the result.
    cache_dir : str or None, default=None
        A folder that keeps the vectors of the pool, 4 × d bytes a text, for other runs with this pool and encoder.
        Changes the speed, not the result. None keeps nothing.
    device : str, default="auto"
        See `augment.models.checkpoints.load_encoder`.
    sampling_strategy, random_state, guards
        See `TextStrategy`.

    Notes
    -----
    The guard `agreement` is asked by default, with a teacher on the same encoder: the one that has seen neither the
    source of a sentence nor a copy of it.

    Vectors of the pool are not kept in memory. Texts and places are kept of the sentences that belong to classes which
    grow.

    References
    ----------
    Du et al. 2021, "Self-training improves pre-training for natural language understanding" (SentAugment), sections 2
    and 3: sentences of a bank near the task's own, labelled by a teacher, the surest ones of each class.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from augment import Retrieve
    >>> pool = Path(tempfile.mkdtemp(), "pool.txt")
    >>> _ = pool.write_text("The museum opens at ten on Sunday.\nWhat a splendid dinner we had!\n")
    >>> texts = ["The shop opens at nine.", "We sat by the door.", "A lovely meal.", "Great staff!", "I loved it."]
    >>> y = ["neutral", "neutral", "positive", "positive", "positive"]
    >>> new_texts, new_y = Retrieve(pool=str(pool), random_state=0).fit_resample(texts, y)
    >>> new_texts[5:], new_y[5:]
    (['The museum opens at ten on Sunday.'], ['neutral'])
    """

    name: ClassVar[str] = "retrieve"
    page: ClassVar[str] = "docs/retrieve.md"
    summary: ClassVar[str] = "take real sentences near the rows of a class from unlabelled text; needs a pool"
    speed_only: ClassVar[tuple[str, ...]] = ("batch_size", "cache_dir")
    edits = False
    ranked = True
    barren = "without another sentence that was taken from the pool"
    columns: Mapping[str, str] = {
        "pool": "string",
        "pool_line": "int64",
        "pool_similarity": "double",
        "teacher_probability": "double",
    }
    """The pool's name, the line or row in it (from 1), the cosine with the source, and the teacher's calibrated
    probability of the class (null if no teacher can be fitted)."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "pool": [str],
        "recipe": [StrOptions({"nearest", "self-training"})],
        "encoder": [str],
        "neighbours": [Interval(Integral, 1, None, closed="left"), None],
        "least": [Interval(Real, -1, 1, closed="both"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "cache_dir": [str, None],
        "device": [str],
    }

    def __init__(
        self,
        *,
        pool: str,
        recipe: Literal["nearest", "self-training"] = "nearest",
        encoder: str = "mini",
        neighbours: int | None = None,
        least: float | None = None,
        batch_size: int = 64,
        cache_dir: str | None = None,
        device: str = "auto",
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, guards=guards)
        self.pool = pool
        self.recipe = recipe
        self.encoder = encoder
        self.neighbours = neighbours
        self.least = least
        self.batch_size = batch_size
        self.cache_dir = cache_dir
        self.device = device

    @property
    def fewest_rows(self) -> int:
        """5 for self-training, whose teacher is fitted on the rows of each class; 1 for the nearest sentences."""
        return 5 if self.recipe == "self-training" else 1

    @property
    def fewest_rows_advice(self) -> str:
        """The recipe that needs fewer rows."""
        return "or give `recipe='nearest'`" if self.recipe == "self-training" else ""

    def examine(self, texts: Sequence[str | None], sources: Mapping[Any, Sequence[int] | np.ndarray]) -> None:
        """Check that the pool is there."""
        find_source(NamedFile.parsed(self.pool).name)

    def learn(
        self,
        originals: Originals,
        *,
        layout: Layout | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> None:
        """Read the pool, and decide which of its sentences belong to which row."""
        pool = UnlabelledPool(self.pool, layout)
        pool.warn_of_language(originals)
        new = pool.new(originals)
        encoders = Encoders(device=self.device)
        encoder = encoders.get(self.encoder)
        encoder.batch_size = self.batch_size
        rows = EncodedRows.encoded(originals, encoder.encode)
        teacher = self._teacher(originals, encoders)
        _log.info("%s: %s.", pool.name, new)
        search = _by_teacher if self.recipe == "self-training" else _nearest
        found: list[Found] = []
        advance = None if progress is None else partial(_advance, progress, len(new.rows))
        if advance is not None:
            advance(0)
        blocks = PoolVectors(pool, encoder, self.cache_dir).blocks(new.rows, BLOCK, advance)
        for start, (texts, vectors) in zip(range(0, len(new.rows), BLOCK), blocks, strict=True):
            places = new.rows[start : start + BLOCK].tolist()
            found += search(rows, teacher, places, texts, vectors)
        chosen = self._chosen([one for one in found if self.least is None or one.similarity >= self.least], originals)
        self.learnt_ = {
            "pool": {"name": pool.name, **pool.identity()},
            "encoder": encoder.identity(),
            "found": {source: [tuple(one) for one in ranking] for source, ranking in chosen.items()},
        }

    def _teacher(self, originals: Originals, encoders: Encoders) -> Agreement | None:
        """Fit a teacher on the vectors of the rows; None if it cannot be fitted and is not needed."""
        teacher = Agreement(model=self.encoder, least=None)
        teacher.by_default = True
        teacher.prepare(encoders)
        teacher.fit(originals)
        if self.recipe == "self-training":
            if teacher.unfit_:
                raise InputError(
                    f"Self-training needs a teacher, and it cannot be fitted: {teacher.unfit_} Give more rows, or"
                    " `recipe='nearest'`."
                )
            grow = [label for label in teacher.classes_ if originals.wanted is None or originals.wanted.get(label)]
            unknown = [label for label in grow if label not in teacher.bounds_]
            if unknown:
                warnings.warn(
                    f"The teacher does not recognise {listed(unknown, 5)} better than chance, or these classes have"
                    f" fewer than {MIN_ROWS} rows. New texts of these classes may belong to others: read some of them.",
                    stacklevel=2,
                )
        return None if teacher.unfit_ else teacher

    def _chosen(self, found: Sequence[Found], originals: Originals) -> dict[int, list[Found]]:
        """Return the sentences of each row, best first, without those that nearly repeat what is there."""
        best_first = sorted(found, key=lambda one: (-one.rank, one.row))
        novelty, room = Novelty(originals), self._room(originals)
        chosen: defaultdict[int, list[Found]] = defaultdict(list)
        for one in best_first:
            label = originals.labels[one.source]
            own = chosen[one.source]
            if room[label] > 0 and len(own) != self.neighbours and novelty.accepts(one.text):
                own.append(one)
                room[label] -= 1
        return dict(chosen)

    def _room(self, originals: Originals) -> dict[Any, float]:
        """Return how many sentences of each class are kept at most, those that an earlier run has taken included."""
        wanted = originals.wanted
        if wanted is None or self.recipe == "nearest":
            return dict.fromkeys(originals.labels, np.inf)
        earlier = Counter(
            label for row, label in enumerate(originals.labels) if wanted.get(label) and not originals.is_real(row)
        )
        return {label: np.ceil((rows + earlier[label]) * (1 + SPARE)) for label, rows in wanted.items()}

    def prepare(self) -> None:
        """Check that the pool was read."""
        if self.learnt_ is None:
            raise InputError("`pool` is compared with the rows of a run: call `learn` with them first, or `upsample`.")
        self._found = {source: [Found(*one) for one in ranking] for source, ranking in self.learnt_["found"].items()}

    def own_guards(self) -> list[Guard]:
        """Return the guard `agreement` on the same encoder."""
        guard = Agreement(model=self.encoder, least=None)
        guard.by_default = True
        return [guard]

    def identity(self) -> dict[str, Any]:
        """Return the pool's number of rows and hash, and what identifies the encoder's weights."""
        if self.learnt_ is None:
            return {}
        return {"encoder": self.learnt_["encoder"], "pool": self.learnt_["pool"]}

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Return the sentence of each draw's row that stands in the place of its variant; None if there is none."""
        made: list[Candidate | None] = []
        for draw in draws:
            ranking, place = self._found.get(draw.source, []), draw.variant + draw.attempt
            if place >= len(ranking):
                made.append(None)
                continue
            one = ranking[place]
            values = (self.learnt_["pool"]["name"], one.row + 1, one.similarity, one.probability)
            made.append(Candidate(one.text, columns=dict(zip(self.columns, values, strict=True))))
        return made


def _advance(progress: Callable[[int, int, str], None], total: int, done: int) -> None:
    progress(done, total, "texts of the pool")


class Found(NamedTuple):
    """A sentence of the pool, and the row that it belongs to."""

    text: str
    row: int
    """Its row in the pool, from 0."""
    source: int
    """The row of the input."""
    similarity: float
    """The cosine of their vectors."""
    probability: float | None
    """The teacher's calibrated probability of the row's class."""
    rank: float
    """The larger the sooner it is taken."""


class EncodedRows(NamedTuple):
    """The real rows of the input, as vectors."""

    numbers: np.ndarray
    """Row numbers; int64, shape (n,), ascending."""
    texts: list[str]
    labels: list[Any]
    vectors: np.ndarray
    """Of length 1; float32, shape (n, d)."""
    grows: np.ndarray
    """Whether new rows of the row's class are wanted; bool, shape (n,)."""
    growing: dict[Any, np.ndarray]
    """Each class of which new rows are wanted → the places of its rows; int64, ascending."""

    @classmethod
    def encoded(cls, originals: Originals, encode: Callable[[list[str]], np.ndarray]) -> EncodedRows:
        """Encode the rows that have a text and that no earlier run has made."""
        texts = real_texts(originals)
        labels = [originals.labels[row] for row in texts]
        wanted = originals.wanted
        grows = np.array([wanted is None or wanted.get(label, 0) > 0 for label in labels], dtype=bool)
        growing: defaultdict[Any, list[int]] = defaultdict(list)
        for place in np.flatnonzero(grows).tolist():
            growing[labels[place]].append(place)
        return cls(
            np.array(list(texts), dtype=np.int64),
            list(texts.values()),
            labels,
            encode([*texts.values()]),
            grows,
            {label: np.array(places, dtype=np.int64) for label, places in growing.items()},
        )


def nearest(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return, for each vector, the place of the one among others with the largest dot product.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    others : ndarray of float32, shape (m, d)
        At least one.

    Returns
    -------
    ndarray of int64, shape (n,)
        The first of equal ones. Memory grows with n, not with m.

    Examples
    --------
    >>> nearest(np.array([[0.9, 0.1]]), np.array([[0.0, 1.0], [1.0, 0.0]])).tolist()
    [1]
    """
    from threadpoolctl import threadpool_limits

    best, places = np.full(len(vectors), -np.inf), np.zeros(len(vectors), dtype=np.int64)
    with threadpool_limits(1):  # so that the number of cores does not matter
        for start in range(0, len(others), ACROSS):
            products = vectors @ others[start : start + ACROSS].T
            own = products.argmax(axis=1)
            largest = products[np.arange(len(vectors)), own]
            better = largest > best
            best[better], places[better] = largest[better], own[better] + start
    return places


def _nearest(
    rows: EncodedRows, teacher: Agreement | None, places: Sequence[int], texts: Sequence[str], vectors: np.ndarray
) -> list[Found]:
    """Give each text of a block to the row that it is nearest to; texts of classes that do not grow are dropped."""
    owners = nearest(vectors, rows.vectors)
    kept = np.flatnonzero(rows.grows[owners])
    owners, vectors = owners[kept], vectors[kept]
    similarities = (vectors * rows.vectors[owners]).sum(axis=1)
    probabilities: list[float | None] = [None] * len(kept)
    if teacher is not None and len(kept):
        shares = teacher.calibrated(vectors, [rows.texts[owner] for owner in owners])
        code = {label: number for number, label in enumerate(teacher.classes_)}
        codes = [code[rows.labels[owner]] for owner in owners]
        probabilities = [round(float(p), 6) for p in shares[np.arange(len(kept)), codes]]
    return [
        Found(
            texts[i], places[i], int(rows.numbers[owner]), round(float(similarity), 6), probability, float(similarity)
        )
        for i, owner, similarity, probability in zip(
            kept.tolist(), owners.tolist(), similarities, probabilities, strict=True
        )
    ]


def _by_teacher(
    rows: EncodedRows, teacher: Agreement | None, places: Sequence[int], texts: Sequence[str], vectors: np.ndarray
) -> list[Found]:
    """Give each text of a block to the likeliest class, and in it to the nearest row."""
    assert teacher is not None
    shares = teacher.calibrated(vectors)
    likeliest = shares.argmax(axis=1)
    found: list[Found] = []
    for code, label in enumerate(teacher.classes_):
        own = rows.growing.get(label)
        kept = np.flatnonzero(likeliest == code)
        if own is None or not len(kept):
            continue
        owners = own[nearest(vectors[kept], rows.vectors[own])]
        similarities = (vectors[kept] * rows.vectors[owners]).sum(axis=1)
        found += [
            Found(texts[i], places[i], int(rows.numbers[owner]), round(float(cosine), 6), round(float(p), 6), float(p))
            for i, owner, cosine, p in zip(
                kept.tolist(), owners.tolist(), similarities, shares[kept, code], strict=True
            )
        ]
    return found
