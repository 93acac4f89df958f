"""Training losses by steps, of the models of a report: at each one's chosen learning rate, a mean over its seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from plait.experiments import Cell, summarise
from plait.experiments.fields import cell_label
from plait.report.document import Picture
from plait.training.curves import loss_figure
from plait.training.identity import member_id

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CURVES = 8
"""Of one picture; of more models each pattern's most accurate one is drawn."""


@dataclass(frozen=True, kw_only=True)
class MeanCurve:
    """The mean loss in nats over a cell's seeds at these steps."""

    label: str
    steps: tuple[int, ...]
    losses: tuple[float, ...]


def loss_picture(cells: Sequence[Cell], rows: pl.DataFrame, *, name: str) -> Picture | None:
    """The loss curves of the cells, from their stored rows; None where no row has a curve."""
    curves = [curve for cell in _told(cells) if (curve := _mean_curve(cell, rows)) is not None]
    if not curves:
        return None

    def draw() -> "Figure":
        return loss_figure([(curve.label, curve.steps, curve.losses) for curve in curves])

    def tell() -> str:
        ends = (f"{c.label} from {c.losses[0]:.3f} to {c.losses[-1]:.3f}" for c in curves)
        return f"Training loss in nats over {curves[0].steps[-1]:,} steps: {'; '.join(ends)}."

    of = "each pattern's most accurate model" if len(cells) > MOST_CURVES else "each model"
    return Picture(
        caption=f"Training loss by steps of {of}, at its chosen learning rate, a mean over seeds",
        draw=draw,
        tell=tell,
        name=name,
        brief="Training loss by steps",
    )


def _told(cells: Sequence[Cell]) -> list[Cell]:
    if len(cells) <= MOST_CURVES:
        return list(cells)
    best: dict[str, Cell] = {}
    for cell in sorted(cells, key=lambda cell: summarise(cell).mean):
        best[cell.pattern] = cell
    return list(best.values())[:MOST_CURVES]


def _mean_curve(cell: Cell, rows: pl.DataFrame) -> MeanCurve | None:
    lr, train = summarise(cell).lr, cell.run.train
    members = [member_id(replace(cell.run, train=replace(train, lr=lr, seed=seed))) for seed in cell.seeds]
    found = rows.filter(pl.col("member").is_in(members) & (pl.col("losses").list.len() > 0))
    curves = found.sort("member").unique("member", maintain_order=True).select("loss_steps", "losses").rows()
    steps = {tuple(steps) for steps, _ in curves}
    if len(steps) != 1:
        return None
    losses = np.array([losses for _, losses in curves], dtype=float).mean(axis=0)
    return MeanCurve(
        label=cell_label(cell.settings), steps=steps.pop(), losses=tuple(float(loss) for loss in losses)
    )
