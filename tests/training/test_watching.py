"""Watching a training and stopping it: callbacks, displays, logs, and what a result shows of itself."""

import csv
import io
import math
import sys
import types
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch
from fake_training import small_experiment

from plait import HybridConfig
from plait.experiments import StoreError, run_experiment
from plait.experiments.runner import plait_train
from plait.experiments.saved_models import saving_train
from plait.random import SELECT
from plait.tasks import AssociativeRecall
from plait.training import Display, Run, Train, log_to, logs, train, watching
from plait.training.evaluate import accuracy_counts
from plait.training.identity import member_id
from plait.training.watching import Moment

RUN = Run(
    task=AssociativeRecall(n_words=4),
    model=HybridConfig(d_model=4),
    train=Train(steps=60, warmup=5, seq_len=16, batch=2, test_sequences=8, select_sequences=16),
)
LRS, SEEDS = (0.01, 0.02), (0, 3)


def trained(**how):
    return train(RUN, seeds=SEEDS, lrs=LRS, device="cpu", **how)


@pytest.fixture(scope="module")
def undisturbed():
    return trained()


def test_a_callback_sees_everything_and_changes_nothing(undisturbed):
    seen, measured = [], []

    def look(moment):
        seen.append(moment)
        measured.append(moment.accuracies(16))

    result = trained(callback=look)
    assert result.members == undisturbed.members
    assert [moment.step for moment in seen] == list(range(1, 61))
    last = seen[-1]
    assert last.loss_steps == result.members[0].loss_steps
    assert last.curves == tuple(member.losses for member in result.members)
    assert last.losses == tuple(member.losses[-1] for member in result.members)
    assert measured[-1] == pytest.approx([member.select_accuracy for member in result.members], abs=1e-7)
    assert [(m.lr, m.seed) for m in last.members] == [(m.lr, m.seed) for m in result.members]
    assert (last.steps, last.seconds_left) == (60, 0)
    assert last.seconds > 0
    assert last.steps_per_second == pytest.approx(60 / last.seconds)
    right, asked = accuracy_counts(
        result.ensemble, RUN.task, torch.tensor([0, 3, 0, 3]), sequences=8, seq_len=16, purpose=SELECT
    )
    assert last.accuracies() == pytest.approx((right / asked).tolist())


def test_a_callback_stops_and_the_checkpoint_goes_on_bit_by_bit(undisturbed, tmp_path):
    file = tmp_path / "checkpoint"
    stopped = trained(callback=lambda moment: moment.step == 20, checkpoint=file)
    assert stopped.stopped_at == 20
    assert len(stopped.members[0].losses) == len(stopped.members[0].loss_steps) == 20
    assert stopped.members[0].losses == undisturbed.members[0].losses[:20]
    assert "stopped at step 20 of 60" in repr(stopped)
    began = []
    whole = trained(callback=began.append, checkpoint=file)
    assert began[0].step == 21
    assert began[0].loss_steps == tuple(range(1, 22))
    assert (whole.stopped_at, whole.members) == (None, undisturbed.members)


def test_a_stop_at_the_last_step_is_none(undisturbed):
    result = trained(callback=lambda moment: moment.step == 60)
    assert result.stopped_at is None
    assert result.members == undisturbed.members


@pytest.mark.parametrize("answer", [1, "stop", 0])
def test_another_answer_is_refused(answer):
    with pytest.raises(ValueError, match="a callback must return True to stop"):
        trained(callback=lambda moment: answer)


@pytest.mark.parametrize("save", [False, True])
def test_what_was_stopped_is_not_stored(tmp_path, save):
    experiment = small_experiment(steps=4, widths=(4,), seeds=range(1))
    with pytest.raises(StoreError, match="stopped at step 2 of 4 by a callback, and not stored"):
        _run(experiment, tmp_path / "store", save, lambda moment: moment.step == 2)
    assert not list((tmp_path / "store").glob("*.parquet"))
    assert not list((tmp_path / "store").glob("_models/*"))
    steps = []
    rows = _run(experiment, tmp_path / "store", save, lambda moment: steps.append(moment.step))
    assert steps[:2] == [3, 4]
    whole = _run(experiment, tmp_path / "new", save, None)
    assert rows.sort("member")["losses"].to_list() == whole.sort("member")["losses"].to_list()


def _run(experiment, folder, save, callback):
    how = saving_train(folder, callback=callback) if save else plait_train(callback=callback)
    return run_experiment(experiment, folder, train=how, device="cpu")


