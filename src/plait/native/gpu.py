"""Whether Triton, which compiles the GPU kernels, is at hand; it is imported by those kernels alone."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from typing import TYPE_CHECKING

from plait.deferred import deferred

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = deferred("torch")


@functools.cache
def has_triton() -> bool:
    """Whether Triton is installed (PyTorch's CUDA builds bring it)."""
    return find_spec("triton") is not None


def usable(*tensors: Tensor, dtypes: tuple[torch.dtype, ...] | None = None) -> bool:
    """Whether the Triton kernels can take these tensors: of one of these types (None: float32), all on
    the current CUDA device."""
    first = tensors[0]
    if not (first.is_cuda and first.dtype in (dtypes or (torch.float32,)) and has_triton()):
        return False
    here = first.device.index in (None, torch.cuda.current_device())
    return here and all(t.dtype == first.dtype and t.device == first.device for t in tensors)
