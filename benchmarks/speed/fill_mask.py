"""Fill-mask upsampling against transformers' pipeline and nlpaug: new rows per second."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from augment.errors import InputError, counted
from benchmarks.speed.contest import Competitor, Contest, ContestOptions, Measured, Setting, alone, elsewhere

NLPAUG = Path(__file__).parent / "nlpaug_peer.py"
"""The script for the interpreter that has nlpaug."""
DRAWN = {"mask_ratio": 0.15, "where": "any", "likeness": 0, "choose": 1}
"""Fill-mask as it was before it chose among fillings."""


@dataclass(frozen=True, kw_only=True)
class FillMaskSetting(Setting):
    """One class, and the whole input."""

    texts: tuple[str, ...]
    """The sources, all of one class."""
    label: str
    labelled: tuple[tuple[str, str], ...]
    """The whole input, (text, label), for fitting guards."""
    model: str
    """A folder, or a bundled name."""
    rows: int
    """The number of new rows to make."""


def contests(options: ContestOptions, log: Callable[[str], None]) -> list[Contest]:
    """Return the contest.

    Parameters
    ----------
    options : ContestOptions
        Its data must be labelled. Only ours uses its `batch_sizes`; the default is 64.
    log : callable
        Not called.

    Returns
    -------
    list of Contest
        One.

    Raises
    ------
    InputError
        If the class has no rows.
    ModelError
        If the model is not a masked language model.
    """
    from augment.data.corpus import read
    from augment.models.checkpoints import load_masked_lm

    corpus = read(options.data)
    labelled = tuple(
        (text, name) for text, name in zip(corpus.texts, corpus.named_labels(), strict=True) if text and text.strip()
    )
    texts = tuple(text for text, name in labelled if name == options.label)
    if not texts:
        raise InputError(
            f"{options.data}: no row of class {options.label!r}; its classes are"
            f" {', '.join(corpus.label_names.values())}."
        )
    load_masked_lm(options.model, device="cpu")
    setting = FillMaskSetting(
        texts=texts,
        label=options.label,
        labelled=labelled,
        model=options.model,
        rows=options.rows,
        threads=options.threads,
    )
    threads = counted(options.threads, "thread")
    title = f"{options.rows:,} rows of {options.label!r} from {len(texts):,}, {options.model}, {threads}"
    return [Contest("fillmask", title, "rows", setting, competitors(options.batch_sizes or (64,), options.peer_python))]


def competitors(batch_sizes: Sequence[int] = (64,), peer_python: str | None = None) -> list[Competitor]:
    """Return the competitors: ours with different guards, the pipeline, and nlpaug if an interpreter is given.

    Parameters
    ----------
    batch_sizes : sequence of int, default=(64,)
        Batch sizes of ours. The others have 32, the usual value there.
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
        Competitor("fillmask, every variant masked anew", partial(fill_mask, parameters={"share_masks": 1})),
        Competitor("fillmask, one filling of any words", partial(fill_mask, parameters=DRAWN)),
        Competitor("pipeline, 1 mask, float32", partial(pipeline, dtype="float32", masks="one")),
        Competitor("pipeline, 15 % masks, float32", partial(pipeline, dtype="float32", masks="share")),
    ]
    if torch.cpu._is_avx512_bf16_supported():  # on other CPUs it is several times slower than float32
        field_.append(Competitor("pipeline, 1 mask, bfloat16", partial(pipeline, dtype="bfloat16", masks="one")))
    if peer_python is not None:
        field_.append(Competitor("nlpaug ContextualWordEmbsAug", partial(nlpaug, python=peer_python)))
    return field_


