"""The card of a trained classifier, which the hub and other people read first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from augment.card.description import public
from augment.markdown import escaped, front_matter, table_lines

CARD = "README.md"
"""The card in the folder of a classifier."""
MARK = "<!-- Written by Counterpoise. Without this line a later training keeps this file as it is. -->"


def may_be_written(path: Path) -> bool:
    """Tell whether there is no card, or one that was written by a training and not taken over by a person."""
    return not path.exists() or MARK in path.read_text(encoding="utf-8", errors="replace")


def model_card(record: Mapping[str, Any]) -> str:
    """Return the card of a classifier.

    Parameters
    ----------
    record : mapping
        The content of ``training.json``.

    Returns
    -------
    str
        Markdown with a front matter in YAML. Texts are escaped, and folders of this machine are left out.
    """
    config, rows, best = record["config"], record["rows"], record["best"]
    encoder = public(config["encoder"])
    meta = {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "base_model": encoder if "/" in encoder else None,
        "tags": ["counterpoise"],
    }
    kinds = [kind for kind in ("original", "synthetic", "validation") if any(rows.get(kind, {}).values())]
    lines = [
        *front_matter(meta),
        MARK,
        "",
        "# Classifier of texts",
        "",
        f"A classifier of texts with {len(record['classes'])} classes: the encoder {escaped(encoder)} with a head,"
        f" trained by Counterpoise {escaped(record['version'])}. It is opened with `import classifiers` and then"
        " `AutoModelForSequenceClassification.from_pretrained(…)`, or with `classifiers predict`.",
        "",
        "## Rows",
        "",
        *table_lines(
            ["class", *kinds], [[c, *(f"{rows[kind].get(c, 0):,}" for kind in kinds)] for c in record["classes"]]
        ),
        "Synthetic rows were made by a program. They are no part of the scores of original and validation rows.",
        "",
        "## Scores",
        "",
        f"Of the weights that were kept, those of step {best['step']}. F1 and accuracy are in points.",
        "",
        *table_lines(
            ["rows", "macro-F1", "accuracy", *(f"F1 {c}" for c in record["classes"])],
            [
                [kind, _points(best[kind]["macro_f1"]), _points(best[kind]["accuracy"])]
                + [_points(best[kind]["f1"].get(c)) for c in record["classes"]]
                for kind in ("train", "validation")
                if best[kind]
            ],
        ),
    ]
    if best["gap"] is not None:
        lines += [
            f"The gap between training and validation macro-F1 is {best['gap']:.1f} points. The validation rows chose"
            " the weights, so expect a little less on other rows.",
            "",
        ]
    else:
        lines += ["There were no validation rows, so nothing is known about other texts.", ""]
    kept = ("head", "loss", "learning_rate", "epochs", "max_steps", "batch_size", "max_length", "seed")
    settings = [[name, config[name]] for name in kept if config.get(name) is not None]
    if ways := config.get("augmentation"):
        settings.append(["augmentation", ", ".join(str(ways[key]) for key in ("mode", "strategy") if ways.get(key))])
    lines += ["## Settings", "", *table_lines(["setting", "value"], settings)]
    lines += [
        "All settings are in `training.json`. Before you pass the model on, ask for the licences of encoder and rows."
    ]
    return "\n".join(lines) + "\n"


def _points(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
