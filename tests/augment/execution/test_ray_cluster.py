"""A real cluster of two nodes makes the rows of one process, and loses nodes and actors without losing rows."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from augment.errors import CounterpoiseError, InputError, ModelError
from augment.execution import Execution, Ray, WorkerDied
from augment.execution.ray_cluster import RayActors, check_answers, check_resources, connect
from augment.generation.candidates import Candidate, Draw, Judgement
from augment.guards.base import Guard
from augment.upsampling import upsample, upsample_file

ray = pytest.importorskip("ray", reason="needs the extra [ray]")


class Square:
    """Square numbers. Some numbers are orders: to fail, to say who works, to end the process."""

    def __init__(self, *, refuse: bool = False, **report: Any) -> None:
        self.refuse, self.report = refuse, report

    def open(self, place: Any) -> dict[str, Any]:
        if self.refuse:
            raise ModelError("There is no model 'nowhere' on this node.")
        return {"number": place.number, "device": place.device("auto"), **self.report}

    def do(self, task: Any) -> Any:
        if task == "fail":
            raise InputError("Not a number.")
        if task == "break":
            raise ZeroDivisionError("a mistake of ours")
        if task == "die":
            os._exit(1)
        if task == "who":
            return os.getpid()
        time.sleep(0.02)
        return task * task


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each, on this machine."""
    from ray import cloudpickle
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes cannot import tests
    node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


class Judging(Guard):
    """Pass all, and tell which process judges."""

    name = "judging"
    summary = "tells who judges"

    def identity(self) -> dict[str, Any]:
        return {"process": os.getpid()}

    def judge(self, draws: Sequence[Draw], candidates: Sequence[Candidate]) -> Judgement:
        return Judgement([True] * len(candidates))


@pytest.fixture
def address(cluster: Any) -> str:
    return str(cluster.address)


def write_input(path: Path, sentences: list[str]) -> None:
    labels = ["rare", "few", *["many", "few", "rare"] * len(sentences)]
    rows = [f'"{text} Indeed.",{label}\n' for text, label in zip(sentences, labels, strict=False)]
    path.write_text("".join(["text,label\n", *rows]))


def test_two_nodes_make_the_rows_of_one_process(address: str, bert: Path, sentences: list[str], tmp_path: Path):
    write_input(tmp_path / "in.csv", sentences)
    from augment.text.fill_mask import FillMask

    guards = ["similarity:low=.8", Judging()]
    wanted: dict[str, Any] = {"strategy": FillMask(model=str(bert), device="cpu"), "guards": guards}
    wanted |= {"sampling_strategy": {"rare": 40, "few": 40}, "seed": 3}
    here = upsample_file(tmp_path / "in.csv", tmp_path / "here.csv", **wanted)
    there = upsample_file(
        tmp_path / "in.csv", tmp_path / "there.csv", executor=Ray(address=address), workers=2, **wanted
    )
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert there.strategy == here.strategy
    assert there.guards[:-1] == here.guards[:-1]
    assert here.guards[-1]["identity"] == {"process": os.getpid()}
    assert there.guards[-1]["identity"] != here.guards[-1]["identity"], "an actor judges, and tells what it is"
    assert there.execution is not None
    assert (there.execution["workers"], there.execution["mixed_hardware"]) == (2, False)
    assert len(there.execution["hardware"]) == 1
    assert here.execution is None
    assert not ray.is_initialized(), "what a run has connected, it disconnects"


@pytest.mark.slow
def test_two_nodes_encode_as_one_process_does(address: str, bert: Path, sentences: list[str], tmp_path: Path):
    write_input(tmp_path / "in.csv", sentences)
    vectors = {"strategy": "smote", "encoder": str(bert), "sampling_strategy": {"few": 90}}
    upsample_file(tmp_path / "in.csv", tmp_path / "here.parquet", **vectors)
    upsample_file(tmp_path / "in.csv", tmp_path / "there.parquet", executor=Ray(address=address), workers=2, **vectors)
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()


