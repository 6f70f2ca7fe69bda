"""Back-translation and paraphrase by sequence-to-sequence models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from augment.errors import InputError
from augment.generation.budget import SamplingStrategy
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Guard
from augment.guards.changed import Changed
from augment.models.checkpoints import load_seq2seq
from augment.models.devices import DTYPES
from augment.models.sequence_to_sequence import Choose, SequenceToSequence
from augment.parameters import OnlyWith, Rule, TextTuple, check_parameters
from augment.recently_used import RecentlyUsed
from augment.text.base import TextStrategy
from augment.text.fitting_words import nucleus, pick
from augment.words import folded

KEPT = 50_000
"""How many texts' beams are kept at most."""
UNFINISHED = "unfinished"
"""The reason an answer is rejected: it has not ended within its longest length, or is too long for the next model."""
_OPUS = re.compile(r"(?:^|[/\\])opus-mt(?:-tc)?(?:-big|-base)?-([a-zA-Z_]+)-([a-zA-Z_]+)/?$")
_SEQUENCE = 1 << 40
"""More random numbers than a model needs for one text."""


class Seq2Seq(TextStrategy):
    """Write a text anew with sequence-to-sequence models: translate it there and back, or paraphrase it.

    The models form a chain: each reads what the one before has written. The last one must write in the language of the
    texts. With sampling (``num_beams=1``) every model draws its tokens by the draw's own random numbers. With beam
    search the models before the last write their best answer, once for each source, and the last one gives
    `num_beams` answers. The new rows of a source take these one after another, the likeliest first; there are no more.
    A source that is longer than the window of the first model gives no rows: it is never cut.

    Parameters
    ----------
    models : tuple of str
        Folders or hub ids of sequence-to-sequence models, one paraphraser or a chain of translators, such as
        ``("Helsinki-NLP/opus-mt-en-de", "Helsinki-NLP/opus-mt-de-en")``.
    revisions : tuple of str, default=()
        Branch, tag or commit of each of the models; empty for none.
    prefixes : tuple of str, default=()
        What each of the models reads before the text, such as ``("paraphrase:",)``; empty for nothing. A space follows.
    src_lang : tuple of str, default=()
        The code of the language that each of the models reads, for models of several languages (NLLB, mBART), such as
        ``("eng_Latn", "deu_Latn")``; empty for models of one.
    tgt_lang : tuple of str, default=()
        The code of the language that each of them writes, such as ``("deu_Latn", "eng_Latn")``.
    num_beams : int, default=1
        Beams of a beam search; 1 samples.
    temperature : float, default=1.0
        Below 1 sharpens, above 1 flattens the draw of a token; above 0. For sampling.
    top_k : int or None, default=50
        Draw among this many likeliest tokens, 1 or more; None for all. For sampling.
    top_p : float, default=0.95
        Draw among the likeliest tokens that together reach this probability, in (0, 1]. For sampling.
    max_length : int or None, default=None
        Most tokens of an answer, 1 or more; None for twice those of the text, and some more. A longer answer is
        rejected as ``unfinished``.
    batch_size : int, default=256
        Sequences of a forward pass; each beam is one. Changes memory and speed, not the result.
    device : str, default="auto"
        See `augment.models.checkpoints.load_masked_lm`.
    dtype : {"auto", "float32", "bfloat16", "float16", "int8"}, default="auto"
        The type of the linear maps. ``"auto"`` takes bfloat16 if the device computes in it natively, otherwise float32.
    sampling_strategy, random_state, guards
        See `TextStrategy`.

    References
    ----------
    Sennrich et al. 2016, "Improving neural machine translation models with monolingual data" (back-translation). Xie et
    al. 2020, "Unsupervised data augmentation for consistency training", section 2.2 (as augmentation). Edunov et al.
    2018, "Understanding back-translation at scale", section 4 (sampling against beams).

    Examples
    --------
    >>> Seq2Seq(models=("Helsinki-NLP/opus-mt-en-de", "Helsinki-NLP/opus-mt-fr-en")).check()
    Traceback (most recent call last):
        ...
    augment.errors.InputError: `models` of Seq2Seq must be a chain: 'Helsinki-NLP/opus-mt-en-de' writes 'de', and \
'Helsinki-NLP/opus-mt-fr-en' reads 'fr'. Give a model that reads 'de'.
    """

    name: ClassVar[str] = "seq2seq"
    page: ClassVar[str] = "docs/seq2seq.md"
    summary: ClassVar[str] = "translate there and back, or paraphrase, with sequence-to-sequence models"
    speed_only: ClassVar[tuple[str, ...]] = ("batch_size",)

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "models": [TextTuple("one or more models", least=1)],
        "revisions": [TextTuple("revisions")],
        "prefixes": [TextTuple("texts")],
        "src_lang": [TextTuple("language codes")],
        "tgt_lang": [TextTuple("language codes")],
        "num_beams": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "top_k": [Interval(Integral, 1, None, closed="left"), None],
        "top_p": [Interval(Real, 0, 1, closed="right")],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "dtype": [StrOptions(set(DTYPES))],
    }
    _parameter_rules: ClassVar[tuple[Rule | OnlyWith, ...]] = (
        *(
            Rule((name, "models"), lambda own, models: len(own) in (0, len(models)), "empty, or one for each model")
            for name in ("revisions", "prefixes", "src_lang", "tgt_lang")
        ),
        Rule(
            ("src_lang", "tgt_lang"),
            lambda reads, writes: list(reads) == [*writes[-1:], *writes[:-1]],
            "a chain with `tgt_lang`: each model reads what the one before writes, and the last writes what the first"
            " reads",
        ),
        OnlyWith(("temperature", "top_k", "top_p"), "num_beams", 1),
    )

    def __init__(
        self,
        *,
        models: tuple[str, ...],
        revisions: tuple[str, ...] = (),
        prefixes: tuple[str, ...] = (),
        src_lang: tuple[str, ...] = (),
        tgt_lang: tuple[str, ...] = (),
        num_beams: int = 1,
        temperature: float = 1.0,
        top_k: int | None = 50,
        top_p: float = 0.95,
        max_length: int | None = None,
        batch_size: int = 256,
        device: str = "auto",
        dtype: str = "auto",
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, guards=guards)
        self.models = models
        self.revisions = revisions
        self.prefixes = prefixes
        self.src_lang = src_lang
        self.tgt_lang = tgt_lang
        self.num_beams = num_beams
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p
        self.max_length = max_length
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype

    @property
    def ranked(self) -> bool:  # type: ignore[override]
        """Whether there are beams, which are a list."""
        return self.num_beams > 1

    @property
    def barren(self) -> str:  # type: ignore[override]
        """What is said of sources that cannot give any candidate."""
        return "without another answer of the beam search" if self.ranked else "too long for the first model"

    def check(self) -> None:
        """Check the parameters, and that translators with known languages form a chain. Nothing is opened."""
        named = isinstance(self.models, (tuple, list)) and all(isinstance(name, str) for name in self.models)
        gap = gap_in(self.models) if named else ""
        check_parameters(self, also=[f"`models` of {type(self).__name__} must be a chain: {gap}"] if gap else [])

    def prepare(self) -> None:
        """Open the models, each once."""
        opened: dict[tuple[str, str | None], Any] = {}
        self._chain: list[SequenceToSequence] = []
        for i, name in enumerate(self.models):
            revision = self.revisions[i] if self.revisions else None
            if (name, revision) not in opened:
                opened[name, revision] = load_seq2seq(name, revision=revision, device=self.device, dtype=self.dtype)
            checkpoint = opened[name, revision]
            target = self.tgt_lang[i] if self.tgt_lang else None
            for code in (*self.src_lang[i : i + 1], *self.tgt_lang[i : i + 1]):
                if code not in checkpoint.tokenizer.all_special_tokens:
                    raise InputError(
                        f"The model {name!r} knows no language {code!r}. Give the codes of its card, such as"
                        " 'eng_Latn' for NLLB or 'en_XX' for mBART, or leave `src_lang` and `tgt_lang` out."
                    )
            self._chain.append(
                SequenceToSequence(checkpoint, self.batch_size, max_length=self.max_length, target=target)
            )
        self._beams: RecentlyUsed[str, list[str]] = RecentlyUsed(KEPT)

    def identity(self) -> dict[str, Any]:
        """Return what identifies the weights of each model, and where it ran."""
        return {"opened": [link.checkpoint.identity() for link in self._chain]}

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Write one text for each draw; None if its source is too long for the first model, or has no more beams."""
        return self._drawn(draws) if self.num_beams == 1 else self._chosen(draws)

    def _drawn(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Let every model of the chain draw its tokens."""
        results: list[Candidate | None] = [Candidate(draw.text) for draw in draws]
        for place, link in enumerate(self._chain):
            going = [i for i, made in enumerate(results) if made is not None and made.unusable is None]
            ids = self._tokens(place, [made.text for i in going if (made := results[i]) is not None])
            for i, row in zip(going, ids, strict=True):
                if row is None:
                    results[i] = None if place == 0 else Candidate("", unusable=UNFINISHED)
            able = [(i, row) for i, row in zip(going, ids, strict=True) if row is not None]
            choose = [self._choosing(draws[i], place) for i, _ in able]
            answers = link.drawn([row for _, row in able], choose, self.top_k)
            for (i, _), text in zip(able, answers, strict=True):
                results[i] = Candidate("", unusable=UNFINISHED) if text is None else Candidate(text)
        for i, (draw, made) in enumerate(zip(draws, results, strict=True)):
            if made is not None and made.unusable is None and _alike(made.text, draw.text):
                results[i] = Candidate("", unusable=Changed.name)
        return results

    def _choosing(self, draw: Draw, place: int) -> Choose:
        """Return what chooses the tokens of a draw; the numbers of each model of the chain begin at their own place."""
        numbers = draw.generator()
        numbers.bit_generator.advance(place * _SEQUENCE)  # type: ignore[attr-defined]
        return lambda logits: pick(nucleus(logits, None, self.top_p, self.temperature), numbers.random())

    def _chosen(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Give the draws of a source its beams, one after another, the likeliest first."""
        known = {text: self._beams.get(text) for text in dict.fromkeys(draw.text for draw in draws)}
        found = self._search([text for text, beams in known.items() if beams is None])
        results: list[Candidate | None] = []
        for draw in draws:
            beams, place = known[draw.text] or found.get(draw.text, []), draw.variant + draw.attempt
            results.append(Candidate(beams[place]) if place < len(beams) else None)
        return results

    def _search(self, texts: Sequence[str]) -> dict[str, list[str]]:
        """Find the beams of texts, and keep them: different ones, which are not the text itself."""
        now: dict[str, list[str]] = {text: [text] for text in texts}
        for place, link in enumerate(self._chain):
            waiting = [text for text, answers in now.items() if answers]
            ids = self._tokens(place, [now[text][0] for text in waiting])
            able = [(text, row) for text, row in zip(waiting, ids, strict=True) if row is not None]
            count = self.num_beams if link is self._chain[-1] else 1
            answers = link.best([row for _, row in able], self.num_beams, count)
            now = dict(zip((text for text, _ in able), answers, strict=True))
        found: dict[str, list[str]] = {}
        for text in texts:
            different: dict[str, str] = {}
            for answer in now.get(text, []):
                if not _alike(answer, text):
                    different.setdefault(folded(answer, " "), answer)
            found[text] = list(different.values())
            self._beams.keep(text, found[text])
        return found

    def _tokens(self, place: int, texts: Sequence[str]) -> list[list[int] | None]:
        """Return what the model at a place of the chain reads; None for a text longer than its window, or none."""
        link = self._chain[place]
        if self.src_lang:
            link.checkpoint.tokenizer.src_lang = self.src_lang[place]
        prefix = f"{self.prefixes[place].strip()} " if self.prefixes else ""
        rows = link.tokens([prefix + text for text in texts])
        return [row if text.strip() else None for row, text in zip(rows, texts, strict=True)]


def _alike(new: str, old: str) -> bool:
    """Return whether two texts differ in no more than case and punctuation, or the new one is empty."""
    return not new or folded(new, " ") == folded(old, " ")


def gap_in(models: Sequence[str]) -> str:
    """Find where a chain of translators does not hold together, as far as the names of the models tell it.

    Parameters
    ----------
    models : sequence of str
        Folders or hub ids. Names such as ``opus-mt-en-de`` tell the languages.

    Returns
    -------
    str
        A sentence on the first gap, and what to do; empty if there is none.

    Examples
    --------
    >>> gap_in(["Helsinki-NLP/opus-mt-en-de"])
    "'Helsinki-NLP/opus-mt-en-de' reads 'en', and the last model writes 'de'. Add one from 'de' to 'en'."
    >>> gap_in(["Helsinki-NLP/opus-mt-en-de", "Helsinki-NLP/opus-mt-de-en"]), gap_in(["some/paraphraser"])
    ('', '')
    """
    if any(not name.strip() for name in models):
        return "a name is empty. Leave it out."
    found = [_OPUS.search(name) for name in models]
    for i, (one, two) in enumerate(pairwise(found)):
        if one and two and one[2] != two[1]:
            return (
                f"{models[i]!r} writes {one[2]!r}, and {models[i + 1]!r} reads {two[1]!r}. Give a model that reads"
                f" {one[2]!r}."
            )
    first, last = found[0] if found else None, found[-1] if found else None
    if first and last and first[1] != last[2]:
        return (
            f"{models[0]!r} reads {first[1]!r}, and the last model writes {last[2]!r}. Add one from {last[2]!r} to"
            f" {first[1]!r}."
        )
    return ""
