"""Arms, the ways to treat the training rows that a benchmark compares. Each is a named piece of YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from augment.errors import InputError, did_you_mean
from augment.plain_data import read_yaml
from augment.registry import STRATEGIES
from augment.settings import Settings, problems
from benchmarks.grid.kept_answers import Recipe

BUILT_IN = Path(__file__).parent / "arms.yaml"
Rows = Literal[
    "given",
    "wrong-label",
    "rebalanced-others",
    "real",
    "more-real",
    "double-real",
    "retrieve",
    "self-training",
    "llm-new",
    "llm-paraphrase",
]
ALIKE = (
    *("encoder", "revision", "head", "pooling", "max_length", "seed", "device", "dtype"),
    *("epochs", "max_steps", "batch_size", "gradient_accumulation"),
    *("evaluate_by", "evaluate_steps", "train_sample", "patience", "report_to", "cache_dir"),
)
"""Settings of a training that are the same for all arms: the steps, the evaluations, and the model."""


class Arm(Settings):
    """One way to treat the training rows."""

    name: str
    summary: str = ""
    """One line for tables."""
    training: dict[str, Any] = {}  # noqa: RUF012 -- pydantic copies it
    """Settings of `classifiers.TrainConfig` that differ from the suite's."""
    rows: Rows = "given"
    """Rows that are added before the training, as many as the suite's `sampling_strategy` says.

    - wrong-label: fill-mask rows of other classes with the label of the class.
    - rebalanced-others: rows of other classes as they are, with the label of the class.
    - real: rows of the class that the draw has left out.
    - more-real: the same, as many of each class as the draw has of it.
    - double-real: the same, of the rare classes only.
    - retrieve, self-training: sentences of the task's `pool`, by the recipes of the strategy `retrieve`.
    - llm-new, llm-paraphrase: rows that a large language model has written; its answers are replayed."""
    pretraining: dict[str, Any] | None = None
    """Settings of `classifiers.pretraining.masked_lm.PretrainConfig`, for a masked-LM training of the encoder on the
    texts of the training rows and of the pool, before all else. None for no such training."""
    model: Literal["encoder", "tfidf-svm"] = "encoder"
    C: Annotated[float, Field(gt=0)] | None = None
    """The inverse strength of the regularisation of a logistic regression on vectors; None for that of the suite."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(problems(error, Arm, f"The arm {values.get('name', '')!r}")) from None

    @classmethod
    def of(cls, name: Any, values: Any) -> Arm:
        """Return the arm that a piece of YAML describes.

        Raises
        ------
        InputError
            If the YAML does not describe an arm.
        """
        if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
            raise InputError(f"The arm {name!r} must have keys and values, e.g. training: {{…}}. Got {values!r:.60}.")
        return cls(**{**values, "name": str(name)})

    @model_validator(mode="after")
    def _does_what_it_says(self) -> Arm:
        for key in ALIKE:
            if key in self.training:
                raise InputError(f"The arm {self.name!r} sets {key!r}, which is the same for all. The suite sets it.")
        if self.model != "encoder" and (self.training or self.rows != "given" or self.pretraining is not None):
            raise InputError(
                f"The arm {self.name!r} is not an encoder, so `training`, `rows` and `pretraining` have no effect."
            )
        if self.rows != "given" and self.training.get("augmentation"):
            raise InputError(f"The arm {self.name!r} adds rows in two ways. Leave `rows` or its augmentation out.")
        ways = self.augmentation
        parameters, strategy = ways.get("parameters", {}), ways.get("strategy", "")
        if not isinstance(parameters, Mapping):
            raise InputError(f"The arm {self.name!r} has parameters={parameters!r:.60}; expected keys and values.")
        models = parameters.get("models", [])
        if not isinstance(models, (list, tuple)) or not all(isinstance(model, str) for model in models):
            raise InputError(f"The arm {self.name!r} has models={models!r:.60}; expected a list of names.")
        if strategy is not None and not isinstance(strategy, str):
            raise InputError(f"The arm {self.name!r} has strategy={strategy!r:.60}; expected a name.")
        return self

    @property
    def replays(self) -> Recipe | None:
        """The recipe of the answers that it replays, if it does."""
        return {"llm-new": "new", "llm-paraphrase": "paraphrase"}.get(self.rows)  # type: ignore[return-value]

    @property
    def takes_left_out_rows(self) -> bool:
        """Whether it adds real rows that the draw has left out."""
        return self.rows in ("real", "more-real", "double-real")

    @property
    def takes_pool(self) -> bool:
        """Whether it needs the task's unlabelled texts."""
        return self.rows in ("retrieve", "self-training") or self.pretraining is not None

    @property
    def augmentation(self) -> Mapping[str, Any]:
        """The settings of its augmentation; empty without one."""
        value = self.training.get("augmentation")
        return value if isinstance(value, Mapping) else {}

    @property
    def trains_head_anew(self) -> bool:
        """Whether a new head is trained on the frozen fine-tuned encoder."""
        return self.augmentation.get("mode") == "features" and not self.training.get("freeze_encoder")

    @property
    def makes_rows(self) -> bool:
        """Whether it learns from new texts or vectors. Repeated or reweighted rows are not new."""
        if self.rows != "given":
            return True
        strategy = self._strategy
        return strategy is not None and not getattr(STRATEGIES.find(strategy), "copies", False)

    @property
    def adds_rows_in_training(self) -> bool:
        """Whether its training adds texts or vectors, new ones or copies."""
        return self._strategy is not None

    @property
    def _strategy(self) -> Any:
        """The strategy that its training uses; None without one."""
        if self.augmentation.get("mode", "static") == "balanced" or not self.augmentation:
            return None
        return self.augmentation.get("strategy", "smote" if self.augmentation.get("mode") == "features" else "fillmask")


