"""An experiment spread over the workers of a Ray cluster: its shards are the tasks, and one store takes the results.

Ray is imported here alone (`pip install 'plait[ray]'`). What a worker trains depends on its shard alone, so a task
that was lost with its worker runs again elsewhere, and the rows are those of one machine.
"""

import importlib.util
import os
import socket
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import polars as pl

from plait.experiments.folder import StoreError
from plait.experiments.jobs import ExperimentFolders, Job, missing, plan_for, wanted_elsewhere
from plait.experiments.notes import code_notes, stopped
from plait.experiments.runner import (
    Trained,
    TrainRun,
    keep,
    plait_train,
    rows_of_experiment,
    trained,
)
from plait.experiments.shards import Onlooker, Shard, Unwatched
from plait.experiments.spec import Experiment
from plait.experiments.store import Store
from plait.training.machine import resolve_device
from plait.training.run import Evaluation

CONNECT_SECONDS = 10.0

_NO_RAY = "spreading over workers needs Ray: pip install 'plait[ray]'"

_LOCAL = "local"
"""The address of a cluster that is started on this machine, and ends with the experiment."""


def run_on_ray(
    experiment: Experiment,
    folder: str | os.PathLike[str],
    *,
    address: str = _LOCAL,
    train: TrainRun | None = None,
    device: str = "auto",
    max_members: int | None = None,
    watch: Onlooker | None = None,
    beside: ExperimentFolders = (),
) -> pl.DataFrame:
    """`run_experiment` with every shard trained by some worker of the cluster, as many at once as it has room for.

    Args:
        address: of a running cluster, as Ray takes it, or "local".
        device: what the workers train on; on a GPU each shard takes a whole one.
        beside: as in `run_experiment`.

    Raises:
        ValueError: no Ray, no cluster at the address, or as `run_experiment`.
        StoreError: another process trains some of these members, or as `run_experiment`.
        Stopped: on Ctrl-C.
    """
    watch = watch or Unwatched()
    shards = plan_for(experiment, device=device, max_members=max_members)
    ray = _connect(address)
    store = Store(folder)
    try:
        store = Store.for_writing(folder)
        watch.planned(shards)
        for line in code_notes((run for shard in shards for run in shard.runs), store):
            watch.noted(line)
        # One claim for all: to close one would open them all (see folder.py).
        with store.claim([member for shard in shards for member in shard.members]) as free:
            if not free:
                raise StoreError(f"another process trains some of these members in {str(folder)!r}")
            elsewhere = wanted_elsewhere(store, beside)
            job = Job(experiment=experiment, store=store, shards=shards, elsewhere=elsewhere)
            _Spread(ray, job, watch).run(train or plait_train(), device)
    except KeyboardInterrupt:
        raise stopped((store, shards), resumes=False) from None
    finally:
        ray.shutdown()
    return rows_of_experiment(store, experiment)


def check_ray() -> None:
    """Raises:
    ValueError: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise ValueError(_NO_RAY)


def train_part(part: Shard, train: TrainRun, device: str, evaluations: Sequence[Evaluation]) -> Trained:
    """What a worker does."""
    result = train(
        part.runs[0], seeds=part.seeds, lrs=part.lrs, device=device, progress=None, checkpoint=None
    )
    return trained(part, result, evaluations, resumes=False)


class _Spread:
    """Tasks under way, and the shards whose parts they are."""

    def __init__(self, ray: ModuleType, job: Job, watch: Onlooker) -> None:
        self.ray, self.job, self.store, self.watch = ray, job, job.store, watch

    def run(self, train: TrainRun, device: str) -> None:
        n_gpus = 1 if resolve_device(device).type == "cuda" else 0
        task = self.ray.remote(num_cpus=1, num_gpus=n_gpus, max_retries=-1)(train_part)
        under_way: dict[Any, tuple[Shard, Shard]] = {}
        left: dict[str, list[pl.DataFrame]] = {}
        open_parts: dict[str, int] = {}
        for shard in self.job.shards:
            parts = missing(self.store, shard, self.job.experiment.evaluations)
            left[shard.id], open_parts[shard.id] = [], len(parts)
            if not parts:
                self.watch.finished(shard, None)
            for part in parts:
                under_way[task.remote(part, train, device, self.job.evaluations(part))] = (shard, part)
        while under_way:
            (done, *_), _ = self.ray.wait(list(under_way), num_returns=1)
            shard, part = under_way.pop(done)
            found = self._result(done)
            keep(self.store, part, found)
            left[shard.id].append(found.rows)
            open_parts[shard.id] -= 1
            if open_parts[shard.id] == 0:
                self.store.sweep(shard)
                self.watch.finished(shard, pl.concat(left.pop(shard.id)))

    def _result(self, reference: Any) -> Trained:
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ValueError):
                raise error.cause from None
            raise


def _connect(address: str) -> ModuleType:
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ValueError(_NO_RAY) from None
    local = address == _LOCAL
    _check_reached(address)
    try:
        ray.init(
            address=_LOCAL if local else address,
            log_to_driver=False,
            include_dashboard=False if local else None,
            ignore_reinit_error=False,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"no Ray cluster at {address!r}: {reason[:200]}") from None
    return ray


def _check_reached(address: str) -> None:
    """Ray itself tries for minutes before it says that nobody is there."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ValueError(f"no Ray cluster at {address!r}: {error}") from None
