"""The masked-LM strategy: mask whole words of a sentence and let any Hugging Face masked LM fill them."""

from __future__ import annotations

import re
import warnings
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from numbers import Integral, Real
from operator import itemgetter
from typing import Any, ClassVar, Literal, NamedTuple

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
from augment.models.checkpoints import DTYPES, Checkpoint, load_masked_lm
from augment.models.label_prefix import RECORD, conditioned
from augment.models.masked_lm import MaskedLM
from augment.models.steadiness import ChangedText, Steadiness
from augment.models.word_likeness import WordLikeness
from augment.models.word_pieces import TokenizedText
from augment.parameters import Patterns, Rule, TextTuple
from augment.seeding import generator
from augment.segmenters import Segmenter, Segmenters, segmenter_identity, word_finder
from augment.text.base import TextStrategy
from augment.text.content_words import is_content, other_words
from augment.text.inflection import article, ending, is_form_of
from augment.text.languages import LOOKED_AT, is_english, unlike_english
from augment.text.lessons import learnt_weights
from augment.word_lists import LANGUAGES
from augment.words import Replacement, Span
from augment.writing_systems import is_spaceless

_MaskedIds = tuple[tuple[int, ...], tuple[int, ...]]  # word pieces with masks, and the positions to read

FILLINGS = 4
"""How many of the fillings to choose from have the same masks, and so come from one forward pass."""
JUDGED = 3
"""How many of the fillings, the best ones, are compared by their steadiness too."""
STEADINESS = 36.0
"""How much a cosine of 1 weighs against the logarithm of a probability, fitted to the judgements of readers."""
LARGER = (
    "mini is a small model. A larger one writes more natural rows: `model='answerdotai/ModernBERT-base'`"
    " (150 million parameters, a download of 600 MB, about ten times the time)."
)
NEVER_FILLS = 3
"""How many words may not fill a mask: the old word and its two neighbours."""
STANDING = 48
"""How many words of a text that may not come again are expected among the likeliest ones."""


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
        standard deviation of likeness adds to a word's logit. 0 leaves the model's probabilities as they are.
    choose : int, default=8
        Fillings that are drawn and scored for a new row, 1 or more; the best is taken. A filling's score is the mean,
        over its words, of log-probability and likeness. Every `FILLINGS` of them have the same masks.
    where : {"content", "any"}, default="content"
        Which words are masked: only content words, so no function words, numbers or names, unless a text has no others;
        or any.
    share_masks : int, default=4
        Number of variants of one source that share their forward passes. With `choose` above 1 they take the fillings
        one after another, the most fluent first. With 1 filling they and the tries at each have the same masks, and
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

    def in_language(self) -> tuple[str, ...]:
        """Return the words for negations, if they are protected, and for function words, if they are left alone."""
        return ("negations",) * self.protect_negations + ("function words",) * (self.where == "content")

    def examine(self, texts: Sequence[str | None], sources: Mapping[Any, Sequence[int] | np.ndarray]) -> None:
        """Warn of texts that are not English, if the model is known to be one of English alone."""
        if not is_english(self.model):
            return
        found = []
        for label, places in sources.items():
            step = max(1, len(places) // LOOKED_AT)
            clause = unlike_english(texts[int(place)] or "" for place in places[::step][:LOOKED_AT])
            if clause:
                found.append(f"{str(label)!r} ({clause})")
        if found:
            warnings.warn(
                f"{self.model} is an English model, and it cannot fill these texts well: {_listed(found)}. Give"
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
        # Kept from the last call, since rejected draws come back in the next call.
        self._wordings: dict[tuple[str, Any], _Wording] = {}
        self._likely: dict[_MaskedIds, tuple[np.ndarray, np.ndarray]] = {}
        vocabulary = self._engine.vocabulary
        if self.protect_negations:
            negations = [re.compile(pattern, re.IGNORECASE) for pattern in protection.negations_of(self.language)]
            self._engine.leave_out(
                [vocabulary.family(word) for word in vocabulary.words if word and _has_any(word, negations)]
            )
        pronouns = [vocabulary.family(word) for word in protection.PRONOUNS]
        self._is_pronoun = np.isin(vocabulary.families, pronouns)
        others = [vocabulary.family(word) for word in other_words(self.language)]
        self._steadiness = Steadiness(checkpoint)
        self._is_content = ~np.isin(vocabulary.families, others)
        self._endings = np.array([word and ending(word) for word in vocabulary.words], dtype=object)
        self._articles = np.array([word and article(word) for word in vocabulary.words], dtype=object)
        entries = [entry for entry, word in enumerate(vocabulary.words) if word is not None]
        weights: Any = checkpoint.model.get_input_embeddings().weight
        self._word_likeness = WordLikeness(weights, entries)

    def advice(self) -> str:
        """Name a larger model of English, if the small one that comes with the package was used."""
        return LARGER if self.model == "mini" else ""

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
        items = dict.fromkeys((draw.text, draw.label) for draw in draws)
        new = [item for item in items if item not in self._wordings]
        seen = [conditioned(*item) if self.condition == "prefix" else (item[0], 0) for item in new]
        tokenized = self._engine.pieces.tokenize([text for text, _ in seen])
        self._wordings = {item: self._wordings[item] for item in items if item in self._wordings}
        for item, (_, start), tokens in zip(new, seen, tokenized, strict=True):
            self._wordings[item] = self._worded(item[0], start, tokens)
        return self._drawn(draws) if self.choose == 1 else self._chosen(draws)

    def _drawn(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Fill one text for each draw."""
        maskings: dict[tuple[Any, ...], _Masking | None] = {}
        tasks = []
        for draw in draws:
            masked_alike = (draw.source, draw.variant // self.share_masks, draw.attempt // self.share_masks)
            key = (draw.text, draw.label, draw.seed, *masked_alike)
            if key not in maskings:
                chooser = generator(draw.seed, "positions", *masked_alike)
                maskings[key] = self._masking(draw.text, self._wordings[draw.text, draw.label], chooser)
            masking = maskings[key]
            tasks.append(None if masking is None else _Task(draw.text, masking, draw.generator().random))
        self._fill_all([task for task in tasks if task is not None])
        return [None if task is None else task.candidate(self._words_of) for task in tasks]

    def _chosen(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Fill each text in several ways, and return the most fluent one; to variants that share, one after another."""
        pools: dict[tuple[Any, ...], list[_Task]] = {}
        keys = []
        for draw in draws:
            shared = (draw.source, draw.variant // self.share_masks, draw.attempt)
            keys.append((draw.text, draw.label, draw.seed, *shared))
            if keys[-1] not in pools:
                pools[keys[-1]] = self._pool(draw, generator(draw.seed, "fillings", *shared))
        self._fill_all([task for pool in pools.values() for task in pool])
        best = [(key, made, score) for key, pool in pools.items() for made, score in self._best(pool)]
        least = self._steadiness.least([ChangedText(key[0], made.text, made.replacements) for key, made, _ in best])
        ranked: defaultdict[tuple[Any, ...], list[tuple[float, Candidate]]] = defaultdict(list)
        for (key, made, score), steadiness in zip(best, least.tolist(), strict=True):
            ranked[key].append((score + STEADINESS * steadiness, replace(made, steadiness=steadiness)))
        for pool_key in ranked:
            ranked[pool_key].sort(key=itemgetter(0), reverse=True)
        turns = [draw.variant % self.share_masks for draw in draws]
        return [
            ranked[key][turn % len(ranked[key])][1] if key in ranked else None
            for turn, key in zip(turns, keys, strict=True)
        ]

    def _best(self, pool: Sequence[_Task]) -> list[tuple[Candidate, float]]:
        """Return the different fillings of a pool that fit best by their words alone, with their scores."""
        scores: dict[Candidate, float] = {}
        for task in sorted(pool, key=_Task.score, reverse=True):
            scores.setdefault(task.candidate(self._words_of), task.score())
        changed = {made: score for made, score in scores.items() if made.replacements} or scores
        return list(islice(changed.items(), max(JUDGED, self.share_masks)))

    def _pool(self, draw: Draw, rng: np.random.Generator) -> list[_Task]:
        """Mask a text in several ways, each of which is to be filled several times.

        Each further try chooses among half as many fillings: the best of many would often be the rejected one again.
        """
        wording = self._wordings[draw.text, draw.label]
        size = max(self.choose >> draw.attempt, self.share_masks)
        tasks = []
        for start in range(0, size, FILLINGS):
            masking = self._masking(draw.text, wording, rng)
            if masking is None:
                return []
            for _ in range(min(FILLINGS, size - start)):
                numbers = rng.random(len(masking.masks)).tolist()
                tasks.append(_Task(draw.text, masking, iter(numbers).__next__, everywhere=True))
        return tasks

    def _fill_all(self, tasks: Sequence[_Task]) -> None:
        """Fill every mask of texts."""
        if self.fill == "parallel":
            for part in range(max((max(task.masking.parts) + 1 for task in tasks), default=0)):
                turns = [(task, [i for i, own in enumerate(task.masking.parts) if own == part]) for task in tasks]
                self._fill([(task, masks) for task, masks in turns if masks])
        else:
            for turn in range(max((len(task.masking.masks) for task in tasks), default=0)):
                self._fill([(task, [turn]) for task in tasks if turn < len(task.masking.masks)])

    def _worded(self, text: str, start: int, tokens: TokenizedText) -> _Wording:
        """Find the words of a text that begins at `start` of what was tokenized."""
        spans = self._words_of(text)
        segmented = self._words_of is not words.word_spans
        free = protection.replaceable(text, self._protected, spans, segmented=segmented)
        if self.where == "content":
            free = [span for span in free if is_content(text, span, self.language)] or free
        return _Wording(tokens, start, spans, free if text.isascii() else self._in_known_scripts(text, spans, free))

    def _in_known_scripts(self, text: str, spans: Sequence[Span], free: list[Span]) -> list[Span]:
        """Leave out words in scripts that the model hardly knows; all words, if most of the text is in them."""
        vocabulary = self._engine.vocabulary
        unknown = {
            span for span in spans if not (word := text[slice(*span)]).isnumeric() and vocabulary.script(word) == -1
        }
        if sum(end - start for start, end in unknown) * 2 > sum(end - start for start, end in spans):
            return []
        return [span for span in free if span not in unknown]

    def _masking(self, text: str, wording: _Wording, chooser: np.random.Generator) -> _Masking | None:
        """Choose the words to mask, and put a mask for each; None if no word may be replaced."""
        n_masks = max(1, int(self.mask_ratio * len(wording.spans) + 0.5))
        pieces: dict[Span, Span] = {}
        for i in chooser.permutation(len(wording.replaceable)):
            span = wording.replaceable[i]
            cover = wording.tokens.cover(Span(wording.start + span.start, wording.start + span.end))
            if cover is not None:
                pieces[span] = cover
                if len(pieces) == n_masks:
                    break
        if not pieces:
            return None
        masks: list[Span] = []
        parts: list[int] = []
        old, ids, positions, end = wording.tokens.ids, [], [], 0
        for mask in sorted(pieces):
            cover = pieces[mask]
            ids += old[end : cover.start]
            n_parts = cover.end - cover.start if is_spaceless(text[slice(*mask)]) else 1
            for part in range(n_parts):
                masks.append(mask)
                parts.append(part)
                positions.append(len(ids))
                ids.append(self._engine.mask_id)
            end = cover.end
        places = [bisect_left(wording.spans, mask) for mask in masks]
        possessive = [protection.is_possessive(text, mask) for mask in masks]
        content = [self.where == "content" and is_content(text, mask, self.language) for mask in masks]
        old_pieces = [old[slice(*pieces[mask])] for mask in masks]
        ids += old[end:]
        return _Masking(wording.spans, masks, parts, tuple(ids), positions, places, possessive, content, old_pieces)

    def _fill(self, turns: Sequence[tuple[_Task, Sequence[int]]]) -> None:
        """Fill these masks of each text, left to right; texts that are masked alike share one forward pass."""
        waiting: defaultdict[_MaskedIds, list[tuple[_Task, Sequence[int]]]] = defaultdict(list)
        for task, turn in turns:
            waiting[tuple(task.ids), tuple(task.masking.positions[i] for i in turn)].append((task, turn))
        self._likely = {masked: self._likely[masked] for masked in waiting if masked in self._likely}
        new = [masked for masked in waiting if masked not in self._likely]
        for masked in list(self._likely):
            self._draw(waiting[masked], *self._likely[masked])
        spare = (NEVER_FILLS if self.choose == 1 else STANDING) * self._engine.vocabulary.largest_family
        for row, ids, logits in self._engine.likeliest(new, None if self.top_k is None else self.top_k + spare):
            self._likely[new[row]] = ids, logits
            self._draw(waiting[new[row]], ids, logits)

    def _draw(self, turns: Sequence[tuple[_Task, Sequence[int]]], ids: np.ndarray, logits: np.ndarray) -> None:
        """Draw the fills of texts that are masked alike."""
        vocabulary = self._engine.vocabulary
        cuts: dict[tuple[Any, ...], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        for task, turn in turns:
            for row, i in enumerate(turn):
                key = (
                    row,
                    task.masking.possessive[i],
                    task.old(i),
                    task.around(i),
                    task.masking.content[i],
                    task.article(i),
                )
                if key not in cuts:
                    able, families = np.isfinite(logits[row]), vocabulary.families[ids[row]]
                    able &= vocabulary.scripts[ids[row]] == vocabulary.script(key[2])
                    if key[1]:
                        able &= ~self._is_pronoun[ids[row]]
                    if key[4]:
                        able &= self._is_content[ids[row]]
                        if self.language == "en":
                            able &= self._endings[ids[row]] == ending(key[2])
                            if key[5]:
                                able &= self._articles[ids[row]] == key[5]
                        if not is_spaceless(key[2]):
                            able[able] = [not is_form_of(str(vocabulary.words[i]), key[2]) for i in ids[row][able]]
                    for word in key[3]:
                        able &= families != vocabulary.family(word)
                    log_shares = logits[row] - np.logaddexp.reduce(logits[row])
                    cuts[key] = self._cut(task.masking.old_pieces[i], ids[row][able], log_shares[able])
                able_ids, values, cumulative = cuts[key]
                if len(able_ids):
                    place = pick(cumulative, task.number())
                    task.fills[i] = str(vocabulary.words[able_ids[place]])
                    task.ids[task.masking.positions[i]] = int(able_ids[place])
                    task.scores.append(float(values[place]))

    def _cut(
        self, old_pieces: Sequence[int], ids: np.ndarray, logits: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the words to draw from, best first, with their scores and the cumulative probabilities."""
        if not self.likeness:
            return ids, logits, nucleus(logits, self.top_k, self.top_p, self.temperature)
        ids, logits = ids[: self.top_k], logits[: self.top_k].astype(np.float64)
        values = logits + self.likeness * self._word_likeness.likeness(old_pieces, ids)
        order = np.argsort(-values, kind="stable")
        return ids[order], values[order], nucleus(values[order], None, self.top_p, self.temperature)


def _has_any(word: str, negations: Sequence[re.Pattern[str]]) -> bool:
    """Return whether a word is a negation, or, where no spaces stand between words, holds one."""
    whole = not is_spaceless(word)
    return any((negation.fullmatch if whole else negation.search)(word) for negation in negations)


def _listed(found: Sequence[str], most: int = 5) -> str:
    """List classes; of many the first few."""
    more = len(found) - most
    return ", ".join(found[:most]) + (f" and {counted(more, 'more class', 'more classes')}" if more > 0 else "")


class _Wording(NamedTuple):
    """The word pieces and the words of a text."""

    tokens: TokenizedText
    """Its word pieces, with those of the label before them where the text is conditioned on it."""
    start: int
    """Where the text begins in what was tokenized."""
    spans: list[Span]
    """Its words."""
    replaceable: list[Span]
    """Those that may be replaced."""


class _Masking(NamedTuple):
    """A text with some of its words masked."""

    spans: list[Span]
    """Every word of the text."""
    masks: list[Span]
    """The words that are masked, ascending; a word stands once for each of its masks."""
    parts: list[int]
    """Which of its word's masks each is, from 0."""
    ids: tuple[int, ...]
    """The text in word pieces: a mask for each masked word, in scripts without spaces for each of its pieces."""
    positions: list[int]
    """Where the masks stand in `ids`."""
    places: list[int]
    """Where the masked words stand in `spans`."""
    possessive: list[bool]
    """Whether an ``'s`` follows."""
    content: list[bool]
    """Whether a content word must be filled in."""
    old_pieces: list[list[int]]
    """The word pieces of the masked words."""


@dataclass
class _Task:
    """A masked text, and its fills so far."""

    text: str
    masking: _Masking
    number: Callable[[], float]
    """Returns random numbers in [0, 1)."""
    everywhere: bool = False
    """Whether no word of the text may come again, rather than only those beside the mask."""
    fills: dict[int, str] = field(default_factory=dict)
    """Mask number to word."""
    scores: list[float] = field(default_factory=list)
    """How well each fill fits, the larger the better."""
    ids: list[int] = field(init=False)
    """Those of the masking; fills are put in as they come."""

    def __post_init__(self) -> None:
        self.ids = list(self.masking.ids)

    def score(self) -> float:
        """Return how well the fills fit, on average; a text without any is the worst."""
        return sum(self.scores) / len(self.scores) if self.scores else -np.inf

    def old(self, i: int) -> str:
        """Return the word that mask `i` replaces."""
        return self.text[slice(*self.masking.masks[i])]

    def around(self, i: int) -> tuple[str, ...]:
        """Return the words that may not fill mask `i`: the old word and its neighbours, or all of the text's."""
        spans, places, at = self.masking.spans, self.masking.places, self.masking.places[i]
        if self.masking.masks.count(self.masking.masks[i]) > 1:  # a part of a word may be a part of another
            return ()
        if self.everywhere:
            return tuple({self.text[slice(*span)]: None for span in spans} | dict.fromkeys(self.fills.values()))
        old = [self.text[slice(*span)] for span in spans[max(at - 1, 0) : at + 2]]
        if i and places[i - 1] == at - 1:
            old[0] = self.fills.get(i - 1, old[0])
        return tuple(old)

    def article(self, i: int) -> str:
        """Return the indefinite article that stands before mask `i`, in lower case; an empty string if none does."""
        at = self.masking.places[i]
        before = self.text[slice(*self.masking.spans[at - 1])].casefold() if at else ""
        return before if before in ("a", "an") else ""

    def candidate(self, words_of: Callable[[str], list[Span]]) -> Candidate:
        """Put the fills into the text, each with the capitalisation of the word that it replaces.

        Where no spaces stand between words, a word stays unless its fills are another word by `words_of`.
        """
        replacements = []
        for mask, group in groupby(range(len(self.masking.masks)), self.masking.masks.__getitem__):
            fills = [self.fills.get(i) for i in group]
            if None in fills:
                continue
            new = Replacement(*mask, words.match_case("".join(map(str, fills)), self.text, mask))
            if not is_spaceless(self.text[slice(*mask)]) or self._is_word(new, words_of):
                replacements.append(new)
        return Candidate(words.splice(self.text, replacements), tuple(replacements))

    def _is_word(self, new: Replacement, words_of: Callable[[str], list[Span]]) -> bool:
        """Return whether a replacement by itself is one word of the text, and not the old one."""
        if new.new == self.text[new.start : new.end]:
            return False
        return Span(new.start, new.start + len(new.new)) in words_of(words.splice(self.text, [new]))


def nucleus(logits: np.ndarray, top_k: int | None, top_p: float, temperature: float) -> np.ndarray:
    """Apply top-k and top-p to logits, and return the cumulative probabilities.

    Parameters
    ----------
    logits : ndarray of float, shape (n,)
        Finite, descending.
    top_k : int or None
        Keep this many; None keeps all.
    top_p : float
        Of those, keep the fewest that together reach this probability, in (0, 1].
    temperature : float
        Divides the logits, above 0.

    Returns
    -------
    ndarray of float64, shape (kept,)
        Ascending. The last value is the probability that is kept, 1 if `top_p` is 1. Empty if `logits` is empty.

    Examples
    --------
    >>> nucleus(np.log([0.5, 0.3, 0.2]), None, 0.6, 1.0).round(6)
    array([0.5, 0.8])
    """
    kept = logits[:top_k].astype(np.float64)
    if not len(kept):
        return kept
    shares = np.exp((kept - kept[0]) / temperature)
    cumulative = np.cumsum(shares / shares.sum())
    return cumulative[: int(np.searchsorted(cumulative, top_p * cumulative[-1])) + 1]


def pick(cumulative: np.ndarray, u: float) -> int:
    """Draw one of the entries that `nucleus` kept, with a given random number.

    Parameters
    ----------
    cumulative : ndarray of float, shape (n,)
        From `nucleus`, n at least 1.
    u : float
        In [0, 1).

    Returns
    -------
    int
        A position.

    Examples
    --------
    >>> pick(np.array([0.5, 0.8]), 0.6), pick(np.array([0.5, 0.8]), 0.7)
    (0, 1)
    """
    return min(int(np.searchsorted(cumulative, u * cumulative[-1], side="right")), len(cumulative) - 1)
