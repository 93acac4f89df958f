"""An experiment spread over the GPUs of one machine: a process for each, all at work on the same folder.

Each shard is trained by the process that claims it first (see `Store.claim`); a process that is lost gives its claims
back as it goes, so the others train what it was at. Where there is no GPU, processes stand for cards.
"""

import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pickle import PicklingError
from typing import Any

import polars as pl
import torch

from plait.checks import check_integer, one_line
from plait.experiments.edited_code import code_notes
from plait.experiments.errors import StoreError
from plait.experiments.runner import (
    POLL_SECONDS,
    TrainRun,
    Unwatched,
    Watch,
    missing,
    plait_train,
    plan_for,
    rows_of_experiment,
    run_experiment,
)
from plait.experiments.shards import Shard
from plait.experiments.spec import Experiment
from plait.experiments.stopping import BEGINS_ANEW, GOES_ON, saved, shards_said, stopped
from plait.experiments.store import Store
from plait.training.machine import resolve_device

VISIBLE = "CUDA_VISIBLE_DEVICES"


def run_on_cards(
    experiment: Experiment,
    folder: str | os.PathLike[str],
    *,
    cards: int,
    train: TrainRun | None = None,
    device: str = "auto",
    max_members: int | None = None,
    watch: Watch | None = None,
) -> pl.DataFrame:
    """`run_experiment` by `cards` processes; the rows are those of one.

    Raises:
        ValueError: more cards than are there, what training refuses, or an experiment that another process cannot be
            given.
        StoreError: as `run_experiment`, or shards that are missing because every process was lost.
        Stopped: on Ctrl-C.
    """
    environments = card_environments(cards, device)
    watch = watch or Unwatched()
    shards = plan_for(experiment, device=device, max_members=max_members)
    store = Store.for_writing(folder)
    watch.planned(shards)
    for line in code_notes((run for shard in shards for run in shard.runs), store):
        watch.noted(line)
    context = multiprocessing.get_context("spawn")
    said = context.SimpleQueue()
    how = {"train": train or plait_train(), "device": device, "max_members": max_members}
    workers = [
        context.Process(
            target=work, args=(experiment, os.fspath(folder), how, environment, said), daemon=True
        )
        for environment in environments
    ]
    try:
        for worker in workers:
            worker.start()
        _look_on(workers, shards, store, watch)
    except KeyboardInterrupt:
        raise stopped(store, shards) from None
    except (PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"this experiment cannot be given to other processes: {one_line(error)}") from error
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
            if worker.pid is not None:
                worker.join()
    if not said.empty():
        raise ValueError(said.get())
    left = sum(1 for shard in shards if missing(store, shard, experiment.evaluations))
    if left:
        are = "is" if 1 in (left, len(shards)) else "are"
        codes = ", ".join(str(worker.exitcode) for worker in workers)
        raise StoreError(
            f"{left} of {shards_said(len(shards))} {are} not stored in {str(store.folder)!r}: the processes were lost "
            f"(exit codes {codes}); {GOES_ON if saved(store, shards) else BEGINS_ANEW}"
        )
    return rows_of_experiment(store, experiment)


def card_environments(cards: int, device: str) -> tuple[Mapping[str, str], ...]:
    """What the environment of each process adds: one GPU, or nothing on the CPU.

    Raises:
        ValueError: more GPUs than are there, or on the CPU more processes than processors.
    """
    check_integer("gpus", cards, least=1)
    if resolve_device(device).type != "cuda":
        if device != "cpu":
            raise ValueError(f"{cards} GPUs were asked for, and none is there (--device cpu takes processes)")
        if cards > (os.cpu_count() or 1):
            raise ValueError(
                f"{cards} processes were asked for, and this machine has {os.cpu_count()} processors"
            )
        return ({},) * cards
    if cards > (there := torch.cuda.device_count()):
        raise ValueError(f"{cards} GPUs were asked for, and {there} {'is' if there == 1 else 'are'} there")
    visible = os.environ.get(VISIBLE)
    names = visible.split(",") if visible else [str(index) for index in range(there)]
    return tuple({VISIBLE: name} for name in names[:cards])


def work(
    experiment: Experiment,
    folder: str,
    how: Mapping[str, Any],
    environment: Mapping[str, str],
    said: "SimpleQueue[str]",
) -> None:
    """One process: the whole experiment, but for what others are at."""
    os.environ.update(environment)  # before the first call of CUDA in this process
    try:
        run_experiment(experiment, folder, **how)
    except KeyboardInterrupt:
        return  # the parent says it
    except (ValueError, OSError, StoreError) as error:
        said.put(" ".join(str(error).split()))


def _look_on(workers: Sequence[BaseProcess], shards: Sequence[Shard], store: Store, watch: Watch) -> None:
    """Tell `watch` what is stored until the processes have ended."""
    before = store.stored()
    left = list(shards)
    while left:
        alive = any(worker.is_alive() for worker in workers)
        stored = store.stored()
        done = [shard for shard in left if stored.issuperset(shard.members)]
        for shard in done:
            new = not before.issuperset(shard.members)
            watch.finished(shard, store.read().filter(pl.col("member").is_in(shard.members)) if new else None)
        left = [shard for shard in left if shard not in done]
        if not alive:
            break
        time.sleep(POLL_SECONDS)
    for worker in workers:
        worker.join()
