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
from plait.experiments.cards import CONTROL, PIPES, VISIBLE, card_environments, run_on_cards, shared_cards
from plait.experiments.shards import Unwatched

PATIENCE = 300.0
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


class Talking(FakeTrainer):
    def __call__(self, run, **keywords):
        raise ValueError("out of memory " + 200_000 * "x")


class Dying(FakeTrainer):
    def __call__(self, run, **keywords):
        os.kill(os.getpid(), signal.SIGKILL)


class FirstRefuses(FakeTrainer):
    """The first process is refused what it begins with; the other trains all."""

    def __call__(self, run, **keywords):
        pids = self.log.with_suffix(".pids")
        with pids.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if pids.read_text().split()[0] == str(os.getpid()):
            raise ValueError("out of memory on a card")
        return super().__call__(run, **keywords)


class Ordering(FakeTrainer):
    def __call__(self, run, **keywords):
        with self.log.with_suffix(".widths").open("a") as file:
            file.write(f"{run.model.d_model}\n")
        return super().__call__(run, **keywords)


class Noting(Unwatched):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.finishes: list[int] = []

    def noted(self, line: str) -> None:
        self.lines.append(line)

    def finished(self, shard, rows) -> None:
        self.finishes.append(shard.labour)


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
    (rows,) = run_on_cards(
        [(EXPERIMENT, tmp_path / "cards")], cards=2, train=trainer, device="cpu", max_members=2
    )
    killer.join()
    assert rows.equals(alone)
    pids = (tmp_path / "log.pids").read_text().split()
    assert len(pids) == 9, "eight shards, one of them twice"
    assert len(set(pids)) == 2
    for path in (tmp_path / "alone").glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "cards" / path.name).read_bytes()


def test_several_processes_a_card_give_the_rows_of_one_and_what_is_lost_is_said(tmp_path: Path) -> None:
    alone = run_experiment(EXPERIMENT, tmp_path / "alone", train=FakeTrainer(), max_members=2)
    trainer, watch = Waiting(seconds=0.01, log=tmp_path / "log"), Noting()
    killer = threading.Thread(target=kill_the_first, args=(tmp_path / "log.pids",))
    killer.start()
    (rows,) = run_on_cards(
        [(EXPERIMENT, tmp_path / "cards")],
        cards=1,
        per_card=2,
        train=trainer,
        device="cpu",
        max_members=2,
        watch=watch,
    )
    killer.join()
    assert rows.equals(alone)
    assert len(set((tmp_path / "log.pids").read_text().split())) == 2
    assert watch.lines == ["processes were lost (exit codes -9), and the others did their work"]


def test_a_process_that_is_refused_leaves_its_work_to_the_others(tmp_path: Path) -> None:
    trainer, watch = FirstRefuses(seconds=0.01, log=tmp_path / "log"), Noting()
    (rows,) = run_on_cards(
        [(EXPERIMENT, tmp_path / "cards")], cards=1, per_card=2, train=trainer, device="cpu", watch=watch
    )
    assert len(rows) == 16
    assert watch.lines == [
        "a process ended early, and the others did its work: out of memory on a card (2 processes share a card: with "
        "fewer each has more memory)"
    ]


def test_several_experiments_share_the_processes_and_a_folder_longest_first(tmp_path: Path) -> None:
    wider = small_experiment(steps=12, widths=(8, 64), seeds=range(2))
    watch, order = Noting(), tmp_path / "order"
    asked = [(EXPERIMENT, tmp_path / "both"), (wider, tmp_path / "both")]
    first, second = run_on_cards(asked, cards=1, train=Ordering(log=order), device="cpu", watch=watch)
    assert first.equals(run_experiment(EXPERIMENT, tmp_path / "alone", train=FakeTrainer()))
    assert second.equals(run_experiment(wider, tmp_path / "wide", train=FakeTrainer()))
    assert len(watch.finishes) == 8
    assert order.with_suffix(".widths").read_text().split() == ["64", "64", "8", "8", "4", "4"]


def test_what_a_process_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^out of memory on a card; 2 sequences a step would fit$"):
        run_on_cards([(EXPERIMENT, tmp_path)], cards=1, train=Refusing(), device="cpu")


