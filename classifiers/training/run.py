"""Train a classifier on labelled texts: the main job, which only conducts."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate import PartialState
from transformers.integrations.integration_utils import get_available_reporting_integrations

from augment._version import __version__
from augment.data.containers import held_out_texts
from augment.errors import InputError
from augment.models.checkpoints import Checkpoint, folder_hash, load_encoder, quiet
from augment.seeding import global_generators
from classifiers.config import Features, Static, TrainConfig, makes_rows
from classifiers.data.feature_vectors import vector_sampler
from classifiers.data.feed import evaluated_rows, text_feed
from classifiers.data.inputs import FrozenFeatures, TokenInputs, features_cache
from classifiers.data.splits import Split, TrainingData, described, training_data
from classifiers.data.synthesis import Synthesis
from classifiers.model import EncoderClassifier
from classifiers.training import history as histories
from classifiers.training import output_folder
from classifiers.training.callbacks import Progress
from classifiers.training.head_training import retrain_head
from classifiers.training.history import History
from classifiers.training.objective import loss_of
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
        How.
    train_dataset : Corpus, datasets.Dataset, pandas.DataFrame, or (texts, labels)
        Rows that ``augment upsample`` has added are told from others by their column ``is_synthetic``.
    validation_dataset : the same, optional
        Rows that weights are chosen on, and that nothing is learnt from. Without them the last weights are kept.
    against : sequence of str, default=()
        Other held-out texts, such as those of a test file: no synthetic row equals or nearly equals one, or is made of
        a row that does. `augment.data.corpus.read_texts` reads them from a file.
    output_dir : str or Path, optional
        Folder for the model, its tokenizer, ``training.json``, ``history.jsonl`` and, if matplotlib is installed,
        ``curves.png``. None: nothing is kept on the disk but the features of a frozen encoder (see `cache_dir`).
    resume : bool, default=False
        Go on with the unfinished training in `output_dir`, which must have been asked for the same.
    overwrite : bool, default=False
        Replace what is in `output_dir`, once the new model is there.
    callbacks : sequence of TrainerCallback, default=()
        Of transformers.
    progress : callable, optional
        Given the number of steps, returns a context whose value is called with the number just taken.
    log : callable, optional
        Told in a sentence what was made, and how each evaluation came out.

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
        If the loss is no number any more.

    Examples
    --------
    >>> texts = ["It opens at nine.", "We sat by the door.", "A lovely meal!", "I loved it."] * 4
    >>> labels = ["neutral", "neutral", "positive", "positive"] * 4
    >>> result = train(TrainConfig(learning_rate=5e-4, epochs=2.0, batch_size=8), (texts, labels), (texts, labels))
    >>> result.classes, len(result.history)
    (['neutral', 'positive'], 2)
    """
    if resume and overwrite:
        raise InputError(
            "Of resume and overwrite one goes on with what is unfinished, one removes it. Give one of them."
        )
    # Of all processes that train this model; transformers sets it up anew, in the same way, when it begins.
    PartialState(cpu=config.device == "cpu" or (config.device == "auto" and not torch.cuda.is_available()))
    log_once = log if log is not None and PartialState().is_main_process else lambda line: None
    start = time.perf_counter()
    data = training_data(
        described(train_dataset, "the training data"),
        None if validation_dataset is None else described(validation_dataset, "the validation data"),
        held_out_texts(against),
    )
    synthesis = _checked(config, data)
    with contextlib.ExitStack() as stack:
        identity = {} if output_dir is None else _identity(config, data)
        if output_dir is not None:
            output_folder.check(Path(output_dir), identity, resume=resume, overwrite=overwrite)
        elif PartialState().num_processes > 1:
            raise InputError("Several processes train one model only with an output_dir that all of them see.")
        stack.enter_context(global_generators(config.seed))
        stack.enter_context(quiet())
        checkpoint = load_encoder(config.encoder, revision=config.revision, device=config.device, dtype=config.dtype)
        checkpoint.tokenizer.padding_side = "right"
        model = new_model(config, checkpoint, data.classes)
        if output_dir is None:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            work = output_folder.begin(Path(output_dir), identity, overwrite=overwrite)
        setting = TrainingSetup(
            config=config,
            checkpoint=checkpoint,
            model=model,
            history=History(work / histories.FILE, log=log_once, writes=PartialState().is_main_process),
            folder=work,
            keep=output_dir is not None,
            resume=resume,
            callbacks=callbacks,
            progress=progress,
        )
        try:
            best, new_rows = _trained(setting, data, synthesis, log_once)
        except InputError:
            if output_dir is not None and PartialState().is_main_process:
                output_folder.clear(work)
            raise
        setting.model.eval()
        result = TrainResult(
            model=setting.model,
            checkpoint=replace(checkpoint, model=setting.model),
            config=config,
            history=setting.history.records,
            rows={"original": data.originals.counts(data.classes), "synthetic": data.synthetic.counts(data.classes)}
            | ({} if data.validation is None else {"validation": data.validation.counts(data.classes)})
            | new_rows,
            data=data.fingerprints,
            seconds=time.perf_counter() - start,
            **setting.history.summary(best),
        )
        if output_dir is not None and PartialState().is_main_process:
            output_folder.save(result, Path(output_dir))
    PartialState().wait_for_everyone()
    return result


