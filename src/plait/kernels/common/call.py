"""How the kernels call the compiled library: functions by type, shapes, pointers and strides of contiguous tensors.

Sequences that go on from a state: hidden states and states are rows with the batch axis first, as a layer's `step` has
them, or tiles of sixteen sequences, one a lane: `(tiles, time, d_model, 16)` and `(tiles, features, 16)`. Lanes past
the last sequence repeat it. What a lane computes depends on its own sequence alone, bit for bit, and has no gradients.
"""

import ctypes
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from plait.native import library

ROWS_PER_GROUP = 8
"""Sequences whose gradients one task adds up before groups are added: fixed, so that sums do not depend on threads."""

WIDEST_ON_GPU = 128
"""Features that the Triton kernels hold in one tile, at most; wider layers are products that PyTorch does well."""

_SUFFIX = {torch.float32: "float", torch.float64: "double"}

_Weights = TypeVar("_Weights", bound=tuple[Tensor, ...])


@dataclass(frozen=True)
class Kernel:
    """A function that the library has for float32 and float64, by its name and the types of its arguments."""

    name: str
    arguments: tuple[type, ...]

    def of(self, dtype: torch.dtype) -> Callable[..., None]:
        """The one for `dtype`.

        Raises:
            RuntimeError: the compiled library is not there.
        """
        function = library.CompiledFunction(f"{self.name}_{_SUFFIX[dtype]}", self.arguments).find()
        if function is None:
            raise RuntimeError(f"{self.name} needs the compiled kernels, and no C++ compiler was found")
        return function


def usable(*tensors: Tensor) -> bool:
    """Whether the compiled kernels can take these tensors: float32 or float64 on the CPU, all alike."""
    first = tensors[0]
    return (
        first.dtype in _SUFFIX
        and all(t.device.type == "cpu" and t.dtype == first.dtype for t in tensors)
        and library.available()
    )


def integers(values: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    """The values as a C array of int64."""
    return (ctypes.c_int64 * len(values))(*values)


def pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    """The addresses of the tensors as a C array; the tensors must outlive the call."""
    return (ctypes.c_void_p * len(tensors))(*(t.data_ptr() for t in tensors))


def strides(weights: Sequence[Tensor]) -> ctypes.Array[ctypes.c_int64]:
    """How far the members of each lie apart."""
    return integers([weight.stride(0) for weight in weights])


def by_member(weight: Tensor) -> Tensor:
    """The weight with each member's part contiguous; members may lie apart."""
    return weight if weight[0].is_contiguous() else weight.contiguous()


def with_members(
    layer: Callable[[Tensor, _Weights], Tensor], hidden: Tensor, weights: _Weights, single: bool
) -> Tensor:
    """`layer` on a members axis of one where a single model comes without it."""
    if not single:
        return layer(hidden, weights)
    return layer(hidden.unsqueeze(0), type(weights)(*(weight.unsqueeze(0) for weight in weights))).squeeze(0)


def threads() -> int:
    """PyTorch's number of threads, which the compiled code takes as well."""
    return torch.get_num_threads()


def weight_sizes(weights: Sequence[Tensor]) -> list[int]:
    """Numbers of one member in each."""
    return [weight[0].numel() for weight in weights]


def weight_places(names: Sequence[str], weights: Sequence[Tensor]) -> tuple[dict[str, int], int]:
    """Where each begins when one member's numbers lie one after the other, and how many they are."""
    ends = list(itertools.accumulate(weight_sizes(weights), initial=0))
    return dict(zip(names, ends[:-1], strict=True)), ends[-1]


def split_gradients(packed: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """Views of packed gradients `(members, groups, total)`, summed over groups in order, shaped as the weights."""
    summed = packed[:, 0]
    for group in range(1, packed.shape[1]):
        summed = summed + packed[:, group]
    parts = summed.split(weight_sizes(weights), dim=1)
    return [part.view(weight.shape) for part, weight in zip(parts, weights, strict=True)]


LANES = 16
"""Sequences of a tile, as `stream_tiles.hpp` has them."""


def tiles(batch: int) -> int:
    """How many tiles hold `batch` sequences."""
    return -(-batch // LANES)


class Batch(NamedTuple):
    """`size` sequences, `time` tokens of each; `tiled` says how they lie."""

    size: int
    time: int
    tiled: bool

    def features(self, *shape: int) -> tuple[int, ...]:
        """The shape of a state of these features."""
        count = 1
        for extent in shape:
            count *= extent
        return (tiles(self.size), count, LANES) if self.tiled else (self.size, *shape)


def steps_usable(hidden: Tensor, weights: tuple[Tensor, ...]) -> bool:
    """Whether the compiled step can take a single model's layer: on the CPU, float32 or float64, no gradients."""
    return not torch.is_grad_enabled() and weights[0].ndim == 1 and usable(hidden, *weights)
