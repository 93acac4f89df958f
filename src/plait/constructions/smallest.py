"""The construction of a task by what a user asks for: the smallest layout that the proof covers, and the trade of
width for precision.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from plait.constructions.copying_plans import copying_plan, copying_plans
from plait.constructions.cost import cost
from plait.constructions.plan import Plan
from plait.constructions.recall import RECALL_PATTERNS, SUCCESS, recall_plan, recall_plans
from plait.constructions.rounding import UNITS, check_dtype, type_name
from plait.model import HybridLM
from plait.tasks import DecodingRecall, SelectiveCopying, Task, task_name


def layouts(
    task: Task,
    seq_len: int,
    *,
    success: float = SUCCESS,
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
            for pattern in RECALL_PATTERNS
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
    success: float = SUCCESS,
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
    success: float = SUCCESS,
    dtype: torch.dtype = torch.float32,
) -> HybridLM:
    """The model of `smallest_plan`.

    Raises:
        ValueError: as `smallest_plan`.
    """
    return smallest_plan(task, seq_len, success=success, dtype=dtype).build()


def tradeoff(task: Task, seq_len: int, *, success: float = SUCCESS) -> list[Mapping[str, Any]]:
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


def chosen_plan(
    task: Task,
    seq_len: int,
    *,
    smallest: bool = False,
    success: float | None = None,
    pattern: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Plan:
    """The plan of a task at a length.

    Args:
        smallest: the fewest parameters that the type carries, instead of the layout that is easiest to follow.
        success: of decoding recall: the least probability that a key lies in the window (`SUCCESS` for None).
        pattern: of decoding recall: "SSM-TF-TF" (for None) or "SSM-TF"; the smallest layout chooses by itself.
        dtype: of the weights.

    Raises:
        ValueError: a task without a construction, a choice that it does not have, or what the construction refuses.
    """
    if type(task) is DecodingRecall:
        rate = SUCCESS if success is None else success
        if smallest and pattern is not None:
            raise ValueError("the smallest layout chooses its pattern by itself: leave pattern out")
        if smallest:
            return smallest_plan(task, seq_len, success=rate, dtype=dtype)
        return recall_plan(task, seq_len, success=rate, pattern=pattern or "SSM-TF-TF", dtype=dtype)
    if type(task) is not SelectiveCopying:
        raise ValueError(
            f"selective-copying and decoding-recall have a construction, {task_name(task)} has none"
        )
    if success is not None or pattern is not None:
        raise ValueError(
            "success and pattern are choices of decoding-recall; selective-copying is always right"
        )
    if smallest:
        return smallest_plan(task, seq_len, dtype=dtype)
    return copying_plan(task, seq_len, dtype=dtype)


_WORDS = (8, 26, 64, 256, 1024)
_LARGEST = (4, 9, 16, 64, 256)
_BITS = (1, 2, 3, 4, 5, 6, 8)
_LENGTHS = (50, 100, 1_000, 10_000, 100_000)
"""What `growth` varies, around the experiments' 26 words, numbers to 9, 3 bits and 100 tokens."""


def growth(dtype: torch.dtype = torch.float64) -> list[Mapping[str, Any]]:
    """Costs of the default layouts, one quantity varied at a time from the experiments' sizes.

    Columns: construction, varied, value, then those of `BuiltCost` at that length (100 tokens where it is not varied).
    """
    rows: list[Mapping[str, Any]] = []
    for varied, value, seq_len, plan in _plans(dtype):
        row = {"construction": plan.kind, "varied": varied, "value": value}
        rows.append(row | dict(cost(plan, seq_len).to_json()))
    return rows


def _plans(dtype: torch.dtype) -> Iterator[tuple[str, int, int, Plan]]:
    for n_words in _WORDS:
        task = SelectiveCopying(n_words=n_words)
        yield "words", n_words, 100, copying_plan(task, 100, dtype=dtype)
    for largest in _LARGEST:
        task = SelectiveCopying(numbers=tuple(range(1, largest + 1)))
        yield "numbers up to", largest, 100, copying_plan(task, 100, dtype=dtype)
    for seq_len in _LENGTHS:
        yield "length", seq_len, seq_len, copying_plan(SelectiveCopying(), seq_len, dtype=dtype)
    for n_bits in _BITS:
        yield "bits", n_bits, 100, recall_plan(DecodingRecall(n_bits=n_bits), 100, dtype=dtype)
    for seq_len in _LENGTHS:
        yield "length", seq_len, seq_len, recall_plan(DecodingRecall(), seq_len, dtype=dtype)
