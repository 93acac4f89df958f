"""One model over two cards by the command that is documented: the losses of one card, to rounding."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from plait.experiments import Store

DEVICE = os.environ.get("PLAIT_TEST_DEVICE", "cuda")
"""`cpu` tries the test itself where there are no two GPUs."""

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and torch.cuda.device_count() < 2, reason="needs two CUDA devices"),
]

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
COMMAND = """-m plait.cli train --task plait.tasks.packed:Packed --pattern (SSM-TF)*2 --d-model 64 --model n_heads=2
 --seq-len 60 --batch 4 --steps 60 --lrs 0.003 --train warmup=10 --train test_sequences=16
 --train select_sequences=8 --window 20"""


def losses(folder: Path, engine: str, *launch: str) -> list[float]:
    words = [*COMMAND.split(), "--engine", engine, "--device", DEVICE, "-o", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *launch, *words], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = Store(folder).read()
    assert rows["engine"].to_list() == ["wide" if engine == "wide" else "fsdp on 2"]
    return rows["losses"].to_list()[0]


def test_two_cards_learn_what_one_does(tmp_path: Path) -> None:
    one, two = losses(tmp_path / "one", "wide"), losses(tmp_path / "two", "fsdp", *TORCHRUN)
    assert len(one) > 2
    assert two == pytest.approx(one, rel=1e-4)
    assert max(one) - min(one) > 0.05
