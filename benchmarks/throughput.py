"""Rows per second and peak memory, ours and the peers', side by side in one run."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from augment.errors import CounterpoiseError, InputError

NLPAUG = Path(__file__).parent / "nlpaug_peer.py"
"""What runs in the peer's own interpreter."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What every competitor is given."""

    texts: tuple[str, ...]
    """Sources, all of one class."""
    label: str
    labelled: tuple[tuple[str, str], ...]
    """The whole input, (text, label): what guards are fitted on."""
    model: str
    """A folder, or a bundled name."""
    rows: int
    """New rows to make."""
    threads: int


@dataclass(frozen=True)
class Measured:
    """One competitor, once."""

    rows: int
    """Rows made."""
    seconds: float
    """Without loading the model and fitting the guards."""
    before: float
    """Seconds of loading and fitting."""
    peak_mb: float
    """Peak resident memory of its process, in MiB."""


@dataclass
class Competitor:
    """One line of the table."""

    name: str
    measure: Callable[[Setting], Measured]
    runs: list[Measured] = field(default_factory=list)

    def rate(self) -> float:
        """Return rows per second, the median of all runs."""
        return statistics.median(run.rows / run.seconds for run in self.runs)

    def peak_mb(self) -> float:
        """Return the largest peak of all runs, in MiB."""
        return max(run.peak_mb for run in self.runs)


def competitors(batch_sizes: Sequence[int] = (64,), peer_python: str | None = None) -> list[Competitor]:
    """Return everybody who takes part: ours with fewer and more guards, the pipeline, and nlpaug if it can be reached.

    Parameters
    ----------
    batch_sizes : sequence of int, default=(64,)
        Of ours; the peers have 32, as their users do.
    peer_python : str, optional
        An interpreter with nlpaug 1.1.11 and transformers 4.
    """
    import torch

    field_ = [
        *(Competitor(f"fillmask, batch size {size}", partial(fill_mask, batch_size=size)) for size in batch_sizes),
        Competitor("fillmask, 2 workers", partial(fill_mask, workers=2)),
        Competitor("fillmask, float32", partial(fill_mask, dtype="float32")),
        Competitor("fillmask, guards none", partial(fill_mask, guards=("none",))),
        Competitor("fillmask, guards agreement + similarity", partial(fill_mask, guards=("agreement", "similarity"))),
        Competitor("fillmask, every variant masked anew", partial(fill_mask, share_masks=1)),
        Competitor("pipeline, 1 mask, float32", partial(pipeline, dtype="float32", masks="one")),
        Competitor("pipeline, 15 % masks, float32", partial(pipeline, dtype="float32", masks="share")),
    ]
    if torch.cpu._is_avx512_bf16_supported():  # elsewhere it takes several times as long as float32
        field_.append(Competitor("pipeline, 1 mask, bfloat16", partial(pipeline, dtype="bfloat16", masks="one")))
    if peer_python is not None:
        field_.append(Competitor("nlpaug ContextualWordEmbsAug", partial(nlpaug, python=peer_python)))
    return field_


def compare(
    setting: Setting, field_: Sequence[Competitor], *, repeats: int = 3, said: Callable[[str], None] = lambda line: None
) -> None:
    """Measure all competitors in turn, again and again, each time in a fresh process.

    Parameters
    ----------
    setting : Setting
        The same for all.
    field_ : sequence of Competitor
        Their `runs` are added to.
    repeats : int, default=3
        Rounds; all run once in each, so that a drift of the machine's speed meets all alike.
    said : callable, optional
        Called with a line after each run.
    """
    for number in range(repeats):
        for competitor in field_:
            measured = competitor.measure(setting)
            competitor.runs.append(measured)
            said(f"round {number + 1}: {competitor.name}: {measured.rows / measured.seconds:,.0f} rows/s")


def table(field_: Sequence[Competitor]) -> list[list[Any]]:
    """Return name, rows/s, how many times slower than the first, peak MiB, for each competitor."""
    ours = field_[0]
    found = []
    for competitor in field_:
        ratios = [(a.rows / a.seconds) / (b.rows / b.seconds) for a, b in zip(ours.runs, competitor.runs, strict=True)]
        found.append(
            [
                competitor.name,
                round(competitor.rate()),
                round(statistics.median(ratios), 1),
                round(competitor.peak_mb()),
            ]
        )
    return found


def fill_mask(
    setting: Setting,
    *,
    guards: Sequence[str] | None = None,
    share_masks: int = 4,
    batch_size: int = 64,
    dtype: str = "auto",
    workers: int = 1,
) -> Measured:
    """Measure ours: plan, fills and guards."""
    return _alone(
        _fill_mask,
        setting,
        guards=guards,
        share_masks=share_masks,
        batch_size=batch_size,
        dtype=dtype,
        workers=workers,
    )


