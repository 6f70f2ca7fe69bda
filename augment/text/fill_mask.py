"""The masked-LM strategy: mask whole words of a sentence and let any Hugging Face masked LM fill them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, islice
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from augment import protection, words
from augment.data.layout import Layout
from augment.data.named_files import NamedFile
from augment.errors import InputError, counted
from augment.generation.budget import SamplingStrategy
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Guard, Originals
from augment.guards.fluency import Fluency
from augment.identity import digest
from augment.models.adapted_weights import load_adapted
from augment.models.checkpoints import Checkpoint, load_masked_lm
from augment.models.devices import DTYPES
from augment.models.label_prefix import RECORD, conditioned
from augment.models.masked_lm import MaskedLM
from augment.models.steadiness import Steadiness
from augment.models.word_likeness import WordLikeness
from augment.models.word_pieces import TokenizedText
from augment.parameters import Patterns, Rule, TextTuple
from augment.recently_used import RecentlyUsed
from augment.seeding import generator
from augment.segmenters import Segmenter, Segmenters, segmenter_identity, word_finder
from augment.text.base import TextStrategy
from augment.text.content_words import is_content
from augment.text.filler import Filler
from augment.text.fitting_words import WordFilter
from augment.text.languages import LOOKED_AT, is_english, likely_language, unlike_english
from augment.text.lessons import learnt_weights
from augment.text.masked_text import Filling, Masking, Wording, dealt, masked
from augment.text.masked_words import masked_words
from augment.text.naturalness import estimated
from augment.text.replaceability import Replaceability, Word
from augment.word_lists import LANGUAGES
from augment.words import Span
from augment.writing_systems import is_spaceless

FILLINGS = 4
"""How many of the fillings to choose from replace the same words, at most."""
MASKED = 0.2
"""Share of the words that are masked at a time, so that one forward pass serves several fillings."""
LARGER = (
    "mini is a small model. A larger one writes more natural rows: `model='answerdotai/ModernBERT-base'`"
    " (150 million parameters, a download of 600 MB, about ten times the time)."
)
MULTILINGUAL = (
    "mini is a small English model. For texts in another language a multilingual one writes better rows:"
    " `model='FacebookAI/xlm-roberta-base'` (278 million parameters, about ten times the time)."
)
NEVER_FILLS = 3
"""How many words may not fill a mask: the old word and its two neighbours."""
STANDING = 48
"""How many words of a text that may not come again are expected among the likeliest ones."""
WORDINGS = 2_048
"""Texts whose words are kept for later calls: those of two chunks."""


class FillMask(TextStrategy):
    """Replace some words of a sentence by others that a masked language model finds likely there.

    This is the upsampling of the paper's section 6.1. It adds whole words, protected spans, fills that always differ
    from the old word, and unchanged text around the masks.

    Parameters
    ----------
    model : str, default="mini"
        A bundled name, a folder, or a hub id of any masked LM with a fast tokenizer.
    revision : str, optional
        Branch, tag or commit of a hub id.
    mask_ratio : float, default=0.08
        Share of a text's words that are replaced, in (0, 1]; at least one word is.
    fill : {"parallel", "sequential"}, default="parallel"
        Fill all masks from one forward pass, or one after the other, each seeing the last.
    likeness : float, default=1.0
        How much a word like the old one is preferred (`augment.models.word_likeness.WordLikeness`), 0 or more: what one
        standard deviation of likeness adds to a word's logit. 0 leaves the model's probabilities as they are. With
        `choose` above 1 words that have such words are also masked rather (`augment.text.replaceability`).
    choose : int, default=8
        Fillings that are drawn for a new row, 1 or more; the one whose words fit best is taken, and how natural it is
        is estimated (`augment.text.naturalness`). If the text has enough words, none is replaced in more than
        `FILLINGS` of them. With ``fill="parallel"`` as many words as `MASKED` of the text are masked together, and the
        best fills are put together. If it is above 1 there are at least `share_masks`, since as many variants take one
        each.
    where : {"content", "any"}, default="content"
        Which words are masked: only content words, so no function words, numbers, units or names, unless a text has no
        others; or any.
    share_masks : int, default=4
        Number of variants of one source that share their forward passes. With `choose` above 1 they take the fillings
        one after another, the best first. With 1 filling they and the tries at each have the same masks, and
        their fills are drawn independently. 1 draws new masks for each.
    adapt : bool or int, default=False
        Whether the model is first trained on the texts of the input, of all classes, and for how many epochs; True for
        a number that depends on how many texts there are (`augment.text.lessons.epochs_for`). No text that equals or
        nearly equals a held-out one is learnt from. The weights are kept in the user's cache, for the next time.
    adapt_on : str, optional
        A file of other texts to learn from, too, as ``FILE`` or ``FILE:column=NAME:split=NAME``.
    condition : {"none", "prefix"}, default="none"
        Whether the model sees the label's words before the text (`augment.models.label_prefix`). They are never masked.
        The model must be trained for it, by `adapt` or by ``classifiers pretrain --condition label``. If a text is
        longer than the model's window, only its first window has them.
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
        Neither replace nor insert negations of the language (`augment.protection.negations_of`).
    language : str, default="en"
        The language of the texts, one of `augment.word_lists.LANGUAGES`.
    segmenter : str or callable, optional
        What finds the words: a registered name, such as ``"icu"``, or a function from a text to pairs (start, end).
        None for ``"icu"`` in Chinese, Japanese and Thai, and for runs of letters elsewhere. Where no spaces stand
        between words, a word of several pieces of the vocabulary is filled piece by piece, and must be one word again.
    batch_size : int, default=64
        Rows of a forward pass. Changes memory and speed, not the result.
    device : str, default="auto"
        See `augment.models.checkpoints.load_masked_lm`.
    dtype : {"auto", "float32", "bfloat16", "float16", "int8"}, default="auto"
        See `augment.models.checkpoints.load_masked_lm`.
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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "model": [str],
        "revision": [str, None],
        "mask_ratio": [Interval(Real, 0, 1, closed="right")],
        "fill": [StrOptions({"parallel", "sequential"})],
        "likeness": [Interval(Real, 0, None, closed="left")],
        "choose": [Interval(Integral, 1, None, closed="left")],
        "where": [StrOptions({"content", "any"})],
        "share_masks": [Interval(Integral, 1, None, closed="left")],
        "adapt": ["boolean", Interval(Integral, 1, None, closed="left")],
        "adapt_on": [str, None],
        "condition": [StrOptions({"none", "prefix"})],
        "top_k": [Interval(Integral, 1, None, closed="left"), None],
        "top_p": [Interval(Real, 0, 1, closed="right")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "protect": [TextTuple("words and phrases")],
        "protect_patterns": [Patterns()],
        "protect_negations": ["boolean"],
        "language": [StrOptions(set(LANGUAGES))],
        "segmenter": [Segmenters()],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "dtype": [StrOptions(set(DTYPES))],
    }
    _parameter_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("adapt_on", "adapt"),
            lambda file, adapt: file is None or adapt is not False,
            "None where `adapt` is False",
        ),
        Rule(
            ("adapt_on", "condition"),
            lambda file, condition: file is None or condition == "none",
            "None where `condition` is 'prefix', since its texts have no labels",
        ),
    )

    def __init__(
        self,
        *,
        model: str = "mini",
        revision: str | None = None,
        mask_ratio: float = 0.08,
        fill: Literal["parallel", "sequential"] = "parallel",
        likeness: float = 1.0,
        choose: int = 8,
        where: Literal["content", "any"] = "content",
        share_masks: int = 4,
        adapt: int | bool = False,
        adapt_on: str | None = None,
        condition: Literal["none", "prefix"] = "none",
        top_k: int | None = 50,
        top_p: float = 0.95,
        temperature: float = 1.0,
        protect: tuple[str, ...] = (),
        protect_patterns: tuple[str, ...] = (),
        protect_negations: bool = True,
        language: str = "en",
        segmenter: str | Segmenter | None = None,
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
        self.likeness = likeness
        self.choose = choose
        self.where = where
        self.share_masks = share_masks
        self.adapt = adapt
        self.adapt_on = adapt_on
        self.condition = condition
        self.top_k = top_k
        self.top_p = top_p
        self.temperature = temperature
        self.protect = protect
        self.protect_patterns = protect_patterns
        self.protect_negations = protect_negations
        self.language: str = language
        self.segmenter = segmenter
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype

    @property
    def tries(self) -> int:
        """One if the best of several fillings is taken: if it is rejected, another source is likelier to give one."""
        return super().tries if self.choose == 1 else 1

    @property
    def per_pool(self) -> int:
        """As many as share the fillings to choose from, if there are some."""
        return 1 if self.choose == 1 else self.share_masks

    def in_language(self) -> tuple[str, ...]:
        """Return the words for negations, if they are protected, and for function words, if they are left alone."""
        return ("negations",) * self.protect_negations + ("function words",) * (self.where == "content")

    def examine(self, texts: Sequence[str | None], sources: Mapping[Any, Sequence[int] | np.ndarray]) -> None:
        """Warn of texts that are not English, if the model is known to be one of English alone."""
        self._foreign = False
        if not is_english(self.model):
            return
        found, every = [], []
        for label, places in sources.items():
            step = max(1, len(places) // LOOKED_AT)
            sample = [texts[int(place)] or "" for place in places[::step][:LOOKED_AT]]
            every += sample
            if clause := _not_english(sample):
                found.append(f"{str(label)!r} ({clause})")
        what = f"these texts well: {_listed(found)}" if found else ""
        if not found and self.language != "en" and every:
            what = f"texts in {LANGUAGES[self.language]} well"
        elif not found and (clause := _not_english(every)):
            what = f"these texts well: {clause}"
        if what:
            self._foreign = True
            warnings.warn(
                f"{self.model} is an English model, and it cannot fill {what}. Give"
                " `model` a multilingual one, such as FacebookAI/xlm-roberta-base or"
                " google-bert/bert-base-multilingual-cased.",
                stacklevel=2,
            )

    def learn(
        self,
        originals: Originals,
        *,
        layout: Layout | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> None:
        """Train the model on the texts, or find in the cache what it has learnt from them before."""
        self.learnt_ = None
        if self.adapt is False:
            return
        pool = [] if self.adapt_on is None else NamedFile.parsed(self.adapt_on).texts(layout or Layout())
        labelled = self.condition == "prefix"
        self.learnt_ = learnt_weights(
            self._opened(), originals, adapt=self.adapt, pool=pool, labelled=labelled, progress=progress
        )
        if self.adapt_on is not None:
            self.learnt_["pool"] = digest(pool)

    def learnt(self) -> list[dict[str, Any]]:
        """Return how the model was trained; empty if it was not."""
        return [] if self.learnt_ is None else [self.learnt_["record"]]

    def _opened(self) -> Checkpoint:
        return load_masked_lm(self.model, revision=self.revision, device=self.device, dtype=self.dtype)

    def prepare(self) -> None:
        """Open the model, with the weights that `learn` has found."""
        if self.adapt is not False and self.learnt_ is None:
            raise InputError("`adapt` needs the rows of a run: call `learn` with them first, or `upsample`.")
        self._words_of = word_finder(self.segmenter, self.language)
        self._protected = protection.protection(
            self.protect, self.protect_patterns, negations=self.protect_negations, language=self.language
        )
        checkpoint = self._opened()
        if self.learnt_ is not None:
            load_adapted(checkpoint, self.learnt_["path"])
        elif self.condition == "prefix" and getattr(checkpoint.model.config, RECORD, None) != "prefix":
            warnings.warn(
                f"The model {self.model!r} was not trained with labels before its texts, so they will hardly guide it."
                " Train it first: `classifiers pretrain --condition label`.",
                stacklevel=2,
            )
        self._engine = MaskedLM(checkpoint, self.batch_size)
        self._known_wordings: RecentlyUsed[tuple[str, Any], Wording] = RecentlyUsed(WORDINGS)
        vocabulary = self._engine.vocabulary
        if self.protect_negations:
            negations = [re.compile(pattern, re.IGNORECASE) for pattern in protection.negations_of(self.language)]
            self._engine.leave_out(
                [vocabulary.family(word) for word in vocabulary.words if word and _has_any(word, negations)]
            )
        self._steadiness = Steadiness(checkpoint)
        entries = [entry for entry, word in enumerate(vocabulary.words) if word is not None]
        weights: Any = checkpoint.model.get_input_embeddings().weight
        self._filter = WordFilter(
            vocabulary,
            WordLikeness(weights, entries),
            language=self.language,
            likeness=self.likeness,
            top_k=self.top_k,
            top_p=self.top_p,
            temperature=self.temperature,
        )
        self._replaceability = Replaceability(self._filter, entries)
        spare = NEVER_FILLS if self.choose == 1 else STANDING
        self._filler = Filler(
            self._engine,
            self._filter,
            count=None if self.top_k is None else self.top_k + spare * vocabulary.largest_family,
            one_by_one=self.fill == "sequential",
        )

    def opened(self) -> Checkpoint | None:
        """Return the model, unless it was trained or is of a revision."""
        engine: MaskedLM | None = getattr(self, "_engine", None)
        return None if engine is None or self.learnt_ is not None or self.revision else engine.checkpoint

    def advice(self) -> str:
        """Name a better model for the language of the texts, if the small one that comes with the package was used."""
        if self.model != "mini":
            return ""
        return MULTILINGUAL if getattr(self, "_foreign", self.language != "en") else LARGER

    def own_guards(self) -> list[Guard]:
        """Return the guard `fluency`, unless a single filling is drawn: the best of several may still not fit."""
        if self.choose == 1:
            return []
        guard = Fluency()
        guard.by_default = True
        return [guard]

    def identity(self) -> dict[str, Any]:
        """Return the model's name, what identifies its weights, and where it ran."""
        pool = {} if self.learnt_ is None or self.adapt_on is None else {"pool": self.learnt_["pool"]}
        return {
            **self._engine.checkpoint.identity(),
            **segmenter_identity(self.segmenter, self.language),
            **pool,
        }

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Mask and fill one text for each draw; None if no word may be replaced."""
        self._wordings = self._worded_all(dict.fromkeys((draw.text, draw.label) for draw in draws))
        return self._drawn(draws) if self.choose == 1 else self._chosen(draws)

    def _worded_all(self, items: Iterable[tuple[str, Any]]) -> dict[tuple[str, Any], Wording]:
        """Find the word pieces and the words of texts with their labels."""
        known = {item: self._known_wordings.get(item) for item in items}
        new = [item for item, wording in known.items() if wording is None]
        seen = [conditioned(*item) if self.condition == "prefix" else (item[0], 0) for item in new]
        tokenized = self._engine.pieces.tokenize([text for text, _ in seen])
        wordings = [
            self._worded(item[0], start, tokens) for item, (_, start), tokens in zip(new, seen, tokenized, strict=True)
        ]
        if self.choose > 1 and self.likeness:
            self._rate(wordings)
        for item, wording in zip(new, wordings, strict=True):
            known[item] = wording
            self._known_wordings.keep(item, wording)
        return {item: wording for item, wording in known.items() if wording is not None}

    def _drawn(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Fill one text for each draw."""
        maskings: dict[tuple[Any, ...], Masking | None] = {}
        fillings: list[Filling | None] = []
        for draw in draws:
            masked_alike = (draw.source, draw.variant // self.share_masks, draw.attempt // self.share_masks)
            key = (draw.text, draw.label, draw.seed, *masked_alike)
            wording = self._wordings[draw.text, draw.label]
            if key not in maskings:
                order = generator(draw.seed, "positions", *masked_alike).permutation(len(wording.replaceable))
                chosen = order[: self._n_masks(wording)].tolist()
                maskings[key] = self._masked(wording, chosen) if chosen else None
            masking = maskings[key]
            if masking is None:
                fillings.append(None)
            else:
                fillings.append(Filling(masking, range(len(masking.masks)), draw.generator().random))
        self._filler.fill([filling for filling in fillings if filling is not None])
        return [None if filling is None else filling.candidate(self._words_of) for filling in fillings]

    def _chosen(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Fill each text in several ways, and return what fits best; to variants that share, one after another."""
        pools: dict[tuple[Any, ...], list[Filling]] = {}
        keys = []
        for draw in draws:
            shared = (draw.source, draw.variant // self.share_masks, draw.attempt)
            keys.append((draw.text, draw.label, draw.seed, *shared))
            if keys[-1] not in pools:
                pools[keys[-1]] = self._pool(draw, generator(draw.seed, "fillings", *shared))
        self._filler.fill([filling for pool in pools.values() for filling in pool])
        ranked = {
            key: dealt(pool, self._n_masks(pool[0].masking.wording), self._words_of)
            for key, pool in pools.items()
            if pool
        }
        turns = [
            (key, draw.variant % self.share_masks % len(ranked[key])) if key in ranked else None
            for draw, key in zip(draws, keys, strict=True)
        ]
        asked = list(dict.fromkeys(turn for turn in turns if turn is not None))
        measured = estimated([(key[0], *ranked[key][place]) for key, place in asked], self._steadiness.compare)
        found = dict(zip(asked, measured, strict=True))
        return [None if turn is None else found[turn] for turn in turns]

    def _pool(self, draw: Draw, rng: np.random.Generator) -> list[Filling]:
        """Mask words of a text, each of which is to be filled several times; none if no word may be replaced."""
        wording = self._wordings[draw.text, draw.label]
        if not wording.replaceable:
            return []
        size, n_masks = max(self.choose, self.share_masks), self._n_masks(wording)
        together = n_masks
        if self.fill == "parallel":  # no mask without a filling
            together = max(n_masks, min(int(MASKED * len(wording.spans) + 0.5), size * n_masks))
        least = n_masks * -(-size // FILLINGS)
        drawn = masked_words(
            wording.replaceability,
            turn=draw.variant // self.share_masks + draw.attempt,
            least=least,
            together=together,
            weight=self.likeness,
            rng_of=lambda number: generator(draw.seed, "words", draw.source, number),
        )
        turns: list[tuple[Masking, list[int]]] = []
        for masking in (self._masked(wording, chosen) for chosen in drawn):
            every = range(len(masking.masks))
            own = groupby(every, masking.masks.__getitem__) if self.fill == "parallel" else [(None, every)]
            turns += [(masking, list(masks)) for _, masks in own]
        pool = []
        for number in range(size * n_masks if self.fill == "parallel" else size):
            masking, masks = turns[number % len(turns)]
            pool.append(Filling(masking, masks, iter(rng.random(len(masks)).tolist()).__next__, everywhere=True))
        return pool

    def _n_masks(self, wording: Wording) -> int:
        """Return how many words of a text are replaced."""
        return max(1, int(self.mask_ratio * len(wording.spans) + 0.5))

    def _masked(self, wording: Wording, chosen: Sequence[int]) -> Masking:
        """Put a mask for each of these words of a text."""
        content = self.where == "content"
        return masked(wording, chosen, mask_id=self._engine.mask_id, language=self.language, content=content)

    def _worded(self, text: str, start: int, tokens: TokenizedText) -> Wording:
        """Find the words of a text that begins at `start` of what was tokenized."""
        spans = self._words_of(text)
        segmented = self._words_of is not words.word_spans
        free = protection.replaceable(text, self._protected, spans, segmented=segmented)
        if self.where == "content":
            free = [span for span in free if is_content(text, span, self.language)] or free
        if not text.isascii():
            free = self._in_known_scripts(text, spans, free)
        families = [self._engine.vocabulary.family(text[slice(*span)]) for span in spans]
        covers = {span: tokens.cover(Span(start + span.start, start + span.end)) for span in free}
        replaceable = {span: cover for span, cover in covers.items() if cover is not None}
        even = [0.0] * len(replaceable)
        return Wording(text, tokens, start, spans, list(replaceable), list(replaceable.values()), even, families)

    def _rate(self, wordings: Sequence[Wording]) -> None:
        """Find how easily each word is replaced."""
        asked = []
        for wording in wordings:
            text, ids = wording.text, wording.tokens.ids
            for span, cover in zip(wording.replaceable, wording.covers, strict=True):
                content = self.where == "content" and is_content(text, span, self.language)
                asked.append(Word(text[slice(*span)], content, tuple(ids[slice(*cover)])))
        rated = iter(self._replaceability.of(asked))
        for wording in wordings:
            wording.replaceability[:] = islice(rated, len(wording.replaceable))

    def _in_known_scripts(self, text: str, spans: Sequence[Span], free: list[Span]) -> list[Span]:
        """Leave out words in scripts that the model hardly knows; all words, if most of the text is in them."""
        vocabulary = self._engine.vocabulary
        unknown = {
            span for span in spans if not (word := text[slice(*span)]).isnumeric() and vocabulary.script(word) == -1
        }
        if sum(end - start for start, end in unknown) * 2 > sum(end - start for start, end in spans):
            return []
        return [span for span in free if span not in unknown]


def _has_any(word: str, negations: Sequence[re.Pattern[str]]) -> bool:
    """Return whether a word is a negation, or, where no spaces stand between words, holds one."""
    whole = not is_spaceless(word)
    return any((negation.fullmatch if whole else negation.search)(word) for negation in negations)


def _not_english(texts: Sequence[str]) -> str:
    """Return in a clause what in texts is not English, also of a few; an empty string if nothing."""
    if clause := unlike_english(texts):
        return clause
    likely = likely_language(texts)
    return "" if likely in (None, "en") else f"they are {LANGUAGES[likely]}"


def _listed(found: Sequence[str], most: int = 5) -> str:
    """List classes; of many the first few."""
    more = len(found) - most
    return ", ".join(found[:most]) + (f" and {counted(more, 'more class', 'more classes')}" if more > 0 else "")
