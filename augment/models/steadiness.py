"""How much a change of some words disturbs the others, in the states of a language model."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augment.models.inference import Inference
from augment.models.length_batches import LengthBatch, length_batches, padded
from augment.models.word_pieces import TokenizedText, WordPieces
from augment.recently_used import RecentlyUsed
from augment.words import Replacement

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.checkpoints import Checkpoint


TEXTS = 4_096
"""Texts whose word pieces are kept for later calls."""
STATES_BYTES = 64 * 2**20
"""Memory for the states of sources, kept for later calls."""


class ChangedText(NamedTuple):
    """A text that was made from another one."""

    old: str
    new: str
    replacements: Sequence[Replacement]
    """What was replaced in the old text: disjoint, ascending."""


class Effects(NamedTuple):
    """What changes do to texts, (n,) float64 each. Cosines, up to 1."""

    steadiness: np.ndarray
    """How like its old self the most disturbed of the other words is. 1 if no piece is left alone."""
    meaning: np.ndarray
    """How like the old word the new one is in its place; of several words the least alike ones. 1 if none was replaced
    by another in the part that the model reads."""


class _Pieces(NamedTuple):
    """The part of a text that the model reads, its pieces that the change has left alone, and the others."""

    ids: tuple[int, ...]
    kept: dict[int, int]
    """Where each begins in the old text, and its number among `ids`."""
    changed: list[list[int]]
    """The numbers of the pieces of each word that the change has replaced, or put in."""


class Steadiness:
    """Compares the states of the words that a change has left alone, before it and after it.

    A word that fits leaves the words around it as they were. One that does not turns at least one of them into
    something else: "the second on a *cargo* roll". So the least similar word counts. The states are those of a middle
    layer, where words know their neighbours but are not yet turned into predictions.

    Parameters
    ----------
    checkpoint : Checkpoint
        Any encoder or masked language model.

    References
    ----------
    Zhou et al. 2019, "BERT-based lexical substitution", section 3.2, compares the same states, but takes their mean.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._pieces = WordPieces(checkpoint)
        self._middle = _Middle(checkpoint)
        # Texts come back: other changes of the same source, and rejected ones.
        self._tokens: RecentlyUsed[str, TokenizedText] = RecentlyUsed(TEXTS)
        self._source_states: RecentlyUsed[tuple[int, ...], np.ndarray] = RecentlyUsed(STATES_BYTES)

    def least(self, changes: Sequence[ChangedText]) -> np.ndarray:
        """Return the steadiness that `compare` finds."""
        return self.compare(changes).steadiness

    def compare(self, changes: Sequence[ChangedText]) -> Effects:
        """Compare the states before each change and after it.

        Parameters
        ----------
        changes : sequence of ChangedText

        Returns
        -------
        Effects
        """
        tokens = self._tokenized(dict.fromkeys(text for change in changes for text in (change.old, change.new)))
        pairs = [self._both(change, tokens[change.old], tokens[change.new]) for change in changes]
        sources = dict.fromkeys(old.ids for old, _ in pairs)
        states = {ids: kept for ids in sources if (kept := self._source_states.get(ids)) is not None}
        inputs = [ids for ids in dict.fromkeys(pieces.ids for pair in pairs for pieces in pair) if ids not in states]
        made = self._middle.states([self._pieces.framed(ids) for ids in inputs])
        for ids, own in zip(inputs, made, strict=True):
            states[ids] = own
            if ids in sources:
                self._source_states.keep(ids, own.copy(), own.nbytes)  # a view would keep its whole batch
        first = self._pieces.first
        return Effects(
            np.array([_least(pair, states, first) for pair in pairs]),
            np.array([_meaning(pair, states, first) for pair in pairs]),
        )

    def _tokenized(self, texts: Iterable[str]) -> dict[str, TokenizedText]:
        """Split texts into word pieces."""
        known = {text: self._tokens.get(text) for text in texts}
        new = [text for text, tokens in known.items() if tokens is None]
        for text, tokens in zip(new, self._pieces.tokenize(new), strict=True):
            known[text] = tokens
            self._tokens.keep(text, tokens)
        return {text: tokens for text, tokens in known.items() if tokens is not None}

    def _both(self, change: ChangedText, old: TokenizedText, new: TokenizedText) -> tuple[_Pieces, _Pieces]:
        """Find the pieces before and after a change; of long texts those around its first word."""
        old_spans = [(r.start, r.end) for r in change.replacements]
        new_spans, shifts, shift = [], [0], 0
        for r in change.replacements:
            new_spans.append((r.start + shift, r.start + shift + len(r.new)))
            shift += len(r.new) - (r.end - r.start)
            shifts.append(shift)
        begin = min((start for start, _ in old_spans), default=0)
        return (
            self._kept(old, old_spans, [0] * len(shifts), begin),
            self._kept(new, new_spans, shifts, begin),
        )

    def _kept(
        self, tokens: TokenizedText, spans: Sequence[tuple[int, int]], shifts: Sequence[int], begin: int
    ) -> _Pieces:
        window = self._pieces.window
        at = int(np.searchsorted(tokens.starts, begin))
        low = max(0, min(at - window // 2, len(tokens.ids) - window))
        kept = {}
        changed: list[list[int]] = [[] for _ in spans]
        within = slice(low, low + window)
        passed = 0
        for number, (start, end) in enumerate(zip(tokens.starts[within], tokens.ends[within], strict=True)):
            while passed < len(spans) and spans[passed][1] <= start:
                passed += 1
            if passed == len(spans) or end <= spans[passed][0]:
                kept[start - shifts[passed]] = number
            else:
                changed[passed].append(number)
        return _Pieces(tuple(tokens.ids[low : low + window]), kept, changed)


def _least(pair: tuple[_Pieces, _Pieces], states: dict[tuple[int, ...], np.ndarray], first: int) -> float:
    """Return the smallest cosine of pieces that both texts have."""
    old, new = pair
    common = [start for start in old.kept if start in new.kept]
    if not common:
        return 1.0
    before = states[old.ids][[first + old.kept[start] for start in common]]
    after = states[new.ids][[first + new.kept[start] for start in common]]
    return float((before * after).sum(axis=1, dtype=np.float64).min())


def _meaning(pair: tuple[_Pieces, _Pieces], states: dict[tuple[int, ...], np.ndarray], first: int) -> float:
    """Return the smallest cosine of an old word and the new one in its place, each the mean of its pieces."""
    least = 1.0
    for old, new in zip(pair[0].changed, pair[1].changed, strict=True):
        if old and new:
            before = states[pair[0].ids][[first + number for number in old]].mean(axis=0, dtype=np.float64)
            after = states[pair[1].ids][[first + number for number in new]].mean(axis=0, dtype=np.float64)
            least = min(least, float(before @ after / np.sqrt((before @ before) * (after @ after))))
    return least


class _Middle:
    """The states of the middle layer. If the model keeps its layers in one list, those above it are not computed."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        from torch import nn

        self._checkpoint = checkpoint
        self._inference = Inference(checkpoint)
        self._base = checkpoint.model.base_model
        n_layers: int = checkpoint.model.config.num_hidden_layers
        self._layer = (n_layers + 1) // 2
        self._stopping = threading.local()
        blocks = [m for m in self._base.modules() if isinstance(m, nn.ModuleList) and len(m) == n_layers]
        self._stops = len(blocks) == 1
        if self._stops:
            blocks[0][self._layer - 1].register_forward_hook(self._stop)

    def states(self, rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Return the states of each row of token ids: (length, d) float32, each of length 1."""
        import torch

        batches = length_batches([len(row) for row in rows], self._checkpoint.longest(), 64)
        pad_id = self._checkpoint.tokenizer.pad_token_id
        found: list[Any] = [None] * len(rows)

        def read(batch: LengthBatch) -> Any:
            own = [rows[i] for i in batch.rows]
            states = self._read(*padded(own, batch.length, pad_id, self._checkpoint.device)).float()
            return torch.nn.functional.normalize(states, dim=-1).cpu().numpy()

        for batch, states in zip(batches, self._inference.map(read, batches), strict=True):
            for row, own in zip(batch.rows, states, strict=True):
                found[row] = own[: len(rows[row])]
        return found

    def _read(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        self._stopping.here = self._stops
        try:
            output = self._base(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        except _Reached as reached:
            return reached.states
        finally:
            self._stopping.here = False
        states: Tensor = output.hidden_states[self._layer]
        return states

    def _stop(self, block: object, inputs: object, output: Any) -> None:
        if getattr(self._stopping, "here", False):
            raise _Reached(output[0] if isinstance(output, tuple) else output)


class _Reached(Exception):
    """Ends a forward pass at the middle layer."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states
