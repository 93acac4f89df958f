"""The same rows from two Ray workers as from one process, a worker killed in the middle included."""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from fake_training import FakeTrainer, small_experiment
from typer.testing import CliRunner

from plait.cli import app
from plait.experiments import Store, run_experiment
from plait.findings.figure import Figure
from plait.paper import catalogue
from plait.training import Evaluation

ray = pytest.importorskip("ray")

from plait.experiments.spread import run_on_ray  # noqa: E402

PATIENCE = 600.0
"""Seconds after which a test that waits for another process gives up."""

EXPERIMENT = small_experiment(steps=12, widths=(4, 8), seeds=range(2))
SHORT = replace(EXPERIMENT.base.train, steps=3, seq_len=20, test_sequences=4, select_sequences=2)
TINY = replace(EXPERIMENT, name="tiny", base=replace(EXPERIMENT.base, train=SHORT)).where(
    {"model.d_model": (4,)}
)


@pytest.fixture(scope="module")
def cluster():
    """The address of two nodes of one processor each."""
    from ray import cloudpickle
    from ray.cluster_utils import Cluster

    cloudpickle.register_pickle_by_value(sys.modules["fake_training"])
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    for tries_left in (2, 1, 0):  # Ray gives a node half a minute to start, which a busy machine may not hold
        started = Cluster()
        try:
            for _ in range(2):
                started.add_node(num_cpus=1, include_dashboard=False)
            break
        except Exception:
            started.shutdown()
            if not tries_left:
                raise
    yield started.address
    started.shutdown()


class KillableTrainer(FakeTrainer):
    """Says which process trains; the first to come waits there to be killed, the others for three to have come."""

    def __call__(self, run, **keywords):
        if self.log is not None:
            pids = self.log.with_suffix(".pids")
            with pids.open("a") as file:
                file.write(f"{os.getpid()}\n")
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until:
                seen = pids.read_text().split()
                if len(set(seen)) >= 3 and seen[0] != str(os.getpid()):
                    break
                time.sleep(0.01)
        return super().__call__(run, **keywords)


def kill_the_first(pids: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not (pids.exists() and pids.read_text().endswith("\n")):
        if time.monotonic() > until:
            return
        time.sleep(0.01)
    os.kill(int(pids.read_text().split()[0]), signal.SIGKILL)


def test_two_workers_and_one_killed_give_the_rows_of_one_process(cluster, tmp_path):
    alone = run_experiment(EXPERIMENT, tmp_path / "alone", train=FakeTrainer(), max_members=2)
    trainer = KillableTrainer(seconds=0.05, log=tmp_path / "log")
    killer = threading.Thread(target=kill_the_first, args=(tmp_path / "log.pids",))
    killer.start()
    rows = run_on_ray(
        EXPERIMENT, tmp_path / "spread", address=cluster, train=trainer, device="cpu", max_members=2
    )
    killer.join()
    assert rows.equals(alone)
    pids = (tmp_path / "log.pids").read_text().split()
    assert len(pids) == 9, "eight shards, one of them twice"
    assert len(set(pids)) >= 3, "two workers, and one in the place of the killed"
    for path in (tmp_path / "alone").glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "spread" / path.name).read_bytes()


def test_real_training_is_bitwise_the_same_and_what_is_stored_is_not_trained_again(cluster, tmp_path):
    tiny = replace(TINY, evaluations=(Evaluation(seq_len=30, sequences=4),))
    alone = run_experiment(tiny, tmp_path / "alone", device="cpu", max_members=2)
    spread = run_on_ray(tiny, tmp_path / "spread", address=cluster, device="cpu", max_members=2)
    assert spread.equals(alone)
    elsewhere = [Store(tmp_path / name).read_evaluations() for name in ("alone", "spread")]
    assert elsewhere[0].equals(elsewhere[1])
    assert len(elsewhere[0]) == len(alone)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "spread").glob("*.parquet")}
    run_on_ray(tiny, tmp_path / "spread", address=cluster, device="cpu", max_members=2)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "spread").glob("*.parquet")} == files


def test_asked_for_from_the_command_line(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType({"tiny": Figure(experiment=TINY)}))
    asked = ["reproduce", "tiny", "-o", str(tmp_path / "spread"), "--device", "cpu", "--ray", cluster]
    done = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    rows = run_experiment(TINY, tmp_path / "alone", device="cpu")
    what = ("member", "accuracy", "losses")
    assert Store(tmp_path / "spread").read().select(what).equals(rows.select(what))


def refuse(*_arguments, **_keywords):
    raise ValueError("no such thing")


def test_what_training_refuses_is_one_line(cluster, tmp_path):
    with pytest.raises(ValueError, match=r"^no such thing$"):
        run_on_ray(EXPERIMENT, tmp_path, address=cluster, train=refuse, device="cpu")


def test_no_cluster_there(tmp_path):
    with pytest.raises(ValueError, match=r"no Ray cluster at '127.0.0.1:1': "):
        run_on_ray(EXPERIMENT, tmp_path, address="127.0.0.1:1", train=FakeTrainer(), device="cpu")
