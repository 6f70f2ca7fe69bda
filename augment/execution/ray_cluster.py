"""Workers that are actors of a Ray cluster."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import logging
import os
import socket
import time
from collections.abc import Sequence
from math import ceil, floor
from typing import Any, NamedTuple

from augment.errors import CounterpoiseError, InputError, counted
from augment.execution.choice import Ray
from augment.execution.executor import Work
from augment.execution.machine import described
from augment.execution.team import Died, Team
from augment.identity import difference, shown

ANSWER = 20.0
"""Seconds in which a head node must answer."""
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""The first bytes of a connection that gRPC, and so Ray, speaks: a greeting, and settings that are empty."""


def check_installed() -> None:
    """Refuse to go on without Ray.

    Raises
    ------
    InputError
        Naming the extra.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError("`executor='ray'` needs Ray, which is not installed. Run: pip install 'counterpoise[ray]'")


class ActorPlace(NamedTuple):
    """An actor of a cluster. Ray has hidden the GPUs that are not its own."""

    number: int
    gpus: float

    def device(self, name: str) -> str:
        """Return the device of this actor: without a GPU of its own it computes on its cores."""
        return "cpu" if name == "auto" and not self.gpus else name


class RayActors(Team):
    """Actors on the nodes of a cluster. The tasks of one that dies go to others.

    Parameters
    ----------
    work, count
        See `augment.execution.team.Team`.
    cluster : Ray
        Where, and what each takes.
    depth : int, default=2
        See `augment.execution.team.Team`.
    """

    patience = 600.0
    settling = 60.0

    def __init__(self, work: Work, count: int, cluster: Ray, *, depth: int = 2) -> None:
        super().__init__(work, count, depth=depth, deaths=3)
        self.cluster = cluster
        self._hands_out_early = False
        self._own = False

    def _begin(self) -> None:
        self._own = connect(self.cluster, self.count)
        import ray

        nodes: Any = ray.nodes  # has no types
        check_resources(self.cluster, self.count, nodes())
        try:
            self._work = ray.put(self.work)
        except Exception as error:  # pickling raises errors of several kinds, and those of the objects
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(
                f"The strategy cannot be given to other processes: {reason}. Run with `workers=1`."
            ) from error
        options: dict[str, Any] = {
            "num_cpus": self.cluster.worker_cpus,
            "num_gpus": self.cluster.worker_gpus,
            "scheduling_strategy": "SPREAD",
            "max_restarts": 0,
        }
        self._actor = ray.remote(_Actor).options(**options)

    def _launch(self, number: int) -> tuple[Any, Any]:
        actor: Any = self._actor.remote(number, self.cluster.worker_gpus)
        return actor, actor.open.remote([self._work])

    def _send(self, connection: Any, task: Any) -> Any:
        return connection.do.remote(task)

    def _wait(self, calls: Sequence[Any], seconds: float) -> list[Any]:
        import ray

        if not calls:
            time.sleep(seconds)
            return []
        ready, waiting = ray.wait(list(calls), num_returns=1, timeout=seconds)
        if ready and waiting:
            ready += ray.wait(waiting, num_returns=len(waiting), timeout=0)[0]
        return ready

    def _outcome(self, call: Any) -> Any:
        import ray
        from ray import exceptions as lost

        try:
            value, error = ray.get(call)
        except (lost.RayActorError, lost.ObjectLostError, lost.NodeDiedError, lost.WorkerCrashedError) as died:
            if isinstance(died, lost.ActorDiedError) and "ModuleNotFoundError" in str(died):
                raise CounterpoiseError(_cannot_import(str(died))) from died
            raise Died from died
        except lost.RayTaskError as failed:
            cause = getattr(failed, "cause", None) or failed
            if isinstance(cause, ImportError):
                raise CounterpoiseError(_cannot_import(str(cause))) from failed
            reason = next(iter(str(cause).splitlines()), type(cause).__name__)
            raise CounterpoiseError(f"A worker has failed: {type(cause).__name__}: {reason}") from failed
        except lost.RayError as died:  # of the cluster itself, e.g. that it ends
            raise Died from died
        if error is not None:
            raise error
        return value

    def _welcome(self, number: int, report: dict[str, Any]) -> None:
        """Refuse a node with other versions than here, and other hardware than that of the other workers."""
        here = described("cpu")["versions"]
        if other_version := difference(here, report["versions"]):
            raise InputError(
                f"The node {report['node']} has {other_version.name} {shown(other_version.now)}, and this program"
                f" {shown(other_version.before)}: other versions make other rows. Install the same on all nodes."
            )
        other = next(iter(self.reports.values()), None)
        if other is None or (unlike := _unlike(other, report)) == "":
            return
        if not self.cluster.mixed_hardware:
            raise InputError(
                f"The workers compute on different hardware, which rounds differently: {unlike}. Take nodes of one"
                " kind, or give `mixed_hardware=True` with `dtype='float32'`: rows may then differ from run to run."
            )
        if any(one.get("dtype") not in (None, "float32") for one in (other, report)):
            raise InputError(
                f"The workers compute on different hardware ({unlike}) in {report['dtype']}. `mixed_hardware=True` is"
                " for float32 alone: give `dtype='float32'` as well."
            )

    def _end(self, connection: Any) -> None:
        import ray
        from ray.exceptions import RayError

        with contextlib.suppress(RayError):  # it has never started, or is gone with its node
            ray.kill(connection)

    def _finish(self) -> None:
        if self._own:
            self._own = False
            import ray

            ray.shutdown()

    def _died(self) -> str:
        return (
            f"{counted(self._deaths + 1, 'worker')} of the cluster died one after the other with the same task, perhaps"
            " because memory ran out. Run with fewer `workers` on a node; what is finished is kept for `resume=True`."
        )

    def _none_left(self) -> str:
        return (
            f"The cluster had no free place for a worker for {self.patience:.0f} seconds. `ray status` shows what it"
            " is at; what is finished is kept for `resume=True`."
        )


def connect(cluster: Ray, workers: int) -> bool:
    """Connect this process to a cluster, or start a Ray of this machine alone.

    Parameters
    ----------
    cluster : Ray
    workers : int
        Those of a Ray that is started here, which gets as many cores as they take.

    Returns
    -------
    bool
        Whether it was not connected before.

    Raises
    ------
    InputError
        If nothing answers at the address, or something else than Ray, or a Ray of another version.
    """
    check_installed()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        return False
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    named = os.environ.get("RAY_ADDRESS") or cluster.address if cluster.address in (None, "auto") else cluster.address
    if named not in (None, "auto"):
        check_answers(named)
    logging.getLogger("ray").setLevel(logging.ERROR)  # its advice is for those who manage the cluster
    try:
        if named is None:
            _join_or_start(max(os.cpu_count() or 1, ceil(workers * cluster.worker_cpus)), quiet)
        else:
            ray.init(address=named, **quiet)
    except ConnectionError as error:
        raise InputError(
            f"`address={named!r}`: no Ray runs on this machine. Give HOST:PORT of the head node, or leave the"
            " address out to start one here."
        ) from error
    except (RuntimeError, ValueError) as error:  # other versions of Ray or Python than here
        reason = " ".join(str(error).split())
        raise InputError(f"The cluster at {named or 'this machine'} cannot be used: {reason}") from error
    return True


def _join_or_start(cores: int, quiet: dict[str, Any]) -> None:
    """Connect to the Ray that `ray start` has started on this machine, or start one for this process alone.

    One that another program has started for itself is not joined: it ends with that program.
    """
    import ray

    alone: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False, "_node_ip_address": "127.0.0.1", **quiet}
    try:
        ray.init(**alone)
    except ValueError:  # Ray was started here, and its cores are its own
        try:
            ray.init(**quiet)
        except ConnectionError:  # it has ended without `ray stop`
            ray.init(address="local", **alone)


def check_answers(address: str) -> None:
    """Check that something that may be Ray answers at an address. Ray itself would try for minutes.

    Parameters
    ----------
    address : str
        ``"HOST:PORT"``.

    Raises
    ------
    InputError
        If nothing does within `ANSWER` seconds.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise InputError(f"`address` must be HOST:PORT, e.g. 10.0.0.5:6379, or 'auto'. Got {address!r}.")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER) as connection:
            connection.settimeout(ANSWER)
            connection.sendall(_HTTP2)
            frame = connection.recv(9)
    except OSError as error:
        raise InputError(
            f"Nothing answers at `address={address!r}` ({error.strerror or error}). Check host and port with"
            " `ray status` on the head node."
        ) from error
    if len(frame) < 4 or frame[3] != 4:
        raise InputError(f"What answers at `address={address!r}` is not Ray. Give HOST:PORT of the head node.")


