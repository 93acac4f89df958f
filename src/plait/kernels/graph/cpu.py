"""A graph in compiled code for the CPU, forward and backward (see `cpu.cpp`)."""

import ctypes
import functools
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.graph.layout import layout
from plait.kernels.graph.signals import Graph
from plait.native.library import INTEGER, POINTER

_FORWARD = call.Kernel("plait_graph_forward", (*(POINTER,) * 8, INTEGER))
_BACKWARD = call.Kernel("plait_graph_backward", (*(POINTER,) * 10, INTEGER, INTEGER))


def run(
    graph: Graph, weights: Sequence[Tensor], hidden: Float[Tensor, "members batch time d_model"]
) -> Float[Tensor, "members batch time d_model"]:
    """What the graph gives; every weight has a members axis."""
    return _Graph.apply(graph, hidden, *weights)  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=256)
def _nodes(graph: Graph) -> tuple[ctypes.Array[ctypes.c_int64], ctypes.Array[ctypes.c_double]]:
    laid = layout(graph)
    return call.integers(laid.nodes), (ctypes.c_double * max(len(laid.reals), 1))(*laid.reals)


def _shape(graph: Graph, hidden: Tensor, weights: Sequence[Tensor]) -> ctypes.Array[ctypes.c_int64]:
    laid = layout(graph)
    total = sum(call.weight_sizes(weights))
    return call.integers(
        (*hidden.shape, laid.rows, laid.n_nodes, laid.input, laid.output, len(weights), total)
    )


class _Graph(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, graph: Graph, hidden: Tensor, *given: Tensor) -> Tensor:
        hidden, weights = hidden.contiguous(), [call.by_member(weight) for weight in given]
        ctx.save_for_backward(hidden, *weights)
        ctx.graph = graph
        out = torch.empty_like(hidden)
        nodes, reals = _nodes(graph)
        _FORWARD.of(hidden.dtype)(
            _shape(graph, hidden, weights), nodes, reals, call.integers(call.weight_sizes(weights)),
            call.pointers(weights), call.strides(weights), hidden.data_ptr(), out.data_ptr(), call.threads(),
        )  # fmt: skip
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        hidden, *weights = ctx.saved_tensors
        dout = dout.contiguous()
        members, batch = hidden.shape[:2]
        groups = -(-batch // call.ROWS_PER_GROUP)
        packed = hidden.new_empty(members, groups, sum(call.weight_sizes(weights)))
        dhidden = torch.empty_like(hidden)
        nodes, reals = _nodes(ctx.graph)
        _BACKWARD.of(hidden.dtype)(
            _shape(ctx.graph, hidden, weights), nodes, reals, call.integers(call.weight_sizes(weights)),
            call.pointers(weights), call.strides(weights), hidden.data_ptr(), dout.data_ptr(), dhidden.data_ptr(),
            packed.data_ptr(), call.ROWS_PER_GROUP, call.threads(),
        )  # fmt: skip
        return None, dhidden, *call.split_gradients(packed, weights)
