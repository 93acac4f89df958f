"""Where a model stands against the frontier of a task: how far its windows reach, and what its recurrent states hold.

A window or a convolution may be counted in either way, as reach or, with what its cache holds, as state: the theorem
holds for both. So a model has several points, and one below the curve is enough to rule it out. Source:
docs/theory.md, Theorem 11.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from plait.memory import Architecture, architecture_of
from plait.memory.block import AnyLayer, Block, Cached, SideBySide
from plait.model import HybridConfig
from plait.theory import FrontierPoint


@dataclass(frozen=True, kw_only=True)
class Held:
    """One way to count a model.

    Args:
        reach: tokens that the windows and convolutions counted as such reach back in all; None without limit.
        bits: that all else carries from token to token, as held.
        counted: what is counted as reach, in words.
    """

    reach: int | None
    bits: int
    counted: str


@dataclass(frozen=True, kw_only=True)
class PlacedModel:
    """A model beside the curve.

    Args:
        held: the way to count it that comes nearest to the curve, or furthest below.
        needed: bits that recurrent states need at that reach; 0 where windows see everything.
        ruled_out: held.bits < needed: whatever its weights, it is wrong on some input.
    """

    held: Held
    needed: Fraction
    ruled_out: bool


def held_by(model: HybridConfig | Architecture, *, seq_len: int, dtype: object = None) -> tuple[Held, ...]:
    """The points of a model in `dtype` (its own by default), windows as reach first.

    A layer of a user's own counts as state, or as reaching without limit if what it holds grows. Of layers side by side
    the one that reaches furthest counts, and the states of all.

    Raises:
        ValueError: an unknown dtype, or a layer that cannot be imported.
    """
    architecture = model if isinstance(model, Architecture) else architecture_of(model)
    name = architecture.checked_dtype(dtype)
    cached, later = (
        Cached(seq_len=n, convention=architecture.convention, phase="decode") for n in (seq_len, 2 * seq_len)
    )
    reach: int | None = 0
    bits = whole = 0
    for index, layer in enumerate(architecture.layers):
        whole += 8 * layer.memory(index, cached=cached, dtype=name).state_bytes
        furthest: int | None = 0
        for side in layer.sides if isinstance(layer, SideBySide) else (layer,):
            far, held = _told(side, cached, later, dtype=name)
            furthest = None if furthest is None or far is None else max(furthest, far)
            bits += held
        reach = None if reach is None or furthest is None else reach + furthest
    points = [Held(reach=reach, bits=bits, counted="windows and convolutions")]
    if whole > bits and reach is not None and reach < seq_len - 1:
        points.append(Held(reach=0, bits=whole, counted="nothing: caches and tails are state"))
    return tuple(points)


def placed(points: Sequence[FrontierPoint], held: Sequence[Held]) -> PlacedModel:
    """The model beside the curve, by the way of counting that tells most against it."""
    options = [
        PlacedModel(held=one, needed=needed, ruled_out=one.bits < needed)
        for one in held
        for needed in [needed_at(points, one.reach)]
    ]
    return min(options, key=lambda option: (not option.ruled_out, option.held.bits - option.needed))


def needed_at(points: Sequence[FrontierPoint], reach: int | None) -> Fraction:
    """Bits that the curve asks for at a reach: what is needed at a greater one is needed here too."""
    if reach is None:
        return Fraction(0)
    return max((point.bits for point in points if point.reach >= reach), default=Fraction(0))


def _told(layer: AnyLayer, cached: Cached, later: Cached, *, dtype: str) -> tuple[int | None, int]:
    """How far a layer reaches, and the bits of what it holds beside that; of sides with formulas the furthest tells."""
    if any(block.recurrent or block.conv or block.score or block.kv_per_token for block in layer.blocks):
        fars: dict[int, int | None] = {}
        for block in layer.blocks:
            before, far = fars.get(block.side, 0), _reach(block)
            fars[block.side] = None if before is None or far is None else before + far
        known = [far for far in fars.values() if far is not None]
        furthest = max(known) if len(known) == len(fars) else None
        return furthest, sum(_state_bits(block, cached, dtype) for block in layer.blocks)
    held = layer.memory(0, cached=cached, dtype=dtype)
    if held.kv_cache != layer.memory(0, cached=later, dtype=dtype).kv_cache:
        return None, 0
    return 0, 8 * held.state_bytes


def _reach(block: Block) -> int | None:
    if block.pool or ((block.score or block.kv_per_token) and block.window is None):
        return None
    window = block.window - 1 if (block.score or block.kv_per_token) and block.window else 0
    return window + block.conv_reach


def _state_bits(block: Block, cached: Cached, dtype: str) -> int:
    """Bits of recurrent state, and of the tails of convolutions whose reach is not told."""
    counted = replace(block, conv=0, token_ids=0) if block.conv_reach else block
    held = counted.held(cached, dtype)
    return ceil(held.bits - held.kv_bits)
