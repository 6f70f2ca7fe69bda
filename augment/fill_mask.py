"""The masked-LM strategy: mask whole words of a sentence and let any Hugging Face masked LM fill them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from augment import words
from augment.budget import SamplingStrategy
from augment.candidates import Candidate, Draw
from augment.checkpoints import load_masked_lm
from augment.conditioning import RECORD, conditioned
from augment.errors import InputError
from augment.guards.guard import Guard
from augment.masked_lm import MaskedLM, Tokens
from augment.seeding import generator
from augment.strategy import TextStrategy
from augment.words import Replacement, Span

_MaskedIds = tuple[tuple[int, ...], tuple[int, ...]]  # word pieces with masks among them, and which positions are read

NEVER_FILLS = 3
"""Words that may not fill a mask: the one that stood there and its neighbours."""


class FillMask(TextStrategy):
    """Replace some words of a sentence by others that a masked language model finds likely there.

    The upsampling of the paper's section 6.1, with what it lacked: whole words, protected spans,
    never the word that stood there, and the text around the masks untouched.

    Parameters
    ----------
    model : str, default="mini"
        A bundled name, a folder, or a hub id of any masked LM with a fast tokenizer.
    revision : str, optional
        Branch, tag or commit of a hub id.
    mask_ratio : float, default=0.15
        Share of a text's words that are replaced, in (0, 1]; at least one word is.
    fill : {"parallel", "sequential"}, default="parallel"
        Fill all masks from one forward pass, or one after the other, each seeing the last.
    share_masks : int, default=4
        How many variants of one source, and how many tries at each, have the same words masked and so share a forward
        pass; 1 masks each anew. Their fills are drawn apart.
    condition : {"none", "prefix"}, default="none"
        Whether the model sees the label's words before the text (`augment.conditioning`). They are never masked. It
        takes a model that was trained so, by ``classifiers pretrain --condition label``. Of a text longer than the
        model takes only the first window has them.
    top_k : int or None, default=50
        Draw among this many likeliest words, 1 or more; None for all.
    top_p : float, default=0.95
        Draw among the likeliest words that together reach this probability, in (0, 1].
    temperature : float, default=1.0
        Below 1 sharpens, above 1 flattens the draw; above 0.
    protect : tuple of str, default=()
        Words and phrases that are never replaced, matched without regard to case.
    protect_patterns : tuple of str, default=()
        Regular expressions of what is never replaced, likewise.
    protect_negations : bool, default=True
        Neither replace nor insert English negations and their contractions (`augment.words.NEGATIONS`).
    batch_size : int, default=64
        Rows of a forward pass. Changes memory and speed, not the result.
    device : str, default="auto"
    dtype : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        See `augment.checkpoints.load_masked_lm`.
    sampling_strategy, random_state, guards
        See `TextStrategy`.

    References
    ----------
    Wu et al. 2019, "Conditional BERT contextual augmentation". Fan et al. 2018 (top-k) and Holtzman et al.
    2020 (top-p), the two cuts, applied in that order after the temperature. Kumar et al. 2020, "Data augmentation using
    pre-trained transformer models", section 3 (the label before the text).

    Examples
    --------
    >>> from augment import FillMask
    >>> texts = ["The shop opens at nine.", "We sat by the door.", "A lovely meal.", "Great staff!", "I loved it."]
    >>> y = ["neutral", "neutral", "positive", "positive", "positive"]
    >>> new_texts, new_y = FillMask(random_state=0).fit_resample(texts, y)
    >>> new_y
    ['neutral', 'neutral', 'positive', 'positive', 'positive', 'neutral']
    """

    name: ClassVar[str] = "fillmask"
    summary: ClassVar[str] = "replace words by others that a masked language model finds likely there"
    speed_only: ClassVar[tuple[str, ...]] = ("batch_size",)

    def __init__(
        self,
        *,
        model: str = "mini",
        revision: str | None = None,
        mask_ratio: float = 0.15,
        fill: Literal["parallel", "sequential"] = "parallel",
        share_masks: int = 4,
        condition: Literal["none", "prefix"] = "none",
        top_k: int | None = 50,
        top_p: float = 0.95,
        temperature: float = 1.0,
        protect: tuple[str, ...] = (),
        protect_patterns: tuple[str, ...] = (),
        protect_negations: bool = True,
        batch_size: int = 64,
        device: str = "auto",
        dtype: str = "auto",
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, guards=guards)
        self.model = model
        self.revision = revision
        self.mask_ratio = mask_ratio
        self.fill = fill
        self.share_masks = share_masks
        self.condition = condition
        self.top_k = top_k
        self.top_p = top_p
        self.temperature = temperature
        self.protect = protect
        self.protect_patterns = protect_patterns
        self.protect_negations = protect_negations
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype

    def prepare(self) -> None:
        """Open the model."""
        self._protected = words.protection(self.protect, self.protect_patterns, negations=self.protect_negations)
        checkpoint = load_masked_lm(self.model, revision=self.revision, device=self.device, dtype=self.dtype)
        if self.condition == "prefix" and getattr(checkpoint.model.config, RECORD, None) != "prefix":
            warnings.warn(
                f"The model {self.model!r} was not trained with labels before its texts, so they will hardly guide it."
                " Train it first: classifiers pretrain --condition label.",
                stacklevel=2,
            )
        self._engine = MaskedLM(checkpoint, self.batch_size)
        # Of the last call, since what guards reject comes back in the next.
        self._wordings: dict[tuple[str, Any], _Wording] = {}
        self._likely: dict[_MaskedIds, tuple[np.ndarray, np.ndarray]] = {}
        vocabulary = self._engine.vocabulary
        negations = [re.compile(pattern, re.IGNORECASE) for pattern in words.NEGATIONS if self.protect_negations]
        self._engine.leave_out(
            [vocabulary.family(word) for word in vocabulary.words if word and any(n.fullmatch(word) for n in negations)]
        )

    def identity(self) -> dict[str, Any]:
        """Return the model's name, what identifies its weights, and where it ran."""
        checkpoint = self._engine.checkpoint
        return {
            "model": checkpoint.name,
            "revision": checkpoint.revision,
            "device": str(checkpoint.device),
            "dtype": str(checkpoint.autocast).removeprefix("torch."),
        }

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Mask and fill one text for each draw; None where no word may be replaced."""
        asked = dict.fromkeys((draw.text, draw.label) for draw in draws)
        new = [item for item in asked if item not in self._wordings]
        seen = [conditioned(*item) if self.condition == "prefix" else (item[0], 0) for item in new]
        tokenized = self._engine.tokenize([text for text, _ in seen])
        self._wordings = {item: self._wordings[item] for item in asked if item in self._wordings}
        for item, (_, start), tokens in zip(new, seen, tokenized, strict=True):
            self._wordings[item] = self._worded(item[0], start, tokens)
        tasks = [self._masked(draw, self._wordings[draw.text, draw.label]) for draw in draws]
        live = [task for task in tasks if task is not None]
        if self.fill == "parallel":
            self._fill([(task, range(len(task.masks))) for task in live])
        else:
            for turn in range(max((len(task.masks) for task in live), default=0)):
                self._fill([(task, range(turn, turn + 1)) for task in live if turn < len(task.masks)])
        return [None if task is None else task.candidate() for task in tasks]

    def _worded(self, text: str, start: int, tokens: Tokens) -> _Wording:
        """Find the words of a text that begins at `start` of what was tokenized, and the pieces of the replaceable."""
        spans = words.word_spans(text)
        pieces = {
            span: piece
            for span in words.replaceable(text, self._protected, spans)
            if (piece := tokens.cover(Span(start + span.start, start + span.end))) is not None
        }
        return _Wording(tokens.ids, spans, pieces)

    def _masked(self, draw: Draw, wording: _Wording) -> _Masked | None:
        """Choose the words to mask, and put a mask for each."""
        pieces = wording.pieces
        if not pieces:
            return None
        shared = (draw.source, draw.variant // self.share_masks, draw.attempt // self.share_masks)
        chooser = generator(draw.seed, "positions", *shared)
        wanted = max(1, int(self.mask_ratio * len(wording.spans) + 0.5))
        masks = [list(pieces)[i] for i in sorted(chooser.permutation(len(pieces))[:wanted])]
        ids, positions, end = [], [], 0
        for mask in masks:
            ids += wording.ids[end : pieces[mask].start]
            positions.append(len(ids))
            ids.append(self._engine.mask_id)
            end = pieces[mask].end
        return _Masked(draw.text, wording.spans, masks, [*ids, *wording.ids[end:]], positions, draw.generator())

    def _fill(self, turns: Sequence[tuple[_Masked, range]]) -> None:
        """Fill these masks of each text, left to right; texts that are masked alike share one forward pass."""
        vocabulary = self._engine.vocabulary
        spare = NEVER_FILLS * vocabulary.largest_family
        asked = [(tuple(task.ids), tuple(task.positions[i] for i in turn)) for task, turn in turns]
        new = [masked for masked in dict.fromkeys(asked) if masked not in self._likely]
        ids, logits = self._engine.likeliest(new, None if self.top_k is None else self.top_k + spare)
        self._likely = {masked: self._likely[masked] for masked in asked if masked in self._likely}
        end = 0
        for masked in new:
            start, end = end, end + len(masked[1])
            self._likely[masked] = (ids[start:end], logits[start:end])
        for masked, (task, turn) in zip(asked, turns, strict=True):
            ids, logits = self._likely[masked]
            for row, i in enumerate(turn):
                families = vocabulary.families[ids[row]]
                able = np.isfinite(logits[row])
                for word in task.around(i):
                    able &= families != vocabulary.family(word)
                if able.any():
                    kept = ids[row][able]
                    chosen = kept[
                        draw_one(logits[row][able], task.rng.random(), self.top_k, self.top_p, self.temperature)
                    ]
                    task.fills[i] = str(vocabulary.words[chosen])
                    task.ids[task.positions[i]] = int(chosen)

    def check(self) -> None:
        """Raise one error that names every parameter out of range."""
        wrong = []
        for name, kind, fits, expected in (
            ("mask_ratio", Real, lambda x: 0 < x <= 1, "in (0, 1]"),
            ("fill", str, lambda x: x in ("parallel", "sequential"), "'parallel' or 'sequential'"),
            ("condition", str, lambda x: x in ("none", "prefix"), "'none' or 'prefix'"),
            ("share_masks", Integral, lambda x: x >= 1, "1 or more"),
            ("top_k", (Integral, type(None)), lambda x: x is None or x >= 1, "1 or more, or None for every word"),
            ("top_p", Real, lambda x: 0 < x <= 1, "in (0, 1]"),
            ("temperature", Real, lambda x: 0 < x < np.inf, "above 0"),
            ("batch_size", Integral, lambda x: x >= 1, "1 or more"),
            ("protect", (tuple, list), lambda x: True, "a tuple of words and phrases"),
            ("protect_patterns", (tuple, list), lambda x: True, "a tuple of regular expressions"),
        ):
            value = getattr(self, name)
            if not isinstance(value, kind) or not fits(value):
                wrong.append(f"`{name}` of fillmask must be {expected}. Got {value!r}.")
        for pattern in self.protect_patterns if isinstance(self.protect_patterns, (tuple, list)) else ():
            try:
                re.compile(pattern)
            except re.error as error:
                wrong.append(f"`protect_patterns` of fillmask holds {pattern!r}, no regular expression: {error}.")
        if wrong:
            raise InputError(" ".join(wrong))


class _Wording(NamedTuple):
    """What a text is made of."""

    ids: list[int]
    """Its word pieces, with those of the label before them where the text is conditioned on it."""
    spans: list[Span]
    """Its words."""
    pieces: dict[Span, Span]
    """Of each word that may be replaced, which word pieces it is."""


@dataclass
class _Masked:
    """A text on its way from masks to fills."""

    text: str
    spans: list[Span]
    """Every word of the text."""
    masks: list[Span]
    """The words that are masked, ascending."""
    ids: list[int]
    """The text in word pieces, one mask for each masked word; fills are put in as they come."""
    positions: list[int]
    """Where the masks stand in `ids`."""
    rng: np.random.Generator
    fills: dict[int, str] = field(default_factory=dict)
    """Mask number to word."""

    def around(self, i: int) -> list[str]:
        """Return the words that mask `i` may not become: what stood there, and what stands beside it."""
        at = self.spans.index(self.masks[i])
        beside = [self.spans[j] for j in (at - 1, at + 1) if 0 <= j < len(self.spans)]
        filled = {self.masks[j]: word for j, word in self.fills.items()}
        old = self.text[slice(*self.masks[i])]
        return [old, *(filled.get(span, self.text[slice(*span)]) for span in beside)]

    def candidate(self) -> Candidate:
        """Put the fills into the text, each with the capitalisation of the word that it replaces."""
        replacements = tuple(
            Replacement(*mask, words.match_case(self.fills[i], self.text, mask))
            for i, mask in enumerate(self.masks)
            if i in self.fills
        )
        return Candidate(words.splice(self.text, replacements), replacements)


def draw_one(logits: np.ndarray, u: float, top_k: int | None, top_p: float, temperature: float) -> int:
    """Draw one entry from logits that stand in descending order. Pure: the random number is given.

    Parameters
    ----------
    logits : ndarray of float, shape (n,)
        Finite, descending, n at least 1.
    u : float
        In [0, 1).
    top_k : int or None
        Keep this many; None keeps all.
    top_p : float
        Of those, keep the fewest that together reach this probability, in (0, 1].
    temperature : float
        Divides the logits, above 0.

    Returns
    -------
    int
        A position in `logits`.

    Examples
    --------
    >>> draw_one(np.log([0.5, 0.3, 0.2]), 0.6, None, 1.0, 1.0)
    1
    >>> draw_one(np.log([0.5, 0.3, 0.2]), 0.6, 1, 1.0, 1.0)
    0
    """
    kept = logits[:top_k].astype(np.float64)
    shares = np.exp((kept - kept[0]) / temperature)
    cumulative = np.cumsum(shares / shares.sum())
    nucleus = int(np.searchsorted(cumulative, top_p * cumulative[-1])) + 1
    cumulative = cumulative[:nucleus]
    return min(int(np.searchsorted(cumulative, u * cumulative[-1], side="right")), len(cumulative) - 1)
