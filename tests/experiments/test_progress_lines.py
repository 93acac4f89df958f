"""Progress where no terminal is: lines, and nothing in them that could steer one."""

import io
import re
import types

from fake_training import FakeTrainer, small_experiment
from rich.console import Console

from plait.experiments import LiveProgress, run_experiment
from plait.experiments import progress as module


def lines_of(tmp_path, monkeypatch, seconds):
    monkeypatch.setattr(module, "_SECONDS_A_LINE", seconds)
    monkeypatch.setattr(module, "SECONDS_A_WAITING_LINE", seconds)
    said = io.StringIO()
    experiment = small_experiment(steps=3, widths=(4,), seeds=range(2))
    with LiveProgress(experiment, Console(file=said, width=200)) as watch:
        run_experiment(experiment, tmp_path / str(seconds), train=FakeTrainer(), watch=watch)
        watch.waiting(1)
        watch.noted("layer \x1b[2Jmine")
    return said.getvalue().splitlines()


def test_lines_appear_while_it_runs(tmp_path, monkeypatch):
    often, seldom = (lines_of(tmp_path, monkeypatch, seconds) for seconds in (0.0, 1e9))
    assert len(seldom) == 3
    assert "SSM-TF d4: 4 members trained, mean accuracy" in seldom[0]
    assert any("SSM-TF d4, 4 members · 0 of 2 shards" in line and "model-steps/s" in line for line in often)
    assert any(line.startswith("waiting for another process to finish 1 of 2 shards") for line in often)
    assert any(re.search(r"shards · loss 0\.\d{3} · .* left · .* model-steps/s", line) for line in often)
    assert seldom[-1] == r"layer \x1b[2Jmine"


def test_the_accuracy_so_far_is_measured_now_and_then(monkeypatch):
    said, asked = io.StringIO(), []
    with LiveProgress(small_experiment(), Console(file=said, width=200)) as watch:
        moment = types.SimpleNamespace(accuracies=lambda: asked.append(1) or (0.25, 0.5))
        watch.saw(moment)
        watch.saw(moment)
        assert len(asked) == 1
        monkeypatch.setattr(module, "_SECONDS_A_LINE", 0.0)
        watch.saw(moment)
        watch.advanced(8, [1.0, 2.0])
    assert len(asked) == 2
    assert "accuracy 0.375" in said.getvalue()


def test_what_is_stored_counts_first_so_that_the_time_left_is_of_what_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_A_LINE", 0.0)
    whole = small_experiment(steps=3, widths=(4, 8), seeds=range(2))
    last = whole.where({"model.pattern": (whole.vary["model.pattern"][-1],), "model.d_model": (8,)})
    run_experiment(last, tmp_path, train=FakeTrainer())
    said = io.StringIO()
    with LiveProgress(whole, Console(file=said, width=200)) as watch:
        run_experiment(whole, tmp_path, train=FakeTrainer(), watch=watch)
    first = next(line for line in said.getvalue().splitlines() if "loss" in line)
    assert first.startswith("SSM-TF d4, 4 members · 1 of 4 shards"), first