def pipeline(setting: Setting, *, dtype: str, masks: str) -> Measured:
    """Measure ``transformers.pipeline("fill-mask", batch_size=32)`` making one fill per row, and nothing else."""
    return _alone(_pipeline, setting, dtype=dtype, masks=masks)


def nlpaug(setting: Setting, *, python: str) -> Measured:
    """Measure ``ContextualWordEmbsAug(aug_p=.15, top_k=50, batch_size=32)`` in an interpreter that can run it.

    Raises
    ------
    InputError
        If that interpreter cannot run it.
    """
    from augment.checkpoints import BUNDLED

    asked = {
        "texts": [setting.texts[i % len(setting.texts)] for i in range(setting.rows)],
        "model": str(BUNDLED.get(setting.model, setting.model)),
        "threads": setting.threads,
    }
    try:
        done = subprocess.run(
            [python, str(NLPAUG)], input=json.dumps(asked), capture_output=True, text=True, check=True
        )
        return Measured(**json.loads(done.stdout.splitlines()[-1]))
    except (OSError, subprocess.CalledProcessError, json.JSONDecodeError, IndexError) as error:
        told = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise InputError(
            f"nlpaug cannot be measured with {python!r}: {told[-1] if told else error}. Give an interpreter that has"
            " nlpaug 1.1.11 and transformers 4."
        ) from error


def _alone(measure: Callable[..., tuple[int, float, float]], setting: Setting, **options: Any) -> Measured:
    """Measure in a fresh process, so that its peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=_measured, args=(measure, setting, options, answers))
    process.start()
    process.join()
    if process.exitcode:
        raise CounterpoiseError(f"A measurement has ended with exit code {process.exitcode}; see above.")
    return Measured(*answers.get())


def _measured(
    measure: Callable[..., tuple[int, float, float]], setting: Setting, options: Mapping, answers: Any
) -> None:
    import torch

    torch.set_num_threads(setting.threads)
    rows, seconds, before = measure(setting, **options)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    answers.put((rows, seconds, before, peak))


def _fill_mask(
    setting: Setting, guards: Sequence[str] | None, share_masks: int, batch_size: int, dtype: str, workers: int
) -> tuple[int, float, float]:
    from augment.fill_mask import FillMask
    from augment.generation import Tally, generate, try_draws
    from augment.guards.guard import Originals
    from augment.guards.selection import select
    from augment.strategy import fitted_guards
    from augment.workers import Workers

    start = time.perf_counter()
    strategy = FillMask(model=setting.model, device="cpu", dtype=dtype, share_masks=share_masks, batch_size=batch_size)
    strategy.prepare()
    texts = [text for text, _ in setting.labelled]
    labels = [label for _, label in setting.labelled]
    budget = {setting.label: setting.rows}
    chosen = select(guards, budget=budget, rows=len(texts) + setting.rows)
    asked = fitted_guards(strategy, chosen, Originals(texts, labels, [], 0))
    attempt: Any = Workers(strategy, asked, workers) if workers > 1 else partial(try_draws, strategy, asked)
    own = [i for i, label in enumerate(labels) if label == setting.label]

    def make(rows: int, seed: int) -> int:
        tally = Tally()
        for _ in generate(
            attempt,
            texts=texts,
            sources={setting.label: own},
            budget={setting.label: rows},
            guards=asked,
            seed=seed,
            tally=tally,
        ):
            pass
        return tally.made[setting.label]

    make(64, 1)
    ready = time.perf_counter()
    with attempt if workers > 1 else contextlib.nullcontext():
        made = make(setting.rows, 0)
        seconds = time.perf_counter() - ready
    return made, seconds, ready - start


def _pipeline(setting: Setting, dtype: str, masks: str) -> tuple[int, float, float]:
    import numpy as np
    import torch
    from transformers import pipeline as transformers_pipeline
    from transformers.utils import logging

    from augment.checkpoints import BUNDLED
    from augment.words import Replacement, replaceable, splice

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    start = time.perf_counter()
    fill: Any = transformers_pipeline(
        "fill-mask",
        model=str(BUNDLED.get(setting.model, setting.model)),
        device="cpu",
        dtype=getattr(torch, dtype),
        batch_size=32,
        top_k=50,
    )
    mask = fill.tokenizer.mask_token
    rng = np.random.default_rng(0)
    masked = []
    for i in range(setting.rows):
        text = setting.texts[i % len(setting.texts)]
        spans = replaceable(text, [])
        if spans:
            count = 1 if masks == "one" else max(1, int(0.15 * len(spans) + 0.5))
            chosen = sorted(rng.permutation(len(spans))[:count])
            masked.append(splice(text, [Replacement(spans[j].start, spans[j].end, mask) for j in chosen]))
    fill(masked[:64])
    ready = time.perf_counter()
    filled = fill(masked)
    return len(filled), time.perf_counter() - ready, ready - start
