"""`train`: every learning rate with every seed, trained as one ensemble and measured."""

from collections.abc import Sequence
from pathlib import Path

from plait.training.machine import resolve_device
from plait.training.preflight import check_promises
from plait.training.result import Result
from plait.training.run import Run
from plait.training.trainer import Trainer
from plait.training.watching import Callback, Display, Watch, in_notebook, together


def train(
    run: Run,
    *,
    seeds: Sequence[int] | None = None,
    lrs: Sequence[float] | None = None,
    device: str = "auto",
    progress: Watch | bool | None = None,
    callback: Callback | None = None,
    checkpoint: Path | str | None = None,
    checkpoint_every: int = 500,
    unchecked: bool = False,
    engine: str = "auto",
) -> Result:
    """Train every learning rate with every seed as one ensemble, then measure each member.

    Args:
        run: task, model and protocol; its own lr and seed stand in where `lrs` or `seeds` is None.
        device: "cpu", "cuda", or "auto" (a GPU where there is one).
        progress: called about a hundred times; True shows how far it is (`plait.training.Display`), False shows
            nothing, and None shows it in a notebook alone.
        callback: called as often with a `plait.training.Moment`; it stops the training by returning True. What was
            stopped is measured as it stands, its `stopped_at` says so, and no store takes it; with a `checkpoint` it
            can go on from there.
        checkpoint: a file to resume from if it exists, written every `checkpoint_every` steps, removed by nobody.
        unchecked: whether layers and a task of the user's own may break what their protocols promise.
        engine: "ensemble", "wide", or "auto" (see `plait.training.engines`).

    Raises:
        ValueError: no seed or rate, one that is repeated or refused, a device that is not there, a promise that a layer
            or task does not keep (see `plait.training.preflight`), a checkpoint of another run, or a callback that
            returns something else than True, False or None.
        OSError: the checkpoint cannot be written.
    """
    if not unchecked:
        check_promises(run)
    trainer = Trainer(run, seeds=seeds, lrs=lrs, device=resolve_device(device), engine=engine)
    shown = Display() if progress is True or (progress is None and in_notebook()) else None
    calls = [call for call in (shown, callback) if call is not None]
    watch = None if progress is None or isinstance(progress, bool) else progress
    return trainer.run(watch, checkpoint, checkpoint_every, together(calls) if calls else None)
