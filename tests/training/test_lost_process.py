"""Two processes (gloo, on the CPU): one that dies, and another training of the same model that both wait for.

Run as a program it is one of the two.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from plait import HybridConfig
from plait.experiments import Store, StoreError
from plait.experiments.over_processes import run_over_processes
from plait.experiments.shards import Shard
from plait.tasks import Needle
from plait.training import Run, Train
from plait.training.fsdp import processes
from plait.training.fsdp.processes import LostProcessError

RUN = Run(
    task=Needle(n_words=3),
    model=HybridConfig(pattern="SSM", d_model=4),
    train=Train(steps=2, batch=2, seq_len=6, test_sequences=4, select_sequences=4),
)
DIES = 9


def dies() -> None:
    """The second leaves without a word while the first waits for it."""
    try:
        with processes("cpu") as those:
            those.wait()
            if those.rank:
                os._exit(DIES)
            those.wait()
    except LostProcessError as error:
        print(error, flush=True)
        os._exit(0 if error.joined else 1)  # or PyTorch's threads end it, sometimes, by an abort


def waits(folder: Path) -> None:
    """Another training has the model."""
    try:
        run_over_processes(RUN, folder, device="cpu", wait=0.2)
    except StoreError as error:
        print(error)
    sys.stdout.flush()
    os._exit(0)  # torchrun would end it: after an error nobody is waited for


def two(*args: str) -> Sequence[tuple[int, str, str]]:
    """What each of two processes ends with and says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    both = [
        subprocess.Popen(
            [sys.executable, __file__, *args],
            env=shared | {"RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=300) for process in both]
    finally:
        for process in both:
            process.kill()
    return [(process.returncode, *words) for process, words in zip(both, said, strict=True)]


def test_the_one_that_is_left_says_so_in_a_line() -> None:
    (left, said, errors), (dead, *_) = two("dies")
    assert (left, dead) == (0, DIES)
    assert said.startswith(
        "process 0 of 2: another one has ended, or answers no more; start all of them again ("
    )
    assert said.count("\n") == 1
    assert "Traceback" not in errors


def test_both_wait_for_another_training_no_longer_than_they_may(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with Store.for_writing(folder).claim(Shard(runs=(RUN,)).members) as free:
        assert free
        first, second = two("waits", str(folder))
    assert first[:2] == (0, f"another process still trains this model in '{folder}'\n")
    assert second[:2] == (0, f"{folder}: the first process cannot keep its results there\n")


def test_processes_that_do_not_find_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1")):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MASTER_PORT", str(taken.getsockname()[1]))
        with pytest.raises(LostProcessError, match="do not find each other"), processes("cpu"):
            pass


if __name__ == "__main__":
    dies() if sys.argv[1] == "dies" else waits(Path(sys.argv[2]))
