"""The strategy that asks a large language model for new rows: an endpoint, a local model, or answers that are there."""

from __future__ import annotations

import contextlib
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from augment.data.layout import Layout
from augment.generation.budget import SamplingStrategy
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Guard, Originals
from augment.guards.held_out import HeldOut
from augment.llm.addresses import address_faults
from augment.llm.answers import KeptAnswers, answers_path
from augment.llm.asking import Asking
from augment.llm.engines import OF_ENDPOINTS, OF_LOCAL_MODELS, idle_parameters, kind_of, open_engine
from augment.llm.parsing import Parsed, rows_of
from augment.llm.prompts import Prompt, check_descriptions
from augment.llm.requests import Engine, Request
from augment.llm.row_requests import RowRequest, RowRequests
from augment.llm.spending import Price, forecast
from augment.models.devices import DTYPES
from augment.parameters import Names, OnlyWith, Rule, check_parameters
from augment.text.base import TextStrategy
from augment.text.languages import LOOKED_AT, likely_language
from augment.word_lists import LANGUAGES
from augment.words import folded, key

UNANSWERED = "unanswered"
"""Why a row of a request without an answer is unusable, while requests are gathered."""
SHARED = 4
"""Requests for each slot in a share of draws, which ends when its last request is answered."""
OF_REQUESTS = (
    *("model", "recipe", "exemplars", "rows_per_request", "share_requests", "attributes", "instructions"),
    *("class_descriptions", "language", "temperature", "top_p", "max_tokens", "schema", "revision"),
)
"""The parameters that requests depend on, beside `template`."""


