"""Save a trained GANSMOTE to a folder: a JSON file, and its networks and real rows as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augment.errors import ModelError
from augment.files import replacing, staged_text
from augment.plain_data import is_special, read_json
from augment.vectors.base import VectorRows

CONFIG = "config.json"
TENSORS = "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What a GANSMOTE has learnt, and what SMOTE needs to make its rows again."""

    parameters: dict[str, Any]
    """Parameters of the constructor, except those that a run sets."""
    rows: VectorRows
    """The real rows, of all classes."""
    generators: dict[int, Any]
    """Code of a class → its network, which several may share."""
    groups: list[Any]
    """Columns of one-hot rows, by group; empty for continuous rows."""
    codes: list[int]
    """Codes of the classes that get new rows."""
    history: list[dict[str, Any]]
    """Measurements during the training."""
    collapse: dict[Any, dict[str, float]]
    """Class → what `augment.vectors.gan.collapse.spread_and_reach` measured."""


def write(learnt: Learnt, folder: str | Path) -> None:
    """Write what was learnt; the folder is created if it is missing."""
    from safetensors.numpy import save_file

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    rows = learnt.rows
    tensors = {"rows": rows.vectors, "codes": rows.codes, "numbers": rows.numbers}
    networks = list(dict.fromkeys(learnt.generators.values()))
    for number, network in enumerate(networks):
        tensors |= {f"{number}.{name}": value.numpy() for name, value in network.state_dict().items()}
    config = {
        "parameters": learnt.parameters,
        "labels": rows.labels.tolist(),
        "networks": [[code for code, own in learnt.generators.items() if own is network] for network in networks],
        "made": learnt.codes,
        "groups": learnt.groups,
        "on_sphere": rows.on_sphere,
        "history": learnt.history,
        "collapse": list(learnt.collapse.items()),
    }
    text = json.dumps(config, indent=2, default=lambda value: value.tolist())
    with staged_text(text + "\n", place / CONFIG), replacing(place / TENSORS) as temporary:
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, temporary)


def _check(rows: VectorRows, config: Mapping[str, Any]) -> None:
    """Raise ValueError if the rows, their classes and what is said of them do not fit together."""
    count, classes = len(rows.vectors), len(rows.labels)
    named = [code for codes in config["networks"] for code in codes] + config["made"]
    fits = (
        rows.vectors.ndim == 2
        and rows.vectors.dtype.kind == "f"
        and np.isfinite(rows.vectors).all()
        and rows.codes.shape == rows.numbers.shape == (count,)
        and rows.codes.dtype.kind == rows.numbers.dtype.kind == "i"
        and rows.labels.ndim == 1
        and rows.labels.dtype.kind in "USib"
        and (rows.labels[1:] > rows.labels[:-1]).all()
        and isinstance(rows.on_sphere, bool)
        and set(rows.codes.tolist()) <= set(range(classes))
        and all(isinstance(code, int) and 0 <= code < classes for code in named)
        and all(0 <= column < rows.vectors.shape[1] for group in config["groups"] for column in group)
    )
    if not fits:
        raise ValueError("its rows, classes and networks do not fit together")


def read(folder: str | Path, networks: Mapping[str, Any], owner: str) -> Learnt:
    """Read a folder that `write` has written.

    Parameters
    ----------
    folder : str or Path
    networks : mapping of str to type
        The class of the network for each ``generator_input``.
    owner : str
        Name of the class that is read, for messages.

    Returns
    -------
    Learnt

    Raises
    ------
    ModelError
        If the folder does not hold what `write` writes.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    place = Path(folder)
    try:
        config = read_json(place / CONFIG)
        if is_special(place / TENSORS):
            raise OSError(f"{TENSORS} is a device, a pipe or a socket")
        tensors = load_file(place / TENSORS)
        labels = np.array(config["labels"])
        rows = VectorRows(tensors["rows"], tensors["codes"], labels, tensors["numbers"], config["on_sphere"])
        _check(rows, config)
        for look in config["history"]:
            if "coverage" in look:  # whose classes JSON has made texts of
                look["coverage"] = dict(zip(look["classes"], look["coverage"].values(), strict=True))
        kind = networks[config["parameters"]["generator_input"]]
        generators: dict[int, Any] = {}
        for number, codes in enumerate(config["networks"]):
            prefix = f"{number}."
            state = {
                name.removeprefix(prefix): torch.from_numpy(value)
                for name, value in tensors.items()
                if name.startswith(prefix)
            }
            generators |= dict.fromkeys(codes, kind.restored(state, config["groups"]))
        return Learnt(
            parameters=config["parameters"],
            rows=rows,
            generators=generators,
            groups=config["groups"],
            codes=config["made"],
            history=config["history"],
            collapse=dict(config["collapse"]),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"The folder {str(folder)!r} holds no saved {owner}: {' '.join(str(error).split())[:200]}. Give one that"
            " save has written."
        ) from error
