"""Loss curves thinned for keeping: fewer points, fewer digits, and files small enough for a repository."""

import itertools
import math
from collections.abc import Sequence

import polars as pl

POINTS = 20
"""Points of a kept curve, at most."""

DIGITS = 4


def thinned(rows: pl.DataFrame, *, points: int = POINTS) -> pl.DataFrame:
    """The rows with curves of at most `points` points, each the mean loss since the point before.

    Nothing else changes. Raises:
        ValueError: fewer than one point.
    """
    if points < 1:
        raise ValueError(f"a curve needs at least one point, got {points}")
    curves = [
        _thin(steps, losses, points) for steps, losses in rows.select("loss_steps", "losses").iter_rows()
    ]
    return rows.with_columns(
        pl.Series("loss_steps", [steps for steps, _ in curves], dtype=pl.List(pl.Int64())),
        pl.Series("losses", [losses for _, losses in curves], dtype=pl.List(pl.Float64())),
    )


def _thin(
    steps: Sequence[int] | None, losses: Sequence[float] | None, points: int
) -> tuple[list[int] | None, list[float] | None]:
    if steps is None or losses is None:
        return None, None
    n_groups = min(points, len(steps))
    edges = [round(i * len(steps) / n_groups) for i in range(n_groups + 1)] if n_groups else [0]
    weights = [b - a for a, b in itertools.pairwise((0, *steps))]
    kept = []
    for first, last in itertools.pairwise(edges):
        total = math.fsum(
            loss * weight for loss, weight in zip(losses[first:last], weights[first:last], strict=True)
        )
        kept.append(float(f"{total / sum(weights[first:last]):.{DIGITS}g}"))
    return [steps[last - 1] for last in edges[1:]], kept
