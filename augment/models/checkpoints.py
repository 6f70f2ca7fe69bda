"""Open pretrained models: from a name or a folder to a model and its tokenizer."""

from __future__ import annotations

import contextlib
import logging
import os
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from augment.errors import CounterpoiseError, InputError, ModelError, counted
from augment.models import hub
from augment.models.checkpoint_checks import agree_on_padding, check_classes, check_vocabulary, try_out
from augment.models.devices import device_of, dtype_of
from augment.models.named_models import BUNDLED, place_of
from augment.models.revisions import revision_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

MODEL_TYPES = "counterpoise.model_types"
"""Entry-point group: a `model_type` of transformers, and the module whose import makes it known."""
SAFE = {"use_safetensors": True, "trust_remote_code": False}
"""Load no pickles, and run no code that comes with a model."""
_CAUSAL = "Give one that writes texts, e.g. 'Qwen/Qwen2.5-0.5B-Instruct'."


@dataclass(frozen=True)
class Checkpoint:
    """A model ready for inference, and what identifies it."""

    name: str
    """The name by which it was opened: a bundled name, a folder, or a hub id."""
    revision: str
    """``sha256:…`` of the files of a folder, or the commit of a hub id."""
    model: PreTrainedModel
    """In eval mode, float32 weights, on `device`."""
    tokenizer: PreTrainedTokenizerFast
    device: torch.device
    dtype: torch.dtype
    """The type of the linear maps: float32, a half type by autocast, or int8 (see `fixed_slabs`)."""
    untrained: tuple[str, ...] = ()
    """Names of parameters that the checkpoint lacks, so that they are random: an encoder's pooler, or a new head."""

    def identity(self) -> dict[str, str]:
        """Return the name, the revision, the device and the dtype, as a manifest records them.

        For a device other than a CPU also the rows of its slabs, and for int8 on a CPU without VNNI the bits of the
        weights, which determine what is computed.
        """
        identity = {
            "model": self.name,
            "revision": self.revision,
            "device": str(self.device),
            "dtype": str(self.dtype).removeprefix("torch."),
        }
        from augment.models.fixed_slabs import largest_weight, slab_of

        if self.device.type != "cpu":
            identity["slab"] = str(slab_of(self.device))
        elif identity["dtype"] == "int8" and largest_weight() < 127:
            identity["weight_bits"] = "7"
        return identity

    def require_pooler(self) -> None:
        """Check that the model has a trained pooler of its own.

        Raises
        ------
        ModelError
            If it has none, or the checkpoint lacks its weights.
        """
        lacking = [name for name in self.untrained if _is_pooler(name)]
        if lacking:
            raise ModelError(
                f"The pooling 'cls_mlp' needs the pooler of {self.name!r}, whose checkpoint lacks {_and_more(lacking)}."
                " Give the pooling 'cls'."
            )
        if getattr(self.model.base_model, "pooler", None) is None:
            raise ModelError(
                f"The pooling 'cls_mlp' needs a model with a pooler of its own, and {self.name!r}"
                f" ({type(self.model).__name__}) has none. Give the pooling 'cls'."
            )

    def longest(self, max_length: int | None = None) -> int:
        """Return the maximum number of tokens that is read of a text, special tokens included.

        Parameters
        ----------
        max_length : int, optional
            A limit of the caller's. None for that of the model.

        Returns
        -------
        int
            Above the number of special tokens: a tokenizer cuts nothing if it has no room beside them.

        Raises
        ------
        ModelError
            If the limit of the tokenizer is not a number, or leaves no room beside the special tokens.
        InputError
            If `max_length` leaves none.
        """
        from torch import nn

        own = self.tokenizer.model_max_length
        if not isinstance(own, (int, float)) or own < 1:
            raise ModelError(f"The tokenizer of {self.name!r} has model_max_length={own!r}; expected a number above 0.")
        longest = int(min(own, getattr(self.model.base_model.config, "max_position_embeddings", 512)))
        for name, module in self.model.base_model.named_modules():
            if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
                first = 0 if module.padding_idx is None else module.padding_idx + 1  # RoBERTa counts from there
                longest = min(longest, module.num_embeddings - first)
        special = self.tokenizer.num_special_tokens_to_add()
        if longest <= special:
            raise ModelError(
                f"The model {self.name!r} takes {longest} tokens, of which {special} are special ones, so there is no"
                " room for a text. Correct model_max_length in tokenizer_config.json, or give another model."
            )
        if max_length is not None and max_length <= special:
            raise InputError(
                f"`max_length` must be above {special}, the special tokens of {self.name!r}. Got {max_length}."
            )
        return longest if max_length is None else min(max_length, longest)

    def tokens(self, texts: Sequence[str], longest: int) -> list[list[int]]:
        """Return the token ids of each text, special ones included; a text of more than `longest` tokens is cut."""
        if not len(texts):
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), truncation=True, max_length=longest)["input_ids"]
        return [row or [self.unknown_token] for row in ids]

    def cut(self, texts: Sequence[str], longest: int) -> int:
        """Return how many texts have more than `longest` tokens, special ones included."""
        if not len(texts):
            return 0
        full = [text for text, ids in zip(texts, self.tokens(texts, longest), strict=True) if len(ids) >= longest]
        ids = self.tokenizer(full, verbose=False)["input_ids"] if full else []
        return sum(len(row) > longest for row in ids)

    @property
    def unknown_token(self) -> int:
        """The token id that stands for a text in which the tokenizer finds no token."""
        return self.tokenizer.unk_token_id or 0

    def inference(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context without gradients and with this checkpoint's autocast, if it has one."""
        import torch

        stack = contextlib.ExitStack()
        stack.enter_context(torch.inference_mode())
        if self.dtype in (torch.bfloat16, torch.float16):
            stack.enter_context(torch.autocast(self.device.type, dtype=self.dtype))
        return stack


def load_masked_lm(
    name: str, *, revision: str | None = None, device: str = "auto", dtype: str = "auto", new_head: bool = False
) -> Checkpoint:
    """Open a masked language model.

    Parameters
    ----------
    name : str
        ``"mini"``, a folder written by `save_pretrained`, or a hub id.
    revision : str, optional
        Branch, tag or commit of a hub id.
    device : str, default="auto"
        A torch device; ``"auto"`` takes CUDA when there is one.
    dtype : {"auto", "float32", "bfloat16", "float16", "int8"}, default="auto"
        The type of the linear maps. ``"auto"`` takes bfloat16 if the device computes in it natively, otherwise int8 on
        a CPU that has instructions for it, otherwise float32.
    new_head : bool, default=False
        Accept a checkpoint without a masked-LM head and give it a fresh one, to be trained.

    Returns
    -------
    Checkpoint
        With float32 weights, in eval mode.

    Raises
    ------
    ModelError
        If the model does not exist, is not a masked LM, has no fast tokenizer, or its weights are not safetensors.
    InputError
        If the device or the dtype cannot be used.
    """
    opened = _opened("AutoModelForMaskedLM", name, revision, device, dtype, or_int8=True)
    if opened.untrained and not new_head:
        raise ModelError(
            f"The model {name!r} is not a masked language model: its checkpoint lacks {_and_more(opened.untrained)}."
            " Give a checkpoint saved from a ...ForMaskedLM class, e.g. 'mini' or 'distilbert/distilroberta-base'."
        )
    if opened.tokenizer.mask_token_id is None:
        raise ModelError(f"The tokenizer of {name!r} has no mask token, so it cannot fill masks. Give a masked LM.")
    return opened


def load_encoder(name: str, *, revision: str | None = None, device: str = "auto", dtype: str = "auto") -> Checkpoint:
    """Open a text encoder: any model whose output has a `last_hidden_state`, or that of a trained classifier.

    Parameters
    ----------
    name, revision, device, dtype
        As in `load_masked_lm`, but that ``"auto"`` never takes int8.

    Returns
    -------
    Checkpoint
        With float32 weights, in eval mode. Its `untrained` names missing parameters of a pooler: a checkpoint saved
        from a masked LM has none.

    Raises
    ------
    ModelError
        If there is no such model, its checkpoint lacks weights other than a pooler's, or it has no fast tokenizer.
    InputError
        If the device or the dtype cannot be used.
    """
    place_of(name, revision)  # before heavy imports
    import torch

    # Missing weights are drawn from the global generator: it is seeded here, and restored afterwards.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        opened = _opened("AutoModel", name, revision, device, dtype)
    missing = [key for key in opened.untrained if not _is_pooler(key)]
    if missing:
        raise ModelError(
            f"The model {name!r} is not a trained encoder: its checkpoint lacks {_and_more(missing)}."
            " Give a folder or hub id whose weights are those of its config.json."
        )
    if own := getattr(opened.model.config, "encoder_max_tokens", None):
        opened.tokenizer.model_max_length = own  # that of a classifier is the length of its training
    encoder: Any = opened.model.base_model  # the encoder of a classifier; any other model itself
    return replace(opened, model=encoder)


def load_classifier(name: str, *, revision: str | None = None, device: str = "auto", dtype: str = "auto") -> Checkpoint:
    """Open a text classifier: what ``pipeline("text-classification")`` would take.

    Parameters
    ----------
    name, revision, device, dtype
        As in `load_masked_lm`, but that ``"auto"`` never takes int8.

    Returns
    -------
    Checkpoint
        With float32 weights, in eval mode.

    Raises
    ------
    ModelError
        If there is no such model, it has no trained classification head, no fast tokenizer, or needs a padding token
        and has none.
    InputError
        If the device or the dtype cannot be used.
    """
    opened = _opened("AutoModelForSequenceClassification", name, revision, device, dtype)
    if opened.untrained:
        raise ModelError(
            f"The model {name!r} is not a text classifier: its checkpoint lacks {opened.untrained[0]!r}."
            " Give a checkpoint saved from a ...ForSequenceClassification class."
        )
    check_classes(name, opened.model.config)
    agree_on_padding(name, opened.model, opened.tokenizer)
    return opened


def load_causal_lm(name: str, *, revision: str | None = None, device: str = "auto", dtype: str = "auto") -> Checkpoint:
    """Open a causal language model, one that writes a text from left to right.

    Parameters
    ----------
    name, revision, device, dtype
        As in `load_masked_lm`, but that ``"auto"`` never takes int8, which such a model cannot be computed in.

    Returns
    -------
    Checkpoint
        In eval mode. Unlike those of other models its weights are of the type `dtype`: there are billions of them.

    Raises
    ------
    ModelError
        If the model does not exist, is not a causal LM, has no fast tokenizer, or its weights are not safetensors.
    InputError
        If the device or the dtype cannot be used.
    """
    if dtype == "int8":
        raise InputError(f"The causal language model {name!r} cannot be computed in int8. Give the dtype 'auto'.")
    opened = _opened("AutoModelForCausalLM", name, revision, device, dtype, weights_too=True)
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    config = opened.model.config
    fills_masks = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    if opened.untrained or fills_masks:
        reason = f"its checkpoint lacks {_and_more(opened.untrained)}" if opened.untrained else "it fills masks"
        raise ModelError(f"The model {name!r} is not a causal language model: {reason}. {_CAUSAL}")
    return opened


def load_seq2seq(name: str, *, revision: str | None = None, device: str = "auto", dtype: str = "auto") -> Checkpoint:
    """Open a sequence-to-sequence model: a translator or a paraphraser.

    Parameters
    ----------
    name, revision, device, dtype
        As in `load_masked_lm`, but that ``"auto"`` never takes int8.

    Returns
    -------
    Checkpoint
        With float32 weights, in eval mode. Its tokenizer need not be a fast one.

    Raises
    ------
    ModelError
        If there is no such model, it is not a sequence-to-sequence model, its checkpoint lacks weights, its weights are
        not safetensors, or its tokenizer needs a package that is not installed.
    InputError
        If the device or the dtype cannot be used.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Recommended: pip install sacremoses")  # for other punctuation than ours
        opened = _opened("AutoModelForSeq2SeqLM", name, revision, device, dtype, slow_tokenizer=True)
    if opened.untrained:
        raise ModelError(
            f"The model {name!r} is not a trained sequence-to-sequence model: its checkpoint lacks"
            f" {_and_more(opened.untrained)}. Give a checkpoint saved from a ...ForConditionalGeneration class."
        )
    return opened


def _opened(
    kind: str,
    name: str,
    revision: str | None,
    device: str,
    dtype: str,
    *,
    or_int8: bool = False,
    weights_too: bool = False,
    slow_tokenizer: bool = False,
) -> Checkpoint:
    """Open a model by a class of transformers, and its tokenizer. All that the checkpoint lacks is in `untrained`.

    `or_int8` lets the dtype "auto" mean int8, `weights_too` holds the weights in the dtype as well, and with
    `slow_tokenizer` the tokenizer need not give character offsets.
    """
    source = place_of(name, revision)  # before heavy imports
    import transformers

    place = device_of(device)
    computed_in = dtype_of(dtype, place, or_int8=or_int8)
    with quiet(), _one_line(name), _asked_once(source):
        _announce(source, revision)
        weights = computed_in if weights_too else "float32"
        model, report = getattr(transformers, kind).from_pretrained(
            source, revision=revision, dtype=weights, **SAFE, output_loading_info=True
        )
        tokenizer = _tokenizer(source, revision)
        if not (tokenizer.is_fast or slow_tokenizer):
            raise ModelError(f"The tokenizer of {source!r} gives no character offsets. A fast tokenizer is needed.")
    check_vocabulary(name, model, tokenizer)
    model.eval().to(place)
    try_out(name, model)
    missing = tuple(sorted(report["missing_keys"]))
    return Checkpoint(name, revision_of(source, revision), model, tokenizer, place, computed_in, missing)


def _announce(source: str, revision: str | None) -> None:
    """Import the module that registers a model type with transformers, if an installed package names one."""
    from transformers import PreTrainedConfig

    kind = PreTrainedConfig.get_config_dict(source, revision=revision)[0].get("model_type")
    for point in entry_points(group=MODEL_TYPES, name=str(kind)):
        point.load()


def _is_pooler(parameter: str) -> bool:
    return parameter.startswith("pooler.")


def _and_more(missing: Sequence[str]) -> str:
    """Name the first missing weight, and count the others."""
    more = len(missing) - 1
    return f"{missing[0]!r}" + (f" and {counted(more, 'more weight')}" if more else "")


def _tokenizer(source: str, revision: str | None) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=False)
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
        raise ModelError(f"There is no tokenizer in {source!r}, or it is empty. Save the model's tokenizer beside it.")
    opened: PreTrainedTokenizerFast = tokenizer
    return opened


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the progress bars and reports of transformers and of the hub for a block; what matters is raised."""
    from transformers.utils import logging as of_transformers

    of_hub = logging.getLogger("huggingface_hub")  # it reports each new try
    level, bars, hub_level = of_transformers.get_verbosity(), of_transformers.is_progress_bar_enabled(), of_hub.level
    of_transformers.set_verbosity_error()
    of_transformers.disable_progress_bar()
    of_hub.setLevel(logging.ERROR)
    try:
        yield
    finally:
        of_hub.setLevel(hub_level)
        of_transformers.set_verbosity(level)
        if bars:
            of_transformers.enable_progress_bar()


def _asked_once(source: str) -> contextlib.AbstractContextManager[None]:
    """Return a context in which a hub that cannot be reached is not asked again for each file."""
    return contextlib.nullcontext() if os.path.isdir(source) or hub.reachable() else hub.only_cached()


@contextlib.contextmanager
def _one_line(name: str) -> Iterator[None]:
    """Turn errors of transformers while loading into one line that names the model."""
    try:
        yield
    except CounterpoiseError:
        raise
    except Exception as error:
        reason = textwrap.shorten(str(error), 200, placeholder=" …")
        if "AutoModelForMaskedLM" in reason:
            raise ModelError(
                f"The model {name!r} is not a masked language model. Give one, e.g. 'mini' or"
                " 'google-bert/bert-base-uncased'."
            ) from error
        if "AutoModelForCausalLM" in reason:
            raise ModelError(f"The model {name!r} is not a causal language model. {_CAUSAL}") from error
        if "AutoModelForSeq2SeqLM" in reason:
            raise ModelError(
                f"The model {name!r} is not a sequence-to-sequence model. Give a translator or a paraphraser, e.g."
                " 'Helsinki-NLP/opus-mt-en-de' and 'Helsinki-NLP/opus-mt-de-en', or a T5 model."
            ) from error
        if "sentencepiece" in str(error).lower() and find_spec("sentencepiece") is None:
            raise ModelError(
                f"The tokenizer of {name!r} needs the package sentencepiece, which is not installed. Install it: pip"
                " install 'counterpoise[seq2seq]'."
            ) from error
        raise ModelError(
            f"The model {name!r} cannot be loaded: it is neither bundled ({', '.join(BUNDLED)}) nor a folder with"
            f" config.json, safetensors weights and a tokenizer, nor reachable on the hub. {reason}"
        ) from error
