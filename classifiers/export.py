"""Export a trained classifier for programs that have neither torch nor this package."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from augment._version import __version__
from augment.errors import InputError, ModelError, OutputError
from augment.files import replacing
from augment.models.checkpoints import Checkpoint
from augment.models.scorer import TextScorer
from classifiers.evaluation import opened
from classifiers.saved_folder import EXPORT, GRAPH, check_saved

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

EXTRA = ("onnx", "onnxscript", "onnxruntime")
TOKENIZER = "tokenizer.json"
INLINE_BYTES = 1_500_000_000
"""Weights up to this size are in the graph. A larger graph comes near the limit of its format, which is 2 GiB."""
TOLERANCE = 1e-4
"""The largest difference between a probability of the graph and one of the model."""
TRIED = ("", "Good.", "The film was bad, and the seats were hard.", "We sat upstairs by the window. " * 300)
"""Texts on which the graph must say what the model says: of several lengths, and longer than any model reads."""


def export_onnx(model: str, output_dir: str | Path | None = None, *, overwrite: bool = False) -> Path:
    """Write a classifier as a graph of ONNX, with its tokenizer.

    The folder holds ``model.onnx``, from token ids to probabilities, and ``tokenizer.json``, which cuts long texts and
    pads batches. Weights of more than 1.5 GB are in ``model.onnx.data``. The metadata of the graph has the keys
    ``classes`` (a list in JSON, in the order of the outputs) and ``max_tokens``.

    Parameters
    ----------
    model : str
        A folder of ``classifiers train``, a folder of another text classifier, or a hub id.
    output_dir : str or Path, optional
        The folder to write. None for the folder ``onnx`` in that of the model.
    overwrite : bool, default=False
        Replace an older export.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the libraries for ONNX are not installed, or a hub id comes without an output folder.
    ModelError
        If the model cannot be opened or exported, or the graph says something else than the model.
    OutputError
        If the folder exists, or cannot be written. Nothing is left there.
    """
    lacking = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if lacking:
        raise InputError(f'An export to ONNX needs {" and ".join(lacking)}; run: pip install "counterpoise[onnx]"')
    check_saved(model)
    folder = _output(model, output_dir, overwrite=overwrite)
    checkpoint, longest = opened(model, device="cpu", dtype="float32")
    scorer = TextScorer(checkpoint, max_length=longest)
    expected, classes = scorer.probabilities(TRIED), scorer.classes
    tokenizer = _tokenizer(checkpoint, longest)
    weights = sum(weight.nbytes for weight in checkpoint.model.parameters())
    program = _program(checkpoint)
    program.model.metadata_props.update(
        classes=json.dumps(classes, ensure_ascii=False),
        max_tokens=str(longest),
        producer=f"counterpoise {__version__}",
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder) as temporary:
        temporary.mkdir()
        program.save(temporary / GRAPH, external_data=weights > INLINE_BYTES)
        tokenizer.save(str(temporary / TOKENIZER))
        _check(temporary, expected, model)
    return folder


def _output(model: str, output_dir: str | Path | None, *, overwrite: bool) -> Path:
    """Return the folder to write. Refuse one whose contents would be lost."""
    own = Path(model).expanduser()
    if output_dir is None and not own.is_dir():
        raise InputError(f"The model {model!r} is not a folder on this machine. Give an `output_dir` for its export.")
    folder = own / EXPORT if output_dir is None else Path(output_dir)
    if not folder.exists():
        return folder
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file. Give the name of a folder.")
    if not {entry.name for entry in folder.iterdir()} <= {GRAPH, f"{GRAPH}.data", TOKENIZER}:
        raise OutputError(f"The folder {str(folder)!r} holds something else than an export. Give another.")
    if any(folder.iterdir()) and not overwrite:
        raise OutputError(
            f"The folder {str(folder)!r} holds an export already. Give `overwrite=True`, or another folder."
        )
    return folder


def _tokenizer(checkpoint: Checkpoint, longest: int) -> Tokenizer:
    """Return the tokenizer as a program of its own has to use it: it cuts, and pads each batch on the right."""
    tokenizer = Tokenizer.from_str(checkpoint.tokenizer.backend_tokenizer.to_str())
    tokenizer.enable_truncation(longest)
    pad_id = checkpoint.tokenizer.pad_token_id or 0  # as in `padded`; a model without a padding token has the mask
    pad_token: Any = checkpoint.tokenizer.convert_ids_to_tokens(pad_id)
    tokenizer.enable_padding(direction="right", pad_id=pad_id, pad_token=pad_token)
    return tokenizer


def _program(checkpoint: Checkpoint) -> ONNXProgram:
    from classifiers.onnx_graph import exported

    try:
        return exported(checkpoint.model)
    except Exception as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise ModelError(
            f"The model {checkpoint.name!r} ({type(checkpoint.model.base_model).__name__}) cannot be exported to ONNX:"
            f" torch has no way to write it. Serve its folder with transformers. {reason[:200]}"
        ) from error


def _check(folder: Path, expected: np.ndarray, name: str) -> None:
    """Check that an export says what the model says, in a batch and alone."""
    try:
        together = _served(folder, [TRIED])
        alone = _served(folder, [[text] for text in TRIED])
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ModelError(
            f"The model {name!r} was exported, but onnxruntime does not run the graph. Serve its folder with"
            f" transformers. {reason[:200]}"
        ) from error
    apart = max(float(np.abs(found - expected).max()) for found in (together, alone))
    if not apart <= TOLERANCE:
        raise ModelError(
            f"The graph of the model {name!r} gives probabilities that are {apart:.2g} away from those of the model."
            " It is not kept. Serve the model's folder with transformers."
        )


def _served(folder: Path, batches: Sequence[Sequence[str]]) -> np.ndarray:
    """Return the probabilities that a program without torch gets."""
    from onnxruntime import InferenceSession

    session = InferenceSession(folder / GRAPH, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    answers = []
    for batch in batches:
        rows = tokenizer.encode_batch(list(batch))
        inputs = {
            "input_ids": np.array([row.ids for row in rows], dtype=np.int64),
            "attention_mask": np.array([row.attention_mask for row in rows], dtype=np.int64),
        }
        answers.append(session.run(["probabilities"], inputs)[0])
    return np.concatenate(answers)