def built_in() -> dict[str, Arm]:
    """Return the arms that come with the project, by name, in the order of their file."""
    return {name: Arm.of(name, values) for name, values in load_mapping(BUILT_IN).items()}


def resolve(entries: Sequence[str | Mapping[str, Any]], own: Mapping[str, Mapping[str, Any]]) -> list[Arm]:
    """Return the arms of a list.

    Parameters
    ----------
    entries : sequence of str or mapping
        Names of arms or of strategies, including installed plugins; or ``{name: {…}}``, an arm in the form of
        `BUILT_IN`.
    own : mapping
        More arms by name, in the same form. They replace built-in arms of the same name.

    Returns
    -------
    list of Arm

    Raises
    ------
    InputError
        If an arm is unknown or named twice, or a key of an arm is unknown.
    """
    known = built_in() | {str(name): Arm.of(name, values) for name, values in own.items()}
    arms: list[Arm] = []
    for entry in entries:
        if isinstance(entry, Mapping):
            arms += [Arm.of(name, values) for name, values in entry.items()]
        elif entry in known:
            arms.append(known[entry])
        elif entry in STRATEGIES.names():
            arms.append(of_strategy(entry))
        else:
            raise InputError(
                f"There is no arm {entry!r}. There is {', '.join(known)}, and every strategy of `augment strategies`."
                f"{did_you_mean(entry, (*known, *STRATEGIES.names()))}"
            )
    names = [arm.name for arm in arms]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"The arm {name!r} is named twice. Name it once.")
    return arms


def of_strategy(name: str) -> Arm:
    """Return the plain arm of a strategy: its texts are made once, or its vectors in feature space."""
    strategy = STRATEGIES.find(name)
    mode = "features" if strategy.kind == "vector" else "static"
    return Arm(name=name, summary=strategy.summary, training={"augmentation": {"mode": mode, "strategy": name}})


def load_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises
    ------
    InputError
        If it cannot be read, or holds something else.
    """
    mapping = read_yaml(path)
    if not isinstance(mapping, dict):
        raise InputError(f"{path}: must hold keys and values. Got {type(mapping).__name__}.")
    for key in mapping:
        if not isinstance(key, str):  # in YAML `on` and `no` are booleans, and 3 is a number
            raise InputError(f"{path}: has the key {key!r}, which is not a text. Put it in quotes.")
    return mapping
