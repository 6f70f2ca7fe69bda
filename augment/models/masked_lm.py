"""Find the likeliest whole words at the masks of texts with a masked language model."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from augment import words
from augment.models.inference import Inference
from augment.models.length_batches import LengthBatch, length_batches, padded
from augment.models.word_pieces import WordPieces
from augment.protection import is_ordinary
from augment.writing_systems import is_spaceless, script

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from augment.models.checkpoints import Checkpoint

PROJECTED = 256
"""Masks whose logits are in memory together, for each core."""
SPELT_SHARE = 20
"""A vocabulary knows a script without spaces if one entry in so many is a letter of it."""
KNOWN_SHARE = 1_000
"""A vocabulary knows a script if one word in so many is in it, single letters left out. BERT's English vocabulary has
letters of twenty scripts, and hardly a word in them."""


class States(NamedTuple):
    """What one forward pass leaves behind, each of shape (batch, length, d)."""

    tokens: Tensor
    """Hidden states of the last encoder layer."""
    head: Tensor
    """Input of the vocabulary projection: the same states after the head's transform."""


class HeadStates:
    """A masked LM without its projection onto the vocabulary.

    The projection is most of the work of a small model with a large vocabulary, and is needed
    at few positions. A hook keeps its input and passes no position on. The caller applies
    `model.get_output_embeddings()` where it wants logits. This holds for every architecture whose head ends in that
    module (BERT, RoBERTa, DistilBERT, ALBERT, ELECTRA, MPNet, DeBERTa, ModernBERT, ...), without special cases. Several
    threads may call it at the same time.

    Parameters
    ----------
    model : PreTrainedModel
        A model with a language-model head. The hook stays on the model, but only acts while this object is called.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        self._here = threading.local()
        model.get_output_embeddings().register_forward_pre_hook(self._keep)

    def __call__(self, input_ids: Tensor, attention_mask: Tensor) -> States:
        """Run the model.

        Parameters
        ----------
        input_ids, attention_mask : Tensor
            Shape (batch, length), int64.

        Returns
        -------
        States
            Both of shape (batch, length, d).
        """
        kept = self._here.kept = []
        try:
            output = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        finally:
            self._here.kept = None
        return States(tokens=output.hidden_states[-1], head=kept[0])

    def _keep(self, module: object, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        kept = getattr(self._here, "kept", None)
        if kept is None:
            return None
        kept.append(inputs[0])
        return (inputs[0][:, :0], *inputs[1:])


class Passage(NamedTuple):
    """A window of a row, and the positions that are to be read in it."""

    row: int
    start: int
    end: int
    positions: list[int]


def passages(row: int, length: int, positions: Sequence[int], window: int) -> Iterator[Passage]:
    """Cover positions of a row by the fewest windows that leave context around each position.

    Parameters
    ----------
    row : int
        The row's number, which is passed on.
    length : int
        Number of its word pieces.
    positions : sequence of int
        Ascending.
    window : int
        Most word pieces that the model takes.

    Yields
    ------
    Passage
        The whole row if it fits. Otherwise windows with at least window // 4 pieces on either side of each position, as
        far as the text goes.
    """
    if length <= window:
        yield Passage(row, 0, length, list(positions))
        return
    group: list[int] = []
    for position in [*positions, None]:
        if group and (position is None or position - group[0] >= max(window // 2, 1)):
            around = window - 1 - (group[-1] - group[0])
            start = min(max(group[0] - around // 2, 0), length - window)
            yield Passage(row, start, start + window, group)
            group = []
        if position is not None:
            group.append(position)


class WordVocabulary:
    """Which entries of a tokenizer's vocabulary are whole words, found by decoding them.

    An entry is a whole word if, after another word, it decodes to a space and an ordinary word
    (`augment.protection.is_ordinary`): this is so for WordPiece, byte-level BPE and SentencePiece alike. Continuations,
    punctuation, numbers, special tokens, stray bytes, pieces of contractions ("doesn") and single letters other than
    "a" and "I" are not. In scripts without spaces an entry of letters is taken as it is, with a space or without: words
    are spelt by one or more of them.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerFast
        Any fast tokenizer.
    size : int
        Number of logits; entries beyond the tokenizer's are not words.

    Attributes
    ----------
    words : list of (str or None)
        Shape (size,).
    families : ndarray of int64, shape (size,)
        Entries with the same number differ only in case; -1 for entries that are not words.
    largest_family : int
        Number of entries of the largest family.
    scripts : ndarray of int64, shape (size,)
        Entries with the same number are in one script; -1 for those in a script that the vocabulary hardly knows, and
        for entries that are not words.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, size: int) -> None:
        backend = tokenizer.backend_tokenizer
        before = backend.encode("the", add_special_tokens=False).ids[:1]
        lead = backend.decode(before, skip_special_tokens=False) + " "
        known = min(size, len(tokenizer))
        decoded = backend.decode_batch([[*before, i] for i in range(known)], skip_special_tokens=False)
        special = set(tokenizer.all_special_ids)
        self.words: list[str | None] = [None] * size
        spelling = {}
        for i, text in enumerate(decoded):
            word = text.removeprefix(lead)
            if word != text and i not in special and is_ordinary(word):
                self.words[i] = word
            elif is_spaceless(letters := text.removeprefix(lead[:-1]).lstrip(), whole=True):
                spelling[i] = letters
        used = backend.encode_batch(list(spelling.values()), add_special_tokens=False)
        for (i, letters), encoding in zip(spelling.items(), used, strict=True):
            if i in encoding.ids:  # not those that stand inside of words alone, such as "##书"
                self.words[i] = letters
        known_scripts = self._known_scripts()
        for i, letters in spelling.items():
            if script(letters) not in known_scripts:
                self.words[i] = None
        self._scripts = {name: i for i, name in enumerate(known_scripts)}
        self._number: dict[str, int] = {}
        self.families = np.full(size, -1, dtype=np.int64)
        for i, entry in enumerate(self.words):
            if entry is not None:
                self.families[i] = self._number.setdefault(words.folded(entry), len(self._number))
        self.largest_family = max(Counter(self.families[self.families >= 0].tolist()).values(), default=1)
        written_in = ["" if entry is None else script(entry) for entry in self.words]
        self.scripts = np.array([self._scripts.get(name, -1) for name in written_in], dtype=np.int64)

    def _known_scripts(self) -> list[str]:
        """Return the scripts that the vocabulary has words in, or letters to spell them where no spaces stand."""
        entries = [entry for entry in self.words if entry]
        counts = Counter(script(entry) for entry in entries if len(entry) > 1)
        letters = Counter(script(entry) for entry in entries if len(entry) == 1 and is_spaceless(entry))
        names = [name for name, count in counts.items() if name and count * KNOWN_SHARE >= counts.total()]
        names += [name for name, count in letters.items() if count * SPELT_SHARE >= counts.total() + count]
        return list(dict.fromkeys(names))

    def family(self, word: str) -> int:
        """Return the number of a word's family, or -1 if no entry is that word in any case."""
        return self._number.get(words.folded(word), -1)

    def script(self, word: str) -> int:
        """Return the number of a word's script, or -1 if the vocabulary hardly knows that script."""
        return self._scripts.get(script(word), -1)


