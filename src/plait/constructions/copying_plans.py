"""Selective copying: the construction of a task and a type."""

import torch

from plait.checks import check_integer
from plait.constructions.codes import least_base
from plait.constructions.copying import CopyingLayout, CopyingPlan
from plait.constructions.cost import cost
from plait.constructions.line import LinePlan
from plait.constructions.plan import Plan
from plait.constructions.rounding import check_dtype
from plait.model import HybridLM
from plait.tasks import SelectiveCopying

FREQUENCIES = (1, 2, 4, 8)
"""Numbers of rotary frequencies that layouts come with."""

_LARGEST_NUMBER = 2**20
"""Numbers above it are refused before any layout is computed: windows would have as many positions."""


def copying_plans(task: SelectiveCopying, seq_len: int, *, dtype: torch.dtype) -> list[Plan]:
    """All layouts: one line, then digits of every base on 1, 2, 4 and 8 frequencies.

    Raises:
        ValueError: a length below 1, or numbers too large for any rotary base.
    """
    check_integer("seq_len", seq_len, least=1)
    if max(task.numbers) > _LARGEST_NUMBER:
        raise ValueError(
            f"selective copying with numbers up to {max(task.numbers):,}: every distance of the window is compared for "
            f"the margin, so numbers up to {_LARGEST_NUMBER:,} are built"
        )
    points = max(task.n_words, len(task.numbers))
    bases = dict.fromkeys(least_base(points, digits) for digits in range(1, points.bit_length() + 1))
    layouts = [
        CopyingLayout(base=base, n_frequencies=n_frequencies)
        for base in bases
        for n_frequencies in FREQUENCIES
    ]
    plans: list[Plan] = [LinePlan(task=task, seq_len=seq_len, dtype=dtype)]
    plans += [CopyingPlan(task=task, seq_len=seq_len, dtype=dtype, layout=layout) for layout in layouts]
    possible = [plan for plan in plans if _can_turn(plan)]
    if not possible:
        plans[-1].config()
    return possible


def copying_plan(
    task: SelectiveCopying,
    seq_len: int,
    *,
    dtype: torch.dtype = torch.float32,
    layout: CopyingLayout | None = None,
) -> Plan:
    """The plan of `selective_copying`: the first that is proved in this type, or else carried; those of a coordinate a
    bit first, on as few frequencies as do."""
    check_dtype(dtype)
    if layout is not None:
        return CopyingPlan(task=task, seq_len=seq_len, dtype=dtype, layout=layout)
    plans = copying_plans(task, seq_len, dtype=dtype)
    bits = [plan for plan in plans if isinstance(plan, CopyingPlan) and plan.layout.base == 2]
    others = sorted((plan for plan in plans if plan not in bits), key=lambda plan: cost(plan).parameters)
    for good in (Plan.proved, Plan.carried):
        for plan in (*bits, *others):
            if good(plan):
                return plan
    return min(plans, key=lambda plan: plan.tightest(usual=True).usual_use)


def selective_copying(
    task: SelectiveCopying,
    seq_len: int,
    *,
    dtype: torch.dtype = torch.float32,
    layout: CopyingLayout | None = None,
) -> HybridLM:
    """A model that is right at every scored position of every input.

    Args:
        task: its words and numbers.
        seq_len: tokens of a sequence; distances are relative, so every length is served alike.
        dtype: of the weights.
        layout: None for one that is proved in the type, of one coordinate a bit and few frequencies if there is one.

    Raises:
        ValueError: numbers too large or words too many for the type (says which type would do), or a length
            below 1.
    """
    return copying_plan(task, seq_len, dtype=dtype, layout=layout).build()


def _can_turn(plan: Plan) -> bool:
    """Whether a rotary base exists whose slowest frequency is slow enough."""
    try:
        plan.config()
    except ValueError:
        return False
    return True
