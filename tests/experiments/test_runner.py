"""The runner: resumes, recomputes what changed, tells how it goes on, stops in one line."""

import io
import json
import time
from pathlib import Path

import polars as pl
import pytest
from fake_training import FakeTrainer, small_experiment
from processes import CONTEXT
from rich.console import Console

from plait.experiments import LiveProgress, Stopped, Store, plan_shards, run_experiment
from plait.experiments.progress import Estimate
from plait.training.watching import duration

EXPERIMENT = small_experiment()
PATIENCE = 600.0
"""Seconds after which a test that waits for another process gives up."""


def calls(log):
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line.split(maxsplit=1)[1]) for line in lines]


def test_every_member_is_trained_once_and_returned(tmp_path):
    rows = run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer(log=tmp_path / "log"), max_members=4)
    assert len(rows) == 48 == rows["member"].n_unique()
    assert len(calls(tmp_path / "log")) == 12
    assert rows.equals(Store(tmp_path).read())
    assert list((tmp_path / "_checkpoints").iterdir()) == []


def test_a_second_run_trains_nothing(tmp_path):
    first = run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer())
    again = run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer(log=tmp_path / "log"))
    assert again.equals(first)
    assert calls(tmp_path / "log") == []


def test_the_cut_into_shards_changes_no_number(tmp_path):
    whole = run_experiment(EXPERIMENT, tmp_path / "a", train=FakeTrainer(), max_members=32)
    cut = run_experiment(EXPERIMENT, tmp_path / "b", train=FakeTrainer(), max_members=3)
    assert cut.equals(whole)


def test_more_seeds_train_only_what_is_missing(tmp_path):
    fewer = small_experiment(widths=(4,), seeds=range(2))
    more = small_experiment(widths=(4,), seeds=range(3), lrs=(1e-3, 3e-3, 1e-2))
    before = run_experiment(fewer, tmp_path, train=FakeTrainer())
    after = run_experiment(more, tmp_path, train=FakeTrainer(log=tmp_path / "log"))
    assert sorted(calls(tmp_path / "log")) == sorted([[[3e-3], [0, 1]], [[1e-3, 3e-3, 1e-2], [2]]] * 2)
    assert after.filter(pl.col("member").is_in(before["member"].to_list())).equals(before)
    assert len(after) == 18


def test_a_changed_protocol_is_recomputed_beside_the_old(tmp_path):
    run_experiment(small_experiment(widths=(4,)), tmp_path, train=FakeTrainer())
    rows = run_experiment(small_experiment(widths=(4,), steps=13), tmp_path, train=FakeTrainer())
    assert rows["steps"].unique().to_list() == [13]
    assert len(Store(tmp_path).read()) == 2 * len(rows)


def test_a_slice_comes_from_the_store_of_the_whole(tmp_path):
    run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer())
    part = EXPERIMENT.where({"model.d_model": (8,), "train.seed": (1, 2)})
    rows = run_experiment(part, tmp_path, train=FakeTrainer(log=tmp_path / "log"))
    assert len(rows) == 8
    assert calls(tmp_path / "log") == []


def test_ctrl_c_is_one_line_and_the_next_run_goes_on(tmp_path):
    trainer = FakeTrainer(log=tmp_path / "log")

    def interrupted(run, **keywords):
        if len(calls(tmp_path / "log")) == 2:
            raise KeyboardInterrupt
        return trainer(run, **keywords)

    with pytest.raises(Stopped) as caught:
        run_experiment(EXPERIMENT, tmp_path, train=interrupted)
    assert (
        str(caught.value)
        == f"stopped: 2 of 6 shards are stored in {str(tmp_path)!r}; the same command goes on"
    )
    assert isinstance(caught.value, KeyboardInterrupt)
    assert len(run_experiment(EXPERIMENT, tmp_path, train=trainer)) == 48
    assert len(calls(tmp_path / "log")) == 6


def test_what_training_refuses_is_passed_on_and_nothing_is_written(tmp_path):
    def refuse(*_args, **_keywords):
        raise ValueError("device must be auto, cpu or cuda, got 'tpu'")

    with pytest.raises(ValueError, match=r"^device must be auto, cpu or cuda, got 'tpu'$"):
        run_experiment(EXPERIMENT, tmp_path, train=refuse)
    assert Store(tmp_path).files() == []


