"""Trained members kept as models on disk: one folder a member, named by its identity in the store.

runs/mine/
  3f0c….parquet
  _models/1b9e…/config.json, model.safetensors
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from plait.experiments.folder import MODELS, StoreError, in_use
from plait.experiments.store import Store
from plait.training import Result, Run, train
from plait.training.identity import member_id
from plait.training.watching import Callback


def model_folder(folder: str | os.PathLike[str], member: str) -> Path:
    """Where the member's model is, or would be."""
    return in_use(Path(folder), MODELS, member)


def check_models(folder: str | os.PathLike[str], runs: Sequence[Run]) -> None:
    """Raises:
    StoreError: a run that is stored without its model, which only training it again could give.
    """
    if not Path(folder).is_dir():
        return
    stored = Store(folder).stored()
    members = [member_id(run) for run in runs]
    bare = [m for m in members if m in stored and not (model_folder(folder, m) / "config.json").exists()]
    if bare:
        raise StoreError(
            f"{len(bare)} of these members are stored in {str(folder)!r} without their models: "
            "take another folder to train them again"
        )


def saving_train(
    folder: str | os.PathLike[str],
    *,
    unchecked: bool = False,
    engine: str = "auto",
    callback: Callback | None = None,
) -> Callable[..., Result]:
    """`plait.training.train`, which also saves every member's model before its result is known."""

    def train_and_save(
        run: Run,
        *,
        seeds: Sequence[int],
        lrs: Sequence[float],
        device: str,
        progress: Callable[[int, int, Sequence[float]], None] | None,
        checkpoint: Path | None,
    ) -> Result:
        result = train(
            run, seeds=seeds, lrs=lrs, device=device, progress=progress, checkpoint=checkpoint, unchecked=unchecked,
            engine=engine, callback=callback,
        )  # fmt: skip
        if result.stopped_at is not None:
            return result  # which no store takes
        for index, member in enumerate(result.members):
            own = replace(run, train=replace(run.train, lr=member.lr, seed=member.seed))
            result.model(index).save(model_folder(folder, member_id(own)))
        return result

    return train_and_save