def fill_mask(
    setting: FillMaskSetting,
    *,
    guards: Sequence[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    batch_size: int = 64,
    dtype: str = "auto",
    workers: int = 1,
) -> Measured:
    """Measure our strategy with its plan, its fills and its guards."""
    return alone(
        _fill_mask,
        setting,
        guards=guards,
        parameters=dict(parameters or {}),
        batch_size=batch_size,
        dtype=dtype,
        workers=workers,
    )


def pipeline(setting: FillMaskSetting, *, dtype: str, masks: str) -> Measured:
    """Measure ``transformers.pipeline("fill-mask", batch_size=32)`` with one fill per row, and nothing else."""
    return alone(_pipeline, setting, dtype=dtype, masks=masks)


def nlpaug(setting: FillMaskSetting, *, python: str) -> Measured:
    """Measure ``ContextualWordEmbsAug(aug_p=.15, top_k=50, batch_size=32)`` in an interpreter that can run it.

    Raises
    ------
    InputError
        If that interpreter cannot run it.
    """
    from augment.models.named_models import BUNDLED

    request = {
        "texts": [setting.texts[i % len(setting.texts)] for i in range(setting.rows)],
        "model": str(BUNDLED.get(setting.model, setting.model)),
        "threads": setting.threads,
    }
    return elsewhere(NLPAUG, python, request, name="nlpaug", needs="nlpaug 1.1.11 and transformers 4")


def _fill_mask(
    setting: FillMaskSetting,
    guards: Sequence[str] | None,
    parameters: dict[str, Any],
    batch_size: int,
    dtype: str,
    workers: int,
) -> tuple[int, float, float, tuple[float, ...], float]:
    from augment.execution import Execution
    from augment.generation.loop import Tally, generate
    from augment.generation.trials import try_draws
    from augment.guards.base import Originals
    from augment.guards.selection import select
    from augment.run.workers import TrialWork, Workers
    from augment.text.base import fitted_guards
    from augment.text.fill_mask import FillMask
    from benchmarks.speed.product_limit import Products, counted_products

    start = time.perf_counter()
    strategy = FillMask(model=setting.model, device="cpu", dtype=dtype, batch_size=batch_size, **parameters)
    strategy.prepare()
    texts = [text for text, _ in setting.labelled]
    labels = [label for _, label in setting.labelled]
    budget = {setting.label: setting.rows}
    chosen = select(guards, strategy.own_guards(), budget=budget, rows=len(texts) + setting.rows)
    fitted, _ = fitted_guards(strategy, chosen, Originals(texts=texts, labels=labels, held_out=[], seed=0))
    own = [i for i, label in enumerate(labels) if label == setting.label]

    def make(executor: Any, rows: int, seed: int) -> int:
        tally, ahead = Tally(), None
        if executor is not None:
            ahead = Workers(executor, tries=strategy.tries)
        for _ in generate(
            ahead or partial(try_draws, strategy, fitted),
            texts=texts,
            sources={setting.label: own},
            budget={setting.label: rows},
            guards=fitted,
            seed=seed,
            tally=tally,
            max_attempts=strategy.tries,
            per_pool=strategy.per_pool,
            ahead=ahead,
        ):
            pass
        return tally.made[setting.label]

    in_one = dtype == "float32" and workers == 1
    opened: Any = strategy.opened()
    counting: Any = counted_products(opened.model) if in_one else contextlib.nullcontext(Products())
    others: Any = Execution(workers).start(TrialWork(strategy, fitted)) if workers > 1 else contextlib.nullcontext()
    with others as executor:
        make(executor, 64, 1)
        before = time.perf_counter() - start
        with counting as products:
            ready = time.perf_counter()
            made = make(executor, setting.rows, 0)
            seconds = time.perf_counter() - ready
    return made, seconds, before, (), products.seconds() if in_one else 0.0


def _pipeline(setting: FillMaskSetting, dtype: str, masks: str) -> tuple[int, float, float]:
    import numpy as np
    import torch
    from transformers import pipeline as transformers_pipeline
    from transformers.utils import logging

    from augment.models.named_models import BUNDLED
    from augment.protection import replaceable
    from augment.words import Replacement, splice

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
