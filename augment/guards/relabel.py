"""The guard that asks a teacher for the class of each candidate, and may keep the row under that class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.agreement import WORDS, Agreement
from augment.guards.base import Guard, Originals
from augment.llm.addresses import address_faults
from augment.parameters import Names, OnlyWith, Rule, check_parameters

if TYPE_CHECKING:
    from augment.models.encoder import Encoders


class Relabel(Guard):
    """A candidate is of its source's class, according to a teacher, or is kept under the class that the teacher names.

    The teacher is that of the guard `agreement`: it has seen neither the candidate's source nor a copy of it. It says
    the likeliest of the classes that it recognises better than chance does (see `agreement`). Candidates of the other
    classes pass as they are: it cannot tell what they are. With ``by="llm"`` a language model is asked instead. It is
    told the classes and the text, and not what the text was made as. Each text is asked for once, in one process. An
    answer that names no class is a rejection. A candidate of another class than its source's is rejected. With `keep`
    it becomes a row of that other class, if the class still lacks rows in this run and the teacher is sure enough. The
    guards that come after this one judge it as a row of that class. No class gets more rows than were asked for.

    Parameters
    ----------
    keep : bool, default=False
        Keep candidates of another class under that class. Each new row then has the class of its source beside it, in
        the column `source_label`, and the teacher's probability of the row's own class, in `relabel_probability`.
    least : float, default=0.5
        The least probability of another class with which a candidate is kept under it, in (0, 1).
    by : {"teacher", "llm"}, default="teacher"
        Who says the class: the teacher, or a language model.
    teacher : str, optional
        A text-classification model, folder or hub id, in place of the default teacher. Its labels must be the classes,
        case aside. It must not have been trained on held-out data.
    model : str, default="mini"
        Encoder of the default teacher, or ``"words"`` for naive Bayes on words. With ``by="llm"`` the language model: a
        name that the endpoint knows, or a folder or hub id of a causal language model, which is opened here.
    folds : int, default=5
        Number of parts of the input, each scored by a teacher of the other parts; 2 or more.
    max_rows : int, default=6000
        Maximum number of rows that the default teacher is fitted on, shared evenly among the classes, drawn by the
        seed.
    base_url : str, optional
        The endpoint of the language model, up to ``/v1``. None for a local model, or for that of OpenAI.
    key_file : str, optional
        A file that holds the key of the endpoint. None for the environment variable OPENAI_API_KEY.
    answers : str, optional
        A file in which the answers of the language model are kept. Texts that have an answer there are not asked for
        again. None for the answers file of the output (``OUTPUT.answers.jsonl``), or for the memory if there is none.
    class_descriptions : dict of str to str, optional
        What classes mean, for the language model.

    References
    ----------
    Sahu et al. 2023, "PromptMix: a class boundary augmentation method for large language model distillation"
    (relabelling). Chung et al. 2023, "Increasing diversity while maintaining accuracy: text data generation with large
    language models and human interventions" (replacing labels against filtering).
    """

    name: ClassVar[str] = "relabel"
    summary: ClassVar[str] = "is of its class, according to a teacher, or is kept under the class that it is of"
    reads_rows: ClassVar[bool] = True
    of_classes: ClassVar[bool] = True
    from_rows: ClassVar[tuple[str, ...]] = Agreement.from_rows
    speed_only: ClassVar[tuple[str, ...]] = ("base_url", "key_file", "answers")

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "keep": ["boolean"],
        "least": [Interval(Real, 0, 1, closed="neither")],
        "by": [StrOptions({"teacher", "llm"})],
        "teacher": [str, None],
        "model": [str],
        "folds": [Interval(Integral, 2, None, closed="left")],
        "max_rows": [Interval(Integral, 1, None, closed="left")],
        "base_url": [str, None],
        "key_file": [str, None],
        "answers": [str, None],
        "class_descriptions": [Names("a mapping of classes to texts", {"neutral": "states facts"}), None],
    }
    _parameter_rules: ClassVar[tuple[Rule | OnlyWith, ...]] = (
        OnlyWith(("least",), "keep", True),
        Rule(
            ("model", "by"),
            lambda model, by: by != "llm" or (model.strip() != "" and model not in ("mini", WORDS)),
            "the name of a language model if a language model is asked, as in relabel:by=llm,model=gpt-5-mini",
        ),
        OnlyWith(("least", "teacher", "folds", "max_rows"), "by", "teacher"),
        OnlyWith(("base_url", "key_file", "answers", "class_descriptions"), "by", "llm"),
        *(rule for rule in Agreement._parameter_rules if "least" not in rule.names),
    )

    def __init__(
        self,
        *,
        keep: bool = False,
        least: float = 0.5,
        by: Literal["teacher", "llm"] = "teacher",
        teacher: str | None = None,
        model: str = "mini",
        folds: int = 5,
        max_rows: int = 6000,
        base_url: str | None = None,
        key_file: str | None = None,
        answers: str | None = None,
        class_descriptions: dict[str, str] | None = None,
    ) -> None:
        self.keep = keep
        self.least = least
        self.by = by
        self.teacher = teacher
        self.model = model
        self.folds = folds
        self.max_rows = max_rows
        self.base_url = base_url
        self.key_file = key_file
        self.answers = answers
        self.class_descriptions = class_descriptions

    @property
    def asks(self) -> bool:  # type: ignore[override]
        """Whether a language model is asked."""
        return self.by == "llm"

    @property
    def moves(self) -> bool:  # type: ignore[override]
        """Whether rows are kept under other classes."""
        return self.keep

    @property
    def columns(self) -> Mapping[str, str]:  # type: ignore[override]
        """The class of the source, and the teacher's probability, if rows are kept under other classes."""
        return {"source_label": "string", "relabel_probability": "double"} if self.keep else {}

    def check(self) -> None:
        """Check the parameters, and the address before it is recorded anywhere."""
        check_parameters(self, also=address_faults(self.base_url) if isinstance(self.base_url, str) else [])

    def keep_beside(self, output: Path) -> None:
        """Keep the answers of the language model in the answers file of the output."""
        from augment.llm.answers import answers_path

        self._beside = answers_path(output)

    def prepare(self, encoders: Encoders) -> None:
        """Open the teacher, or the encoder under it. A language model is opened when there is a text to ask for."""
        if self.by == "llm":
            self._device = encoders.device
            return
        if not hasattr(self, "teacher_"):
            own: dict[str, Any] = {"model": self.model, "folds": self.folds, "max_rows": self.max_rows}
            self.teacher_ = Agreement(teacher=self.teacher) if self.teacher else Agreement(least=None, **own)
            self.teacher_.by_default = True  # so that it says why it is unfit
        self.teacher_.prepare(encoders)

    def fit(self, originals: Originals) -> None:
        """Fit the teacher; or read the answers of the language model."""
        if self.by == "teacher":
            self.teacher_.fit(originals)
            if why := self.teacher_.why_unfit():
                raise InputError(
                    f"The guard 'relabel' cannot be fitted: {why} Give a `teacher`, or leave the guard out."
                )
            known = self.teacher_.classes_ if self.teacher else self.teacher_.bounds_
            self.known_ = np.array([label in known for label in self.teacher_.classes_])
            return
        from augment.llm.answers import KeptAnswers
        from augment.llm.asked_class import AskedClass
        from augment.llm.engines import kind_of, open_engine
        from augment.llm.prompts import check_descriptions

        self._classes = {str(label): label for label in sorted(set(originals.labels), key=str)}
        descriptions = self.class_descriptions or {}
        check_descriptions(descriptions, [*self._classes])
        beside = getattr(self, "_beside", None)
        kept = KeptAnswers((), beside if self.answers is None else Path(self.answers))
        parameters = {"base_url": self.base_url, "key_file": self.key_file, "device": self._device}
        engine = partial(open_engine, kind_of(self.model, self.base_url), self.model, parameters)
        self._asked = AskedClass(self.model, [*self._classes], descriptions, kept, engine)

    def identity(self) -> dict[str, Any]:
        """Return the identity of the teacher; or the model and the hash of the prompt that it is shown."""
        return self.teacher_.identity() if self.by == "teacher" else self._asked.identity()

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        """Find the class of each candidate."""
        found = [] if not draws else self._found(draws, candidates)
        same = [label == draw.label for (label, _), draw in zip(found, draws, strict=True)]
        if not self.keep:
            return Judgement(same)
        columns: dict[str, list[Any]] = {
            "source_label": [str(draw.label) for draw in draws],
            "relabel_probability": [None if p is None else round(p, 6) for _, p in found],
        }
        passed = [
            own or (label is not None and (p is None or p >= self.least))
            for own, (label, p) in zip(same, found, strict=True)
        ]
        return Judgement(passed, columns, [label for label, _ in found])

    def _found(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> list[tuple[Any, float | None]]:
        """Return the class of each candidate, None if there is none, and its probability, if it is known."""
        if self.by == "llm":
            names = self._asked([candidate.whole for candidate in candidates])
            return [(None if name is None else self._classes[name], None) for name in names]
        scores, classes = self.teacher_.probabilities(draws, candidates), self.teacher_.classes_
        own = np.array([classes.index(draw.label) for draw in draws])
        best = np.where(self.known_[own], np.where(self.known_, scores, -1.0).argmax(axis=1), own).tolist()
        return [(classes[place], float(row[place])) for place, row in zip(best, scores, strict=True)]
