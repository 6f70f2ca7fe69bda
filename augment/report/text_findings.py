"""Measure an output of upsampling: how diverse its new rows are, how long, and how near to their sources."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment.errors import InputError
from augment.plain_data import parse_json
from augment.report import text_measures
from augment.report.vector_findings import VectorFindings, appraise_vectors
from augment.report.written_table import WrittenOutput, read_manifest, source_texts

if TYPE_CHECKING:
    from augment.run.file_run import Progress

SAMPLE = 10_000
"""Default maximum number of texts whose words are measured."""
EXAMPLES = 20
"""About how many new rows are shown beside their sources."""
MEASURED = 12
"""Maximum number of classes that are measured, those with the most new rows; all are counted."""

LISTED = 1000
"""Maximum number of new rows in the table of rows."""
COMPARED = 1000
"""Maximum number of texts of a kind whose diversity is compared; more texts change the comparison little."""

_PAIRED = 0.7  # of what is encoded: new rows and their sources; the rest are originals, for the map
_ORIGINALS, _NEW, _OTHERS = range(3)  # what rows are drawn for


class Diversity(NamedTuple):
    """How diverse some texts are; nan where they are too few or too short."""

    distinct_1: float
    distinct_2: float
    self_bleu: float


class Example(NamedTuple):
    """A new row beside its source."""

    label: str
    source_row: int
    source: list[text_measures.Piece]
    new: list[text_measures.Piece]
    cosine: float


class ListedRow(NamedTuple):
    """A new row in the table of rows."""

    row: int
    """Its number in the output, from 0."""
    label: str
    text: str
    source_row: int
    """Its source's number in the input, from 0."""
    similarity: float
    """The cosine of the row and its source; nan if it was not measured."""
    teacher: float
    """The teacher's probability of the class; nan if it was not written."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassQuality:
    """What was measured of one class with new rows."""

    name: str
    compared: int
    """Number of texts of each kind whose diversity was compared: the same, since diversity depends on it."""
    originals: Diversity
    new: Diversity
    lengths_originals: np.ndarray
    """Words of each original, int64."""
    lengths_new: np.ndarray
    """Words of each new row, int64."""
    cosines: np.ndarray
    """Cosines of new rows and their sources; empty if the sources are not known."""
    agreement: np.ndarray
    """The teacher's probability of each new row's own class; empty if it was not written."""
    map_originals: np.ndarray
    """Points of originals in the plane, (n, 2)."""
    map_new: np.ndarray
    """Points of new rows in the plane, (n, 2)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Appraisal:
    """Everything that the report shows."""

    name: str
    """File name of the output."""
    manifest: dict[str, Any]
    """The manifest as it was read."""
    seed: int
    """The seed of the samples."""
    model: str
    """Encoder of the vectors."""
    classes: list[ClassQuality] = dataclasses.field(default_factory=list)
    """The measured classes, in sorted order."""
    unmeasured: int = 0
    """Classes with new rows beyond `MEASURED`."""
    looked_at: int = 0
    """Texts whose words were looked at."""
    encoded: int = 0
    """Texts that were turned into vectors."""
    examples: list[Example] = dataclasses.field(default_factory=list)
    rows: list[ListedRow] = dataclasses.field(default_factory=list)
    """New rows of all measured classes, at most `LISTED`, in the order of the output."""
    map_others: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 2)))
    """Points of originals of classes that were not measured, (n, 2)."""
    map_shares: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(2))
    """Shares of the variance along both directions of the plane."""
    warnings: list[str] = dataclasses.field(default_factory=list)
    """Contradictions between the table and its manifest, in sentences."""
    no_sources: str | None = None
    """Why sources cannot be shown, as a sentence."""
    no_agreement: str | None = None
    """Why the teacher's probabilities cannot be shown, as a sentence."""
    vectors: VectorFindings | None = None
    """The findings on vectors, for a vector strategy; they replace those on texts."""


