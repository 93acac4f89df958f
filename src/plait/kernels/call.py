"""How the kernels call the compiled library: shapes, pointers and member strides of contiguous CPU tensors."""

import ctypes
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from plait.native import library

_SUFFIX = {torch.float32: "float", torch.float64: "double"}

ROWS_PER_GROUP = 8
"""Sequences whose gradients one task adds up before groups are added: fixed, so that sums do not depend on threads."""


WIDEST_ON_GPU = 128
"""Features that the Triton kernels hold in one tile, at most; wider layers are products that PyTorch does well."""


def usable(*tensors: Tensor) -> bool:
    """Whether the compiled kernels can take these tensors: float32 or float64 on the CPU, all alike."""
    first = tensors[0]
    return (
        first.dtype in _SUFFIX
        and all(t.device.type == "cpu" and t.dtype == first.dtype for t in tensors)
        and library.available()
    )


def function(name: str, dtype: torch.dtype) -> Callable[..., None]:
    """The library's function `name` for this dtype.

    Raises:
        RuntimeError: the compiled library is not there.
    """
    lib = library.load()
    if lib is None:
        raise RuntimeError(f"{name} needs the compiled kernels, and no C++ compiler was found")
    return getattr(lib, f"{name}_{_SUFFIX[dtype]}")


def integers(values: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * len(values))(*values)


def pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(tensors))(*(t.data_ptr() for t in tensors))


def by_member(parameter: Tensor) -> Tensor:
    """The parameter with each member's part contiguous; members may lie apart."""
    return parameter if parameter[0].is_contiguous() else parameter.contiguous()


def with_members(
    layer: Callable[[Tensor, tuple[Tensor, ...]], Tensor],
    hidden: Tensor,
    parameters: tuple[Tensor, ...],
    single: bool,
) -> Tensor:
    """`layer` on a members axis of one where a single model comes without it."""
    if not single:
        return layer(hidden, parameters)
    return layer(hidden.unsqueeze(0), tuple(p.unsqueeze(0) for p in parameters)).squeeze(0)


def threads() -> int:
    return torch.get_num_threads()


def split_gradients(packed: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Views of packed gradients `(members, groups, total)`, summed over groups in order, shaped as the parameters."""
    summed = packed[:, 0]
    for group in range(1, packed.shape[1]):
        summed = summed + packed[:, group]
    sizes = [p[0].numel() for p in parameters]
    return [part.view(p.shape) for part, p in zip(summed.split(sizes, dim=1), parameters, strict=True)]
