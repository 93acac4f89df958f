"""Pure models and hybrids apart, and the parameters of the one over those of the other.

The ratio by what an experiment sets: dropout, initial weights and precision; states and MLP.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from plait.experiments import Cell, Ratio, cell_label, headline_ratio, ratio_curve, value_text
from plait.findings.series import value_of

ACCURACIES = tuple(round(0.5 + 0.01 * i, 2) for i in range(50))
"""From .5 to .99."""

Ratios = Mapping[str, tuple[Ratio, ...]]


def is_pure(cell: Cell) -> bool:
    return len(set(cell.run.model.parts)) == 1


def pure_and_hybrid(cells: Sequence[Cell]) -> tuple[dict[str, list[Cell]], list[Cell]]:
    """Pure cells, all together and by pattern, and hybrid ones."""
    pure = [cell for cell in cells if is_pure(cell)]
    by_pattern = {cell.pattern: [c for c in pure if c.pattern == cell.pattern] for cell in pure}
    together = {"smallest pure": pure} if len(by_pattern) > 1 else {}
    return together | by_pattern, [cell for cell in cells if not is_pure(cell)]


def ratios_by_pattern(cells: Sequence[Cell], accuracies: Sequence[float] = ACCURACIES) -> Ratios | None:
    """For each pure pattern and all of them, the ratio at every accuracy; None without both kinds of cells."""
    pure, hybrid = pure_and_hybrid(cells)
    if not pure or not hybrid:
        return None
    return {name: ratio_curve(side, hybrid, accuracies) for name, side in pure.items()}


def held_to(cell: Cell, lrs: Sequence[float]) -> Cell | None:
    """The cell with some of its learning rates alone; None where it has none of them."""
    kept = [place for place, lr in enumerate(cell.lrs) if any(np.isclose(lr, other) for other in lrs)]
    if not kept:
        return None
    return cell.of_rates(kept)


DECISIVE = {"selective-copying": 0.9, "multi-key-recall": 0.6}
"""The accuracy at which each task's verdict is read."""

CHOICES = ("model.dropout", "model.init", "train.dtype")


def setting_ratios(cells: Sequence[Cell]) -> list[tuple[str, str, Ratio]]:
    """The headline ratio at the decisive accuracy, by task and by the setting of what `choices` varies."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        setting = cell_label({path: value_of(cell, path) for path in CHOICES})
        groups.setdefault((value_text(cell.run.task), setting), []).append(cell)
    found: list[tuple[str, str, Ratio]] = []
    for (task, setting), group in groups.items():
        pure, hybrid = pure_and_hybrid(group)
        if task in DECISIVE and pure and hybrid:
            smallest = next(iter(pure.values()))
            found.append((task, setting, headline_ratio(smallest, hybrid, DECISIVE[task])))
    return found


def leaner_ratios(cells: Sequence[Cell], accuracy: float) -> list[tuple[str, str, Ratio]]:
    """Each setting of the pure models against each of the hybrids': labels, pure first, and the ratio.

    Settings of a single size are left out.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(_block_words(cell), []).append(cell)
    rows = {label: group for label, group in groups.items() if len({c.parameters for c in group}) > 1}
    pure = {label: group for label, group in rows.items() if is_pure(group[0])}
    hybrid = {label: group for label, group in rows.items() if label not in pure}
    return [
        (small, mixed, headline_ratio(pure[small], hybrid[mixed], accuracy))
        for mixed in hybrid
        for small in pure
    ]


def _block_words(cell: Cell) -> str:
    """`TF-TF without MLP`, `SSM-TF with 1 state, Mamba's initial weights`: what `lean` varies beside widths."""
    states, init, mlp = (value_of(cell, f"model.{name}") for name in ("d_state", "init", "mlp_factor"))
    words = [] if is_pure(cell) else [f"with {states} state{'s' if states != 1 else ''}"]
    words += ["Mamba's initial weights"] if init == "mamba" else []
    words += ["without MLP"] if mlp == 0 else []
    return f"{cell.pattern} {', '.join(words)}".strip()
