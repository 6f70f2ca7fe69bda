"""`train`, which trains a classifier on labelled texts. The other modules do the single steps."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from accelerate import PartialState
from transformers.integrations.integration_utils import get_available_reporting_integrations

from augment._version import __version__
from augment.data.containers import held_out_texts
from augment.data.notes import cut_texts
from augment.errors import InputError
from augment.models.checkpoints import Checkpoint, load_encoder, quiet
from augment.models.revisions import folder_hash
from augment.plain_data import as_expected
from augment.seeding import global_generators
from classifiers.config import Features, Static, TrainConfig, makes_rows
from classifiers.cutting import fit_tokenizer
from classifiers.data.feature_vectors import vector_sampler
from classifiers.data.feed import evaluated_rows, text_feed
from classifiers.data.inputs import FrozenFeatures, TokenInputs, features_cache
from classifiers.data.splits import Split, TrainingData, described, training_data
from classifiers.data.synthesis import Synthesis
from classifiers.model import EncoderClassifier
from classifiers.saved_folder import RECORD
from classifiers.training import history as histories
from classifiers.training import output_folder
from classifiers.training.callbacks import Progress
from classifiers.training.head_training import retrain_head
from classifiers.training.history import History
from classifiers.training.objective import check_class_weights
from classifiers.training.result import TrainResult
from classifiers.training.trainer import TrainingSetup, fit

if TYPE_CHECKING:
    from transformers import TrainerCallback


def train(
    config: TrainConfig,
    train_dataset: Any,
    validation_dataset: Any = None,
    *,
    against: Sequence[str] = (),
    output_dir: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
    progress: Progress | None = None,
    log: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train an encoder with a classification head.

    Parameters
    ----------
    config : TrainConfig
        All settings.
    train_dataset : Corpus, datasets.Dataset, pandas.DataFrame, or (texts, labels)
        The column ``is_synthetic`` marks the rows that ``augment upsample`` has added.
    validation_dataset : the same, optional
        Held-out rows; the weights that do best on them are kept. Without such rows the last weights are kept.
    against : sequence of str, default=()
        Other held-out texts, e.g. of a test file. No synthetic row equals or nearly equals one of them, or is made of
        a row that does. `augment.data.corpus.read_texts` reads them from a file.
    output_dir : str or Path, optional
        Folder for the model, its tokenizer, ``training.json``, ``history.jsonl`` and, if matplotlib is installed,
        ``curves.png``. None: only the features of a frozen encoder are kept on the disk (see `cache_dir`).
    resume : bool, default=False
        Go on with the unfinished training in `output_dir`. It must have the same data and settings. One that has
        finished is left alone, and its result returned.
    overwrite : bool, default=False
        Replace the contents of `output_dir`, after the new model is trained.
    callbacks : sequence of TrainerCallback, default=()
        More callbacks of transformers.
    progress : callable, optional
        Takes the number of steps and returns a context manager. Its value is called with the number of steps just
        taken.
    log : callable, optional
        Called with a sentence when new rows are made, and after each evaluation.

    Returns
    -------
    TrainResult

    Raises
    ------
    InputError
        If the data or a setting cannot be used; see also `classifiers.data.splits.training_data`.
    ModelError
        If the encoder cannot be opened.
    OutputError
        If `output_dir` holds something else.
    TrainingError
        If the loss is no longer a finite number.

    Examples
    --------
    >>> texts = ["It opens at nine.", "We sat by the door.", "A lovely meal!", "I loved it."] * 4
    >>> labels = ["neutral", "neutral", "positive", "positive"] * 4
    >>> result = train(TrainConfig(learning_rate=5e-4, epochs=2.0, batch_size=8), (texts, labels), (texts, labels))
    >>> result.classes, len(result.history)
    (['neutral', 'positive'], 2)
    """
    output = None if output_dir is None else Path(output_dir)
    _check_output(config, output, resume=resume, overwrite=overwrite)
    # The state of all processes that train this model. Later transformers sets it up again in the same way.
    PartialState(cpu=config.device == "cpu" or (config.device == "auto" and not torch.cuda.is_available()))
    main_log = log if log is not None and PartialState().is_main_process else lambda line: None
    start = time.perf_counter()
    data = training_data(
        described(train_dataset, "the training data"),
        None if validation_dataset is None else described(validation_dataset, "the validation data"),
        held_out_texts(against),
    )
    synthesis = _checked(config, data)
    identity = {} if output is None else _identity(config, data)
    if output is not None:
        output_folder.check(output, identity, resume=resume, overwrite=overwrite)
    elif PartialState().num_processes > 1:
        raise InputError("Several processes that train one model need an `output_dir` that all can read. Give one.")
    with global_generators(config.seed), quiet():
        checkpoint = load_encoder(config.encoder, revision=config.revision, device=config.device, dtype=config.dtype)
        if output is not None and resume and (record := output_folder.finished(output, identity)) is not None:
            main_log(f"{output_dir}: this training has finished already. Nothing is made or changed.")
            return _finished(output, record, config, checkpoint)
        cut = _cut(data, checkpoint, config.max_length)
        for line in [*data.notes, *cut.notes]:
            main_log(line)
        model = new_model(config, checkpoint, data.classes)
        fit_tokenizer(checkpoint.tokenizer, model.config.max_tokens)
        with _work_folder(output, identity, overwrite=overwrite) as work:
            setting = TrainingSetup(
                config=config,
                checkpoint=checkpoint,
                model=model,
                history=History(work / histories.FILE, log=main_log, writes=PartialState().is_main_process),
                folder=work,
                keep=output is not None,
                resume=resume,
                callbacks=callbacks,
                progress=progress,
            )
            best, new_rows = _trained(setting, data, synthesis, main_log)
        result = _result(setting, data, best, {"cut_texts": cut.counts} if cut.counts else {}, new_rows, start)
        if output is not None and PartialState().is_main_process:
            output_folder.save(result, output, identity)
    PartialState().wait_for_everyone()
    return result