def test_actors_are_spread_die_and_are_replaced_and_tell_their_errors(cluster: Any, address: str):
    with RayActors(Square(), 2, Ray(address=address)) as actors:
        reports = actors.settled()
        assert {report["number"] for report in reports} == {0, 1}
        assert {report["device"] for report in reports} == {"cpu"}
        assert all(report["processor"] and report["versions"]["python"] for report in reports)
        tickets = [actors.submit(n) for n in range(40)]
        assert squares(actors, tickets) == [n * n for n in range(40)]
        pids = set(squares(actors, [actors.submit("who", worker=n) for n in (0, 1)]))
        assert len(pids) == 2
        with pytest.raises(InputError, match="Not a number"):
            squares(actors, [actors.submit("fail")])
        with pytest.raises(CounterpoiseError, match=r"A worker has failed: ZeroDivisionError: a mistake of ours$"):
            squares(actors, [actors.submit("break")])
        tickets = [actors.submit(n) for n in range(60)]
        os.kill(pids.pop(), signal.SIGKILL)
        assert squares(actors, tickets) == [n * n for n in range(60)], "its tasks were given to others"
    assert squares_left(pids) == set(), "no actor is left"


def squares(actors: RayActors, tickets: list[int]) -> list[Any]:
    """Wait for some tasks, and return their results in order."""
    known: dict[int, Any] = {}
    while not known.keys() >= set(tickets):
        for done in actors.results():
            if done.error is not None:
                raise done.error
            known[done.ticket] = done.value
    return [known[ticket] for ticket in tickets]


def squares_left(pids: set[int]) -> set[int]:
    end = time.monotonic() + 20
    while (alive := {pid for pid in pids if Path(f"/proc/{pid}").exists()}) and time.monotonic() < end:
        time.sleep(0.1)
    return alive


def test_a_worker_that_cannot_open_its_model_ends_the_run_with_its_own_line(address: str):
    with (
        pytest.raises(ModelError, match=r"^There is no model 'nowhere' on this node\.$"),
        RayActors(Square(refuse=True), 2, Ray(address=address)) as actors,
    ):
        actors.settled()
    assert not ray.is_initialized()


@pytest.mark.slow
def test_a_task_that_ends_every_worker_is_given_up(address: str):
    with RayActors(Square(), 1, Ray(address=address)) as actors:
        actors.submit("die")
        (done,) = actors.results()
        assert isinstance(done.error, WorkerDied)
        assert "died one after the other with the same task" in str(done.error)
        assert squares(actors, [actors.submit(3)]) == [9]


@pytest.mark.slow
def test_a_node_that_is_lost_in_mid_run_loses_no_task(cluster: Any, address: str):
    extra = cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
    cluster.wait_for_nodes()
    with RayActors(Square(), 3, Ray(address=address)) as actors:
        actors.settled()
        tickets = [actors.submit(n) for n in range(400)]
        removal = threading.Timer(0.5, cluster.remove_node, [extra])
        removal.start()
        assert squares(actors, tickets) == [n * n for n in range(400)]
        removal.join()
        assert len(actors.reports) == 2, "the third has no place any more, and the run goes on"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reports", "mixed", "says"),
    [
        (["A", "B"], False, "different hardware.*(A on .*, B|B on .*, A) on .*`mixed_hardware=True`"),
        (["A", "B"], True, "`mixed_hardware=True` is for float32 alone"),
    ],
)
def test_mixed_hardware_is_refused(address: str, reports: list[str], mixed: bool, says: str):
    with (
        pytest.raises(InputError, match=says),
        RayActors(OnOther(reports), 2, Ray(address=address, mixed_hardware=mixed)) as actors,
    ):
        actors.settled()


class OnOther(Square):
    """Say that each worker has a processor of its own."""

    def __init__(self, processors: list[str]) -> None:
        super().__init__()
        self.processors = processors

    def open(self, place: Any) -> dict[str, Any]:
        return {"device": "cpu", "dtype": "bfloat16", "processor": self.processors[place.number]}


