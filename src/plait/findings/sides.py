"""Pure models and hybrids apart, and the parameters of the one over those of the other."""

from collections.abc import Mapping, Sequence

import numpy as np

from plait.experiments import Cell, Ratio, ratio_curve

ACCURACIES = tuple(round(0.5 + 0.01 * i, 2) for i in range(50))
"""From .5 to .99."""

Ratios = Mapping[str, tuple[Ratio, ...]]


def is_pure(cell: Cell) -> bool:
    return len(set(cell.run.model.parts)) == 1


def sides(cells: Sequence[Cell]) -> tuple[dict[str, list[Cell]], list[Cell]]:
    """Pure cells, all together and by pattern, and hybrid ones."""
    pure = [cell for cell in cells if is_pure(cell)]
    by_pattern = {cell.pattern: [c for c in pure if c.pattern == cell.pattern] for cell in pure}
    together = {"smallest pure": pure} if len(by_pattern) > 1 else {}
    return together | by_pattern, [cell for cell in cells if not is_pure(cell)]


def ratios_by_pattern(cells: Sequence[Cell], accuracies: Sequence[float] = ACCURACIES) -> Ratios | None:
    """For each pure pattern and all of them, the ratio at every accuracy; None without both kinds of cells."""
    pure, hybrid = sides(cells)
    if not pure or not hybrid:
        return None
    return {name: ratio_curve(side, hybrid, accuracies) for name, side in pure.items()}


def held_to(cell: Cell, lrs: Sequence[float]) -> Cell | None:
    """The cell with some of its learning rates alone; None where it has none of them."""
    kept = [place for place, lr in enumerate(cell.lrs) if any(np.isclose(lr, other) for other in lrs)]
    if not kept:
        return None
    return cell.of_rates(kept)