def _check_output(config: TrainConfig, output: Path | None, *, resume: bool, overwrite: bool) -> None:
    """Raise an error for options that exclude each other, or that need an output folder if there is none."""
    if resume and overwrite:
        raise InputError(
            "`resume` and `overwrite` exclude each other: one goes on with unfinished work, one removes it."
            " Give one of them."
        )
    if output is None and (resume or overwrite):
        name = "resume" if resume else "overwrite"
        raise InputError(f"`{name}` is for a training with an `output_dir`, and none is given. Leave it out.")
    if "tensorboard" in config.report_to and output is None and "TENSORBOARD_LOGGING_DIR" not in os.environ:
        raise InputError(
            "TensorBoard needs a folder, and there is none. Give an `output_dir`, set the variable"
            " TENSORBOARD_LOGGING_DIR, or leave `report_to` out."
        )


@contextlib.contextmanager
def _work_folder(output: Path | None, identity: dict[str, Any], *, overwrite: bool) -> Iterator[Path]:
    """Yield the folder of unfinished work, a temporary one without an output. A refused training leaves none."""
    if output is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    work = output_folder.begin(output, identity, overwrite=overwrite)
    try:
        yield work
    except InputError:
        if PartialState().is_main_process:
            output_folder.clear(work)
        raise


def _result(
    setting: TrainingSetup,
    data: TrainingData,
    best: int | None,
    cut_texts: dict[str, Any],
    new_rows: dict[str, Any],
    start: float,
) -> TrainResult:
    """Return the result of a training, with the weights of the step `best`."""
    setting.model.eval()
    return TrainResult(
        model=setting.model,
        checkpoint=replace(setting.checkpoint, model=setting.model),
        config=setting.config,
        history=setting.history.records,
        rows={"original": data.originals.counts(data.classes), "synthetic": data.synthetic.counts(data.classes)}
        | ({} if data.validation is None else {"validation": data.validation.counts(data.classes)})
        | ({"omitted": data.omitted} if data.omitted else {})
        | cut_texts
        | new_rows,
        data=data.fingerprints,
        seconds=time.perf_counter() - start,
        **setting.history.summary(best),
    )


def _finished(folder: Path, record: dict[str, Any], config: TrainConfig, checkpoint: Checkpoint) -> TrainResult:
    """Return the result of a training that has finished in a folder."""
    model = EncoderClassifier.from_pretrained(folder).to(checkpoint.device).eval()
    with as_expected(str(folder / RECORD)):
        return TrainResult(
            model=model,
            checkpoint=replace(checkpoint, model=model),
            config=config,
            history=histories.read(folder / histories.FILE),
            **{name: record[name] for name in ("best", "last", "mean_gap", "rows", "data", "seconds")},
        )