def test_a_node_with_other_versions_is_refused():
    actors = RayActors(Square(), 2, Ray())
    from augment.execution.machine import described

    report = described("cpu")
    actors._welcome(0, report)
    older = {**report, "node": "n7", "versions": {**report["versions"], "torch": "1.0"}}
    with pytest.raises(InputError, match=r"The node n7 has torch \"?1\.0\"?, and this program .*Install the same"):
        actors._welcome(1, older)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"worker_gpus": 1}, r"4 workers with `worker_gpus=1` need 4 GPUs, and the cluster has 3 on 2 nodes"),
        ({"worker_gpus": 2}, r"need 8 GPUs, and the cluster has 3"),
        ({"worker_cpus": 3}, r"4 workers with `worker_cpus=3` need 12 CPUs, and the cluster has 16 on 2 nodes"),
    ],
)
def test_more_than_the_cluster_has_is_refused(asked: dict[str, Any], says: str):
    nodes = [
        {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0}},
        {"Alive": True, "Resources": {"CPU": 2.0 if "worker_cpus" in asked else 8.0, "GPU": 1.0}},
        {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
    ]
    if "worker_cpus" in asked:
        nodes[1]["Resources"]["CPU"] = 8.0
        asked = {"worker_cpus": 5}
        says = r"4 workers with `worker_cpus=5` need 20 CPUs, and the cluster has 16 on 2 nodes"
    with pytest.raises(InputError, match=says):
        check_resources(Ray(**asked), 4, nodes)
    check_resources(Ray(worker_gpus=0.5), 4, nodes)


def test_an_address_where_nothing_or_something_else_answers_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("augment.execution.ray_cluster.ANSWER", 0.3)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        name = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(InputError, match=rf"^Nothing answers at `address='{name}'` \(.*refused\)"):
            check_answers(name)
        closed.listen()
        begun = time.monotonic()
        with pytest.raises(InputError, match=r"^Nothing answers .*timed out"):
            check_answers(name)
        assert time.monotonic() - begun < 5
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        answering = threading.Thread(target=lambda: other.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n"))
        answering.start()
        with pytest.raises(InputError, match="is not Ray"):
            check_answers(f"127.0.0.1:{other.getsockname()[1]}")
        answering.join()
    with pytest.raises(InputError, match=r"must be HOST:PORT, e\.g\. .* Got 'head'"):
        check_answers("head")


@pytest.mark.parametrize("joins", [False, True])
def test_without_an_address_only_what_ray_start_has_started_is_joined(monkeypatch: pytest.MonkeyPatch, joins: bool):
    calls: list[dict[str, Any]] = []

    def init(**given: Any) -> None:
        calls.append(given)
        if joins and "num_cpus" in given:
            raise ValueError("When connecting to an existing cluster, num_cpus and num_gpus must not be provided.")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", init)
    assert connect(Ray(worker_cpus=50), 2)
    assert [call.get("num_cpus") for call in calls] == ([100, None] if joins else [100])
    assert all("address" not in call for call in calls)  # "auto" would find the Ray of any other program


def test_ray_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else found(name, *rest))
    with pytest.raises(InputError, match=r"needs Ray.*pip install 'counterpoise\[ray\]'"):
        upsample((["a b", "c d", "e f"], ["x", "y", "y"]), strategy="random", executor="ray")


@pytest.mark.parametrize("executor", ["dask", None, Ray])
def test_an_executor_that_there_is_not_is_refused(executor: Any):
    with pytest.raises(InputError, match=r"`executor` must be 'local', 'ray', or augment\.Ray"):
        upsample((["a b", "c d", "e f"], ["x", "y", "y"]), strategy="random", executor=executor)


@pytest.mark.slow
def test_ctrl_c_leaves_no_actor_behind_and_the_run_is_resumed_without_the_cluster(address: str, tmp_path: Path):
    command = [Path(sys.executable).parent / "augment", "upsample", "sample", "-q", "--strategy", "nlpaug:keyboard"]
    command += ["--sampling-strategy", "neutral=30000"]
    on_cluster = ["--executor", "ray", "--address", address, "--workers", "2"]
    process = subprocess.Popen(
        [*command, *on_cluster, "-o", "out.csv"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    journal = tmp_path / "out.csv.journal"
    end = time.monotonic() + 100
    while (not journal.exists() or journal.stat().st_size < 400_000) and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.startswith("Error: Interrupted: what is finished is kept in out.csv.journal")
    assert actors_alive(address) == 0
    for name, more in (("out.csv", ["--resume"]), ("whole.csv", [])):
        subprocess.run([*command, "-o", name, *more], cwd=tmp_path, check=True, timeout=200)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def actors_alive(address: str) -> int:
    """Return how many workers of ours the nodes have, a few seconds after the end of a run."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        if (alive := sum(line.startswith("ray::_Actor") for line in listed.splitlines())) == 0:
            return 0
        time.sleep(0.5)
    return alive


def test_execution_without_workers_elsewhere_is_this_process():
    assert Execution().here
    assert not Execution(2).here
    assert not Execution(1, Ray()).here