def check_resources(cluster: Ray, workers: int, nodes: Sequence[dict[str, Any]]) -> None:
    """Check that the nodes have room for the workers, if nothing else runs on them.

    Parameters
    ----------
    cluster : Ray
    workers : int
    nodes : sequence of dict
        From `ray.nodes`.

    Raises
    ------
    InputError
        If they have not.

    Examples
    --------
    >>> check_resources(Ray(worker_gpus=1), 2, [{"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0}}])
    """
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    for name, each, what in (("GPU", cluster.worker_gpus, "worker_gpus"), ("CPU", cluster.worker_cpus, "worker_cpus")):
        there = sum(node.get(name, 0) for node in alive)
        if each and sum(floor(node.get(name, 0) / each + 1e-9) for node in alive) < workers:
            raise InputError(
                f"{counted(workers, 'worker')} with `{what}={each:g}` need {workers * each:g} {name}s, and the cluster"
                f" has {there:g} on {counted(len(alive), 'node')}. Take fewer `workers`, or give a lower `{what}`."
            )


def _unlike(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Return, in words, how the hardware of two workers differs; an empty string if it does not."""
    for what in ("processor", "device", "dtype"):
        if one.get(what) != other.get(what):
            return f"{one.get(what)} on {one['node']}, {other.get(what)} on {other['node']}"
    return ""


def _cannot_import(reason: str) -> str:
    line = next((line.strip() for line in reason.splitlines() if "Error" in line and "module" in line), reason)
    return f"A node cannot import what the run needs ({line}). Install counterpoise and your own modules on every node."


class _Actor:
    """One worker. An error that is meant for the user comes back as a value, since Ray wraps those that are raised."""

    def __init__(self, number: int, gpus: float) -> None:
        self._place = ActorPlace(number, gpus)

    def open(self, work: list[Any]) -> tuple[dict[str, Any] | None, CounterpoiseError | None]:
        import ray

        self._work: Work = ray.get(work[0])
        try:
            report = self._work.open(self._place)
        except CounterpoiseError as error:
            return None, error
        gc.freeze()  # what is open stays: the collector of garbage would look through it again and again
        return {**described(str(report.get("device", "cpu"))), "dtype": None, **report}, None

    def do(self, task: Any) -> tuple[Any, CounterpoiseError | None]:
        try:
            return self._work.do(task), None
        except CounterpoiseError as error:
            return None, error
