"""The seam between a driver and its workers: submit tasks, take results, close."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from augment.errors import CounterpoiseError


class WorkerDied(CounterpoiseError):
    """A worker has ended in the middle of a task, as often as the executor bears it."""


class Place(Protocol):
    """Where a worker is."""

    @property
    def number(self) -> int:
        """The worker's number, from 0."""

    def device(self, name: str) -> str:
        """Return the device that a worker here uses, if the run asks for `name`, such as ``"auto"``."""


class Work(Protocol):
    """What workers do. Each gets a copy, opens it once, and then does one task after another with it.

    It must be possible to pickle it before `open`.
    """

    def open(self, place: Place) -> dict[str, Any]:
        """Open models and files, and return what the driver must know of them, as plain data.

        ``"dtype"`` of the result says in which numbers it computes; a work without models has none.
        """

    def do(self, task: Any) -> Any:
        """Do one task. The result depends on the task alone."""


class Done(NamedTuple):
    """The end of one task."""

    ticket: int
    """What `Executor.submit` has returned for the task."""
    worker: int
    """The number of the worker."""
    value: Any = None
    """What `Work.do` has returned."""
    error: CounterpoiseError | None = None
    """Why there is no value: the error of the task, or `WorkerDied`."""


class Executor(Protocol):
    """Workers that do tasks. A context manager: what is left of them ends with the block, at once after an error."""

    count: int
    """Workers, 1 or more."""
    reports: dict[int, dict[str, Any]]
    """Worker → what its `Work.open` has returned; those that have opened so far."""

    def free(self) -> list[int]:
        """Return the workers that can take one more task without a queue growing, those with the fewest tasks first."""

    def submit(self, task: Any, *, worker: int | None = None) -> int:
        """Give a task to a worker, and return its ticket.

        Parameters
        ----------
        task : object
            It can be pickled.
        worker : int, optional
            The worker that should do it. Another one does if that one has died. None for any.

        Returns
        -------
        int
        """

    def results(self) -> list[Done]:
        """Wait until at least one submitted task has ended, and return those that have, once each.

        Raises
        ------
        CounterpoiseError
            If a worker cannot open its work, or none is left.
        """

    def settled(self) -> list[dict[str, Any]]:
        """Wait until the workers have opened their work, and return their reports, by number.

        On a cluster it does not wait long for the others once one has: who opens the work later joins then.

        Raises
        ------
        CounterpoiseError
            If one cannot open it, or does not fit the others.
        """

    def close(self, *, at_once: bool) -> None:
        """End the workers, after their tasks or at once."""

    def __enter__(self) -> Executor:
        """Start the workers."""

    def __exit__(self, kind: object, *exception: object) -> None:
        """End them, at once after an error or Ctrl-C."""


def in_order(executor: Executor, tasks: Iterable[Any], *, ahead: int = 2) -> Iterator[Any]:
    """Yield the results of tasks, in the order of the tasks. Tasks are taken as workers become free.

    Parameters
    ----------
    executor : Executor
        Without other tasks.
    tasks : iterable
    ahead : int, default=2
        Tasks for each worker, at most, that are taken before the result of the first of them.

    Yields
    ------
    object

    Raises
    ------
    CounterpoiseError
        That of the first task that has failed, or what `Executor.results` raises.
    """
    waiting, known = iter(tasks), dict[int, Done]()
    order: list[int] = []
    exhausted = False
    while True:
        while not exhausted and len(order) < ahead * executor.count:
            try:
                order.append(executor.submit(next(waiting)))
            except StopIteration:
                exhausted = True
        if not order:
            return
        while order[0] not in known:
            known.update((done.ticket, done) for done in executor.results())
        done = known.pop(order.pop(0))
        if done.error is not None:
            raise done.error
        yield done.value