class OneOfTwo(FakeTrainer):
    """Goes on when the other process has begun to train as well."""

    def __call__(self, run, **keywords):
        result = super().__call__(run, **keywords)
        until = time.monotonic() + PATIENCE
        while len({line.split()[0] for line in self.log.read_text().splitlines()}) < 2:
            assert time.monotonic() < until, "the other has not come"
            time.sleep(0.01)
        return result


def _work(folder: str, max_members: int, start) -> None:
    start.wait()
    trainer = OneOfTwo(log=Path(folder) / "log")
    run_experiment(EXPERIMENT, folder, train=trainer, max_members=max_members)


@pytest.mark.parametrize("cuts", [(4, 4), (4, 6)])
def test_two_processes_share_the_work_of_one_folder(tmp_path, cuts):
    start = CONTEXT.Barrier(len(cuts))
    workers = [CONTEXT.Process(target=_work, args=(str(tmp_path), cut, start)) for cut in cuts]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
        assert worker.exitcode == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert len({line.split()[0] for line in lines}) == 2, "both have worked"
    n_members = sum(len(lrs) * len(seeds) for lrs, seeds in calls(tmp_path / "log"))
    assert n_members == 48, "no member was trained twice"
    undisturbed = run_experiment(EXPERIMENT, tmp_path / "alone", train=FakeTrainer())
    assert Store(tmp_path).read().equals(undisturbed)


class TestProgress:
    def test_the_terminal_hears_of_every_shard_and_of_the_time_left(self, tmp_path):
        text = io.StringIO()
        console = Console(file=text, force_terminal=True, width=200, color_system=None)
        with LiveProgress(EXPERIMENT, console) as watch:
            run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer(seconds=0.01), watch=watch)
        shown = text.getvalue()
        assert "SSM-TF d4: 8 members trained, mean accuracy" in shown
        assert "of 6 shards" in shown
        assert " s left" in shown
        assert "model-steps/s" in shown

    def test_what_was_stored_before_is_not_announced(self, tmp_path):
        run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer())
        text = io.StringIO()
        with LiveProgress(EXPERIMENT, Console(file=text)) as watch:
            run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer(), watch=watch)
        assert "trained" not in text.getvalue()

    def test_durations(self):
        shown = [duration(s) for s in (0.2, 59, 61, 3600, 11_000)]
        assert shown == ["1 s", "59 s", "2 min", "1 h 00 min", "3 h 04 min"]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class TestEstimate:
    shards = plan_shards(EXPERIMENT.expand())  # 8 members of 12 steps each: widths 4, 8, 12 of two patterns

    def test_nothing_is_said_before_anything_is_measured(self):
        estimate = Estimate(self.shards)
        assert estimate.total == 6 * 96
        assert (estimate.done, estimate.rate, estimate.seconds_left()) == (0, None, None)

    def test_the_measured_speed_is_scaled_to_other_widths(self):
        clock = Clock()
        estimate = Estimate(self.shards, clock=clock)
        estimate.begin(self.shards[0], self.shards[0])
        estimate.advance(16)
        clock.now += 4.0
        estimate.advance(48)
        assert estimate.rate == pytest.approx(8.0)
        assert estimate.done == 48
        # 48 steps at 8 a second; 96 each at width 4 (8), 8 (4) twice, and 12 (8/3) twice
        assert estimate.seconds_left() == pytest.approx(6 + 12 + 2 * 24 + 2 * 36)

    def test_a_resumed_shard_does_not_look_fast(self):
        clock = Clock()
        estimate = Estimate(self.shards, clock=clock)
        estimate.begin(self.shards[0], self.shards[0])
        estimate.advance(80)
        clock.now += 8.0
        estimate.advance(88)
        assert estimate.rate == pytest.approx(1.0)

    def test_each_cell_is_believed_by_itself_once_measured(self):
        clock = Clock()
        estimate = Estimate(self.shards[:2], clock=clock)
        for shard, seconds in zip(self.shards[:2], (1.0, 10.0), strict=True):
            estimate.begin(shard, shard)
            estimate.advance(0)
            clock.now += seconds
            estimate.advance(96)
            left = estimate.seconds_left()
            estimate.finish(shard)
        assert left == pytest.approx(0.0)
        assert estimate.done == estimate.total
        assert estimate.seconds_left() == 0.0

    def test_stored_shards_cost_nothing(self):
        estimate = Estimate(self.shards)
        estimate.finish(self.shards[0])
        assert estimate.done == 96
        assert estimate.seconds_left() is None
