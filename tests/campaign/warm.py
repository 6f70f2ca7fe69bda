"""A process that has imported everything, and a child of it for each command line: what is killed is the child."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import io
import json
import multiprocessing.context
import multiprocessing.forkserver
import multiprocessing.util
import os
import resource
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = (
    *("augment.__main__", "classifiers.__main__", "benchmarks.__main__", "augment.upsampling", "augment.run.workers"),
    *("augment.report.html", "benchmarks.run.suite_run", "benchmarks.report.writing", "classifiers.training.run"),
    "classifiers.pretraining.masked_lm",
)
"""What is imported before the first command runs; `Warm.learn` adds what a command imports besides."""
CHUNK = 64
"""Slots of a chunk, so that a small run has a journal of many lines."""
SAVE_STEPS = 7
"""Of a pretraining, so that a small one has checkpoints."""
SETUP = 300
"""Seconds that a command may take while inputs are made."""
BROKEN = 97
"""Exit code of a child whose command ends in an exception."""


@dataclass(frozen=True)
class Ended:
    """How a command line has ended."""

    code: int | None
    """Exit code; None if it was killed."""
    seconds: float
    cpu: float
    out: bytes
    err: str
    hung: bool = False
    """Whether it was killed because its time was over."""
    workers: int = 0
    """Worker processes that were still there some seconds after it."""

    @property
    def traceback(self) -> bool:
        return self.code == BROKEN or "Traceback (most recent call last)" in self.err

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        return self.err.strip()[-1500:]


class Warm:
    """Runs command lines in forks of this process.

    Parameters
    ----------
    patience : float
        Seconds after which a command that goes on counts as hanging, and is killed.
    """

    def __init__(self, patience: float = 20) -> None:
        self.patience = patience
        os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1", NO_COLOR="1")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])  # of the workers
        for module in MODULES:
            importlib.import_module(module)
        import torch

        torch.set_num_threads(1)
        self.programs: dict[str, Callable[[], None]] = {}
        """What is run under names that are no packages."""
        self._forkserver = multiprocessing.forkserver._forkserver
        self._started = False

    def learn(self, line: Sequence[str], place: Path) -> Ended:
        """Run a command line, and import here what it has imported."""
        report = place.with_name("modules")
        ended = self(line, place, after=lambda: report.write_text(json.dumps(sorted(sys.modules))), patience=SETUP)
        for name in json.loads(report.read_text()) if report.exists() else ():
            if name not in sys.modules and not name.startswith(("_", "ray")):
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
        return ended

    def start_workers(self) -> None:
        """Start the process that worker processes are forks of."""
        if not self._started:
            multiprocessing.forkserver.set_forkserver_preload([name for name in sys.modules if _is_preloaded(name)])
            self._forkserver.ensure_running()
            self._started = True

    def __call__(
        self,
        line: Sequence[str],
        place: Path,
        *,
        before: Callable[[], None] | None = None,
        after: Callable[[], None] | None = None,
        kill_after: float | None = None,
        reader: Callable[[int], bytes] | None = None,
        while_it_runs: Callable[[int], object] | None = None,
        patience: float | None = None,
    ) -> Ended:
        """Run a command line in a folder.

        Parameters
        ----------
        line : sequence of str
            The program and its arguments.
        place : Path
            The working folder; what the command prints is kept beside it.
        before, after : callable, optional
            Called in the child before and after the command.
        kill_after : float, optional
            Seconds after which the child is killed.
        reader : callable, optional
            Reads the standard output, a pipe of which it gets the descriptor. By default that is a file.
        while_it_runs : callable, optional
            Called here meanwhile with the number of the child, which is killed when it returns.
        patience : float, optional
            In the place of that of all commands.
        """
        out, err = place.with_name(f"{place.name}.out"), place.with_name(f"{place.name}.err")
        for path in (out, err):  # a child may be killed before it opens them
            path.write_bytes(b"")
        here, there = os.pipe() if reader else (-1, -1)
        start, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            if reader:
                os.close(here)
            self._become(line, place, out, err, there if reader else None, before, after)
        content = b""
        if reader:
            os.close(there)
            content = reader(here)
            os.close(here)
        hung, limit = False, (patience or self.patience) if kill_after is None else kill_after
        if while_it_runs is not None:
            while_it_runs(child)
            limit = 0.0
        with contextlib.closing(_Watch(child)) as watch:
            ended = watch.ends_within(limit - (time.monotonic() - start))
            while not ended and kill_after is None and while_it_runs is None and _starves(child, start, limit):
                ended = watch.ends_within(1)
            if not ended:
                hung = kill_after is None and while_it_runs is None
                os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        seconds, now = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        return Ended(
            os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None,
            seconds,
            now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
            content if reader else out.read_bytes(),
            err.read_text(errors="replace"),
            hung,
            self._workers_left(),
        )

    def _workers_left(self, seconds: float = 5) -> int:
        """Wait for the worker processes of a command to end. Return how many do not."""
        if not self._started:
            return 0
        children = Path(f"/proc/{self._forkserver._forkserver_pid}/task/{self._forkserver._forkserver_pid}/children")
        end = time.monotonic() + seconds
        while (left := children.read_text().split()) and time.monotonic() < end:
            time.sleep(0.01)
        for worker in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(worker), signal.SIGKILL)
        return len(left)

    def _become(
        self,
        line: Sequence[str],
        place: Path,
        out: Path,
        err: Path,
        pipe: int | None,
        before: Callable[[], None] | None,
        after: Callable[[], None] | None,
    ) -> None:
        """Be a program of its own, as far as a fork can be one, and end."""
        code = BROKEN
        try:
            self._settle(place, out, err, pipe)
            program, *arguments = line
            sys.argv = [program, *arguments]
            main = self.programs.get(program) or importlib.import_module(f"{program}.__main__").main
            if before is not None:
                before()
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            except BaseException:  # noqa: BLE001 -- as the interpreter would
                traceback.print_exc()
            if after is not None:
                after()
            threading._shutdown()
            multiprocessing.util._exit_function()
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError):
                    stream.flush()
        except BaseException:  # noqa: BLE001 -- nothing of the parent may go on in a child
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _settle(self, place: Path, out: Path, err: Path, pipe: int | None) -> None:
        atexit._clear()
        os.chdir(place)
        place.with_name("tmp").mkdir(exist_ok=True)
        os.environ.update(XDG_CACHE_HOME=str(place.with_name("cache")), TMPDIR=str(place.with_name("tmp")))
        import tempfile

        tempfile.tempdir = None
        new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        for number, descriptor in (
            (0, os.open(os.devnull, os.O_RDONLY)),
            (1, os.open(out, new, 0o600) if pipe is None else pipe),
            (2, os.open(err, new, 0o600)),
        ):
            os.dup2(descriptor, number)
            if descriptor > 2:
                os.close(descriptor)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), encoding="utf-8")
        sys.stderr = io.TextIOWrapper(
            os.fdopen(2, "wb", closefd=False), "utf-8", "backslashreplace", line_buffering=True
        )
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        # Worker processes are forks of a server that has imported everything, and no children of this process.
        contexts = multiprocessing.context._concrete_contexts
        contexts["spawn"] = contexts["forkserver"]
        if self._started:
            self._forkserver.ensure_running = lambda: None
        import augment.generation.loop
        import augment.run.workers

        augment.generation.loop.CHUNK = augment.run.workers.CHUNK = CHUNK
        from classifiers.pretraining.masked_lm import PretrainConfig

        PretrainConfig.model_fields["save_steps"].default = SAVE_STEPS
        PretrainConfig.model_rebuild(force=True)


def _starves(child: int, start: float, limit: float) -> bool:
    """Return whether a process, or what it waits for, gets too little of the processor: it may take longer."""
    state, *rest = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    used = (int(rest[10]) + int(rest[11])) / os.sysconf("SC_CLK_TCK")
    busy = state == "R" or os.getloadavg()[0] > (os.cpu_count() or 1)
    return busy and used < limit / 2 and time.monotonic() - start < 4 * limit


class _Watch:
    """Waits for the end of a child."""

    def __init__(self, child: int) -> None:
        self._descriptor = os.pidfd_open(child)

    def ends_within(self, seconds: float) -> bool:
        return bool(select.select([self._descriptor], [], [], max(0.0, seconds))[0])

    def close(self) -> None:
        os.close(self._descriptor)


def _is_preloaded(name: str) -> bool:
    """Return whether a module is what worker processes need."""
    package = name.partition(".")[0]
    return package in (
        "augment",
        "classifiers",
        "benchmarks",
        "torch",
        "transformers",
        "sklearn",
        "tokenizers",
        "scipy",
    )
