"""The matrix-state recurrence on a GPU, forward and backward: what `reference.recurrent` reads from zeros on."""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false, reportOptionalMemberAccess=false

from typing import Any

import torch
import triton
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common.gpu_rows import by_rows
from plait.kernels.common.gpu_tiles import padded
from plait.kernels.matrix_state.gpu_kernels import state_backward, state_forward

MOST_KEYS = 128
"""Past this a row of the state does not fit a program's registers."""

_CHUNK = 2
"""Tokens between two stored states."""
_NUMBERS = (512, 2048)
"""Of a state: what one warp holds, and what a program of four does."""


def matrix_state(
    log_a: Float[Tensor, "members batch time decays"] | None,
    e: Float[Tensor, "members batch time heads*d_k"] | None,
    f: Float[Tensor, "members batch time heads*d_k"] | None,
    w: Float[Tensor, "members batch time heads*d_k"],
    v: Float[Tensor, "members batch time heads*d_v"],
    q: Float[Tensor, "members batch time heads*d_k"],
    *,
    heads: int,
) -> Float[Tensor, "members batch time heads*d_v"]:
    """All tokens' reads; `log_a` is a number a head, or one a key. A sequence's bits are its own."""
    return _MatrixState.apply(heads, log_a, e, f, w, v, q)  # type: ignore[no-any-return]


class _MatrixState(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, heads: int, *given: Tensor | None) -> Tensor:
        vectors = [None if tensor is None else by_rows(tensor) for tensor in given]
        cut = _Cut(heads, vectors)
        w, v = vectors[3], vectors[4]
        keeps = any(ctx.needs_input_grad)
        y = v.new_empty(v.shape)
        kept = v.new_empty(cut.kept if keeps else 1)
        filled = [w if tensor is None else tensor for tensor in vectors]
        state_forward[cut.grid](*filled, y, kept, *cut.sizes, **cut.rows(filled), KEEPS=keeps, **cut.launch)
        ctx.save_for_backward(*vectors, kept)
        ctx.cut = cut
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        *vectors, kept = ctx.saved_tensors
        cut = ctx.cut
        v, w = vectors[4], vectors[3]
        filled = [w if tensor is None else tensor for tensor in vectors]
        dv, dy = v.new_empty(v.shape), dy.contiguous()
        parts = [
            dv if place == 4 else None if tensor is None else cut.parts(tensor)
            for place, tensor in enumerate(vectors)
        ]
        outputs = [dv if part is None else part for part in parts]
        state_backward[cut.grid](*filled, kept, dy, *outputs, *cut.sizes, **cut.rows(filled), **cut.launch)
        return None, *(
            part if part is dv or part is None else part.sum(3) if cut.blocks > 1 else part.squeeze(3)
            for part in parts
        )


class _Cut:
    """Sizes of a recurrence and of its programs."""

    def __init__(self, heads: int, vectors: list[Tensor | None]) -> None:
        log_a, e, _, w, v, _ = vectors
        members, batch, time, _ = v.shape
        keys, values = w.shape[-1] // heads, v.shape[-1] // heads
        k_pad = padded(keys, 1)
        block = min(padded(values, 1), max(1, _NUMBERS[1] // k_pad))
        self.blocks = triton.cdiv(values, block)
        self.grid = members * batch, heads, self.blocks
        self.sizes = time, heads, keys, values
        self.kept = members * batch * heads * triton.cdiv(time, _CHUNK) * values * keys
        decay = 0 if log_a is None else 1 if log_a.shape[-1] == heads else 2
        warps = 1 if k_pad * block <= _NUMBERS[0] else 4
        self.launch = {
            "DECAY": decay, "ERASES": e is not None, "K_PAD": k_pad, "V_BLOCK": block, "CHUNK": _CHUNK,
            "num_warps": warps, "num_stages": 1,
        }  # fmt: skip

    def rows(self, vectors: list[Tensor]) -> dict[str, int]:
        return {f"{name}_row": tensor.stride(-2) for name, tensor in zip("aefwvq", vectors, strict=True)}

    def parts(self, tensor: Tensor) -> Tensor:
        """A gradient for each block of values."""
        return tensor.new_empty(*tensor.shape[:-1], self.blocks, tensor.shape[-1])