class _Files(Options):
    """A constraint: the names of files, at least one."""

    example = ("other.jsonl",)

    def __init__(self) -> None:
        super().__init__(type=tuple, options=set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a list of names."""
        return isinstance(val, (tuple, list)) and len(val) > 0 and all(isinstance(one, str) and one for one in val)

    def __str__(self) -> str:
        return "a list of file names"


def _are_values(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) > 0 and all(isinstance(v, str) and v.strip() for v in value)


class LLM(TextStrategy):
    """Ask a large language model for new rows of a class, shown some of its texts.

    A request asks for `rows_per_request` rows. It is drawn from the seed, its source rows, the number of their new rows
    and the number of the try alone, so a row does not depend on the others. Later tries ask for half as many rows each
    time. Each answer is kept under the hash of its request: a command keeps them in
    ``OUTPUT.answers.jsonl``. With this file the same command gives the same rows without asking, and a run that was
    killed asks only what has no answer yet.

    An answer that is not a row is rejected, with its reason, and the row is asked for again: ``refusal``, ``empty``,
    ``broken_json``, ``too_few``, ``truncated``, ``preamble`` ("Here is…"), ``repeats_exemplar``, ``other_language``.

    Parameters
    ----------
    model : str
        The model: a name that the endpoint knows, a folder, or a hub id of a causal language model.
    engine : {"auto", "endpoint", "local", "replay"}, default="auto"
        What answers. "auto" is an endpoint if `base_url` is given, else the replay of `answers` if they are given, else
        a local model if `model` is a folder or has a slash, else the endpoint of OpenAI. "replay" asks nobody.
    base_url : str, optional
        The endpoint, up to ``/v1``, e.g. ``http://localhost:8000/v1`` of vLLM or ``http://localhost:11434/v1`` of
        Ollama.
    answers : str or tuple of str, optional
        Files with answers: answers files, or the results of a batch (`augment requests` writes its requests). Without
        an output to keep new answers beside, such as in `fit_resample`, an engine adds them to the first of the files.
    recipe : {"new", "paraphrase"}, default="new"
        Write new rows like the exemplars of the class, or say the source row in other words.
    exemplars : int, default=5
        Texts of the class that a prompt shows, 1 or more: source rows of the request, and others at random. Texts that
        equal or nearly equal a held-out one, and rows of an earlier run, are never shown.
    rows_per_request : int, default=1
        Rows that a request asks for, 1 or more. It costs less to ask for several, since the prompt is sent once.
    share_requests : bool, default=True
        With ``recipe="new"``, the rows of a request belong to neighbouring sources of a class, as many as it has rows,
        and equally many to each of them. Its prompt shows `exemplars` of these sources. False: all rows of a request
        belong to one source, which its prompt shows; what an answer brings beyond the new rows of this source is not
        used. ``recipe="paraphrase"`` always does that.
    attributes : dict of str to tuple of str, optional
        What each new row is to be like: values of each attribute, one of which is drawn for each row, such as
        ``{"length": ["one short sentence", "three sentences"]}``.
    instructions : str, optional
        What else the model is told, in your words.
    class_descriptions : dict of str to str, optional
        What classes mean, in your words, by their names.
    language : str, optional
        The language of the new rows, one of `augment.word_lists.LANGUAGES`. None for that of the texts.
    template : str, optional
        A file with a Jinja template in the place of that of the recipe; see docs/llm.md.
    temperature : float or None, default=1.0
        From 0 to 2. None leaves it to the model.
    top_p : float, optional
        In (0, 1]. None leaves it to the model.
    max_tokens : int or None, default=2048
        The most tokens of an answer, including those that a model thinks with. None leaves it to the model.
    schema : bool, default=True
        Whether answers are asked for as JSON by schema. An endpoint that cannot do this is asked without it. False is
        for batch files of a service that cannot.
    price : tuple of float, optional
        The price of a million prompt tokens and of a million completion tokens: says what a run costs.
    max_requests : int, optional
        The most requests that are asked in one run. The run then stops, and can be resumed.
    max_tokens_total : int, optional
        The same in tokens of requests and answers; those under way may exceed it.
    key_file : str, optional
        A file that holds the key of the endpoint. None for the environment variable OPENAI_API_KEY.
    concurrency : int, default=16
        Requests to an endpoint under way at a time, 1 to 1000.
    timeout : float, default=60.0
        Seconds that an endpoint may take for a request, above 0.
    retries : int, default=5
        New tries of a request that an endpoint fails to answer, 0 or more.
    revision : str, optional
        Branch, tag or commit of the hub id of a local model.
    device : str, default="auto"
        Where a local model runs.
    dtype : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        The type of the weights of a local model.
    batch_size : int, default=16
        Requests that a local model answers together, 1 or more.
    sampling_strategy, random_state, guards
        See `TextStrategy`.

    References
    ----------
    Yu et al. 2023, "Large language model as attributed training data generator" (attributes). Sahu et al. 2023,
    "PromptMix" (descriptions of classes). Cegin et al. 2025, EMNLP Findings (exemplars at random).

    Examples
    --------
    A run that asks nobody needs the answers:

    >>> from augment import LLM
    >>> texts, y = ["It opens at nine.", "A lovely meal.", "I loved it."], ["neutral", "positive", "positive"]
    >>> LLM(model="gpt-5-mini", engine="replay", random_state=0).fit_resample(texts, y)
    Traceback (most recent call last):
        ...
    augment.errors.InputError: `engine='replay'` needs `answers`: files with the answers.
    """

    name: ClassVar[str] = "llm"
    page: ClassVar[str] = "docs/llm.md"
    summary: ClassVar[str] = "ask a large language model for new rows; needs an endpoint, a local model or batch files"
    edits = False
    asks = True
    columns: Mapping[str, str] = {"llm_request": "string"}
    speed_only: ClassVar[tuple[str, ...]] = (
        *("engine", "answers", "price", "max_requests", "max_tokens_total"),
        *OF_ENDPOINTS,
        *("device", "batch_size"),
    )

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "model": [str],
        "engine": [StrOptions({"auto", "endpoint", "local", "replay"})],
        "base_url": [str, None],
        "answers": [str, _Files(), None],
        "recipe": [StrOptions({"new", "paraphrase"})],
        "exemplars": [Interval(Integral, 1, None, closed="left")],
        "rows_per_request": [Interval(Integral, 1, None, closed="left")],
        "share_requests": ["boolean"],
        "attributes": [
            Names("a mapping of attributes to lists of values", {"length": ["short", "long"]}, _are_values),
            None,
        ],
        "instructions": [str, None],
        "class_descriptions": [Names("a mapping of classes to texts", {"neutral": "states facts"}), None],
        "language": [StrOptions(set(LANGUAGES)), None],
        "template": [str, None],
        "temperature": [Interval(Real, 0, 2, closed="both"), None],
        "top_p": [Interval(Real, 0, 1, closed="right"), None],
        "max_tokens": [Interval(Integral, 1, None, closed="left"), None],
        "schema": ["boolean"],
        "price": [Price(), None],
        "max_requests": [Interval(Integral, 1, None, closed="left"), None],
        "max_tokens_total": [Interval(Integral, 1, None, closed="left"), None],
        "key_file": [str, None],
        "concurrency": [Interval(Integral, 1, 1000, closed="both")],
        "timeout": [Interval(Real, 0, None, closed="neither")],
        "retries": [Interval(Integral, 0, None, closed="left")],
        "revision": [str, None],
        "device": [str],
        "dtype": [StrOptions(set(DTYPES) - {"int8"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    }
    _parameter_rules: ClassVar[tuple[Rule | OnlyWith, ...]] = (
        Rule(("model",), lambda model: bool(model.strip()), "the name of a model"),
        OnlyWith(("exemplars",), "recipe", "new"),
    )

    def __init__(
        self,
        *,
        model: str,
        engine: Literal["auto", "endpoint", "local", "replay"] = "auto",
        base_url: str | None = None,
        answers: str | tuple[str, ...] | None = None,
        recipe: Literal["new", "paraphrase"] = "new",
        exemplars: int = 5,
        rows_per_request: int = 1,
        share_requests: bool = True,
        attributes: dict[str, tuple[str, ...]] | None = None,
        instructions: str | None = None,
        class_descriptions: dict[str, str] | None = None,
        language: str | None = None,
        template: str | None = None,
        temperature: float | None = 1.0,
        top_p: float | None = None,
        max_tokens: int | None = 2048,
        schema: bool = True,
        price: tuple[float, float] | None = None,
        max_requests: int | None = None,
        max_tokens_total: int | None = None,
        key_file: str | None = None,
        concurrency: int = 16,
        timeout: float = 60.0,
        retries: int = 5,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 16,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Any = None,
        guards: Sequence[str | Guard] | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy, random_state=random_state, guards=guards)
        self.model = model
        self.engine = engine
        self.base_url = base_url
        self.answers = answers
        self.recipe = recipe
        self.exemplars = exemplars
        self.rows_per_request = rows_per_request
        self.share_requests = share_requests
        self.attributes = attributes
        self.instructions = instructions
        self.class_descriptions = class_descriptions
        self.language: str | None = language
        self.template = template
        self.temperature = temperature
        self.top_p = top_p
        self.max_tokens = max_tokens
        self.schema = schema
        self.price = price
        self.max_requests = max_requests
        self.max_tokens_total = max_tokens_total
        self.key_file = key_file
        self.concurrency = concurrency
        self.timeout = timeout
        self.retries = retries
        self.revision = revision
        self.device = device
        self.dtype = dtype
        self.batch_size = batch_size

    @property
    def together(self) -> int:  # type: ignore[override]
        """The rows of so many requests that slots seldom wait for the last ones of a share."""
        return self.concurrency * self.rows_per_request * SHARED

    _beside: Path | None = None
    _engine: Engine | None = None
    _opened_for: tuple[Any, ...] = ()
    _gathered: dict[str, Request] | None = None

    def check(self) -> None:
        """Check the parameters, and that none is given that the engine has no use for."""
        kind = self._kind() if isinstance(self.model, str) and isinstance(self.base_url, (str, type(None))) else "auto"
        defaults = type(self)(model="").get_params(deep=False)
        also = idle_parameters(kind, self.get_params(deep=False), defaults)
        if self.engine == "replay" and self.answers is None:
            also.append("`engine='replay'` needs `answers`: files with the answers.")
        if isinstance(self.base_url, str):
            also += address_faults(self.base_url)
        check_parameters(self, also=also)

    def examine(self, texts: Sequence[str | None], sources: Mapping[Any, Sequence[int] | np.ndarray]) -> None:
        """Read the template, so that what is wrong with it is told before anything else."""
        self._template()

    def in_language(self) -> tuple[str, ...]:
        """Return nothing: a prompt is in English, and says which language the rows are to be in."""
        return ()

    def keep_beside(self, output: Path) -> None:
        """Keep answers in a file beside the output."""
        self._beside = answers_path(output)

    def learn(
        self,
        originals: Originals,
        *,
        layout: Layout | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> None:
        """Note the texts that prompts may show: real rows that neither equal nor nearly equal a held-out text."""
        classes = list(dict.fromkeys(map(str, originals.labels)))
        check_descriptions(self.class_descriptions or {}, classes)
        rows = [
            (row, text.strip(), str(label))
            for row, (text, label) in enumerate(zip(originals.texts, originals.labels, strict=True))
            if text and text.strip() and originals.is_real(row)
        ]
        guard = HeldOut()
        guard.fit(originals)
        free = guard.judge([], [Candidate(text) for _, text, _ in rows]).passed
        shown: dict[str, dict[int, str]] = {label: {} for label in classes}
        for (row, text, label), is_free in zip(rows, free, strict=True):
            if is_free:
                shown[label][row] = text
        left_out = [row for (row, _, _), is_free in zip(rows, free, strict=True) if not is_free]
        self.learnt_ = {"texts": shown, "left_out": left_out}

    def prepare(self) -> None:
        """Read the template and the answers. What answers requests is opened when there is one to ask."""
        learnt = self.learnt_ or {"texts": {}, "left_out": []}
        self._texts: dict[str, dict[int, str]] = learnt["texts"]
        self._languages: dict[str, str | None] = {}
        self._requests = RowRequests(
            prompt=self._template(),
            texts=self._texts,
            left_out=frozenset(learnt["left_out"]),
            **{name: getattr(self, name) for name in OF_REQUESTS},
        )
        paths = [Path(self.answers)] if isinstance(self.answers, str) else [*map(Path, self.answers or ())]
        file = None
        if self._gathered is None and self._kind() != "replay":
            file = self._beside or (paths.pop(0) if paths else None)
        elif self._beside is not None and self._beside.exists():
            paths.append(self._beside)
        self._kept = KeptAnswers(paths, file)
        self._asking = Asking(
            self._kept, max_requests=self.max_requests, max_tokens_total=self.max_tokens_total, price=self.price
        )
        self._rejected: Counter[str] = Counter()

    def identity(self) -> dict[str, Any]:
        """Return the template."""
        return {"template": self._template().source}

    def forecast(self, originals: Originals, draws: Iterable[Draw]) -> str:
        """Estimate the requests of the first tries, their tokens and their cost."""
        self.learn(originals)
        self.prepare()
        return forecast(self._requests, draws, self._kept, self.price)

    def record(self) -> dict[str, Any]:
        """Return the answers files with their hashes and tokens, and what was asked in this run."""
        record = {"engine": self._kind(), "answers": self._kept.record(), "asked": self._asking.record()}
        if self._engine is not None and hasattr(self._engine, "identity"):
            record["engine_identity"] = self._engine.identity()
        return record

    def candidates(self, draws: Sequence[Draw]) -> list[Candidate | None]:
        """Ask what has no answer yet, and take each draw's row out of the answer to its request."""
        own = self._requests.of_each(draws)
        requests = {asked.request.key: asked for asked in own if asked is not None}
        left = [asked for name, asked in requests.items() if name not in self._kept]
        if self._gathered is not None:
            self._gathered.update({asked.request.key: asked.request for asked in left})
        else:
            self._asking.ask(left, None if self._kind() == "replay" else self._opened)
        rows = {name: rows_of(self._kept[name], one.wanted) for name, one in requests.items() if name in self._kept}
        self._kept.use(rows)
        candidates = [
            None if asked is None else self._candidate(draw, asked, rows.get(asked.request.key))
            for draw, asked in zip(draws, own, strict=True)
        ]
        reasons = (candidate.unusable for candidate in candidates if candidate is not None)
        self._rejected.update(reason for reason in reasons if reason not in (None, UNANSWERED))
        return candidates

    def rejected(self) -> dict[str, int]:
        """Return how many rows of the answers could not be used, by the reason, the most frequent first."""
        return dict(self._rejected.most_common())

    def failure(self) -> str:
        """Return what a service says of the first request of a batch that has failed; empty if none has."""
        return next(iter(self._kept.failures()), "")

    def answers_used(self) -> tuple[int, int, int]:
        """Return how many answers there are, how many of them were used, and how many requests of batches failed."""
        return len(self._kept), len(self._kept.used), len(self._kept.failures())

    @contextlib.contextmanager
    def gathering(self) -> Iterator[dict[str, Request]]:
        """Gather the requests without an answer, for a block, and ask nobody.

        Yields
        ------
        dict of str to Request
            By their keys; filled as candidates are made. The candidates of their rows are unusable as `UNANSWERED`.
        """
        self._gathered = {}
        try:
            yield self._gathered
        finally:
            self._gathered = None

    def _kind(self) -> str:
        """Return what answers."""
        if self.engine != "auto":
            return self.engine
        if self.base_url is None and self.answers is not None:
            return "replay"
        return kind_of(self.model, self.base_url)

    def _opened(self) -> Engine:
        """Return what answers, opened once for these parameters, and closed when the strategy is gone."""
        parameters = {name: getattr(self, name) for name in (*OF_ENDPOINTS, *OF_LOCAL_MODELS)}
        wanted = (self._kind(), self.model, parameters)
        if self._engine is None or wanted != self._opened_for:
            self._engine, self._opened_for = open_engine(*wanted), wanted
            weakref.finalize(self, self._engine.close)
        return self._engine

    def _template(self) -> Prompt:
        return Prompt.named(self.recipe) if self.template is None else Prompt.read(Path(self.template))

    def _candidate(self, draw: Draw, asked: RowRequest, rows: Sequence[Parsed] | None) -> Candidate:
        """Return the row of a draw in the rows of its request."""
        columns = {"llm_request": asked.request.key[:16]}
        if rows is None:
            return Candidate(f"{key(f'{draw.source} {draw.variant} {draw.attempt}'):x}", unusable=UNANSWERED)
        text, unusable = rows[self._requests.place(draw).number]
        if unusable is None:
            unusable = self._why_not(draw, text, asked, rows)
        return Candidate(text if unusable is None else "", columns=columns, unusable=unusable)

    def _why_not(self, draw: Draw, text: str, asked: RowRequest, rows: Sequence[Parsed]) -> str | None:
        """Return why a text is not a new row of its class, if that can be told without a guard."""
        if folded(text, " ") in {folded(one, " ") for one in asked.exemplars}:
            return "repeats_exemplar"
        expected = self._language_of(str(draw.label), asked.exemplars)
        found = likely_language([text]) or likely_language(row.text for row in rows)
        return "other_language" if expected and found and found != expected else None

    def _language_of(self, label: str, exemplars: Sequence[str]) -> str | None:
        """Return the language that rows of a class should have; None if it is not known."""
        if self.language is not None:
            return self.language
        texts = [*self._texts.get(label, {}).values()]
        if not texts:
            return likely_language(exemplars)
        if label not in self._languages:
            self._languages[label] = likely_language(texts[:: max(1, len(texts) // LOOKED_AT)][:LOOKED_AT])
        return self._languages[label]
