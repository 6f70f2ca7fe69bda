"""Write texts with a sequence-to-sequence model: drawn token by token, or by beam search."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.models.inference import Inference
from augment.models.length_batches import LengthBatch, length_batches, padded

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.checkpoints import Checkpoint

Choose = Callable[[np.ndarray], int]
"""Takes the largest logits of the next token, finite and descending, and returns the place of the one to write."""


class SequenceToSequence:
    """A sequence-to-sequence model that is ready to write.

    The longest answer of a text depends only on the text's own padded length. With fixed slabs (`Inference`) a text's
    answer then does not depend on the other texts of its batch.

    Parameters
    ----------
    checkpoint : Checkpoint
    batch_size : int
        Most sequences of a forward pass; each beam is one. Changes memory and speed, not the result.
    max_length : int, optional
        Most tokens of an answer, 1 or more; None for twice the padded text and 16 more.
    target : str, optional
        The code of the language to write in, for a model that knows several; the tokenizer has a token for it.
    """

    def __init__(
        self, checkpoint: Checkpoint, batch_size: int, *, max_length: int | None = None, target: str | None = None
    ) -> None:
        self.checkpoint = checkpoint
        self.batch_size = batch_size
        self.max_length = max_length
        self.longest = checkpoint.longest()
        self._inference = Inference(checkpoint)
        model: Any = checkpoint.model
        model.generation_config.forced_eos_token_id = None  # would end a cut answer; `generate` asks the model
        self._config = copy.deepcopy(model.generation_config)
        self._config.update(
            do_sample=False, temperature=None, top_k=None, top_p=None, max_length=None, return_dict_in_generate=False
        )
        if target is not None:
            self._config.forced_bos_token_id = checkpoint.tokenizer.convert_tokens_to_ids(target)
        ends = self._config.eos_token_id
        self._ends = ends if isinstance(ends, list) else [ends]

    def tokens(self, texts: Sequence[str]) -> list[list[int] | None]:
        """Return the token ids of each text, special ones included; None for a text longer than the model's window."""
        if not len(texts):
            return []
        ids = self.checkpoint.tokenizer(list(texts), verbose=False)["input_ids"]
        return [list(row) if 0 < len(row) <= self.longest else None for row in ids]

    def drawn(self, ids: Sequence[Sequence[int]], choose: Sequence[Choose], top_k: int | None) -> list[str | None]:
        """Write one answer for each row, token by token.

        Parameters
        ----------
        ids : sequence of sequences of int
            From `tokens`.
        choose : sequence of callable
            One for each row; it is called once for each token of the row, in order.
        top_k : int or None
            How many of the largest logits it is shown; None for all.

        Returns
        -------
        list of (str or None)
            None if the answer has not ended within the longest length.
        """

        def write(batch: LengthBatch) -> Any:
            draw = _drawing([choose[i] for i in batch.rows], top_k, self._ends)
            return self._generate(ids, batch, num_beams=1, logits_processor=[draw])

        answers: list[str | None] = [None] * len(ids)
        for batch, output in self._outputs(ids, write, self.batch_size):
            for row, text in zip(batch.rows.tolist(), self._texts(output), strict=True):
                answers[row] = text
        return answers

    def best(self, ids: Sequence[Sequence[int]], beams: int, count: int) -> list[list[str]]:
        """Find the likeliest answers for each row by beam search.

        Parameters
        ----------
        ids : sequence of sequences of int
            From `tokens`.
        beams : int
            2 or more.
        count : int
            How many answers, from 1 to `beams`.

        Returns
        -------
        list of list of str
            The likeliest first. Answers that have not ended within the longest length are left out.
        """

        def write(batch: LengthBatch) -> Any:
            return self._generate(ids, batch, num_beams=beams, num_return_sequences=count)

        answers: list[list[str]] = [[] for _ in ids]
        for batch, output in self._outputs(ids, write, max(1, self.batch_size // beams)):
            texts = self._texts(output)
            for place, row in enumerate(batch.rows.tolist()):
                answers[row] = [text for text in texts[place * count : (place + 1) * count] if text is not None]
        return answers

    def _outputs(
        self, ids: Sequence[Sequence[int]], write: Callable[[LengthBatch], Any], rows: int
    ) -> Iterator[tuple[LengthBatch, Any]]:
        """Run over batches, the longest first."""
        batches = length_batches([len(row) for row in ids], self.longest, rows)[::-1]
        yield from zip(batches, self._inference.map(write, batches), strict=True)

    def _generate(self, ids: Sequence[Sequence[int]], batch: LengthBatch, **options: Any) -> Any:
        """Return the tokens that the model writes for a batch, (answers, length)."""
        model: Any = self.checkpoint.model
        pad_id = self.checkpoint.tokenizer.pad_token_id
        inputs, mask = padded([ids[i] for i in batch.rows], batch.length, pad_id, self.checkpoint.device)
        most = min(self.max_length or 2 * batch.length + 16, self.longest - 1)
        processors = options.pop("logits_processor", [])
        config = copy.deepcopy(self._config)
        config.update(max_new_tokens=most, **options)
        output = model.generate(
            inputs, attention_mask=mask, generation_config=config, logits_processor=_processors(processors)
        )
        return output.cpu().numpy()

    def _texts(self, output: np.ndarray) -> list[str | None]:
        """Decode answers; None for one without an end."""
        ended = np.any(np.isin(output[:, 1:], self._ends), axis=1)
        texts = self.checkpoint.tokenizer.batch_decode(output, skip_special_tokens=True)
        return [text.strip() if end else None for text, end in zip(texts, ended.tolist(), strict=True)]


def _processors(members: Sequence[Any]) -> Any:
    from transformers import LogitsProcessorList

    return LogitsProcessorList(members)


def _drawing(choose: Sequence[Choose], top_k: int | None, ends: Sequence[int]) -> Any:
    """Return a logits processor that leaves each row the token that was chosen for it."""
    import torch
    from transformers import LogitsProcessor

    stops = torch.tensor(ends)

    class Drawing(LogitsProcessor):
        def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
            written = torch.isin(input_ids[:, 1:], stops.to(input_ids.device)).any(dim=1).tolist()
            count = scores.shape[1] if top_k is None else min(top_k, scores.shape[1])
            logits, places = torch.topk(scores, count)
            columns = torch.zeros(len(scores), dtype=torch.int64)
            for row, values in enumerate(logits.float().cpu().numpy()):
                if not written[row]:
                    columns[row] = choose[row](values[np.isfinite(values)])
            chosen = places.gather(1, columns[:, None].to(places.device))
            return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)

    return Drawing()
