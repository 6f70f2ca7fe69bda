"""Maps of what paid that are made, so that the right advice is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from augment.advice import MeasuredCell, PayMap

ADJUSTED = {"training": {"logit_adjustment": 1.0}}
EDITED = {
    "training": {
        "augmentation": {
            "mode": "redraw",
            "strategy": "nlpaug:random_word",
            "sampling_strategy": "2x",
            "guards": ["only:near_duplicate"],
            "variants": 2,
        },
        "synthetic_weight": 0.5,
    }
}


def gain(mean: float, width: float = 0.5) -> dict[str, float]:
    return {"mean": mean, "low": mean - width, "high": mean + width}


def arm(name: str, mean: float | None, *, rows: bool = True, **others: Any) -> dict[str, Any]:
    """An arm with its gain over the best arm without new rows, which has 4 points more than none."""
    of_none = None if name == "none" else gain((mean or 0.0) + 4.0)
    return {
        "name": name,
        "summary": f"what {name} does",
        "makes_rows": rows,
        "seeds": 10,
        "f1": 60.0,
        "gain": None if mean is None else gain(mean),
        "over_none": of_none,
        "gap": None if mean is None else gain(-2.0),
        **others,
    }


def cell(source: str, smallest: int, largest: int, arms: Sequence[dict[str, Any]], **others: Any) -> MeasuredCell:
    """A data set on which logit adjustment is the best arm without new rows."""
    plain = [
        arm("none", -4.0, rows=False),
        arm("logit-adjustment", None, rows=False, settings=ADJUSTED),
    ]
    values = {
        "suite": "made",
        "task": f"{source}, {smallest} to {largest}",
        "source": source,
        "classes": 3,
        "rows": {"smallest": smallest, "median": float(largest), "largest": largest},
        "rare_classes": 1,
        "encoder": "mini",
        "head": "linear",
        "training": {"learning_rate": 0.0003, "epochs": 1.0},
        "best": "logit-adjustment",
        "arms": [*plain, *arms],
    }
    return MeasuredCell.model_validate({**values, **others})


def written(path: Path, *cells: MeasuredCell) -> Path:
    """Write a map."""
    path.write_text(PayMap(made_from=[], cells=list(cells)).written(), encoding="utf-8")
    return path
