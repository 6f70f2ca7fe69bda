"""The report that a run writes beside its output: checked before the run, and written after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from augment.errors import Interrupted
from augment.run.destination import Destination

if TYPE_CHECKING:
    from augment.run.file_run import Progress


def check_report_of(destination: Destination, report: str | os.PathLike[str]) -> None:
    """Check, before any work is done, that the report of a run can be made and written.

    Parameters
    ----------
    destination : Destination
        Of the run. If the run has finished before and the report is there, nothing is checked.
    report : path-like
        The HTML file.

    Raises
    ------
    InputError
        If the suffix is not one of HTML, or the libraries for reports are not installed.
    OutputError
        If the report cannot be written, or exists already and may not be replaced.
    """
    from augment.report.html import check_report

    if not (destination.may_be_finished() and os.path.exists(report)):
        check_report(Path(report), overwrite=destination.overwrite)


def write_report_of(
    destination: Destination, report: str | os.PathLike[str], *, seed: int, progress: Progress | None = None
) -> None:
    """Write the report about an output that is in place.

    Parameters
    ----------
    destination : Destination
        Of the run.
    report : path-like
        The HTML file, checked by `check_report_of`.
    seed : int
        Of the run.
    progress : callable, optional
        As for `augment.upsample_file`, for the texts that are turned into vectors.

    Raises
    ------
    Interrupted
        After Ctrl-C. The output stays.
    """
    from augment.report.html import write_report

    try:
        write_report(destination.output, Path(report), overwrite=destination.overwrite, seed=seed, progress=progress)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: {destination.output} is written whole; `augment report {destination.output} -o {report}`"
            " makes its report."
        ) from None
