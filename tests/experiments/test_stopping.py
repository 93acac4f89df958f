"""Ctrl-C says what is saved: the same command goes on only where there is something to go on from."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from fake_training import FakeTrainer, small_experiment

from plait.experiments import Stopped, Store, plan_shards, run_experiment
from plait.experiments.folder import StoreError
from plait.experiments.notes import stopped
from plait.experiments.over_processes import run_over_processes
from plait.experiments.runner import trained
from plait.training.fsdp import checkpoint as parted

EXPERIMENT = small_experiment(widths=(4,), seeds=range(2), lrs=(1e-3,)).where({"model.pattern": ("SSM-TF",)})


class StoppedAt(FakeTrainer):
    """Ctrl-C after so many steps; a checkpoint is written every four."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def __call__(self, run, *, progress, **keywords):
        def stop(step, total, losses):
            if step == self.step:
                raise KeyboardInterrupt

        return super().__call__(run, progress=stop, **keywords)


def said_at(step: int, folder) -> str:
    with pytest.raises(Stopped) as caught:
        run_experiment(EXPERIMENT, folder, train=StoppedAt(step))
    return str(caught.value)


def test_before_the_first_checkpoint_nothing_is_saved_and_after_it_the_command_goes_on(tmp_path):
    here = repr(str(tmp_path))
    assert said_at(3, tmp_path) == f"stopped: nothing was saved yet in {here}; the same command begins anew"
    assert said_at(5, tmp_path) == f"stopped: 0 of 1 shard is stored in {here}; the same command goes on"


def test_where_no_checkpoint_is_gone_on_with_one_is_nothing_saved(tmp_path):
    said_at(5, tmp_path)
    shards = plan_shards(EXPERIMENT.expand())
    assert "begins anew" in str(stopped((Store(tmp_path), shards), resumes=False))
    run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer())
    assert "1 of 1 shard is stored" in str(stopped((Store(tmp_path), shards), resumes=False))


def test_a_member_that_is_stored_is_gone_on_from(tmp_path):
    fewer = EXPERIMENT.where({"train.seed": (1,)})
    run_experiment(fewer, tmp_path, train=FakeTrainer())
    said = f"stopped: 0 of 1 shard is stored in {str(tmp_path)!r}; the same command goes on"
    assert said_at(1, tmp_path) == said


def test_a_callback_that_stops_a_worker_leaves_nothing():
    class Result:
        stopped_at = 3

    (shard,) = plan_shards(EXPERIMENT.expand())
    with pytest.raises(StoreError, match=r"the same command goes on there$"):
        trained(shard, Result(), ())
    with pytest.raises(StoreError, match=r"not stored: the same command begins anew$"):
        trained(shard, Result(), (), resumes=False)


def test_several_processes_say_the_same(tmp_path, monkeypatch):
    (run, *_) = EXPERIMENT.expand()
    written: list[int] = []

    def interrupted(run, those, *, checkpoint, **_keywords):
        for step in written:
            told = parted.Told(identity="a", step=step, losses=(), loss_sum=0.0, diverged_at=-1)
            parted.save_parts(checkpoint, {}, told, those)
        raise KeyboardInterrupt

    those = SimpleNamespace(rank=0, count=1, anywhere=bool, wait=lambda: None)
    monkeypatch.setattr("plait.training.fsdp.processes", lambda device: nullcontext(those))
    monkeypatch.setattr("plait.training.fsdp.train_over_processes", interrupted)
    here = repr(str(tmp_path))
    for steps, said in (
        ([], f"stopped: nothing was saved yet in {here}; the same command begins anew"),
        ([500], f"stopped: its last checkpoint is in {here}; the same command goes on"),
    ):
        written[:] = steps
        with pytest.raises(Stopped) as caught:
            run_over_processes(run, tmp_path, device="cpu")
        assert str(caught.value) == said
