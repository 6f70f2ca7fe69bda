"""Workers that try draws, those that are coming as well, while the main process accepts rows in order."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.base import clone

from augment.execution.executor import Executor, Place
from augment.generation.candidates import Draw
from augment.generation.loop import CHUNK
from augment.generation.trials import Trial, try_draws
from augment.guards.base import Guard

if TYPE_CHECKING:
    from augment.text.base import TextStrategy

SMALLEST, LARGEST = 64, 512
"""Draws of a task. Fewer cost more, since a model runs on rows of one length together."""
SHORT, LONG = 1.5, 8.0
"""Seconds. After a shorter task the next one is twice as large, after a longer one half as large: another try at a slot
waits for the task before it."""


OWNED = 4 * CHUNK
"""Sources of which it is remembered who has had them."""


class TrialWork:
    """What a worker does: it tries draws with a strategy and guards of its own.

    Parameters
    ----------
    strategy : TextStrategy
        Each worker prepares its own copy.
    guards : sequence of Guard
        Fitted. Each worker gets a copy of those that judge candidates one by one, and prepares it.
    """

    def __init__(self, strategy: TextStrategy, guards: Sequence[Guard]) -> None:
        self.strategy = clone(strategy)
        self.strategy.take_over(strategy)
        self.guards = [guard for guard in guards if type(guard).judge is not Guard.judge]
        self.readers = {guard.name: reader for guard in guards if (reader := guard.reader()) is not None}

    def open(self, place: Place) -> dict[str, Any]:
        """Open the models, and return what determines the rows besides the parameters."""
        from augment.text.base import guard_encoders

        params = self.strategy.get_params()  # including those of a composition's parts
        devices = {name: place.device(params[name]) for name in params if name.rpartition("__")[2] == "device"}
        self.strategy.set_params(**devices)
        self.strategy.prepare()
        encoders = guard_encoders(self.strategy)
        for guard in self.guards:
            guard.prepare(encoders)
        identity = self.strategy.identity()
        return {
            "device": identity.get("device", "cpu"),
            "dtype": identity.get("dtype"),
            "strategy": identity,
            "guards": {guard.name: guard.identity() for guard in self.guards},
        }

    def do(self, task: Sequence[Draw]) -> TriedDraws:
        """Try draws, in their order."""
        start = time.perf_counter()
        trials = [self._read(trial) for trial in try_draws(self.strategy, self.guards, task)]
        return TriedDraws(trials, time.perf_counter() - start)

    def _read(self, trial: Trial) -> Trial:
        """Add to a candidate what the driver needs to compare it with other rows."""
        if trial.candidate is None or trial.against is not None:
            return trial
        readings = {name: read(trial.candidate) for name, read in self.readers.items()}
        return trial._replace(candidate=replace(trial.candidate, readings=readings))


class TriedDraws(NamedTuple):
    """The result of one task."""

    trials: list[Trial]
    seconds: float


_Key = tuple[Any, int, int, int, bool]


class Workers:
    """Tries draws with an executor. A trial depends only on its draw, so that who tries it changes only the time.

    What is coming is tried ahead, and kept until it is asked for. A slot whose try has failed is tried again at once,
    mostly by the worker that has its source in memory.

    Parameters
    ----------
    executor : Executor
        Of a `TrialWork`.
    tries : int
        Tries at one slot, at most.
    together : int, default=1
        Draws that the strategy works on at the same time.
    """

    def __init__(self, executor: Executor, *, tries: int, together: int = 1) -> None:
        self._executor = executor
        self._tries = tries
        self._left = 0
        """First tries that are not begun. The last tasks are small, so that the workers end together."""
        self._smallest = max(SMALLEST, min(together, LARGEST))
        self._size = max(128, self._smallest)
        self._soon: dict[_Key, Draw] = {}
        self._later: Iterator[Draw] = iter(())
        self._class: Any = None
        self._known: dict[_Key, Trial] = {}
        self._asked: dict[int, Sequence[Draw]] = {}
        """Ticket → the draws of a task that is not done."""
        self._seconds = 0.0
        """Those of the last task."""
        self._under_way: set[_Key] = set()
        self._urgent: deque[Draw] = deque()
        self._again: dict[int, dict[_Key, Draw]] = defaultdict(dict)
        """Worker → draws that wait, and whose sources it knows."""
        self._keeper: dict[_Key, int] = {}
        """Draw that waits → that worker."""
        self._owner: dict[tuple[Any, int], int] = {}
        """Source → the worker that has had it last, and may have it in memory; of the last `OWNED` sources."""
        self._ahead: dict[_Key, Draw] = {}
        """First tries that are not of this chunk, and were not asked for yet."""

    def expect(
        self, soon: Sequence[Draw], later: Iterator[Draw], *, left: int, needed: Callable[[Draw], bool] | None = None
    ) -> None:
        """Learn which draws are coming; see `augment.generation.loop.Ahead`."""
        for key in [key for key, draw in self._ahead.items() if needed is not None and not needed(draw)]:
            del self._ahead[key]
            self._known.pop(key, None)
        before = self._soon  # what was to be tried ahead, and was not begun
        self._soon = {}
        for start in range(0, len(soon), LARGEST):
            self._line_up(soon[start : start + LARGEST])
        self._soon.update((key, draw) for key, draw in before.items() if key in self._ahead)
        self._later = later
        self._left = left - len(self._ahead)
        self._fill()

    def _line_up(self, draws: Sequence[Draw]) -> None:
        """Note draws to be tried, by length: a task of texts of like length is as fast as a much larger one."""
        for draw in sorted(draws, key=lambda d: -len(d.text)):  # the variants of a source stay together
            if (key := _key(draw)) not in self._known and key not in self._under_way:
                self._soon.setdefault(key, draw)

    def again(self, draws: Sequence[Draw]) -> None:
        """Learn which slots need another try; see `augment.generation.loop.Ahead`."""
        self._ask(draws)
        self._fill()

    def __call__(self, draws: Sequence[Draw]) -> list[Trial]:
        """Try draws, in their order.

        Raises
        ------
        CounterpoiseError
            If a worker has died too often, or could not open its model, or what the strategy raises.
        """
        if draws and draws[0].label != self._class:
            self._forget(self._class)
            self._class = draws[0].label
        self._ask(draws)
        for draw in draws:
            self._ahead.pop(_key(draw), None)
        self._fill()
        missing = {key for draw in draws if (key := _key(draw)) not in self._known}
        while missing:
            for done in self._executor.results():
                asked = self._asked.pop(done.ticket, ())  # none of a ticket of an earlier run with this executor
                if done.error is not None:
                    self._under_way.difference_update(map(_key, asked))
                    raise done.error
                missing.difference_update(map(_key, asked))
                self._take(asked, done.value.trials[: len(asked)], done.value.seconds, done.worker)
            self._fill()
        return [self._known.pop(_key(draw)) for draw in draws]

    def _ask(self, draws: Sequence[Draw]) -> None:
        """Have draws tried next, if they are not known and no worker has them."""
        for draw in draws:
            key = _key(draw)
            if key in self._keeper:
                del self._again[self._keeper.pop(key)][key]
                self._urgent.append(draw)
            elif key not in self._known and key not in self._under_way and key not in self._soon:
                self._urgent.append(draw)
                self._under_way.add(key)

    def _take(self, draws: Sequence[Draw], trials: Sequence[Trial], seconds: float, worker: int) -> None:
        """Keep trials, and ask for the next try at slots that will need one."""
        for draw, trial in zip(draws, trials, strict=True):
            key = _key(draw)
            self._under_way.discard(key)
            self._known[key] = trial
            failed = trial.candidate is not None and (trial.against is not None or trial.moved is not None)
            if failed and draw.attempt + 1 < self._tries:
                again = draw._replace(attempt=draw.attempt + 1)
                key = _key(again)
                if key not in self._known and key not in self._under_way:
                    self._again[worker][key] = again
                    self._keeper[key] = worker
                    self._under_way.add(key)
        self._seconds = seconds
        if len(draws) == self._size:  # a smaller task says little
            if seconds < SHORT:
                self._size = min(LARGEST, 2 * self._size)
            elif seconds > LONG:
                self._size = max(self._smallest, self._size // 2)

    def _fill(self) -> None:
        """Give every worker a task; and a second one, to begin with at once, if tasks are short."""
        each = 1 if self._seconds > SHORT / 2 else 2
        while len(self._asked) < each * self._executor.count:
            worker = next(iter(self._executor.free()), None)
            if not (draws := self._next_task(worker)):
                return
            self._asked[self._executor.submit(draws, worker=worker)] = draws

    def _next_task(self, worker: int | None) -> list[Draw]:
        """Choose draws for a task: those that the run waits for, or other tries of this worker's slots and new ones."""
        count = self._executor.count
        share = max(self._smallest, -(-len(self._urgent) // count))
        draws = [self._urgent.popleft() for _ in range(min(share, self._size, len(self._urgent)))]
        size = self._size // 2 if draws else self._size  # what the run waits for should not wait for much else
        if worker is not None:
            draws += self._some_again(worker, size - len(draws))
        most = min(size, max(self._smallest, -(-self._left // (2 * count)))) - len(draws)
        draws += self._some_coming(worker, most)
        if not draws and self._keeper:
            fullest = max(self._again, key=lambda w: len(self._again[w]))
            draws += self._some_again(fullest, max(self._smallest, len(self._again[fullest]) // 2))
        return draws

    def _some_again(self, worker: int, most: int) -> list[Draw]:
        keys = list(islice(self._again[worker], max(0, most)))
        for key in keys:
            del self._keeper[key]
        return [self._again[worker].pop(key) for key in keys]

    def _some_coming(self, worker: int | None, most: int) -> list[Draw]:
        """Take first tries: those of this chunk, and then some of those after it; other workers' sources last."""
        if len(self._soon) < most:
            room = CHUNK + 3 * self._executor.count * self._size - len(self._ahead)
            draws = list(islice(self._later, max(0, min(LARGEST, room))))
            self._ahead.update((_key(draw), draw) for draw in draws)
            self._line_up(draws)
        own = (key for key in self._soon if self._owner.get(key[:2]) in (None, worker))
        keys = list(islice(own, max(0, most)))
        if len(keys) < most:
            taken = set(keys)
            keys += islice((key for key in self._soon if key not in taken), most - len(keys))
        if worker is not None:
            self._owner.update((key[:2], worker) for key in keys)
            for source in list(islice(self._owner, max(0, len(self._owner) - OWNED))):
                del self._owner[source]
        self._under_way.update(keys)
        self._left -= len(keys)
        return [self._soon.pop(key) for key in keys]

    def _forget(self, label: Any) -> None:
        """Drop what was tried for slots of a class that is done."""
        self._known = {key: trial for key, trial in self._known.items() if key[0] != label}
        self._ahead = {key: draw for key, draw in self._ahead.items() if key[0] != label}
        self._soon = {key: draw for key, draw in self._soon.items() if key[0] != label}
        for key in [key for key in self._keeper if key[0] == label]:
            del self._again[self._keeper.pop(key)][key]
            self._under_way.discard(key)


def _key(draw: Draw) -> _Key:
    return draw.label, draw.source, draw.variant, draw.attempt, draw.lenient
