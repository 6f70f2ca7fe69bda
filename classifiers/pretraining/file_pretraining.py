"""Pretrain a model on files: what the command ``classifiers pretrain`` does."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from augment.data.corpus import open_texts, read
from augment.data.formats.text_lines import text_lines
from augment.data.layout import Layout
from augment.data.notes import NOT_USED, on_reading, without_text
from augment.errors import InputError, ModelError, OutputError, counted, counted_of, did_you_mean

if TYPE_CHECKING:
    from augment.models.checkpoints import Checkpoint

Objective = Literal["mlm", "simcse", "esimcse", "supervised-simcse"]


def pretrain_files(
    sources: Sequence[str],
    output_dir: Path,
    *,
    model: str,
    objective: Objective = "mlm",
    condition: Literal["none", "label"] = "none",
    teacher: str | None = None,
    vocabulary: int | None = None,
    layers: int | None = None,
    positions: int | None = None,
    triple_columns: tuple[str | None, str | None, str | None] = (None, None, None),
    layout: Layout | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    resume: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, Any] | None:
    """Train a language model on the texts of files, and save it.

    Parameters
    ----------
    sources : sequence of str
        ``.txt`` files with one sentence per line, or tables with a text column.
    output_dir : Path
        Folder of the new model.
    model : str
        The model to start from: a bundled name, a folder or a hub id.
    objective : {"mlm", "simcse", "esimcse", "supervised-simcse"}, default="mlm"
        What is learnt: masked words, or similar vectors for similar sentences.
    condition : {"none", "label"}, default="none"
        "label": each text follows the words of its label. With the objective "mlm" only.
    teacher : str, optional
        An encoder whose vectors the model learns to match. With the objective "mlm" only.
    vocabulary, layers, positions : int, optional
        Keep this number of word pieces, layers and position embeddings.
    triple_columns : tuple of (str or None), default=(None, None, None)
        The columns of premise, entailment and contradiction. With the objective "supervised-simcse" only.
    layout : Layout, optional
        How the tables are laid out.
    settings : mapping, optional
        Fields of `PretrainConfig`, or of `ContrastiveConfig`.
    device : {"auto", "cpu", "cuda"}, default="auto"
    resume : bool, default=False
        Go on from the last checkpoint in the output folder. If the training has finished, nothing is made.
    log : callable, optional
        Called with lines on rows that are left out and, with the contrastive objectives, on the progress.

    Returns
    -------
    dict or None
        What a contrastive objective measured before and after; None for the objective "mlm".

    Raises
    ------
    InputError
        If a file or a setting cannot be used.
    ModelError
        If a model cannot be opened, or its vocabulary cannot be cut.
    OutputError
        If the folder holds a model, or an unfinished training without `resume`.
    """
    from classifiers.pretraining.shrinking import shrink

    _check_choices(objective, condition, teacher, triple_columns)
    _check_folder(output_dir, resume=resume)
    say = log if log is not None else lambda line: None
    layout = layout or Layout()
    smaller = {"vocabulary": vocabulary, "layers": layers, "positions": positions}
    if objective == "mlm":
        from augment.models.checkpoints import load_encoder, load_masked_lm
        from augment.models.label_prefix import conditioned
        from augment.seeding import global_generators
        from classifiers.pretraining.masked_lm import PretrainConfig, pretrain

        config = PretrainConfig(**dict(settings or {}))
        texts, labels = _texts_and_labels(sources, layout, labelled=condition == "label", log=say)
        with global_generators(config.seed):
            checkpoint = load_masked_lm(model, device=device, new_head=True)
        _say_repeated(texts if labels is None else list(zip(texts, labels, strict=True)), say)
        shown = texts if labels is None else [conditioned(*row)[0] for row in zip(texts, labels, strict=True)]
        checkpoint = shrink(checkpoint, shown, **smaller)
        taught_by = load_encoder(teacher, device=device) if teacher else None
        pretrain(checkpoint, texts, output_dir, config, labels=labels, teacher=taught_by, resume=resume, log=log)
        return None
    from classifiers.pretraining.contrastive import ContrastiveConfig, open_encoder, pretrain_by_contrast
    from classifiers.pretraining.sentences import read_triples

    contrast = ContrastiveConfig(**{"objective": objective, **dict(settings or {})})
    rows: list[tuple[str, ...]]
    if contrast.supervised:
        rows = [triple for source in sources for triple in read_triples(source, layout, triple_columns, say)]
    else:
        rows = [(text,) for text in _texts_and_labels(sources, layout, labelled=False, log=say)[0]]
    _say_repeated(rows, say)
    checkpoint = open_encoder(model, contrast, device=device)
    _check_vocabulary(model, checkpoint, vocabulary)
    checkpoint = shrink(checkpoint, [text for row in rows for text in row], **smaller)
    return pretrain_by_contrast(checkpoint, rows, output_dir, contrast, resume=resume, log=log)


def _check_choices(objective: str, condition: str, teacher: str | None, triple_columns: Sequence[str | None]) -> None:
    """Refuse an unknown choice, and what the objective would not use."""
    for name, value, known in (
        ("objective", objective, typing.get_args(Objective)),
        ("condition", condition, ("none", "label")),
    ):
        if value not in known:
            expected = f"{', '.join(map(repr, known[:-1]))} or {known[-1]!r}"
            raise InputError(f"`{name}` must be {expected}. Got {value!r:.60}.{did_you_mean(str(value), known)}")
    if objective != "mlm" and (condition != "none" or teacher is not None):
        raise InputError(f"`condition` and `teacher` are for the objective 'mlm'. Got {objective!r}. Leave them out.")
    if objective != "supervised-simcse" and any(triple_columns):
        raise InputError(f"`triple_columns` is for the objective 'supervised-simcse'. Got {objective!r}. Leave it out.")


def _check_folder(output_dir: Path, *, resume: bool) -> None:
    """Refuse a folder that holds another model, or a training that is not to be resumed."""
    from classifiers.pretraining.loop import TRAINING

    if (output_dir / "config.json").exists() and not (resume and (output_dir / TRAINING).exists()):
        raise OutputError(f"The folder {str(output_dir)!r} holds a model already. Give another.")
    if (output_dir / TRAINING).exists() and not resume:
        raise OutputError(
            f"The folder {str(output_dir)!r} holds an unfinished training. Give `resume=True` to go on, or another"
            " folder."
        )


def _check_vocabulary(model: str, checkpoint: Checkpoint, vocabulary: int | None) -> None:
    """Refuse to cut the vocabulary of a model without a masked-LM head."""
    if vocabulary is not None and checkpoint.model.get_output_embeddings() is None:
        raise ModelError(
            f"The vocabulary of {model!r} cannot be cut, since it has no masked-LM head. Leave `vocabulary` out, or"
            " give it a head with `mlm_weight=0.1`."
        )


def _say_repeated(rows: Sequence[Any], log: Callable[[str], None]) -> None:
    """Say how many rows repeat an earlier one, since a training takes each once."""
    filled = [row for row in rows if (row if isinstance(row, str) else row[0]).strip()]
    repeated = len(filled) - len(set(filled))
    if repeated:
        log(f"{counted_of(repeated, len(filled), 'row', 'repeats', 'repeat')} an earlier one. {NOT_USED}")


def _texts_and_labels(
    sources: Sequence[str], layout: Layout, *, labelled: bool, log: Callable[[str], None]
) -> tuple[list[str], list[str] | None]:
    """Return all texts and, if `labelled`, the names of their labels, without the rows that upsampling has made."""
    if not labelled:
        texts: list[str] = []
        for source in sources:
            if source.endswith(".txt"):
                texts += text_lines(source, layout.encoding)
                continue
            own = open_texts(source, layout)
            texts += [text for text in own if text is not None]
            if line := without_text(source, sum(not (text and text.strip()) for text in own), len(own), NOT_USED):
                log(line)
        return texts, None
    for source in sources:
        if source.endswith(".txt"):
            raise InputError(f"The text file {source!r} has no labels. Give a table, or `condition='none'`.")
    corpora = [read(source, layout) for source in sources]
    for corpus in corpora:
        for line in on_reading(corpus, NOT_USED):
            log(line)
        if made := int(corpus.is_synthetic.sum()):
            log(f"{corpus.name}: {counted(made, 'row is', 'rows are')} synthetic. {NOT_USED}")
    rows = [
        (text, label)
        for corpus in corpora
        for text, label, is_synthetic in zip(corpus.texts, corpus.named_labels(), corpus.is_synthetic, strict=True)
        if text and not is_synthetic
    ]
    return [text for text, _ in rows], [label for _, label in rows]
