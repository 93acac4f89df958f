"""The same rows from processes that stand for cards as from one, one of them killed in the middle included."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from fake_training import FakeTrainer, small_experiment

from plait.experiments import Store, StoreError, run_experiment
from plait.experiments.cards import VISIBLE, card_environments, run_on_cards

PATIENCE = 60.0
"""Seconds after which a test that waits for another process gives up."""

EXPERIMENT = small_experiment(steps=12, widths=(4, 8), seeds=range(2))


class Waiting(FakeTrainer):
    """Notes which process trains; the first of them waits in its first shard until it is killed."""

    def __call__(self, run, **keywords):
        pids = self.log.with_suffix(".pids")
        with pids.open("a") as file:
            file.write(f"{os.getpid()}\n")
        seen = pids.read_text().split()
        if seen[0] == str(os.getpid()) and seen.count(seen[0]) == 1:
            time.sleep(PATIENCE)
        return super().__call__(run, **keywords)


class Refusing(FakeTrainer):
    def __call__(self, run, **keywords):
        raise ValueError("out of memory on a card; 2 sequences a step would fit")


class Dying(FakeTrainer):
    def __call__(self, run, **keywords):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def kill_the_first(pids: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not (pids.exists() and pids.read_text().endswith("\n")):
        if time.monotonic() > until:
            return
        time.sleep(0.01)
    os.kill(int(pids.read_text().split()[0]), signal.SIGKILL)


def test_two_processes_and_one_killed_give_the_rows_of_one(tmp_path: Path) -> None:
    alone = run_experiment(EXPERIMENT, tmp_path / "alone", train=FakeTrainer(), max_members=2)
    trainer = Waiting(seconds=0.01, log=tmp_path / "log")
    killer = threading.Thread(target=kill_the_first, args=(tmp_path / "log.pids",))
    killer.start()
    rows = run_on_cards(EXPERIMENT, tmp_path / "cards", cards=2, train=trainer, device="cpu", max_members=2)
    killer.join()
    assert rows.equals(alone)
    pids = (tmp_path / "log.pids").read_text().split()
    assert len(pids) == 9, "eight shards, one of them twice"
    assert len(set(pids)) == 2
    for path in (tmp_path / "alone").glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "cards" / path.name).read_bytes()


def test_what_a_process_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^out of memory on a card; 2 sequences a step would fit$"):
        run_on_cards(EXPERIMENT, tmp_path, cards=1, train=Refusing(), device="cpu")


def test_processes_that_are_all_lost_leave_what_is_stored(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"4 of 4 shards are not stored .*exit codes -9\); the same command"):
        run_on_cards(EXPERIMENT, tmp_path, cards=1, train=Dying(), device="cpu")
    assert Store(tmp_path).stored() == frozenset()


def test_more_cards_than_there_are_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="3 processes were asked for, and this machine has 2 processors"):
        card_environments(3, "cpu")
    with pytest.raises(ValueError, match="gpus must be an integer of at least 1, got 0"):
        card_environments(0, "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="2 GPUs were asked for, and none is there"):
            card_environments(2, "auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="3 GPUs were asked for, and 2 are there"):
        card_environments(3, "auto")
    monkeypatch.delenv(VISIBLE, raising=False)
    assert card_environments(2, "auto") == ({VISIBLE: "0"}, {VISIBLE: "1"})
    monkeypatch.setenv(VISIBLE, "3,5")
    assert card_environments(1, "cuda") == ({VISIBLE: "3"},)
