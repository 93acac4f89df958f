"""The smallest layout that the proof covers, and the trade of width for precision."""

from collections.abc import Mapping
from typing import Any

import torch

from plait.constructions.cost import cost
from plait.constructions.plan import Plan
from plait.constructions.recall import PATTERNS, recall_plans
from plait.constructions.rounding import UNITS, check_dtype, type_name
from plait.constructions.selective import copying_plans
from plait.model import HybridLM
from plait.tasks import DecodingRecall, SelectiveCopying, Task


def layouts(
    task: Task,
    seq_len: int,
    *,
    success: float = 0.99,
    dtype: torch.dtype = torch.float32,
) -> list[Plan]:
    """Every layout of a task's constructions, the fewest parameters first.

    Raises:
        ValueError: a task without a construction, or lengths and rates that it refuses.
    """
    if type(task) is SelectiveCopying:
        plans = copying_plans(task, seq_len, dtype=dtype)
    elif type(task) is DecodingRecall:
        plans = [
            plan
            for pattern in PATTERNS
            for plan in recall_plans(task, seq_len, success=success, pattern=pattern, dtype=dtype)
        ]
    else:
        raise ValueError(
            f"selective copying and decoding recall have constructions, {type(task).__name__} none"
        )
    return sorted(plans, key=lambda plan: cost(plan).parameters)


def smallest_plan(
    task: Task,
    seq_len: int,
    *,
    success: float = 0.99,
    dtype: torch.dtype = torch.float32,
) -> Plan:
    """The layout of fewest parameters that is proved in this type, rounding included.

    bfloat16 is too coarse for worst cases: there it is the smallest that rounding as usually met leaves intact.

    Raises:
        ValueError: nothing carries the task in this type; or as `layouts`.
    """
    check_dtype(dtype)
    plans = layouts(task, seq_len, success=success, dtype=dtype)
    for good in (Plan.proved, Plan.carried):
        for plan in plans:
            if good(plan):
                return plan
    least = min(plans, key=lambda plan: plan.tightest(usual=True).usual_use)
    least.check()
    return least


def smallest(
    task: Task,
    seq_len: int,
    *,
    success: float = 0.99,
    dtype: torch.dtype = torch.float32,
) -> HybridLM:
    """The model of `smallest_plan`.

    Raises:
        ValueError: as `smallest_plan`.
    """
    return smallest_plan(task, seq_len, success=success, dtype=dtype).build()


def tradeoff(task: Task, seq_len: int, *, success: float = 0.99) -> list[Mapping[str, Any]]:
    """One row a layout: how wide it is, and how many significant bits its proof needs.

    Columns: layout, width, parameters, state (scalars of recurrent state), attention_margin (nats), logit_gap,
    precision_bits (bfloat16 has 8, float32 24, float64 53), and for every type whether it is proved, carried or
    refused.
    """
    rows: list[Mapping[str, Any]] = []
    for plan in layouts(task, seq_len, success=success):
        margins, price = plan.margins(), cost(plan)
        verdicts = {
            type_name(dtype): (
                "proved" if plan.proved(dtype) else "carried" if plan.carried(dtype) else "refused"
            )
            for dtype in UNITS
        }
        rows.append(
            {
                "layout": plan.name,
                "pattern": plan.config().pattern,
                "width": price.width,
                "parameters": price.parameters,
                "state": price.ssm_state,
                "attention_margin": margins.attention,
                "logit_gap": margins.logit_gap,
                "precision_bits": plan.precision_bits(),
                **verdicts,
            }
        )
    return rows
