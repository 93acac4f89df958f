"""What sequences hold against their length: points to draw."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from plait.advisor.sizing import Sized, SizingRequest
from plait.memory import Architecture, with_full_attention

SHORTEST, USUAL = 1 << 8, 1 << 17
"""Tokens at which a curve begins, and at which it ends where no longer length was asked for."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Bytes held at each length.

    Args:
        compared: the same model with full attention in every layer.
        points: (tokens, bytes).
    """

    name: str
    points: tuple[tuple[int, int], ...]
    compared: bool = False


def curves(sized: Sequence[Sized], asked: SizingRequest) -> list[Curve]:
    """A curve for each model; one model alone beside itself with full attention, where that is known.

    Raises:
        ValueError: as `Architecture.memory`.
    """
    found = [_curve(one.name, one.model, asked) for one in sized]
    if len(sized) > 1:
        return found
    try:
        full = with_full_attention(sized[0].model)
    except ValueError:
        return found
    return [*found, replace(_curve("full attention", full, asked), compared=True)]


def _curve(name: str, model: Architecture, asked: SizingRequest) -> Curve:
    how: dict[str, Any] = {"batch": asked.batch, "dtype": asked.dtype, "storage": asked.storage}
    points = ((n, model.memory(n, **how).batch_bytes) for n in _lengths(max(asked.lengths)))
    return Curve(name=name, points=tuple(points))


def _lengths(until: int) -> Sequence[int]:
    last = max(until, USUAL)
    powers = range(SHORTEST.bit_length() - 1, (last - 1).bit_length())
    return (*(1 << power for power in powers), last)