class MaskedLM:
    """Finds the likeliest words at masks. The batch size does not change a single bit.

    There are two reasons: a row's padded length depends only on the row, and every matrix product runs in slabs of one
    size, on one core (`augment.models.fixed_slabs`, `augment.models.inference`).

    Parameters
    ----------
    checkpoint : Checkpoint
        From `augment.models.checkpoints.load_masked_lm`.
    batch_size : int
        Most rows of a forward pass.
    """

    def __init__(self, checkpoint: Checkpoint, batch_size: int) -> None:
        import torch

        tokenizer = checkpoint.tokenizer
        self.checkpoint = checkpoint
        self.batch_size = batch_size
        self.projection = checkpoint.model.get_output_embeddings()
        self._inference = Inference(checkpoint)
        self._head_states = HeadStates(checkpoint.model)
        self.mask_id: int = tokenizer.mask_token_id
        self.vocabulary = WordVocabulary(tokenizer, self.projection.weight.shape[0])
        self.pieces = WordPieces(checkpoint)
        allowed = torch.tensor([word is not None for word in self.vocabulary.words])
        self._bias = torch.zeros(len(allowed)).masked_fill(~allowed, -torch.inf).to(checkpoint.device)

    def leave_out(self, families: Sequence[int]) -> None:
        """Exclude words of these families (`WordVocabulary.families`) from now on."""
        import torch

        left_out = torch.from_numpy(np.isin(self.vocabulary.families, families)).to(self._bias.device)
        self._bias = self._bias.masked_fill(left_out, -torch.inf)

    def likeliest(
        self, rows: Sequence[tuple[Sequence[int], Sequence[int]]], count: int | None
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Find the likeliest whole words at masks, and yield each row while the next ones are computed.

        Parameters
        ----------
        rows : sequence of (ids, positions)
            Word pieces with masks, and the positions to read: ascending, at least one.
        count : int or None
            How many words for each position; None for every one.

        Yields
        ------
        row : int
            The row's number. Each row comes once, in no fixed order.
        ids : ndarray of int64, shape (positions of the row, at most count)
            Vocabulary entries, likeliest first.
        logits : ndarray of float32, of the same shape
            -inf where there are fewer whole words than `count`.
        """
        import torch

        count = len(self._bias) if count is None else min(count, len(self._bias))

        def best(states: Tensor, _: Sequence[tuple[int, int]]) -> list[Tensor]:
            found = [torch.topk(self._logits(part) + self._bias, count) for part in states.split(PROJECTED)]
            return [torch.cat([f.indices for f in found]), torch.cat([f.values for f in found])]

        for row, (ids, logits) in self._at_positions(rows, best):
            yield row, ids, logits

    def _at_positions(
        self,
        rows: Sequence[tuple[Sequence[int], Sequence[int]]],
        work: Callable[[Tensor, Sequence[tuple[int, int]]], list[Tensor]],
    ) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Yield, for each row, what `work` makes of the head's states at the row's positions.

        `work` is called with states (m, d) and with the row and the position of each. Its tensors have m rows.
        """
        windows = [
            passage
            for row, (ids, positions) in enumerate(rows)
            for passage in passages(row, len(ids), positions, self.pieces.window)
        ]
        around = self.pieces.around
        lengths = [passage.end - passage.start + around for passage in windows]
        batches = length_batches(lengths, self.pieces.window + around, self.batch_size)

        def read(batch: LengthBatch) -> list[np.ndarray]:
            chosen = [windows[i] for i in batch.rows]
            at = [(passage.row, position) for passage in chosen for position in passage.positions]
            states = self._states([(passage, rows[passage.row][0]) for passage in chosen], batch.length)
            return [values.cpu().numpy() for values in work(states, at)]

        parts: defaultdict[int, list[list[np.ndarray]]] = defaultdict(list)  # of rows of several passages
        for batch, values in zip(batches, self._inference.map(read, batches), strict=True):
            end = 0
            for passage in (windows[i] for i in batch.rows):
                start, end = end, end + len(passage.positions)
                parts[passage.row].append([array[start:end] for array in values])
                if passage.positions[-1] == rows[passage.row][1][-1]:
                    own = parts.pop(passage.row)
                    yield passage.row, [np.concatenate(arrays) for arrays in zip(*own, strict=True)]

    def _states(self, batch: Sequence[tuple[Passage, Sequence[int]]], length: int) -> Tensor:
        """Run the encoder over passages, and return the head's states at their positions, in order: (m, d)."""
        rows = [self.pieces.framed(ids[passage.start : passage.end]) for passage, ids in batch]
        pad = self.checkpoint.tokenizer.pad_token_id
        head = self._head_states(*padded(rows, length, pad, self.checkpoint.device)).head
        at = [
            (i, self.pieces.first + position - passage.start)
            for i, (passage, _) in enumerate(batch)
            for position in passage.positions
        ]
        states: Tensor = head[[i for i, _ in at], [position for _, position in at]]
        return states

    def _logits(self, states: Tensor) -> Tensor:
        """Project states onto the vocabulary: (m, d) to (m, size), float32."""
        logits: Tensor = self.projection(states)
        return logits.float()