def test_a_result_shows_itself(undisturbed):
    text = repr(undisturbed)
    best = max(LRS, key=lambda lr: sum(m.select_accuracy for m in undisturbed.members if m.lr == lr))
    mean = sum(m.accuracy for m in undisturbed.members if m.lr == best) / 2
    assert text.startswith("<Result associative-recall SSM-TF d_model=4: 4 members of ")
    assert text.endswith(f"mean accuracy {mean:.3f} at lr {best:g}>")
    assert "\n" not in text
    table = undisturbed.to_polars()
    assert table.select("lr", "seed").rows() == [(lr, seed) for lr in LRS for seed in SEEDS]
    assert table["accuracy"].to_list() == [member.accuracy for member in undisturbed.members]
    assert table["losses"].to_list() == [list(member.losses) for member in undisturbed.members]
    assert table["stopped_at"].null_count() == 4
    (axes,) = undisturbed.plot().axes
    assert [tuple(line.get_ydata()) for line in axes.lines] == [m.losses for m in undisturbed.members]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["lr 0.01", "lr 0.02"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Time:
    """Seconds that pass with every look at the clock."""

    def __init__(self, monkeypatch, each):
        self.now, self.each = 0.0, each
        monkeypatch.setattr(watching.time, "monotonic", self.read)

    def read(self):
        self.now += self.each
        return self.now


def test_a_pipe_gets_a_line_every_ten_seconds(monkeypatch):
    said = io.StringIO()
    Time(monkeypatch, 0.5)
    trained(callback=Display(said))  # the training reads the clock once a moment, the display once or twice
    lines = said.getvalue().splitlines()
    assert 3 <= len(lines) <= 8
    assert all(
        " of 60 · loss " in line and " · accuracy 0." in line and " s left · " in line for line in lines
    )
    assert "\r" not in said.getvalue()


def test_a_terminal_has_one_line_that_is_written_over(monkeypatch):
    said = Terminal()
    Time(monkeypatch, 0.6)
    trained(callback=Display(said))
    assert said.getvalue().count("\n") == 1
    assert said.getvalue().count("\r") > 20
    assert "step 60 of 60 · loss " in said.getvalue()


def test_a_notebook_has_a_bar_by_itself(monkeypatch, capsys):
    shown = []
    handle = types.SimpleNamespace(update=shown.append)
    kernel = type("ZMQInteractiveShell", (), {})()

    def first(what, display_id):
        assert display_id
        shown.append(what)
        return handle

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: kernel
    of_display = types.ModuleType("IPython.display")
    of_display.HTML, of_display.display = str, first
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", of_display)
    trained()
    assert shown[0].startswith('<progress value="1" max="60"></progress> step 1 of 60')
    assert shown[-1].startswith('<progress value="60" max="60">')
    assert "<svg" not in shown[0]  # one step is no curve
    lines = [line.get("points").split() for line in ElementTree.fromstring(svg(shown[-1])).iter("polyline")]
    assert len(lines) == len(LRS) * len(SEEDS)
    assert all(len(line) > 30 and line[-1].startswith("360.0,") for line in lines)
    count = len(shown)
    trained(progress=False)
    assert len(shown) == count
    assert capsys.readouterr() == ("", "")


def svg(shown):
    return shown[shown.index("<svg") : shown.index("</svg>") + len("</svg>")]


def test_a_notebook_s_curves_are_the_losses():
    moment = Moment(
        run=RUN, members=(RUN.train,) * 2, step=20, steps=40, loss_steps=(1, 10, 20), seconds=1.0,
        curves=((2.0, 1.0, 0.5), (4.0, math.nan, 3.0)), steps_per_second=20.0, _measure=lambda _: (0.0, 0.0),
    )  # fmt: skip
    first, second = ElementTree.fromstring(svg(watching.loss_curves(moment, width=80, height=8))).iter(
        "polyline"
    )
    assert first.get("points") == "2.0,4.0 20.0,6.0 40.0,7.0"
    assert second.get("points") == "2.0,0.0 40.0,2.0"
    assert watching.loss_curves(replace(moment, curves=((math.nan,) * 3,))) == ""


def test_nothing_is_shown_unless_asked_for(capsys):
    trained()
    assert capsys.readouterr() == ("", "")


def names():
    return [
        member_id(replace(RUN, train=replace(RUN.train, lr=lr, seed=seed))) for lr in LRS for seed in SEEDS
    ]


def test_a_log_of_csv_files(undisturbed, tmp_path):
    log = log_to("csv", tmp_path / "log")
    trained(callback=log)
    log.close()
    assert sorted(path.stem for path in (tmp_path / "log").iterdir()) == sorted(names())
    for name, member in zip(names(), undisturbed.members, strict=True):
        rows = list(csv.DictReader((tmp_path / "log" / f"{name}.csv").open()))
        assert [(int(row["step"]), float(row["loss"])) for row in rows] == list(
            zip(member.loss_steps, member.losses, strict=True)
        )
        assert all(0 <= float(row["accuracy"]) <= 1 for row in rows)


def test_a_log_of_tensorboard(undisturbed, tmp_path, monkeypatch):
    told, closed = {}, []

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, tag, value, step):
            told.setdefault((self.folder, tag), []).append((step, value))

        def close(self):
            closed.append(self.folder)

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    log = logs.TensorBoardLog(tmp_path)
    trained(callback=log)
    log.close()
    assert closed == [str(tmp_path / name) for name in names()]
    for folder, member in zip(closed, undisturbed.members, strict=True):
        assert told[folder, "loss"] == list(zip(member.loss_steps, member.losses, strict=True))
        assert [step for step, _ in told[folder, "accuracy"]] == list(member.loss_steps)


def test_a_log_of_wandb(undisturbed, tmp_path, monkeypatch):
    told, began, ended = [], [], []

    class WandbRun:
        def log(self, values, step):
            told.append((step, values))

        def finish(self):
            ended.append(self)

    module = types.ModuleType("wandb")
    module.init = lambda **how: began.append(how) or WandbRun()
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    log = logs.WandbLog(tmp_path)
    trained(callback=log)
    log.close()
    assert began == [{"project": "mine", "dir": str(tmp_path), "config": RUN.to_json()}]
    assert len(ended) == 1
    assert [step for step, _ in told] == list(undisturbed.members[0].loss_steps)
    assert told[-1][1]["loss/lr=0.02 seed=3"] == undisturbed.members[3].losses[-1]
    assert len(told[-1][1]) == 8


@pytest.mark.parametrize("kind", ["tensorboard", "wandb"])
def test_a_library_that_is_not_there(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(logs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=f"--log {kind} needs the package {kind}: pip install {kind}"):
        log_to(kind, tmp_path)


def test_an_unknown_log(tmp_path):
    with pytest.raises(ValueError, match="unknown log 'cvs'; known: csv, tensorboard, wandb; nearest: csv"):
        log_to("cvs", tmp_path)
