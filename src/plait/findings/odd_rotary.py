"""What an odd number of rotary dimensions does: the released program's way of turning them beside whole pairs.

With 1, 3 or 5 of them (widths 4, 12 and 20 with one head) the program cuts its table of angles, and what it computes is
no rotation (`plait.layers.rope`). Every model that has such a width was trained both ways, all else alike.
"""

from dataclasses import dataclass

from plait.experiments import Cell, Difference, Experiment, paired_difference
from plait.experiments.settings import has_odd_rotary
from plait.findings.beside_paper import STAGES
from plait.findings.evidence import StoredRows

(_, _RELEASED), (_, _PAIRED) = STAGES[1:3]
"""Two neighbours on the way from the program to ours, which differ in this alone."""


@dataclass(frozen=True, kw_only=True)
class OddModel:
    """One model both ways.

    Args:
        turning: dimensions that turn as the program has them; one more in pairs.
        released, paired: the cells.
        difference: the former less the latter, over shared seeds.
    """

    turning: int
    released: Cell
    paired: Cell
    difference: Difference


def odd_rotary(experiment: Experiment, stored: StoredRows) -> tuple[OddModel, ...]:
    """Every model of the experiment that turns an odd number of dimensions and is trained both ways."""
    released, paired = (stored.placed(experiment.in_setting(setting)) for setting in (_RELEASED, _PAIRED))
    found: list[OddModel] = []
    for place, cell in released.items():
        other = paired.get(place)
        if other is None or not has_odd_rotary(cell.run.model) or not set(cell.seeds) & set(other.seeds):
            continue
        odd = (spec.d_turning for spec in cell.run.model.layer_specs() if spec.d_turning % 2)
        found.append(
            OddModel(turning=max(odd), released=cell, paired=other, difference=paired_difference(cell, other))
        )
    return tuple(found)
