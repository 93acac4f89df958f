"""How the work of a layer is cut into programs, for each kernel by itself, and the cuts that were fastest."""
# pyright: standard, reportMissingImports=false

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from plait.kernels.common.gpu_tiles import padded

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
