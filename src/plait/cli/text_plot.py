"""Curves on a terminal: both axes logarithmic, a letter a curve."""

from collections.abc import Sequence
from itertools import pairwise
from math import log

from plait.advisor.curves import Curve

WIDTH, HEIGHT = 64, 16

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def text_plot(curves: Sequence[Curve]) -> list[str]:
    """Lines of text; where two curves meet stands the later one's letter, and what holds nothing is not drawn.

    Raises:
        ValueError: more curves than letters.
    """
    if len(curves) > len(LETTERS):
        raise ValueError(f"at most {len(LETTERS)} curves can be drawn at once, got {len(curves)}")
    drawn = [(x, y) for curve in curves for x, y in curve.points if y]
    if not drawn:
        return ["nothing is held at any length"]
    xs, ys = ([point[axis] for point in drawn] for axis in (0, 1))
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for letter, curve in zip(LETTERS, curves, strict=False):
        for x, y in _dense(curve):
            row = HEIGHT - 1 - round(_share(y, min(ys), max(ys)) * (HEIGHT - 1))
            grid[row][round(_share(x, min(xs), max(xs)) * (WIDTH - 1))] = letter
    marks = {0: _amount(max(ys)), HEIGHT - 1: _amount(min(ys))}
    lines = ["held against length, both logarithmic"]
    lines += [f"{marks.get(i, ''):>12} |{''.join(row).rstrip()}" for i, row in enumerate(grid)]
    ends = f"{min(xs):,} tokens", f"{max(xs):,} tokens"
    lines.append(f"{'':>12} +{'-' * WIDTH}")
    lines.append(f"{'':>14}{ends[0]}{ends[1]:>{WIDTH - len(ends[0])}}")
    lines += [f"{letter} {curve.name}" for letter, curve in zip(LETTERS, curves, strict=False)]
    return lines


def _dense(curve: Curve) -> list[tuple[float, float]]:
    """Points between points, straight in logarithms."""
    held = [(float(x), float(y)) for x, y in curve.points if y]
    found = held[:1]
    for (x0, y0), (x1, y1) in pairwise(held):
        found += [(x0 * (x1 / x0) ** (k / 16), y0 * (y1 / y0) ** (k / 16)) for k in range(1, 17)]
    return found


def _share(value: float, low: float, high: float) -> float:
    return 0.0 if high <= low else min(max(log(value / low) / log(high / low), 0.0), 1.0)


def _amount(n: int) -> str:
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if n >= 1 << power:
            return f"{n / (1 << power):,.4g} {unit}"
    return f"{n:,} bytes"
