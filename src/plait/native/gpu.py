"""Whether Triton, which compiles the GPU kernels, is at hand; it is imported by those kernels alone."""

import functools
from importlib.util import find_spec

import torch
from torch import Tensor


@functools.cache
def available() -> bool:
    """Whether Triton is installed (PyTorch's CUDA builds bring it)."""
    return find_spec("triton") is not None


def usable(*tensors: Tensor, dtypes: tuple[torch.dtype, ...] = (torch.float32,)) -> bool:
    """Whether the Triton kernels can take these tensors: of one of these types, all on the current CUDA device."""
    first = tensors[0]
    if not (first.is_cuda and first.dtype in dtypes and available()):
        return False
    here = first.device.index in (None, torch.cuda.current_device())
    return here and all(t.dtype == first.dtype and t.device == first.device for t in tensors)
