"""Experiments spread over the GPUs of one machine: some processes for each, all at work on the same folders.

Each shard is trained by the process that claims it first (see `Store.claim`), longer ones before shorter ones; a
process that is lost gives its claims back as it goes, so the others train what it was at. Where there is no GPU,
processes stand for cards. Processes on one card compute at the same time and not by turns where NVIDIA's multi-process
service is: a program of the user's own, started for as long as it is needed, that changes no setting of a card. Source:
https://docs.nvidia.com/deploy/mps.
"""

import multiprocessing
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from pickle import PicklingError
from typing import Any

import polars as pl
import torch

from plait.checks import check_integer, one_line
from plait.experiments.folder import StoreError
from plait.experiments.jobs import ExperimentFolders, Job, jobs_of
from plait.experiments.notes import BEGINS_ANEW, GOES_ON, saved, shards_said, stopped
from plait.experiments.runner import (
    POLL_SECONDS,
    TrainRun,
    plait_train,
    rows_of_experiment,
    train_all,
)
from plait.experiments.shards import Onlooker, Unwatched
from plait.training.machine import resolve_device

VISIBLE = "CUDA_VISIBLE_DEVICES"

MOST_PER_CARD = 48
"""Processes that NVIDIA's multi-process service takes on one card."""


def run_on_cards(
    asked: ExperimentFolders,
    *,
    cards: int,
    per_card: int = 1,
    train: TrainRun | None = None,
    device: str = "auto",
    max_members: int | None = None,
    watch: Onlooker | None = None,
) -> tuple[pl.DataFrame, ...]:
    """`run_experiment` of each by `cards` times `per_card` processes; the rows are those of one process.

    Raises:
        ValueError: more cards than are there, what training refuses, or an experiment that another process cannot be
            given.
        StoreError: as `run_experiment`, or shards that are missing because every process was lost.
        Stopped: on Ctrl-C.
    """
    environments = card_environments(cards, device, per_card=per_card)
    watch = watch or Unwatched()
    jobs = jobs_of(asked, device=device, max_members=max_members)
    watch.planned([shard for job in jobs for shard in job.shards])
    for line in dict.fromkeys(line for job in jobs for line in job.notes()):
        watch.noted(line)
    context = multiprocessing.get_context("spawn")
    said = context.SimpleQueue()
    how = {
        "train": train or plait_train(),
        "device": device,
        "max_members": max_members,
        "threads": max(1, torch.get_num_threads() // len(environments)),
    }
    plain = [(experiment, os.fspath(folder)) for experiment, folder in asked]
    share = per_card > 1 and VISIBLE in environments[0]
    workers: list[BaseProcess] = []
    with shared_cards(watch.noted) if share else nullcontext({}) as service:
        try:
            for environment in environments:
                given = (plain, how, {**environment, **service}, said)
                workers.append(context.Process(target=work, args=given, daemon=True))
                workers[-1].start()
            lines = _look_on(workers, jobs, said, watch)
        except KeyboardInterrupt:
            raise stopped(*(job.kept for job in jobs)) from None
        except (PicklingError, AttributeError, TypeError) as error:
            raise ValueError(
                f"this experiment cannot be given to other processes: {one_line(error)}"
            ) from error
        finally:
            for worker in workers:
                if worker.is_alive():
                    worker.terminate()
                if worker.pid is not None:
                    worker.join()
    _check_all_stored(workers, jobs, lines, watch, per_card=per_card)
    return tuple(rows_of_experiment(job.store, job.experiment) for job in jobs)


def card_environments(cards: int, device: str, *, per_card: int = 1) -> tuple[Mapping[str, str], ...]:
    """What the environment of each process adds: one GPU, or nothing on the CPU.

    Raises:
        ValueError: more GPUs than are there, more processes a card than it takes, or on the CPU more processes than
            processors.
    """
    check_integer("gpus", cards, least=1)
    check_integer("per-gpu", per_card, least=1, most=MOST_PER_CARD)
    if resolve_device(device).type != "cuda":
        if device != "cpu":
            raise ValueError(f"{cards} GPUs were asked for, and none is there (--device cpu takes processes)")
        if cards * per_card > (os.cpu_count() or 1):
            raise ValueError(
                f"{cards * per_card} processes were asked for, and this machine has {os.cpu_count()} processors"
            )
        return ({},) * (cards * per_card)
    if cards > (there := torch.cuda.device_count()):
        raise ValueError(f"{cards} GPUs were asked for, and {there} {'is' if there == 1 else 'are'} there")
    visible = os.environ.get(VISIBLE)
    names = visible.split(",") if visible else [str(index) for index in range(there)]
    return tuple({VISIBLE: name} for _ in range(per_card) for name in names[:cards])


def work(
    asked: ExperimentFolders,
    how: Mapping[str, Any],
    environment: Mapping[str, str],
    said: "SimpleQueue[str]",
) -> None:
    """One process: all of the experiments, but for what others are at."""
    os.environ.update(environment)  # before the first call of CUDA in this process
    torch.set_num_threads(how["threads"])
    try:
        jobs = jobs_of(asked, device=how["device"], max_members=how["max_members"])
        todo = sorted(
            ((job, shard) for job in jobs for shard in job.shards), key=lambda pair: -pair[1].labour
        )
        train_all(todo, train=how["train"], device=how["device"], watch=Unwatched())
    except KeyboardInterrupt:
        return  # the parent says it
    except (ValueError, OSError, StoreError, torch.OutOfMemoryError, torch.AcceleratorError) as error:
        said.put(" ".join(str(error).split()))


def _look_on(
    workers: Sequence[BaseProcess], jobs: Sequence[Job], said: "SimpleQueue[str]", watch: Onlooker
) -> list[str]:
    """Tell `watch` what is stored until the processes have ended; what they have said by then."""
    lines: list[str] = []
    before = [job.store.stored() for job in jobs]
    left = [(place, shard) for place, job in enumerate(jobs) for shard in job.shards]
    while True:
        alive = any(worker.is_alive() for worker in workers)
        while not said.empty():  # a process cannot end before what it says is taken
            lines.append(said.get())
        stored = [job.store.stored() for job in jobs] if left else []
        done = [(place, shard) for place, shard in left if stored[place].issuperset(shard.members)]
        left = [(place, shard) for place, shard in left if not stored[place].issuperset(shard.members)]
        for place, shard in done:
            new = not before[place].issuperset(shard.members)
            watch.finished(shard, jobs[place].store.rows_of(shard.members) if new else None)
        if not alive:
            return lines
        wait([worker.sentinel for worker in workers if worker.is_alive()], timeout=POLL_SECONDS)


def _check_all_stored(
    workers: Sequence[BaseProcess],
    jobs: Sequence[Job],
    lines: Sequence[str],
    watch: Onlooker,
    *,
    per_card: int,
) -> None:
    """What processes that ended early left to the others is noted; what nobody has trained is an error.

    Raises:
        ValueError: what they have refused.
        StoreError: they were lost.
    """
    left = sum(job.left() for job in jobs)
    codes = ", ".join(str(worker.exitcode) for worker in workers if worker.exitcode)
    if left and lines:
        raise ValueError(_with_advice(lines[0], per_card))
    if left:
        n_shards = sum(len(job.shards) for job in jobs)
        are = "is" if 1 in (left, n_shards) else "are"
        kept = [job.kept for job in jobs]
        folders = ", ".join(dict.fromkeys(repr(str(job.store.folder)) for job in jobs))
        raise StoreError(
            f"{left} of {shards_said(n_shards)} {are} not stored in {folders}: the processes were lost "
            f"(exit codes {codes}); {GOES_ON if saved(*kept) else BEGINS_ANEW}"
        )
    for line in lines:
        watch.noted(f"a process ended early, and the others did its work: {_with_advice(line, per_card)}")
    if codes:
        watch.noted(f"processes were lost (exit codes {codes}), and the others did their work")


def _with_advice(line: str, per_card: int) -> str:
    if per_card == 1 or "out of memory" not in line.lower():
        return line
    return f"{line} ({per_card} processes share a card: with fewer each has more memory)"


CONTROL = "nvidia-cuda-mps-control"
PIPES, _LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
RUNNING = Path("/tmp/nvidia-mps/control")
"""What a service that somebody has started leaves where nothing else is said."""

_ASKED = "get_server_list\n"
"""What a service that runs answers."""

SECONDS_TO_START, SECONDS_TO_END = 20.0, 20.0
"""What the service is given before it counts as one that does not answer."""


@contextmanager
def shared_cards(say: Callable[[str], None]) -> Generator[Mapping[str, str], None, None]:
    """What the environment of processes adds that share cards, while the service runs for them.

    One that runs already is used as it is; files of one that has ended are told, and left alone. Where it cannot be
    started, `say` is told, and processes take turns.
    """
    if PIPES in os.environ or os.access(RUNNING, os.F_OK):  # a folder of somebody else's may be closed to us
        if shutil.which(CONTROL) is None or not _control({}, said=_ASKED, seconds=SECONDS_TO_START)[0]:
            yield {}
            return
        say(
            f"{os.environ.get(PIPES, RUNNING.parent)} is of a service for sharing cards that has ended: not used"
        )
    with tempfile.TemporaryDirectory(prefix="plait-mps-", ignore_cleanup_errors=True) as folder:
        own = {PIPES: folder, _LOGS: folder}
        if (fault := _started(own)) is not None:
            say(f"{fault}: processes on one card take turns")
            yield {}
            return
        try:
            yield own
        finally:
            _control(own, said="quit\n", seconds=SECONDS_TO_END)


def _started(own: Mapping[str, str]) -> str | None:
    """Start it; why that cannot be done, if so."""
    if shutil.which(CONTROL) is None:
        return f"no {CONTROL} here"
    code, said = _control(own, "-d", seconds=SECONDS_TO_START)
    return f"{CONTROL} cannot be started ({said})" if code else None


def _control(own: Mapping[str, str], *options: str, said: str = "", seconds: float) -> tuple[int, str]:
    """Its exit code and what it says in one line."""
    # The service sees every card: its processes choose theirs by the numbers that they have without it.
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    with tempfile.TemporaryFile("w+") as answer:  # no pipe: the service would hold it open
        try:
            done = subprocess.run(
                [CONTROL, *options],
                input=said,
                env=environment | dict(own),
                stdout=answer,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return 1, one_line(error)
        answer.seek(0)
        return done.returncode, " ".join(answer.read().split())[:200]
