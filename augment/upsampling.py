"""The two entry points: `upsample` for data in memory, and `upsample_file` for files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sklearn.base import clone

from augment.caller_warnings import warn_caller
from augment.data.layout import Layout, of_labels, of_rows
from augment.errors import InputError
from augment.execution.choice import Ray
from augment.execution.choice import chosen as execution_of
from augment.generation.budget import SamplingStrategy
from augment.generation.singletons import Singletons
from augment.guards.base import Guard
from augment.report.beside_output import check_report_of, write_report_of
from augment.run.destination import Destination
from augment.run.file_run import Progress, make_file
from augment.run.job import check_strategy
from augment.run.manifest import Manifest
from augment.run.memory_run import handed_back, plan_in_memory
from augment.run.notes import warn_of
from augment.run.other_columns import KeepColumns, checked
from augment.run.request import settle
from augment.run.text_run import Run
from augment.seed_names import one_seed
from augment.text.base import TextStrategy

if TYPE_CHECKING:
    from augment.models.encoder import TextEncoder
    from augment.vectors.base import VectorSampler


def upsample(
    data: Any,
    *,
    strategy: str | TextStrategy = "fillmask",
    sampling_strategy: SamplingStrategy | None = None,
    seed: int | None = None,
    random_state: int | None = None,
    against: Any = (),
    guards: Sequence[str | Guard] | None = None,
    max_per_source: int | None = None,
    only_synthetic: bool = False,
    keep_columns: KeepColumns | None = None,
    singletons: Singletons | None = None,
    workers: int = 1,
    executor: str | Ray = "local",
    text_column: str | Sequence[str] | None = None,
    edit: str | Sequence[str] | None = None,
    label_column: str | Sequence[str] | None = None,
    label_separator: str | None = None,
    single_label: bool = False,
) -> tuple[Any, Manifest]:
    """Balance the classes of a data set with new rows, and return a record of what was done.

    Parameters
    ----------
    data : datasets.Dataset, datasets.DatasetDict, frame, dicts, or (texts, labels)
        The data. Dicts are a dict of columns, or a list with a dict for each row. A frame is one of pandas, polars or
        pyarrow, or another with an Arrow stream. Of a `DatasetDict` the split "train" gets new rows; the others are
        held out as `against` is, and stay as they are. Texts and labels are lists, tuples, numpy arrays or Series. If
        rows have several labels, the labels are lists, or an indicator matrix of 0 and 1, shape (n_rows, n_labels).
    strategy : str or TextStrategy, default="fillmask"
        A registered name, or a configured strategy.
    sampling_strategy : str, float, dict or callable, optional
        How many rows: ``"auto"`` raises every class to the largest, ``"2x"`` doubles every class, ``"+500"`` gives each
        so many more, a share in (0, 1] is one of the largest class, and ``{class: amount}`` names the classes: a total,
        ``"2x"`` or ``"+500"``. A callable gets the counts and returns such a dict; all forms stand at
        `augment.generation.rows_to_make`. None for the strategy's own, which is ``"auto"`` unless it was built with
        another.
    seed : int, optional
        0 to 2**64 - 1. The same seed and data give the same rows. None for the strategy's `random_state`, or 0.
    random_state : int, optional
        The same as `seed`, by its name in scikit-learn.
    against : sequence of str, or table, default=()
        Held-out texts that no new row may equal or nearly equal: a list, an array, a Series, or a table like the data,
        whose text column is read. For rows of several texts a table with the same columns.
    guards : sequence of (str or Guard), optional
        What every new row must pass: names such as ``"agreement"`` with the default parameters, ``"similarity:low=.8"``
        with others, guards of your own, or ``["none"]``. The guards that keep rows apart from held-out and other rows
        always judge. None for the strategy's own, or the default ones; see `augment.guards.select`.
    max_per_source : int, optional
        Maximum number of new rows from one source.
    only_synthetic : bool, default=False
        Return only the new rows.
    keep_columns : "all" or sequence of str, optional
        Columns of a table that new rows copy from their source row, e.g. ``["lang"]``. The others are empty in new
        rows. None for no column, with a warning that names the empty ones; ``[]`` for no column, without it.
    singletons : {"skip", "copy", "error"}, optional
        What becomes of classes with a single text: they stay as they are, their row is repeated, or the data is
        refused. None makes their rows like others, and refuses the data if the strategy cannot.
    workers : int, default=1
        Processes that make candidates, or actors of the cluster. Changes the speed, not the result. A script that asks
        for several processes needs ``if __name__ == "__main__":`` around what it runs.
    executor : {"local", "ray"} or Ray, default="local"
        Where the workers are: on this machine, or on a Ray cluster, with what each of them takes.
    text_column : str or sequence of str, optional
        By default text/sentence/review, or the only column with another usual name. All columns of texts, if rows are
        pairs of texts: then `edit` says which of them are edited, and new rows copy the others.
    edit : str or sequence of str, optional
        Which of several columns of texts are edited: names, or ``"both"``.
    label_column : str or sequence of str, optional
        By default label/gold_label/sentiment, or the only column with another usual name. A column of lists holds
        several labels in each row. Several columns are of 0 and 1, one for each label.
    label_separator : str, optional
        What stands between the labels of one cell, such as ``"|"`` in ``plot|acting``, if rows have several.
    single_label : bool, default=False
        Take labels that look like several, such as ``plot|acting``, as one class each. Otherwise they are refused.

    Returns
    -------
    data
        In the type of the input: originals first, unchanged and in order, then the new rows. Tables also have the
        columns `is_synthetic`, `source_row`, `strategy`, `variant`; so have the other splits of a `DatasetDict` if
        they had the same columns as the first. A frame that is neither of pandas nor of polars comes back as a
        `pyarrow.Table`. A new row has the labels of its source, all of them if there are several.
    manifest : Manifest
        Counts before and after, rejections, what is missing and why.

    Raises
    ------
    InputError
        If the data or an option cannot be used.

    Warns
    -----
    UserWarning
        If an argument differs from what the strategy was built with; the argument is used. If rows have no text, all
        new rows of a class come from one row, new rows leave columns empty and `keep_columns` is None, or labels get
        more or fewer rows than they are to get, since a row has several. If rows could not be made; `manifest.missing`
        says how many of which class, and why.

    Examples
    --------
    >>> from augment import upsample
    >>> texts = ["The shop opens at nine.", "We sat by the door.", "A lovely meal.", "Great staff!", "I loved it."]
    >>> (texts, labels), manifest = upsample((texts, ["neutral"] * 2 + ["positive"] * 3))
    >>> manifest.counts_after
    {'neutral': 3, 'positive': 3}
    """
    execution = execution_of(workers, executor)
    plan = plan_in_memory(
        data,
        strategy,
        Layout(**of_rows(text_column, edit), **of_labels(label_column, label_separator), single_label=single_label),
        sampling_strategy=sampling_strategy,
        seed=one_seed(seed, random_state),
        against=against,
        guards=guards,
        max_per_source=max_per_source,
        keep_columns=keep_columns,
        singletons=singletons,
    )
    warn_of(plan.job)
    with Run(plan.job, execution=execution) as run:
        result = run.make(only_synthetic=only_synthetic)
    if result.manifest.missing:
        warn_caller(result.manifest.shortfall())
    return handed_back(plan, run, list(result.rows), only_synthetic=only_synthetic), result.manifest


def upsample_file(
    source: str | os.PathLike[str] | None,
    output: str | os.PathLike[str],
    *,
    strategy: str | TextStrategy | VectorSampler | None = None,
    sampling_strategy: SamplingStrategy | None = None,
    seed: int | None = None,
    random_state: int | None = None,
    against: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    guards: Sequence[str | Guard] | None = None,
    max_per_source: int | None = None,
    only_synthetic: bool | None = None,
    keep_columns: KeepColumns | None = None,
    singletons: Singletons | None = None,
    layout: Layout | None = None,
    encoder: str | TextEncoder | None = None,
    decode: Literal["nearest"] | None = None,
    config: str | os.PathLike[str] | None = None,
    workers: int = 1,
    executor: str | Ray = "local",
    resume: bool = False,
    overwrite: bool = False,
    output_encoding: str | None = None,
    csv_safe: bool = False,
    strict: bool = False,
    yes: bool = False,
    report: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Balance the classes of a file and write a new file, as the command ``augment upsample`` does.

    Rows of a text strategy are journalled as they are made, so a run that is killed loses little, and ``resume=True``
    ends in the same bytes.

    Parameters
    ----------
    source : path-like or str
        A ``.csv``, ``.tsv``, ``.jsonl``, ``.json``, ``.parquet`` or ``.xlsx`` file, a folder saved by `datasets`, a
        hub id, or ``"sample"``.
        None for the input that `config` names.
    output : path-like
        The file to write, in one of these formats, or a folder (no suffix). The manifest is written beside it. A text
        file of the input's format is spelled as the input is: encoding, row ends, delimiter, quotes.
    strategy : str, TextStrategy or VectorSampler, optional
        A registered name, or a configured strategy, of texts or of vectors. None for that of `config`, or
        ``"fillmask"``.
    sampling_strategy : str, float, dict or callable, optional
        How many rows of which class; as for `upsample`. None for that of `config`, or the strategy's own, or
        ``"auto"``.
    seed : int, optional
        0 to 2**64 - 1. None for that of `config`, or the strategy's `random_state`, or 0.
    random_state : int, optional
        The same as `seed`, by its name in scikit-learn.
    against : path-like or sequence of path-like, optional
        Held-out files; no new row may equal or nearly equal a text of theirs. If one has its texts in a column of
        another name than the input: ``"FILE:column=NAME"``. For another split of a data set: ``"FOLDER:split=NAME"``.
    guards : sequence of (str or Guard), optional
        What every new row must pass; see `augment.guards.select`. For text strategies only.
    max_per_source : int, optional
        Maximum number of new rows from one source, 1 or more. For text strategies only.
    only_synthetic : bool, optional
        Write only the new rows. None for what `config` says, or False.
    keep_columns : "all" or sequence of str, optional
        Columns that new rows copy from their source row, e.g. ``["lang"]``; for text strategies only. The others are
        empty in new rows. None for what `config` says, or for no column, with a warning that names the empty ones;
        ``[]`` for no column, without it.
    singletons : {"skip", "copy", "error"}, optional
        What becomes of classes with a single text: they stay as they are, their row is repeated, or the data is
        refused. None for what `config` says, or to make their rows like others, and to refuse the data if the strategy
        cannot.
    layout : Layout, optional
        How the input is laid out. None to find the columns by their names.
    encoder : str or TextEncoder, optional
        What makes the vectors. If it is a name, they have length 1. For vector strategies only. None for that of
        `config`, or ``"mini"``.
    decode : {"nearest"}, optional
        Name the nearest real text of each new vector. For vector strategies only.
    config : path-like, optional
        The manifest of a run to repeat, or a file like it. Arguments override it.
    workers : int, default=1
        Processes that make candidates or encode texts, or actors of the cluster. Changes the speed, not the result.
    executor : {"local", "ray"} or Ray, default="local"
        Where the workers are: on this machine, or on a Ray cluster, with what each of them takes.
    resume : bool, default=False
        Continue an interrupted run with the same arguments. If it has finished, nothing is made or changed.
    overwrite : bool, default=False
        Replace an existing output, its report, and unfinished work.
    output_encoding : str, optional
        The encoding of the output, if it is a text file. None for that of the input if both have the same format, or
        UTF-8.
    csv_safe : bool, default=False
        Put an apostrophe before each cell of a csv or tsv file that a spreadsheet would take for a formula.
    strict : bool, default=False
        Fail on empty texts, and on rows that could not be made.
    yes : bool, default=False
        Make more than 10,000,000 new rows.
    report : path-like, optional
        Write an HTML report about the new rows as well.
    progress : callable, optional
        Called with the number of rows (for vectors: texts) just done, the total, and the word for them. The first call
        has the rows of the interrupted run that is resumed, or 0.

    Returns
    -------
    Manifest
        The record of the run.

    Raises
    ------
    InputError
        If a file or an argument cannot be used.
    OutputError
        If something cannot be written, or exists already and may not be replaced.
    ShortfallError
        If rows are missing and `strict` asks for all of them; nothing is written then.

    Warns
    -----
    UserWarning
        If rows are missing, if an argument differs from what the strategy was built with, if `config` was made
        with other versions of what determines the rows, if rows are left out or have no text, if all new rows of a
        class come from one row, if new rows leave columns empty and `keep_columns` is None, or if other splits of the
        data set are not held out.

    Examples
    --------
    >>> import tempfile
    >>> from augment import upsample_file
    >>> manifest = upsample_file("sample", Path(tempfile.mkdtemp(), "balanced.csv"), strategy="random", seed=0)
    >>> manifest.counts_after
    {'negative': 135, 'neutral': 135, 'positive': 135}
    """
    if strategy is not None and not isinstance(strategy, str):
        check_strategy(strategy)
    execution = execution_of(workers, executor)
    destination = Destination(
        output=Path(output),
        overwrite=overwrite,
        resume=resume,
        encoding=output_encoding,
        csv_safe=csv_safe,
        report=report is not None,
    )
    files = [against] if isinstance(against, (str, os.PathLike)) else against
    options = {
        "source": _named(source),
        "strategy": strategy if strategy is None or isinstance(strategy, str) else clone(strategy),
        "sampling_strategy": sampling_strategy,
        "seed": one_seed(seed, random_state),
        "against": None if files is None else tuple(os.fspath(file) for file in files),
        "guards": guards,
        "max_per_source": max_per_source,
        "only_synthetic": only_synthetic,
        "keep_columns": checked(keep_columns),
        "singletons": singletons,
        "encoder": encoder,
        "decode": decode,
        **_changed_fields(layout),
    }
    destination.check()
    if report is not None:
        check_report_of(destination, report)
    if source is None and config is None:
        raise InputError("Give a source: a file, a saved folder, a hub id or 'sample'; or a config that names it.")
    request = settle(None if config is None else Path(config), options)
    if request.other_versions():
        warn_caller(f"{config} was made with {request.other_versions()}: rows may differ.")
    result = make_file(
        request, destination, execution=execution, strict=strict, yes=yes, progress=progress, on_plan=warn_of
    )
    if result.manifest.missing:
        warn_caller(result.manifest.shortfall())
    if report is not None and not (result.was_finished and os.path.exists(report)):
        write_report_of(destination, report, seed=request.seed, progress=progress)
    return result.manifest


def _named(source: str | os.PathLike[str] | None) -> str | None:
    """Return the name of a source. A path ``sample`` that leads somewhere does not mean the bundled reviews."""
    if source is None or isinstance(source, str):
        return source
    name = os.fspath(source)
    return os.path.join(os.curdir, name) if name == "sample" and os.path.exists(name) else name


def _changed_fields(layout: Layout | None) -> dict[str, Any]:
    """Return the fields of a layout that differ from the defaults."""
    if layout is None:
        return {}
    default = Layout()
    fields = {field.name: getattr(layout, field.name) for field in dataclasses.fields(layout)}
    return {name: value for name, value in fields.items() if value != getattr(default, name)}
