"""One model over two processes (gloo, on the CPU): the losses of one process, resumed to the bit, and what is refused.

Run as a program it is one of the two.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from plait import HybridConfig, train
from plait.tasks import DecodingRecall
from plait.tasks.packed import Packed
from plait.training import Run, Train
from plait.training.fsdp import processes, train_over_processes
from plait.training.fsdp.loop import check_shareable

RUN = Run(
    task=Packed(task=DecodingRecall(n_bits=2, p_bit=0.3), lengths=(4, 10)),
    model=HybridConfig(
        pattern="SSM-TF",
        d_model=18,
        n_heads=2,
        window=8,
        dropout=0.1,
        dropout_at="embedding",
        init="released",
    ),
    train=Train(
        steps=14, batch=4, seq_len=24, warmup=3, lr=1e-2, clip=1.6, test_sequences=16, select_sequences=8
    ),
)
EVERY, STOPPED = 5, 12


class _Killed(BaseException):
    """Not an error that anything catches."""


def _kill(step: int, steps: int, losses: list[float]) -> None:
    if step == STOPPED:
        raise _Killed


def as_one_of_two(folder: Path) -> None:
    """Trains without a break; then with one in the middle of an interval, and on from the checkpoint before it."""
    with processes("cpu") as those:
        straight = train_over_processes(RUN, those)
        try:
            train_over_processes(RUN, those, checkpoint=folder / "kept", checkpoint_every=EVERY, watch=_kill)
        except _Killed:
            those.wait()
        if those.rank == 0:
            shutil.copytree(folder / "kept", folder / "left")
        those.wait()
        resumed = train_over_processes(RUN, those, checkpoint=folder / "kept", checkpoint_every=EVERY)
        for name, result in (("straight", straight), ("resumed", resumed)):
            if result is not None:
                losses = result.members[0].losses
                (folder / f"{name}.json").write_text(json.dumps([result.engine, losses]))
                save_file({"weights": result.ensemble.parameters}, folder / f"{name}.safetensors")


def free_port() -> int:
    """Below those that a system gives to who asks for any, so that nobody is given it before it is used."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with contextlib.suppress(OSError), socket.socket() as tried:
            tried.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes wrote."""
    folder = tmp_path_factory.mktemp("two")
    shared = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    both = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            env=shared | {"RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    try:
        for process in both:
            _, errors = process.communicate(timeout=900)
            assert process.returncode == 0, errors.decode()[-2000:]
    finally:
        for process in both:
            process.kill()
    return folder


def told(folder: Path, name: str) -> tuple[str, list[float], torch.Tensor]:
    engine, losses = json.loads((folder / f"{name}.json").read_text())
    return engine, losses, load_file(folder / f"{name}.safetensors")["weights"]


def test_two_processes_learn_what_one_does(together: Path) -> None:
    engine, losses, weights = told(together, "straight")
    assert engine == "fsdp on 2"
    one = train(RUN, device="cpu", engine="wide")
    assert losses == pytest.approx(one.members[0].losses, rel=1e-5)
    assert losses[-1] < losses[0]
    torch.testing.assert_close(weights, one.ensemble.parameters, rtol=1e-4, atol=1e-4)


def test_a_resumed_training_is_the_same_to_the_bit(together: Path) -> None:
    straight, resumed = told(together, "straight"), told(together, "resumed")
    assert resumed[1] == straight[1]
    assert torch.equal(resumed[2], straight[2])


def test_nothing_in_a_checkpoint_is_pickled_and_one_process_goes_on_with_that_of_two(
    together: Path, tmp_path: Path
) -> None:
    left = shutil.copytree(together / "left", tmp_path / "left")
    (latest,) = left.iterdir()
    assert latest.name == "step-00000010"
    assert sorted(path.name for path in latest.iterdir()) == [
        "complete.json",
        "part-0-of-2.safetensors",
        "part-1-of-2.safetensors",
    ]
    begun: list[int] = []
    with processes("cpu") as those:
        found = train_over_processes(
            RUN, those, checkpoint=left, watch=lambda step, steps, losses: begun.append(step)
        )
    assert begun[0] == 11
    assert found is not None
    assert found.members[0].losses == pytest.approx(told(together, "straight")[1], rel=1e-5)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: _flip(folder / "part-1-of-2.safetensors"), "part-1-of-2.*checksum"),
        (lambda folder: (folder / "part-0-of-2.safetensors").unlink(), "no whole checkpoint"),
        (
            lambda folder: (folder / "complete.json").write_text("{}"),
            "no whole checkpoint .*; delete it to start again",
        ),
    ],
)
def test_a_damaged_checkpoint_is_refused(
    together: Path, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    left = shutil.copytree(together / "left", tmp_path / "left")
    change(left / "step-00000010")
    with processes("cpu") as those, pytest.raises(ValueError, match=said):
        train_over_processes(RUN, those, checkpoint=left)


def test_a_checkpoint_of_another_run_is_refused(together: Path) -> None:
    other = replace(RUN, train=replace(RUN.train, lr=1e-3))
    with processes("cpu") as those, pytest.raises(ValueError, match="checkpoint of another run"):
        train_over_processes(other, those, checkpoint=together / "left")


def test_what_processes_cannot_share_is_refused() -> None:
    with pytest.raises(
        ValueError, match="batch of 4 sequences must be a multiple of the 3 processes, or use 2"
    ):
        check_shareable(RUN, 3)
    inside = replace(RUN, model=replace(RUN.model, dropout_at="all"))
    check_shareable(inside, 1)
    with pytest.raises(ValueError, match="dropout inside layers"):
        check_shareable(inside, 2)


if __name__ == "__main__":
    as_one_of_two(Path(sys.argv[1]))