def appraise(
    path: Path, *, sample: int = SAMPLE, seed: int = 0, model: str = "mini", progress: Progress | None = None
) -> Appraisal:
    """Measure an output of upsampling.

    Parameters
    ----------
    path : Path
        The table, with its manifest beside it.
    sample : int, default=10_000
        Maximum number of texts, 100 or more, shared evenly among the classes with new rows and between
        originals and new rows. A fifth as many are turned into vectors, and at most 200 and 50 for each class.
    seed : int, default=0
        Seed of the samples, 0 to 2**64 - 1.
    model : str, default="mini"
        Encoder of the vectors: a bundled name, a folder or a hub id.
    progress : callable, optional
        Called with the number of texts just turned into vectors, their total, and the word for them.

    Returns
    -------
    Appraisal

    Raises
    ------
    InputError
        If this is not an output of upsampling, or an option is out of range.
    ModelError
        If the encoder cannot be opened.
    """
    if sample < 100:
        raise InputError(f"A report needs a sample of 100 texts or more. Got {sample}.")
    if not 0 <= seed < 2**64:
        raise InputError(f"The seed must be 0 to 2**64 - 1. Got {seed}.")
    manifest = read_manifest(path)
    made = {name: rows for name, rows in manifest["made"].items() if rows}
    if not made:  # then a table of new rows alone is empty, and cannot be read
        return Appraisal(name=path.name, manifest=manifest, seed=seed, model=model)

    table = WrittenOutput(path, manifest, seed)
    largest = sorted(made, key=lambda name: (-made[name], name))[:MEASURED]
    names = sorted(name for name in largest if name in table.names)
    if manifest.get("encoder") is not None:
        if model not in ("mini", manifest["encoder"]["model"]):
            raise InputError(
                f"{path}: holds vectors of the encoder {manifest['encoder']['model']!r}, and they are compared as they"
                f" are. Leave the model {model!r} out."
            )
        return Appraisal(
            name=path.name,
            manifest=manifest,
            seed=seed,
            model=manifest["encoder"]["model"],
            unmeasured=len(made) - len(names),
            warnings=table.warnings(),
            vectors=appraise_vectors(table, names),
        )
    share = max(2, sample // (2 * max(1, len(names))))
    originals = {name: table.draw(table.rows_of(name, new=False), _ORIGINALS, share, name) for name in names}
    new = {name: table.draw(table.rows_of(name, new=True), _NEW, share, name) for name in names}
    agreement, no_agreement = _agreement(table, new)
    sources, no_sources = source_texts(
        manifest, codes=table.codes, is_new=table.is_new, source_rows=table.source_rows, texts=table.texts
    )

    most = _most_encoded(sample, len(names))
    paired = max(2, int(most * _PAIRED / 2 / max(1, len(names))))
    mapped = max(2, int(most * (1 - _PAIRED) / (len(names) + 1)))
    elsewhere = table.is_original & ~np.isin(table.codes, table.codes_of(names))
    others = table.draw(np.flatnonzero(elsewhere), _OTHERS, mapped)
    texts = {("others", ""): table.texts(others)}
    for name in names:
        texts["originals", name] = table.texts(originals[name][:mapped])
        texts["new", name] = table.texts(new[name][:paired])
        texts["sources", name] = sources(new[name][:paired]) if sources else []
    vectors, encoded = _vectors(texts, model, progress)
    on_map = [key for key in vectors if key[0] != "sources"]
    plane, shares = text_measures.project(np.concatenate([vectors[key] for key in on_map]))
    points = dict(zip(on_map, np.split(plane, np.cumsum([len(vectors[key]) for key in on_map])[:-1]), strict=True))

    classes, examples, rows = [], [], list[ListedRow]()
    for name in names:
        before, after = table.texts(originals[name]), table.texts(new[name])
        compared = min(COMPARED, len(before) or COMPARED, len(after))
        cosines = np.zeros(0)
        if sources:
            cosines = text_measures.paired_cosines(vectors["new", name], vectors["sources", name])
            shown = sorted(range(min(len(cosines), -(-EXAMPLES // len(names)))), key=lambda i: int(new[name][i]))
            pairs = [table.whole(new[name][:paired], texts[kind, name]) for kind in ("sources", "new")]
            examples += [
                Example(
                    name,
                    int(table.source_rows[new[name][i]]),
                    *text_measures.changed_words(pairs[0][i], pairs[1][i]),
                    float(cosines[i]),
                )
                for i in shown
            ]
        rows += _listed(table, name, new[name][: LISTED // len(names)], after, cosines, agreement.get(name))
        classes.append(
            ClassQuality(
                name=name,
                compared=compared,
                originals=_diversity(before[:compared]),
                new=_diversity(after[:compared]),
                lengths_originals=text_measures.word_counts(before),
                lengths_new=text_measures.word_counts(after),
                cosines=cosines,
                agreement=agreement[name][~np.isnan(agreement[name])] if name in agreement else np.zeros(0),
                map_originals=points["originals", name],
                map_new=points["new", name],
            )
        )
    return Appraisal(
        name=path.name,
        manifest=manifest,
        seed=seed,
        model=model,
        classes=classes,
        unmeasured=len(made) - len(names),
        looked_at=sum(len(quality.lengths_originals) + len(quality.lengths_new) for quality in classes),
        encoded=encoded,
        examples=examples,
        rows=sorted(rows),
        map_others=points["others", ""],
        map_shares=shares,
        warnings=table.warnings(),
        no_sources=no_sources,
        no_agreement=no_agreement,
    )


def _listed(
    table: WrittenOutput,
    name: str,
    rows: np.ndarray,
    texts: Sequence[str],
    cosines: np.ndarray,
    agreement: np.ndarray | None,
) -> list[ListedRow]:
    """Return rows of one class for the table; the cosines are those of the first of them."""
    known = np.full(len(rows), np.nan)
    known[: len(cosines)] = cosines[: len(rows)]
    teacher = np.full(len(rows), np.nan) if agreement is None else agreement
    return [
        ListedRow(int(row), name, text, int(table.source_rows[row]), float(cosine), float(share))
        for row, text, cosine, share in zip(
            rows, table.whole(rows, texts[: len(rows)]), known, teacher[: len(rows)], strict=True
        )
    ]


def _most_encoded(sample: int, classes: int) -> int:
    """Return about how many texts are turned into vectors: enough for the medians, since vectors take most time."""
    return min(sample // 5, 200 + 50 * classes)


def _agreement(table: WrittenOutput, new: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], str | None]:
    """Return the teacher's probabilities of the rows' own classes, nan for none; or an empty dict and the reason."""
    guard = next((guard for guard in table.manifest["guards"] if guard["name"] == "agreement"), None)
    if guard is None:
        return {}, "The agreement guard was off: no teacher has looked at the new rows."
    if "label_probs" not in table.table.column_names:
        return {}, (
            "The agreement guard was on, but its probabilities were not written;"
            " the guard agreement:soft_labels=true writes them."
        )
    probabilities = {}
    try:
        classes = guard.get("classes") or guard["identity"]["classes"]
        for name, rows in new.items():
            cells = [
                parse_json(c, "label_probs") if isinstance(c, str) else c for c in table.cells("label_probs", rows)
            ]
            place = classes.index(name)
            shares = [np.nan if cell is None else cell[place] for cell in cells]
            probabilities[name] = np.array(shares, dtype=np.float64)
    except (KeyError, ValueError, TypeError, IndexError):
        return {}, "The column label_probs does not hold what the manifest says of it."
    return probabilities, None


def _diversity(texts: Sequence[str]) -> Diversity:
    """Measure the diversity of texts."""
    return Diversity(text_measures.distinct(texts, 1), text_measures.distinct(texts, 2), text_measures.self_bleu(texts))


def _vectors(
    texts: Mapping[tuple[str, str], list[str]], model: str, progress: Progress | None
) -> tuple[dict[tuple[str, str], np.ndarray], int]:
    """Encode lists of texts, each text once; also return the number of different texts."""
    from augment.models.encoder import TextEncoder

    places = {text: i for i, text in enumerate(dict.fromkeys(text for some in texts.values() for text in some))}
    encoder = TextEncoder(model=model)
    encoder.prepare()  # the time that this takes is not that of the texts
    if progress is not None:
        progress(0, len(places), "texts")
    told = None if progress is None else lambda done: progress(done, len(places), "texts")
    encoded = encoder.encode(list(places), progress=told)
    rows = {key: np.array([places[text] for text in some], dtype=np.int64) for key, some in texts.items()}
    return {key: encoded[some] for key, some in rows.items()}, len(places)
