"""One model that several processes train together, kept in a store by the first of them."""

import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from plait.experiments.folder import CHECKPOINTS, StoreError, in_use
from plait.experiments.notes import BEGINS_ANEW, GOES_ON, Stopped
from plait.experiments.runner import POLL_SECONDS, keep, trained
from plait.experiments.saved_models import check_models, model_folder
from plait.experiments.shards import Onlooker, Shard, Unwatched
from plait.experiments.store import Store
from plait.training.run import Run

if TYPE_CHECKING:
    from plait.training.fsdp import Processes


def run_over_processes(
    run: Run,
    folder: Path,
    *,
    device: str = "auto",
    watch: Onlooker | None = None,
    unchecked: bool = False,
    resumable: bool = True,
    save_models: bool = False,
    wait: float | None = None,
) -> pl.DataFrame | None:
    """Train the run's one model unless `folder` has it, from its checkpoint there.

    Its row is for the first process, others get None.

    Args:
        device: as `plait.training.train` takes it.
        watch: told how it goes on, on the first process.
        unchecked: as `plait.training.train` takes it.
        resumable: whether checkpoints are kept in the folder, which all processes must then see.
        save_models: whether the trained model is kept beside its row.
        wait: seconds for another training of the same model there; None for as long as it takes.

    Raises:
        StoreError: a damaged store, one in whose place nothing can be written, or another training of the same model
            there that is not done in time.
        LostProcessError: another of the processes has ended.
        ValueError: as `plait.training.fsdp.train_over_processes`.
        Stopped: on Ctrl-C, in the first process.
    """
    from plait.training.fsdp import processes

    shard, watch = Shard(runs=(run,)), watch or Unwatched()
    checkpoint = in_use(folder, CHECKPOINTS, f"{shard.id}-fsdp") if resumable else None
    if save_models:
        check_models(folder, shard.runs)
    with processes(device) as those:
        try:
            if not _is_stored(folder, shard, those):
                watch.planned([shard])
                with _claimed(folder, shard, those, watch=watch, wait=wait) as store:
                    if store is not None:
                        how = {"checkpoint": checkpoint, "unchecked": unchecked}
                        _train(shard, store, those, how, watch=watch, save_models=save_models)
        except KeyboardInterrupt:
            if those.rank:
                raise
            raise _stopped(folder, checkpoint) from None
        if save_models and not those.rank:
            check_models(folder, shard.runs)  # another training may have stored it, and kept none
        return None if those.rank else Store(folder).rows_of(shard.members)


def _train(
    shard: Shard,
    store: Store,
    those: "Processes",
    how: Mapping[str, Any],
    *,
    watch: Onlooker,
    save_models: bool,
) -> None:
    """`how` goes to `train_over_processes`."""
    from plait.training.fsdp import train_over_processes

    watch.began(shard, shard)
    done = 0

    def advanced(step: int, steps: int, losses: list[float]) -> None:
        nonlocal done
        watch.advanced(step - done, losses)
        done = step

    result = train_over_processes(shard.runs[0], those, watch=advanced, **how)
    if result is None:
        return
    if save_models:
        result.model(0).save(model_folder(store.folder, shard.members[0]))
    found = trained(shard, result, ())
    keep(store, shard, found)
    watch.finished(shard, found.rows)


def _is_stored(folder: Path, shard: Shard, those: "Processes") -> bool:
    stored = Store(folder).stored() if folder.is_dir() else frozenset[str]()
    return those.anywhere(shard.members[0] in stored)


@contextmanager
def _claimed(
    folder: Path, shard: Shard, those: "Processes", *, watch: Onlooker, wait: float | None
) -> Generator[Store | None, None, None]:
    """The store, with the first process's claim of the model; None where another training has stored it meanwhile.

    Raises:
        StoreError: what cannot be kept is refused before it is trained, in every process.
    """
    began = time.monotonic()
    while True:
        store, error, free = Store(folder), None, True
        with ExitStack() as claims:
            if those.rank == 0:
                try:
                    store = Store.for_writing(folder)
                    free = claims.enter_context(store.claim(shard.members))
                    if not free and wait is not None and time.monotonic() - began > wait:
                        error = StoreError(f"another process still trains this model in {str(folder)!r}")
                except StoreError as refused:
                    error = refused
            if those.anywhere(error is not None):
                raise error or StoreError(f"{folder}: the first process cannot keep its results there")
            if not those.anywhere(not free):
                # Only under the claim is it certain that nobody has stored it meanwhile.
                yield None if _is_stored(folder, shard, those) else store
                return
        watch.waiting(1)
        time.sleep(POLL_SECONDS)


def _stopped(folder: Path, checkpoint: Path | None) -> Stopped:
    from plait.training.fsdp.checkpoint import whole_steps

    if checkpoint is None or not whole_steps(checkpoint):
        return Stopped(f"stopped: nothing was saved yet in {str(folder)!r}; {BEGINS_ANEW}")
    return Stopped(f"stopped: its last checkpoint is in {str(folder)!r}; {GOES_ON}")
