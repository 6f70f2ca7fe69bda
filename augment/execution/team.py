"""What every executor does in the same way: hand tasks out, and give those of a dead worker to another."""

from __future__ import annotations

import abc
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from augment.errors import CounterpoiseError
from augment.execution.executor import Done, Work, WorkerDied


class Died(Exception):
    """What `Team._outcome` raises if the worker has ended before its call has."""


@dataclass
class _Task:
    ticket: int
    task: Any
    worker: int | None
    """The one that should do it."""
    deaths: int = 0
    """Workers that have ended with it."""


@dataclass
class _Member:
    """A worker, as the driver sees it."""

    number: int
    connection: Any
    """What its home keeps of it."""
    opening: Any
    """The call to `Work.open`; None after it has ended."""
    calls: dict[Any, _Task] = field(default_factory=dict)
    """The tasks that it has, by the handles of their calls, in order."""


class Team(abc.ABC):
    """Workers of one home. A home says how one is started, called, waited for and ended.

    Parameters
    ----------
    work : Work
    count : int
        Workers, 1 or more.
    depth : int, default=2
        Tasks that a worker is given before it has ended the first: 2, so that it never waits for the driver.
    deaths : int, default=0
        Workers that may end with the same task, or while they open the work, before that is an error.
    """

    patience: float | None = None
    """Seconds without any worker that has opened its work, after which the run ends; None for no end."""
    settling: float | None = None
    """Seconds that `settled` waits for the other workers once one has opened its work; None for no end."""

    def __init__(self, work: Work, count: int, *, depth: int = 2, deaths: int = 0) -> None:
        self.work = work
        self.count = count
        self.reports: dict[int, dict[str, Any]] = {}
        self._depth = depth
        self._deaths = deaths
        self._lost = 0
        self._members: dict[int, _Member] = {}
        self._queue: deque[_Task] = deque()
        self._ended: list[Done] = []
        self._next = 0
        self._hands_out_early = True

    def __enter__(self) -> Any:
        self._alone = time.monotonic()
        try:
            self._begin()
            for number in range(self.count):
                self._start(number)
        except BaseException:
            self.close(at_once=True)
            raise
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        self.close(at_once=kind is not None)

    def free(self) -> list[int]:
        """Return the workers that can take one more task; see `augment.execution.executor.Executor`."""
        if self._queue:
            return []
        ready = [m for m in self._members.values() if self._may_have_tasks(m) and len(m.calls) < self._depth]
        return [member.number for member in sorted(ready, key=lambda m: len(m.calls))]

    def submit(self, task: Any, *, worker: int | None = None) -> int:
        """Give a task to a worker; see `augment.execution.executor.Executor`."""
        ticket, self._next = self._next, self._next + 1
        self._queue.append(_Task(ticket, task, worker))
        self._hand_out()
        return ticket

    def results(self) -> list[Done]:
        """Return the tasks that have ended, at least one; see `augment.execution.executor.Executor`."""
        while not self._ended:
            self._hand_out()
            self._step(1.0)
        ended, self._ended = self._ended, []
        return ended

    def settled(self) -> list[dict[str, Any]]:
        """Return the reports of the workers; see `augment.execution.executor.Executor`."""
        first: float | None = None
        while len(self.reports) < self.count:
            self._step(1.0)
            if self.reports and first is None:
                first = time.monotonic()
            if first is not None and self.settling is not None and time.monotonic() - first > self.settling:
                break
        return [self.reports[number] for number in sorted(self.reports)]

    def _step(self, seconds: float) -> None:
        """Wait for some call to end, and take note of all that have."""
        of = {call: member for member in self._members.values() for call in self._calls(member)}
        finished = self._wait(list(of), seconds)
        for call in finished:
            member = of[call]
            if self._members.get(member.number) is not member:
                continue  # it has just died, and its tasks are with others
            try:
                value, error = self._outcome(call), None
            except Died:
                self._bury(member)
                continue
            except CounterpoiseError as raised:
                value, error = None, raised
            if call is member.opening:
                if error is not None:
                    raise error
                member.opening = None
                self._welcome(member.number, value)
                self.reports[member.number] = value
            else:
                self._ended.append(Done(member.calls.pop(call).ticket, member.number, value, error))
        if self.reports:
            self._alone = time.monotonic()
        elif self.patience is not None and time.monotonic() - self._alone > self.patience:
            raise WorkerDied(self._none_left())

    def _calls(self, member: _Member) -> list[Any]:
        return list(member.calls) if member.opening is None else [member.opening]

    def _may_have_tasks(self, member: _Member) -> bool:
        return self._hands_out_early or member.opening is None

    def _hand_out(self) -> None:
        """Give waiting tasks to workers that have room, each to the one that it names, if there is one."""
        ready = {number: m for number, m in self._members.items() if self._may_have_tasks(m)}
        while self._queue and ready:
            task = self._queue[0]
            named = ready.get(task.worker) if task.worker is not None else None
            member = named or min(ready.values(), key=lambda m: len(m.calls))
            if len(member.calls) >= self._depth:
                return
            self._queue.popleft()
            member.calls[self._send(member.connection, task.task)] = task

    def _start(self, number: int) -> None:
        connection, opening = self._launch(number)
        self._members[number] = _Member(number, connection, opening)

    def _bury(self, member: _Member) -> None:
        """Give the tasks of a dead worker to others, and start another in its place."""
        del self._members[member.number]
        self.reports.pop(member.number, None)
        self._end(member.connection)
        if member.opening is not None:
            self._lost += 1
            if self._lost > self._deaths:
                raise WorkerDied(self._died())
        for place, task in enumerate(member.calls.values()):
            task.deaths += place == 0 and member.opening is None  # the others had not begun
            if task.deaths > self._deaths:
                self._ended.append(Done(task.ticket, member.number, None, WorkerDied(self._died())))
            else:
                self._queue.appendleft(task)
        self._start(member.number)

    def close(self, *, at_once: bool) -> None:
        """End the workers, after their tasks or at once."""
        members, self._members = self._members, {}
        if not at_once:
            while calls := [call for member in members.values() for call in member.calls]:
                for call in self._wait(calls, 1.0):
                    for member in members.values():
                        member.calls.pop(call, None)
        for member in members.values():
            self._end(member.connection)
        self._finish()

    def _died(self) -> str:
        """Return what is said of a worker that has died."""
        return "A worker has died."

    def _none_left(self) -> str:
        """Return what is said if there is no worker."""
        return f"There was no worker for {self.patience or 0:.0f} seconds."

    def _begin(self) -> None:
        """Prepare the home, before the first worker."""
        return

    def _welcome(self, number: int, report: dict[str, Any]) -> None:
        """Look at what a worker reports before it gets a task; raise an error if it does not fit."""
        return

    def _finish(self) -> None:
        """Leave the home, after the last worker."""
        return

    @abc.abstractmethod
    def _launch(self, number: int) -> tuple[Any, Any]:
        """Start a worker. Return its connection, and the handle of the call to `Work.open`."""

    @abc.abstractmethod
    def _send(self, connection: Any, task: Any) -> Any:
        """Call `Work.do` in a worker, and return the handle of the call."""

    @abc.abstractmethod
    def _wait(self, calls: Sequence[Any], seconds: float) -> list[Any]:
        """Wait until one call has ended, or for some seconds, and return those that have."""

    @abc.abstractmethod
    def _outcome(self, call: Any) -> Any:
        """Return what a call that has ended returned. Raise its error, or `Died`."""

    @abc.abstractmethod
    def _end(self, connection: Any) -> None:
        """End a worker at once, whatever it is at."""