def _checked(config: TrainConfig, data: TrainingData) -> Synthesis | None:
    """Check a configuration against the data, before anything is opened. Return the synthesis of new texts, if any."""
    ways = config.augmentation
    there = get_available_reporting_integrations()
    for name in config.report_to:
        if name not in there:
            raise InputError(
                f"There is no report target {name!r} on this machine. There is"
                f" {', '.join(there) or 'none'}. Install it, or leave `report_to` out."
            )
    if isinstance(config.class_weights, Mapping):
        check_class_weights(config.class_weights, data.classes)
    if config.patience is not None and data.validation is None:
        raise InputError("The patience needs validation rows, and there are none. Give some, or leave `patience` out.")
    makes_texts = isinstance(ways, Static)
    makes_vectors = makes_rows(ways) and not makes_texts
    weighed = config.synthetic_weight != 1 and not makes_vectors
    if (config.real_only or weighed) and not (len(data.synthetic) or makes_texts):
        name = "real_only" if config.real_only else "synthetic_weight"
        raise InputError(f"There are no synthetic rows, so {name} has no effect. Leave it out, or add some.")
    if data.against and not (len(data.synthetic) or makes_rows(ways)):
        raise InputError("There are no synthetic rows, so `against` has no effect. Leave it out, or add some.")
    if config.dtype == "float16" and PartialState().device.type == "cpu":
        raise InputError("Training in float16 needs a GPU. Give bfloat16, float32 or auto.")
    if isinstance(ways, Features):
        if len(data.synthetic):
            raise InputError(
                "The mode 'features' balances the features of original rows, and the training data has synthetic"
                " rows. Give data without them, or another mode."
            )
        if ways.strategy is not None:
            vector_sampler(ways)
    return Synthesis(ways, data, config.seed, config.device) if isinstance(ways, Static) else None


class _Cut(NamedTuple):
    """Texts that are longer than the model reads."""

    counts: dict[str, int]
    notes: list[str]


def _cut(data: TrainingData, checkpoint: Checkpoint, max_length: int) -> _Cut:
    """Count the texts of original and validation rows that are cut."""
    longest = checkpoint.longest(max_length)
    counts, notes = {}, []
    for name, split in {"training": data.originals, "validation": data.validation}.items():
        if split is not None and (count := checkpoint.cut(split.texts, longest)):
            counts[name] = count
            notes.append(cut_texts(f"The {name} data", count, len(split), longest) or "")
    return _Cut(counts, notes)


def _identity(config: TrainConfig, data: TrainingData) -> dict[str, Any]:
    """Return all that determines the weights, as plain data."""
    return {
        "version": __version__,
        "encoder": folder_hash(config.encoder),
        "config": config.model_dump(mode="json", exclude={"report_to", "cache_dir"}),
        "data": data.fingerprints,
        "processes": PartialState().num_processes,
    }


def new_model(config: TrainConfig, checkpoint: Checkpoint, classes: Sequence[str]) -> EncoderClassifier:
    """Return an untrained classifier.

    Parameters
    ----------
    config : TrainConfig
    checkpoint : Checkpoint
        The encoder.
    classes : sequence of str

    Returns
    -------
    EncoderClassifier
    """
    model = EncoderClassifier.from_encoder(
        checkpoint,
        classes,
        head=config.head,
        pooling=config.pooling,
        dropout=config.dropout,
        max_length=config.max_length,
        seed=config.seed,
    )
    if checkpoint.device.type == "cpu":
        model.set_attn_implementation("eager")  # on short texts up to a tenth faster
    return model


def _trained(
    setting: TrainingSetup, data: TrainingData, synthesis: Synthesis | None, log: Callable[[str], None]
) -> tuple[int | None, dict[str, Any]]:
    """Train in one or two phases. Return the step of the kept weights, and the reports on new rows."""
    config, ways = setting.config, setting.config.augmentation
    frozen = config.freeze_encoder and config.head == "linear"
    cache = features_cache(config.cache_dir) if frozen else None
    features = FrozenFeatures(setting.model, setting.checkpoint, config.max_length, cache)
    best: int | None = None
    new_rows: dict[str, Any] = {}
    if not (frozen and isinstance(ways, Features)):
        if config.freeze_encoder:
            setting.model.freeze_encoder()
        best, new_rows = _fit_on_texts(setting, data, synthesis, features if frozen else features.tokens, log)
    if isinstance(ways, Features):
        best, new_rows = retrain_head(setting, ways, data, features)
    return best, new_rows


def _fit_on_texts(
    setting: TrainingSetup,
    data: TrainingData,
    synthesis: Synthesis | None,
    inputs: TokenInputs | FrozenFeatures,
    log: Callable[[str], None],
) -> tuple[int | None, dict[str, Any]]:
    """Train on the rows of the file and on new texts."""
    config, classes = setting.config, data.classes
    feed = text_feed(config, data, inputs, synthesis, setting.folder, log)

    def of(split: Split | None) -> tuple[Split | None, Callable[[np.ndarray], Any]]:
        return split, lambda rows: inputs([split.texts[i] for i in rows] if split else [])

    try:
        kinds = {"train": of(data.originals), "synthetic": of(feed.synthetic), "validation": of(data.validation)}
        best = fit(
            setting,
            feed,
            evaluated_rows(config, len(classes), kinds),
            phase="train",
            learning_rate=config.learning_rate,
            epochs=config.epochs,
            max_steps=config.max_steps,
        )
    finally:
        if feed.sets is not None:
            feed.sets.close()
    return best, {} if feed.sets is None else feed.sets.report()
