"""Where Triton's kernels run in tests: on a CUDA device, or with `TRITON_INTERPRET=1` in its interpreter."""

import os

import pytest
import torch

from plait.native import library

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"

MARKS = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not library.has_triton() or not (INTERPRETED or torch.cuda.is_available()),
        reason="needs Triton, and a CUDA device or TRITON_INTERPRET=1",
    ),
]
