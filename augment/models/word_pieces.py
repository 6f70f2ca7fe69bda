"""Texts as word pieces: where each piece stands in its text, and the special tokens around them."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from augment.words import Span

if TYPE_CHECKING:
    from augment.models.checkpoints import Checkpoint


class TokenizedText(NamedTuple):
    """A text in word pieces, without special tokens."""

    ids: list[int]
    starts: list[int]
    """Where each piece begins in the text, white space before it left out."""
    ends: list[int]

    def cover(self, span: Span) -> Span | None:
        """Return the range of pieces that make up exactly these characters, or None if none does."""
        first = bisect.bisect_right(self.ends, span.start)
        last = bisect.bisect_left(self.starts, span.end)
        if first >= last or self.starts[first] != span.start or self.ends[last - 1] != span.end:
            return None
        return Span(first, last)


class WordPieces:
    """Splits texts into the word pieces of a checkpoint, without special tokens and however long they are.

    Parameters
    ----------
    checkpoint : Checkpoint
        Its tokenizer is left as it is.

    Attributes
    ----------
    first : int
        The number of special tokens before a text.
    around : int
        The number of special tokens before and after it.
    window : int
        The largest number of pieces that the model takes besides them.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        from tokenizers import Tokenizer

        self._backend = Tokenizer.from_str(checkpoint.tokenizer.backend_tokenizer.to_str())
        self._backend.no_truncation()
        self._backend.no_padding()
        around = self._backend.encode("the")
        first = around.special_tokens_mask.index(0)
        last = len(around.ids) - around.special_tokens_mask[::-1].index(0)
        self._prefix, self._suffix = around.ids[:first], around.ids[last:]
        self._backend.encode_special_tokens = True  # a "[MASK]" in a text is text
        self.first, self.around = len(self._prefix), len(self._prefix) + len(self._suffix)
        self.window = checkpoint.longest() - self.around

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Split texts into word pieces; special tokens spelt out in a text are text."""
        tokenized = []
        for text, encoding in zip(
            texts, self._backend.encode_batch(list(texts), add_special_tokens=False), strict=True
        ):
            starts, ends = [], []
            for start, end in encoding.offsets:
                while start < end and text[start].isspace():
                    start += 1
                starts.append(start)
                ends.append(end)
            tokenized.append(TokenizedText(encoding.ids, starts, ends))
        return tokenized

    def framed(self, ids: Sequence[int]) -> list[int]:
        """Return word pieces with the special tokens around them."""
        return [*self._prefix, *ids, *self._suffix]
