"""A causal language model on this machine: batches of requests, each with random numbers of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment.errors import InputError, ModelError
from augment.llm.requests import Answer, Request
from augment.models.checkpoints import load_causal_lm

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MOST_TOKENS = 512
"""Tokens of an answer at most, where a request does not say."""


class LocalModel:
    """Answers requests with a causal language model of Hugging Face.

    Of a request's body it heeds ``messages``, ``temperature``, ``top_p``, ``max_tokens`` and ``chat_template_kwargs``.
    It cannot hold an answer to a ``response_format``. The tokenizer's chat template makes the prompt. If that takes no
    system message, its content is put before the user's. Without a template the prompt is the contents of the messages
    in their order, with a blank line after each. A special token within a message, such as the one that ends a message,
    gets a space after its first letter, so that a text of the data cannot end its message.

    Tokens are drawn with random numbers that depend on the request's key alone, a number for each token of the
    vocabulary, so the other requests of a batch do not change an answer. There is one exception: sums of floats
    differ in their last bits between batches, and where two tokens are equally likely to that precision, the other one
    may be drawn. What makes a run repeatable is its answers file.

    Parameters
    ----------
    model : str
        A folder written by `save_pretrained`, or a hub id.
    revision : str, optional
        Branch, tag or commit of a hub id.
    device : str, default="auto"
        A torch device; ``"auto"`` takes CUDA when there is one.
    dtype : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        The type of the weights. ``"auto"`` takes bfloat16 if the device computes in it natively, otherwise float32.
    batch_size : int, default=16
        Requests that are answered at a time. Changes memory and speed.

    Raises
    ------
    ModelError
        If there is no such model, or it is not a causal language model.
    InputError
        If the device, the dtype or the batch size cannot be used.

    References
    ----------
    Maddison et al. 2014, "A* Sampling", section 2 (a draw is the largest of logits plus Gumbel noise). Holtzman et al.
    2020, "The Curious Case of Neural Text Degeneration", section 3.1 (top-p).
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 16,
    ) -> None:
        if not model:
            raise InputError("A local model needs the name of a folder or of the hub. Give `model=`.")
        if batch_size < 1:
            raise InputError(f"`batch_size=` must be 1 or more. Got {batch_size}.")
        from transformers import GenerationConfig

        self.batch_size = batch_size
        self.checkpoint = load_causal_lm(model, revision=revision, device=device, dtype=dtype)
        own: Any = self.checkpoint.model.generation_config
        tokenizer = self.checkpoint.tokenizer
        ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
        self._ends = [end for end in dict.fromkeys([*ends, tokenizer.eos_token_id]) if end is not None]
        first = [token for token in (tokenizer.bos_token_id, *self._ends) if token is not None]
        self._first = first[0] if first else self.checkpoint.unknown_token
        pad = tokenizer.pad_token_id
        self._pad = self._first if pad is None else pad
        # Without the model's own penalties and limits: a request says all that changes its answer.
        self.checkpoint.model.generation_config = GenerationConfig(
            do_sample=False, eos_token_id=self._ends or None, pad_token_id=self._pad
        )

    def __repr__(self) -> str:
        return f"LocalModel({self.checkpoint.name!r})"

    def identity(self) -> dict[str, str]:
        """Return the model, its revision, the device and the dtype, as a manifest records them."""
        return self.checkpoint.identity()

    def answer(self, requests: Sequence[Request], keep: Callable[[Request, Answer], None]) -> None:
        """Answer requests batch by batch, the longest first; see `augment.llm.requests.Engine`."""
        asked = sorted((self._asked(request) for request in requests), key=lambda one: (-one.limit, -len(one.prompt)))
        for limit, group in groupby(asked, key=lambda one: one.limit):
            alike = list(group)
            for start in range(0, len(alike), self.batch_size):
                batch = alike[start : start + self.batch_size]
                for one, answer in zip(batch, self._answers(batch, limit), strict=True):
                    keep(one.request, answer)

    def close(self) -> None:
        """Drop the model."""
        del self.checkpoint

    def _asked(self, request: Request) -> _Asked:
        body = request.body
        tokenizer: Any = self.checkpoint.tokenizer
        messages = [dict(message) | {"content": self._harmless(message["content"])} for message in body["messages"]]
        if tokenizer.chat_template:
            ids = self._by_template(messages, body.get("chat_template_kwargs") or {})
        else:
            ids = tokenizer("".join(f"{message['content']}\n\n" for message in messages), verbose=False)["input_ids"]
        model: Any = self.checkpoint.model
        positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        most = min(tokenizer.model_max_length, positions or 10**9)
        if len(ids) >= most:
            raise InputError(
                f"A prompt has {len(ids):,} tokens, and {self.checkpoint.name} takes {most:,}, its answer included."
                " Give fewer examples, or a model that takes more."
            )
        return _Asked(
            request, ids or [self._first], min(body.get("max_tokens") or MOST_TOKENS, most - max(1, len(ids)))
        )

    def _harmless(self, text: str) -> str:
        """Break special tokens in a text."""
        for added in self.checkpoint.tokenizer.added_tokens_decoder.values():
            token = added.content
            if added.special and len(token) > 1:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def _by_template(self, messages: list[dict[str, Any]], more: Mapping[str, Any]) -> list[int]:
        import jinja2

        tokenizer: Any = self.checkpoint.tokenizer

        def ids_of(messages: list[dict[str, Any]]) -> list[int]:
            ids: list[int] = tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=False, **more
            )
            return ids

        try:
            return ids_of(messages)
        except jinja2.TemplateError as error:
            reason = " ".join(str(error).split())
        system = [message["content"] for message in messages if message["role"] == "system"]
        others = [message for message in messages if message["role"] != "system"]
        if system and others:
            others[0] = others[0] | {"content": "\n\n".join([*system, others[0]["content"]])}
            try:
                return ids_of(others)
            except jinja2.TemplateError as error:
                reason = " ".join(str(error).split())
        raise ModelError(
            f"The chat template of {self.checkpoint.name} fails: {reason}. Correct it, or give another model."
        )

    def _answers(self, batch: Sequence[_Asked], limit: int) -> list[Answer]:
        import torch

        model: Any = self.checkpoint.model
        device = self.checkpoint.device
        longest = max(len(one.prompt) for one in batch)
        ids = np.full((len(batch), longest), self._pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(batch):  # at the right, so that all answers begin at one place
            ids[row, longest - len(one.prompt) :], mask[row, longest - len(one.prompt) :] = one.prompt, 1
        with torch.inference_mode():
            written = model.generate(
                torch.from_numpy(ids).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
                logits_processor=[_Draws([one.request for one in batch], device)],
                max_new_tokens=limit,
            )
        answers = written[:, longest:].tolist()
        return [self._answer(tokens, len(one.prompt)) for tokens, one in zip(answers, batch, strict=True)]

    def _answer(self, tokens: list[int], prompt_tokens: int) -> Answer:
        """Return an answer up to its end."""
        end = next((place for place, token in enumerate(tokens) if token in self._ends), None)
        count = len(tokens) if end is None else end + 1
        text = self.checkpoint.tokenizer.decode(tokens[:count], skip_special_tokens=True)
        return Answer(str(text), "length" if end is None else "stop", prompt_tokens, count)


class _Asked(NamedTuple):
    """A request as the model takes it."""

    request: Request
    prompt: list[int]
    """Token ids, one or more."""
    limit: int
    """Tokens of its answer at most. Those of a batch are equal, so that no answer is shorter for another's prompt."""


class _Draws:
    """Adds to the logits of each row what makes their largest a draw, as the row's request wants it."""

    def __init__(self, requests: Sequence[Request], device: torch.device) -> None:
        import torch

        def column(name: str, otherwise: float) -> Tensor:
            values = [request.body.get(name) for request in requests]
            numbers = [otherwise if value is None else float(value) for value in values]
            return torch.tensor(numbers, device=device)[:, None]

        self.temperature, self.top_p = column("temperature", 1.0), column("top_p", 1.0)
        self.generators = [np.random.Generator(np.random.Philox(key=int(request.key[:32], 16))) for request in requests]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        import torch

        drawn = self.temperature > 0
        scores = scores.float() / torch.where(drawn, self.temperature, 1.0)
        if bool((self.top_p < 1).any()):
            likeliest, order = scores.sort(descending=True)
            shares = likeliest.softmax(1)
            outside = shares.cumsum(1) - shares >= self.top_p
            outside[:, 0] = False
            scores = scores.masked_fill(outside.scatter(1, order, outside), -torch.inf)
        # The logarithm of an exponential number, negated, is Gumbel noise.
        noise = np.stack([one.standard_exponential(scores.shape[1], dtype=np.float32) for one in self.generators])
        noise = np.maximum(noise, np.float32(2**-24))  # a drawn number may be 0, whose logarithm is infinite
        return scores - torch.from_numpy(noise).to(scores.device).log() * drawn
