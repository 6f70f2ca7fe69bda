"""Which executor carries out a run, and with how many workers."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from augment.errors import InputError

if TYPE_CHECKING:
    from augment.execution.executor import Executor, Place, Work


@dataclass(frozen=True, kw_only=True)
class Ray:
    """A Ray cluster, and what each worker takes of it.

    Parameters
    ----------
    address : str, optional
        ``"HOST:PORT"`` of the head node, or ``"auto"`` for the cluster that this machine belongs to. None for that of
        the variable RAY_ADDRESS, or for the one that ``ray start`` has made this machine a part of, or for a Ray of
        this machine alone that ends with the run.
    worker_cpus : float, default=1
        Cores of a worker, above 0. It has as many threads, 1 at least.
    worker_gpus : float, default=0
        GPUs of a worker, 0 or more; .5 for two workers on one GPU.
    mixed_hardware : bool, default=False
        Allow workers on different processors or GPUs, which round differently. Only for models in float32, or without a
        model.

    Examples
    --------
    >>> Ray(address="10.0.0.5:6379", worker_gpus=1).worker_cpus
    1
    """

    address: str | None = None
    worker_cpus: float = 1
    worker_gpus: float = 0
    mixed_hardware: bool = False

    def check(self) -> None:
        """Check the parameters, without looking for a cluster.

        Raises
        ------
        InputError
            Naming the first that is out of range.
        """
        for name, value in (("worker_cpus", self.worker_cpus), ("worker_gpus", self.worker_gpus)):
            least = "above 0" if name == "worker_cpus" else "0 or more"
            number = isinstance(value, Real) and not isinstance(value, bool) and value >= 0
            if not number or (least == "above 0" and not value):
                raise InputError(f"`{name}` must be a number, {least}. Got {value!r:.60}.")
            if value > 1 and value != int(value):
                raise InputError(f"`{name}` above 1 must be a whole number. Got {value!r}.")
        if self.address is not None and self.address.startswith("ray://"):
            raise InputError(
                f"`address={self.address!r}` is for programs outside the cluster. Run this one on a node of the"
                " cluster, e.g. with `ray job submit`, and give 'auto', or HOST:PORT of the head node."
            )


@dataclass(frozen=True)
class Execution:
    """The executor of a run: this process, local processes, or a Ray cluster. No choice changes a row.

    Parameters
    ----------
    workers : int, default=1
    ray : Ray, optional
        None for this machine without Ray.
    """

    workers: int = 1
    ray: Ray | None = None

    @property
    def here(self) -> bool:
        """Whether this process does the work itself."""
        return self.workers == 1 and self.ray is None

    @property
    def place(self) -> Place:
        """The place of this process, for a work that it opens itself."""
        from augment.execution.local import LocalPlace

        return LocalPlace(0, 1)

    def check(self) -> None:
        """Check the parameters, and that Ray is installed if it is asked for.

        Raises
        ------
        InputError
            Naming the parameter, or the extra.
        """
        if isinstance(self.workers, bool) or not isinstance(self.workers, Integral) or self.workers < 1:
            raise InputError(f"`workers` must be a whole number, 1 or more. Got {self.workers!r:.60}.")
        if self.ray is not None:
            self.ray.check()
            from augment.execution.ray_cluster import check_installed

            check_installed()

    def start(self, work: Work, *, depth: int = 2, deaths: int | None = None, own_cores: bool = True) -> Executor:
        """Return the executor, whose workers start when it is entered.

        Parameters
        ----------
        work : Work
        depth, deaths
            See `augment.execution.team.Team`; by default a worker may die on a cluster alone.
        own_cores : bool, default=True
            See `augment.execution.local.LocalProcesses`.

        Returns
        -------
        Executor
        """
        if self.ray is not None:
            from augment.execution.ray_cluster import RayActors

            return RayActors(work, self.workers, self.ray, depth=depth)
        from augment.execution.local import LocalProcesses

        return LocalProcesses(work, self.workers, depth=depth, deaths=deaths or 0, own_cores=own_cores)


def chosen(workers: Any, executor: Any) -> Execution:
    """Return the execution that `workers=` and `executor=` of a call ask for.

    Parameters
    ----------
    workers : int
    executor : {"local", "ray"} or Ray

    Returns
    -------
    Execution
        Checked.

    Raises
    ------
    InputError
        If one of them cannot be used.

    Examples
    --------
    >>> chosen(2, "local")
    Execution(workers=2, ray=None)
    """
    if executor not in ("local", "ray") and not isinstance(executor, Ray):
        raise InputError(
            f"`executor` must be 'local', 'ray', or augment.Ray(address=…) with what its workers need. Got"
            f" {executor!r:.60}."
        )
    ray = executor if isinstance(executor, Ray) else Ray() if executor == "ray" else None
    execution = Execution(workers, ray)
    execution.check()
    return execution