def test_processes_that_say_more_than_a_pipe_holds_end(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^out of memory x{200000}$"):
        run_on_cards([(EXPERIMENT, tmp_path)], cards=2, train=Talking(), device="cpu")


def test_processes_that_are_all_lost_leave_what_is_stored(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"4 of 4 shards are not stored .*exit codes -9\); the same command"):
        run_on_cards([(EXPERIMENT, tmp_path)], cards=1, train=Dying(), device="cpu")
    assert Store(tmp_path).stored() == frozenset()


def test_more_cards_than_there_are_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="3 processes were asked for, and this machine has 2 processors"):
        card_environments(3, "cpu")
    with pytest.raises(ValueError, match="gpus must be an integer of at least 1, got 0"):
        card_environments(0, "cpu")
    with pytest.raises(ValueError, match="4 processes were asked for, and this machine has 2 processors"):
        card_environments(2, "cpu", per_card=2)
    with pytest.raises(ValueError, match=r"per-gpu must be an integer in \[1, 48\], got 0"):
        card_environments(1, "cpu", per_card=0)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="2 GPUs were asked for, and none is there"):
            card_environments(2, "auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="3 GPUs were asked for, and 2 are there"):
        card_environments(3, "auto")
    monkeypatch.delenv(VISIBLE, raising=False)
    assert card_environments(2, "auto") == ({VISIBLE: "0"}, {VISIBLE: "1"})
    assert card_environments(2, "auto", per_card=2) == 2 * ({VISIBLE: "0"}, {VISIBLE: "1"})
    monkeypatch.setenv(VISIBLE, "3,5")
    assert card_environments(1, "cuda") == ({VISIBLE: "3"},)


SERVICE = """#!/bin/sh
echo "$* $CUDA_VISIBLE_DEVICES" >> {calls}
[ -n "$*" ] || cat >> {calls}
echo "cannot do that" >&2
{ends}
"""


def service(folder: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> Path:
    """A program that stands for NVIDIA's; where it notes how it is called."""
    calls = folder / "calls"
    program = folder / CONTROL
    program.write_text(SERVICE.format(calls=calls, ends=ends))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv(VISIBLE, "3")
    monkeypatch.delenv(PIPES, raising=False)
    return calls


def test_the_service_runs_while_cards_are_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees all cards, ends with us, and what it leaves in the background holds nothing open."""
    calls, said = service(tmp_path, monkeypatch, '[ -z "$*" ] || sleep 30 &'), []
    began = time.monotonic()
    with shared_cards(said.append) as environment:
        assert Path(environment[PIPES]).is_dir()
        assert calls.read_text() == "-d \n"
    assert time.monotonic() - began < 10
    assert calls.read_text() == "-d \n \nquit\n"
    assert not Path(environment[PIPES]).exists()
    assert not said


@pytest.mark.parametrize("named", [True, False])
def test_files_of_a_service_that_has_ended_are_told_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    """Processes that were sent to its files would find nobody there."""
    old, said = tmp_path / "old", list[str]()
    old.mkdir()
    (old / "control").touch()
    monkeypatch.setattr("plait.experiments.cards.RUNNING", tmp_path / "none" if named else old / "control")
    calls = service(tmp_path, monkeypatch, '[ -n "$*" ] || exit 1')
    if named:
        monkeypatch.setenv(PIPES, str(old))
    with shared_cards(said.append) as environment:
        assert environment[PIPES] not in ("", str(old))
    assert said == [f"{old} is of a service for sharing cards that has ended: not used"]
    assert calls.read_text() == " \nget_server_list\n-d \n \nquit\n"
    assert (old / "control").exists()


@pytest.mark.parametrize("named", [True, False])
def test_a_service_that_runs_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    (tmp_path / "control").touch()
    monkeypatch.setattr("plait.experiments.cards.RUNNING", tmp_path / ("none" if named else "control"))
    said, calls = list[str](), service(tmp_path, monkeypatch, "exit 0")
    if named:
        monkeypatch.setenv(PIPES, str(tmp_path))
    with shared_cards(said.append) as environment:
        assert environment == {}
    assert (said, calls.read_text()) == ([], " \nget_server_list\n")


def test_where_a_service_of_others_may_not_be_looked_for_one_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / ("long" * 100) / "control"
    with pytest.raises(
        OSError, match="name too long"
    ):  # as of a closed folder, which a test run as root may read
        hidden.exists()
    monkeypatch.setattr("plait.experiments.cards.RUNNING", hidden)
    said, calls = list[str](), service(tmp_path, monkeypatch, "exit 0")
    with shared_cards(said.append) as environment:
        assert environment[PIPES]
    assert (said, calls.read_text()) == ([], "-d \n \nquit\n")


def test_without_the_service_processes_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    calls = service(tmp_path, monkeypatch, "exit 1")
    with shared_cards(said.append) as environment:
        assert environment == {}
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with shared_cards(said.append) as environment:
        assert environment == {}
    monkeypatch.setenv(PIPES, "somebody's")
    with shared_cards(said.append) as environment:
        assert environment == {}
    assert calls.read_text() == "-d \n"
    assert said == [
        f"{CONTROL} cannot be started (cannot do that): processes on one card take turns",
        f"no {CONTROL} here: processes on one card take turns",
    ]