def _checked(config: TrainConfig, data: TrainingData) -> Synthesis | None:
    """See that a configuration suits the data, before anything is opened; return what makes new texts."""
    ways = config.augmentation
    there = get_available_reporting_integrations()
    for name in config.report_to:
        if name not in there:
            raise InputError(
                f"There is nothing to report to under the name {name!r} here. There is"
                f" {', '.join(there) or 'none'}. Install it, or leave report_to out."
            )
    loss_of(config, np.ones(len(data.classes)), data.classes)
    if config.patience is not None and data.validation is None:
        raise InputError("The patience counts evaluations on validation rows, and there are none. Give some.")
    makes_texts = isinstance(ways, Static)
    makes_vectors = makes_rows(ways) and not makes_texts
    weighed = config.synthetic_weight != 1 and not makes_vectors
    if (config.real_only or weighed) and not (len(data.synthetic) or makes_texts):
        name = "real_only" if config.real_only else "synthetic_weight"
        raise InputError(f"There are no synthetic rows that {name} could be for. Leave it out, or add some.")
    if data.against and not (len(data.synthetic) or makes_rows(ways)):
        raise InputError("There are no synthetic rows that `against` could be for. Leave it out, or add some.")
    if config.dtype == "float16" and PartialState().device.type == "cpu":
        raise InputError("In float16 a classifier is trained on a GPU alone. Give bfloat16, float32 or auto.")
    if isinstance(ways, Features):
        if len(data.synthetic):
            raise InputError(
                "The mode 'features' balances the features of original rows, and the training data holds synthetic"
                " ones. Give data without, or another mode."
            )
        if ways.strategy is not None:
            vector_sampler(ways)
    return Synthesis(ways, data, config.seed, config.device) if isinstance(ways, Static) else None


def _identity(config: TrainConfig, data: TrainingData) -> dict[str, Any]:
    """Return whatever determines the weights, as plain data."""
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
        checkpoint, classes, head=config.head, pooling=config.pooling, dropout=config.dropout, seed=config.seed
    )
    if checkpoint.device.type == "cpu":
        model.set_attn_implementation("eager")  # of short texts up to a tenth faster there
    return model


def _trained(
    setting: TrainingSetup, data: TrainingData, synthesis: Synthesis | None, log: Callable[[str], None]
) -> tuple[int | None, dict[str, Any]]:
    """Train in one phase or in two; return which step's weights these are, and what is told of new rows."""
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
