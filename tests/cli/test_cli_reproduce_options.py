"""An experiment over processes of this machine, and what is tried before it is trained."""

import itertools
import sys
from dataclasses import replace
from types import MappingProxyType

import polars as pl
import pytest
from test_cli_reproduce import TINY

import plait.training as plait_training
from plait.experiments import Store
from plait.findings.figure import Figure
from plait.paper import catalogue
from plait.training import Evaluation

AHEAD = """
from plait.layers import TransformerLayer

class Ahead(TransformerLayer):
    def forward(self, hidden, dropout_stream=None):
        return super().forward(hidden, dropout_stream) + hidden.roll(-1, -2)
"""


@pytest.fixture(autouse=True)
def tiny(monkeypatch, undrawn, untimed):
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType({"tiny": Figure(experiment=TINY)}))


def test_over_processes_are_the_rows_of_one(plait, tmp_path):
    """The same bits, whoever trained them."""
    assert plait("reproduce", "tiny", "-o", "alone", "--device", "cpu").exit_code == 0
    spread = plait("reproduce", "tiny", "-o", "spread", "--device", "cpu", "--gpus", 1)
    assert spread.exit_code == 0, spread.output
    rows, others = (Store(tmp_path / name).read() for name in ("alone", "spread"))
    what = ("member", "accuracy", "select_accuracy", "losses")
    assert len(rows) == 8
    assert rows.select(what).equals(others.select(what))


def test_a_layer_that_reads_the_future_is_refused_unless_unchecked(plait, refused, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "own_ahead", raising=False)
    (tmp_path / "own_ahead.py").write_text(AHEAD)
    asked = ("reproduce", "tiny", "--add-pattern", "own_ahead:Ahead-TF", "--dry-run", "--device", "cpu")
    assert "own_ahead:Ahead: forward reads the future" in refused(*asked)
    assert "12" in plait(*asked, "--unchecked").stdout
    monkeypatch.delitem(sys.modules, "own_ahead")


@pytest.mark.parametrize("how", [(), ("--gpus", 1)], ids=("alone", "over processes"))
def test_few_seeds_choose_the_rate_of_the_others(plait, tmp_path, how):
    asked = ("reproduce", "tiny", "--full", "-o", "out", "--device", "cpu", "--choosing-seeds", 1)
    counted = plait(*asked, "--dry-run")
    assert "8 members, 0 stored in out, 8 to train" in counted.stdout.replace("\n", " ")
    done = plait(*asked, *how)
    assert done.exit_code == 0, done.output
    rows = Store(tmp_path / "out").read()
    assert len(rows) == 8
    for (_,), some in rows.group_by("pattern"):
        best = some.filter(pl.col("seed") == 0).sort("select_accuracy", descending=True)["lr"][0]
        assert set(some.filter(pl.col("seed") > 0)["lr"]) == {best}
    page = (tmp_path / "out/report.html").read_text()
    assert "plait reproduce tiny --full --choosing-seeds 1 -o out" in page
    assert "plait reproduce tiny --full -o out trains the rest" in page, "where the others lie"
    assert "8 to train" not in plait(*asked, "--dry-run").stdout


def test_the_seeds_that_choose_are_at_least_one(refused, tmp_path):
    assert "--choosing-seeds must be an integer of at least 1, got 0" in refused(
        "reproduce", "tiny", "--choosing-seeds", 0, "-o", "out"
    )
    assert not (tmp_path / "out").exists()


def test_waiting_is_not_for_processes_that_share_the_work(refused):
    for spread in (("--gpus", 1), ("--ray", "local")):
        said = refused("reproduce", "tiny", "-o", "out", "--device", "cpu", "--wait", 5, *spread)
        assert "--wait is for one process" in said


def test_pages_of_two_figures_of_one_name_are_not_written_over_each_other(refused, tmp_path, monkeypatch):
    figures = catalogue.FIGURES | {"other": catalogue.FIGURES["tiny"]}
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType(figures))
    for more in ((), ("-o", "out"), ("-o", "out", "--dry-run")):
        said = refused("reproduce", "tiny", "other", *more)
        assert f"tiny and other are both figures named {TINY.name!r}" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", [(), ("--full", "--choosing-seeds", 1)], ids=("whole", "chosen"))
def test_what_figures_share_is_trained_once_and_measured_for_all(plait, tmp_path, monkeypatch, how):
    """The second figure also measures at another length, and its members are partly those of the first."""
    longer = replace(
        TINY,
        name="longer",
        vary={"model.pattern": ("SSM-TF", "SSM-SSM")},
        evaluations=(Evaluation(seq_len=40, sequences=4),),
    )
    figures = {one.name: Figure(experiment=one) for one in (TINY, longer)}
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType(figures))
    trained: list[tuple[object, ...]] = []
    train = plait_training.train

    def counted(run, *, seeds, lrs, **rest):
        trained.extend(itertools.product([run.model.pattern], seeds, lrs))
        return train(run, seeds=seeds, lrs=lrs, **rest)

    monkeypatch.setattr(plait_training, "train", counted)
    asked = ("reproduce", "tiny", "longer", "-o", "r", "--device", "cpu", *how)
    done = plait(*asked)
    assert done.exit_code == 0, done.output
    assert len(trained) == len(set(trained)) == 12
    store = Store(tmp_path / "r")
    of_longer = store.read().filter(pl.col("pattern") != "TF-TF")["member"]
    assert sorted(store.read_evaluations()["member"]) == sorted(of_longer)
    assert plait(*asked).exit_code == 0
    assert len(trained) == 12
