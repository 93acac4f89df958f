"""SIGKILL at any instant, then again from the start of the command: the rows of an undisturbed run, bitwise."""

import contextlib
import itertools
import os
import random
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from fake_training import FakeTrainer, small_experiment
from processes import CONTEXT

from plait.experiments import Experiment, Store, run_experiment

EXPERIMENT = small_experiment(steps=16, seeds=range(24))
N_KILLS = 12
"""30 were tried once."""
PATIENCE = 600.0
"""Seconds after which a test that waits for another process gives up."""


def start(target, *arguments) -> BaseProcess:
    process = CONTEXT.Process(target=target, args=arguments)
    process.start()
    return process


def work(folder: str, seconds: float) -> None:
    trainer = FakeTrainer(seconds=seconds, log=Path(folder).parent / "calls")
    run_experiment(EXPERIMENT, folder, train=trainer, max_members=4)


def wait_for_training(log: Path, process: BaseProcess) -> None:
    """Until the process has begun to train a shard, so that kills do not all fall into its start."""
    before = log.stat().st_size if log.exists() else 0
    while process.exitcode is None and (log.stat().st_size if log.exists() else 0) == before:
        time.sleep(0.002)


def undisturbed(experiment: Experiment, folder: Path):
    return run_experiment(experiment, folder, train=FakeTrainer(), max_members=4)


def killed_run(place: Path, chance: random.Random, *, kills: int = N_KILLS) -> int:
    """Kills a run again and again, then lets it end: the files of an undisturbed one. How many kills there were."""
    folder, log = place / "killed", place / "calls"
    stored: frozenset[str] = frozenset()
    made = 0
    while made < kills or not stored:  # a slow machine needs more of them to finish a shard in between
        process = start(work, str(folder), 0.005)
        if made % 3:
            wait_for_training(log, process)
        process.join(chance.uniform(0.0, 0.25))
        if process.exitcode is None:
            made += 1
        assert process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        now = Store(folder).stored() if folder.exists() else frozenset()
        assert now >= stored, "a stored shard was lost"
        assert len(now) % 4 == 0, "a shard is half-written"
        stored = now
    assert len(stored) < 288, "the kills came while there was work to do"
    work(str(folder), 0.0)
    rows = Store(folder).read()
    assert rows.equals(undisturbed(EXPERIMENT, place / "undisturbed"))
    assert rows["member"].n_unique() == len(rows) == 288
    names = {path.name for path in folder.iterdir()}
    assert names == {path.name for path in (place / "undisturbed").iterdir()}, "nothing is left lying about"
    for path in folder.glob("*.parquet"):
        assert path.read_bytes() == (place / "undisturbed" / path.name).read_bytes()
    assert list((folder / "_checkpoints").iterdir()) == []
    return made


def test_kills_at_random_moments(tmp_path):
    assert killed_run(tmp_path, random.Random(0)) >= N_KILLS


INSTANTS = ("before the file is written", "before it has its name", "before its checkpoint is removed")
TINY = small_experiment(steps=8, widths=(4,), seeds=range(2))


def die_at(folder: str, instant: str) -> None:
    def die(*_args, **_keywords):
        os.kill(os.getpid(), signal.SIGKILL)

    if instant == INSTANTS[0]:
        os.fsync = die
    elif instant == INSTANTS[1]:
        replace = os.replace
        os.replace = lambda a, b: die() if str(b).endswith(".parquet") else replace(a, b)
    else:
        Store.sweep = die
    run_experiment(TINY, folder, train=FakeTrainer(), max_members=4)


@pytest.mark.parametrize("instant", INSTANTS)
def test_a_kill_at_the_worst_instant(tmp_path, instant):
    folder = tmp_path / "killed"
    process = start(die_at, str(folder), instant)
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    assert len(Store(folder).stored()) == (4 if instant == INSTANTS[2] else 0)
    rows = run_experiment(TINY, folder, train=FakeTrainer(), max_members=4)
    assert rows.equals(undisturbed(TINY, tmp_path / "undisturbed"))
    assert {p.name for p in folder.iterdir()} == {p.name for p in (tmp_path / "undisturbed").iterdir()}
    assert list((folder / "_checkpoints").iterdir()) == []


SMALLEST = small_experiment(steps=2, widths=(4,), seeds=range(2)).where({"model.pattern": ("SSM-TF",)})
CALLS = ("open", "os.", "fcntl.", "tempfile.")
"""Of Python's audit events; what is flushed to the disk is no event, and is counted beside them."""


def die_at_call(folder: str, number: int) -> None:
    """SIGKILL before the call of that number to what touches files, or an end at which all of them were made."""
    seen, flush = 0, os.fsync

    def count(event: str, _arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event.startswith(CALLS):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    def counted_flush(file: int) -> None:
        count("os.fsync", ())
        flush(file)

    run_experiment(SMALLEST, f"{folder}-before", train=FakeTrainer(), max_members=4)  # what is imported, is
    sys.addaudithook(count)
    os.fsync = counted_flush
    run_experiment(SMALLEST, folder, train=FakeTrainer(), max_members=4)


def test_a_kill_at_every_call_of_a_run_that_touches_files(tmp_path):
    wanted = undisturbed(SMALLEST, tmp_path / "undisturbed")
    kills = 0
    for number in itertools.count(1):
        folder = tmp_path / f"{number}"
        process = start(die_at_call, str(folder), number)
        process.join(PATIENCE)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        kills += 1
        assert len(Store(folder).stored() if folder.exists() else ()) in (0, 4)
        rows = run_experiment(SMALLEST, folder, train=FakeTrainer(), max_members=4)
        assert rows.equals(wanted)
        assert {p.name for p in folder.iterdir()} == {p.name for p in (tmp_path / "undisturbed").iterdir()}
    assert kills >= 20


def hold(folder: str, held) -> None:
    store = Store.for_writing(folder)
    with store.claim(["0a", "0b"]) as free:
        assert free
        held.set()
        signal.pause()


def test_a_claim_goes_with_its_process(tmp_path):
    held = CONTEXT.Event()
    process = start(hold, str(tmp_path), held)
    assert held.wait(PATIENCE)
    store = Store(tmp_path)
    with store.claim(["0b", "0c"]) as free:
        assert not free
    with store.claim(["0c"]) as free:
        assert free
    process.kill()
    process.join()
    with store.claim(["0b", "0c"]) as free:
        assert free
