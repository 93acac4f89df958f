"""What the Triton kernels share: loads and stores of tiles, scalar functions, the two norms, sums of gradients, cuts.

A program holds a tile of tokens by features in registers, padded to powers of two; what lies outside is masked
to zero. How the work of a layer is cut into programs is said for each kernel by itself, with the cuts that were
fastest. Triton is imported here and in the modules beside, never by `import plait`.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import inspect
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

HOST_NUMBERS = ("draw", "step", "purpose", "limit")
"""Arguments whose values change from call to call, and for which no kernel is compiled anew."""


def padded(size: int, least: int = 16) -> int:
    """The power of two that holds `size`; products of tiles need at least 16."""
    return max(least, triton.next_power_of_2(max(size, 1)))


def member_kernel(function):
    """`triton.jit` for a kernel that reads members' weights: whatever has its member stride beside it as `NAME_stride`.

    It is compiled alike wherever these weights lie, or its sums could round otherwise.
    """
    names = inspect.signature(function).parameters
    strides = [name for name in names if name.endswith("_stride")]
    weights = [name.removesuffix("_stride") for name in strides]
    fixed = [*strides, *(name for name in HOST_NUMBERS if name in names)]
    return triton.jit(function, do_not_specialize=fixed, do_not_specialize_on_alignment=weights)


def sized_kernel(*sizes):
    """`member_kernel` for a kernel that is compiled once for all values of these arguments."""

    def decorated(function):
        names = inspect.signature(function).parameters
        strides = [name for name in names if name.endswith("_stride")]
        weights = [name.removesuffix("_stride") for name in strides]
        return triton.jit(
            function, do_not_specialize=[*strides, *sizes], do_not_specialize_on_alignment=weights
        )

    return decorated


@triton.jit
def product(a, b, PRECISION: tl.constexpr):
    """The product of two tiles, summed in float32; "bf16" rounds both to bfloat16 first."""
    if PRECISION == "bf16":
        a = a.to(tl.bfloat16)
        b = b.to(tl.bfloat16)
    return tl.dot(a, b, input_precision="ieee" if PRECISION == "bf16" else PRECISION)


@triton.jit
def sigmoid(x):
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def softplus(x):
    """`max(x, 0) + log(1 + exp(-|x|))`, the logarithm as the series of 2 artanh(e / (2 + e)): exact for small e."""
    e = tl.exp(-tl.abs(x))
    s = e / (2.0 + e)
    square = s * s
    series = square * (1.0 / 15.0) + 1.0 / 13.0
    series = series * square + 1.0 / 11.0
    series = series * square + 1.0 / 9.0
    series = series * square + 1.0 / 7.0
    series = series * square + 1.0 / 5.0
    series = series * square + 1.0 / 3.0
    series = series * square + 1.0
    return tl.maximum(x, 0.0) + 2.0 * s * series


@triton.jit
def silu_slope(x):
    gate = sigmoid(x)
    return gate * (1.0 + x * (1.0 - gate))


@triton.jit
def load_rows(pointer, row, column, n_rows, N_COLUMNS: tl.constexpr):
    """The tile `[row, column]` of a matrix `(n_rows, N_COLUMNS)`, zero outside."""
    mask = ((row >= 0) & (row < n_rows))[:, None] & (column < N_COLUMNS)[None, :]
    return tl.load(pointer + row[:, None] * N_COLUMNS + column[None, :], mask=mask, other=0.0)


@triton.jit
def store_rows(pointer, value, row, column, n_rows, N_COLUMNS: tl.constexpr):
    mask = (row < n_rows)[:, None] & (column < N_COLUMNS)[None, :]
    tl.store(pointer + row[:, None] * N_COLUMNS + column[None, :], value, mask=mask)


@triton.jit
def load_transposed(pointer, row, column, n_rows, N_COLUMNS: tl.constexpr):
    """The same elements as `load_rows`, as the tile `[column, row]`."""
    mask = (column < N_COLUMNS)[:, None] & (row < n_rows)[None, :]
    return tl.load(pointer + row[None, :] * N_COLUMNS + column[:, None], mask=mask, other=0.0)


@triton.jit
def load_vector(pointer, index, size):
    return tl.load(pointer + index, mask=index < size, other=0.0)


@triton.jit
def store_lse(pointer, index, top, total, mask):
    """The logarithm of a sum of exponentials, `top + log(total)`, in two parts.

    Beside a `top` of 10^4, as constructions have it, float32 has no digits left for a `log(total)` of 10^-5, and that
    is all by which a probability differs from 1.
    """
    tl.store(pointer + 2 * index, top, mask=mask)
    tl.store(pointer + 2 * index + 1, tl.log(total), mask=mask)


@triton.jit
def load_lse(pointer, index, mask):
    """`top` and `log(total)`: a score less the first, then less the second, is the logarithm of its weight."""
    return (
        tl.load(pointer + 2 * index, mask=mask, other=0.0),
        tl.load(pointer + 2 * index + 1, mask=mask, other=0.0),
    )


@triton.jit
def normalise(x, inside, D: tl.constexpr, eps):
    """Mean 0 and variance 1 along each row, and the factor that did it."""
    mean = tl.sum(x, axis=1) / D
    centred = tl.where(inside[None, :], x - mean[:, None], 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, axis=1) / D + eps)
    return centred * scale[:, None], scale


@triton.jit
def normalise_backward(dnormal, normal, scale, D: tl.constexpr):
    """The gradient before `normalise` from the one behind it; both zero outside the columns."""
    mean = tl.sum(dnormal, axis=1) / D
    along = tl.sum(dnormal * normal, axis=1) / D
    return (dnormal - mean[:, None] - normal * along[:, None]) * scale[:, None]


_BLOCK = 512


@triton.jit
def _sum_parts(parts, out, n_parts, size, out_stride, BLOCK: tl.constexpr):
    member = tl.program_id(0).to(tl.int64)
    index = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = index < size
    start = parts + member * n_parts * size
    total = tl.load(start + index, mask=inside, other=0.0)
    for part in range(1, n_parts):
        total += tl.load(start + part * size + index, mask=inside, other=0.0)
    tl.store(out + member * out_stride + index, total, mask=inside)


def sum_parts(parts: Float[Tensor, "members parts size"], out: Float[Tensor, "members size"]) -> None:
    """Fill `out`, whose members may lie apart, with the sums of contiguous `parts`."""
    members, n_parts, size = parts.shape
    grid = (members, triton.cdiv(size, _BLOCK))
    _sum_parts[grid](parts, out, n_parts, size, out.stride(0), BLOCK=_BLOCK, num_warps=4)


def by_rows(signal: Tensor) -> Tensor:
    """The signal with the numbers of a token side by side and tokens evenly apart; a part of a wider one mostly is."""
    if signal.is_contiguous():
        return signal
    apart = signal.stride(-2)
    even = signal.stride(-1) == 1 or signal.shape[-1] == 1
    for axis in range(signal.ndim - 2, -1, -1):
        even = even and (signal.shape[axis] == 1 or signal.stride(axis) == apart)
        apart *= signal.shape[axis]
    return signal if even and signal.shape[-2] > 1 else signal.contiguous()


PRECISIONS = ("ieee", "tf32x3", "tf32", "bf16")


class Rows(NamedTuple):
    """`rows` tokens of a member that a program of `warps` warps holds at once."""

    rows: int
    warps: int


_R16W1 = Rows(16, 1)
_R32W1 = Rows(32, 1)
_R32W2 = Rows(32, 2)
_R64W4 = Rows(64, 4)


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """The cut of each kernel; it changes a member's numbers by rounding alone.

    Attributes:
        precision: of products of tiles: "ieee", "tf32x3" (about as exact), "tf32" or "bf16".
        parts: programs that share a member's tokens where weight gradients are summed.
        channels: of a program of the scan, forward and backward.
        chunk: positions between two stored states.
        queries, keys: of a tile of attention weights.
        attention_warps: warps of a program of the attention.
        words: entries of the vocabulary that a program of the head holds at once, at most.

    The others are the kernels of those names.
    """

    precision: str = "tf32x3"
    parts: int = 5
    channels: tuple[int, int] = (16, 16)
    chunk: int = 4
    queries: int = 16
    keys: int = 16
    attention_warps: int = 1
    words: int = 64
    project: Rows = _R32W1
    convolve: Rows = _R32W2
    gather: Rows = _R32W1
    gather_backward: Rows = _R16W1
    convolve_backward: Rows = _R16W1
    project_backward: Rows = _R32W1
    heads: Rows = _R32W1
    combine: Rows = _R32W1
    combine_backward: Rows = _R16W1
    heads_backward: Rows = _R16W1
    score: Rows = _R32W1
    hidden_backward: Rows = _R32W1
    embedding_backward: Rows = _R64W4
    sum_by_word: Rows = _R16W1

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")

    def every(self, rows: int, warps: int) -> "Tiling":
        """The same with one cut for every kernel over rows."""
        names = [field.name for field in fields(self) if isinstance(getattr(self, field.name), Rows)]
        return replace(self, **dict.fromkeys(names, Rows(rows, warps)))

    def launch(self, cut: Rows) -> dict[str, int | str]:
        """What a kernel over rows is started with."""
        return {"ROWS": cut.rows, "PRECISION": self.precision, "num_warps": cut.warps, "num_stages": 1}


_NARROW = Tiling()
_MIDDLE = replace(_NARROW, convolve=Rows(16, 1), project_backward=Rows(16, 1), channels=(32, 16))
_WIDE = Tiling(
    channels=(32, 16),
    chunk=2,
    project=Rows(64, 4),
    convolve=Rows(16, 1),
    gather_backward=Rows(16, 2),
    convolve_backward=Rows(16, 2),
    project_backward=Rows(64, 4),
    combine=Rows(64, 4),
    combine_backward=Rows(16, 2),
    heads_backward=Rows(32, 2),
    score=Rows(64, 4),
    hidden_backward=Rows(32, 2),
)


def tiling_for(width: int) -> Tiling:
    """The cut for a layer whose widest tile has `width` features.

    At 16 (d_model 8) and 48 (d_model 24) it follows what was fastest on an H200; 32 lies between, and beyond 64 a
    program gets more warps.
    """
    known = {16: _NARROW, 32: _MIDDLE, 64: _WIDE}
    return known.get(padded(width)) or replace(_WIDE, channels=(16, 16)).every(16, 4 if width <= 128 else 8)
