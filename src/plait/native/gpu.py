"""Whether Triton, which compiles the GPU kernels, is at hand; it is imported by those kernels alone."""

import functools
from importlib.util import find_spec

import torch
from torch import Tensor


@functools.cache
def available() -> bool:
    """Whether Triton is installed (PyTorch's CUDA builds bring it)."""
    return find_spec("triton") is not None


def usable(*tensors: Tensor) -> bool:
    """Whether the Triton kernels can take these tensors: float32 on one CUDA device."""
    first = tensors[0]
    return first.is_cuda and available() and all(_alike(t, first) for t in tensors)


def _alike(tensor: Tensor, first: Tensor) -> bool:
    return tensor.dtype == torch.float32 and tensor.device == first.device
