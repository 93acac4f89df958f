"""Lower bounds of the pure models beside what a proved hybrid really holds, at one size or over a range of sizes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plait.checks import check_seconds
from plait.files import read_json
from plait.tasks import DecodingRecall, SelectiveCopying, Task, parse_task, task_name, task_to_json
from plait.theory import Bound, BoundRow, bounds_table
from plait.theory.exact_numbers import exact_fraction
from plait.theory.families import has_family
from plait.theory.table import printed_row

if TYPE_CHECKING:
    from plait.memory.report import BuiltCost

WIDEST_REGISTER = 12
"""Bits of a register beyond which no layout is looked for; float32 carries eight (theory-constructions.md, 7.7)."""

_SUCCESS = 0.99
"""What a hybrid for decoding recall must answer; its window follows from it."""


@dataclass(frozen=True, kw_only=True)
class Proved:
    """The smallest hybrid of a task that its construction gives in float32.

    Args:
        layout: in words.
        proved: rounding included; else rounding as usually met leaves it intact.
        success: the least share of scored positions that it answers: 1 on every input, else on the task's
            distribution.
    """

    layout: str
    pattern: str
    proved: bool
    success: float
    cost: "BuiltCost"


@dataclass(frozen=True, kw_only=True)
class SizedBounds:
    """The bounds of one task.

    Args:
        size: of what is varied; None where nothing is.
        bounds: of the pure models.
        hybrid: None where no construction is known, or none that the dtype carries.
    """

    size: int | None
    bounds: tuple[BoundRow, ...]
    hybrid: Proved | None


def bounds_of(
    task: Task,
    *,
    seq_len: int,
    error: float | Fraction | str = 0,
    size: int | None = None,
    seconds: float = 20,  # as `find_reach` takes where nobody says
) -> SizedBounds:
    """The closed forms of a task of plait; what a search finds for a task of a user's own.

    Args:
        seconds: the budget of each of the two searches.

    Raises:
        ValueError: as `bounds_table`; no budget; for a user's own task an error above 0.
    """
    check_seconds(seconds)
    if has_family(task):
        rows = bounds_table(task, seq_len, error)
    elif exact_fraction(error, "error"):
        raise ValueError(f"at an error above 0 a known family is needed, and {task_name(task)} has none")
    else:
        rows = _searched(task, seq_len, seconds)
    return SizedBounds(size=size, bounds=rows, hybrid=proved_hybrid(task, seq_len))


def _searched(task: Task, seq_len: int, seconds: float) -> tuple[BoundRow, ...]:
    from plait.theory.search import best_state_bits, find_reach

    state, other = best_state_bits(task, seq_len=seq_len, seconds=seconds)
    reach = find_reach(task, seq_len, seconds=seconds)
    rows = (
        BoundRow(
            model="pure SSM",
            needs="state over the cut",
            unit="bits",
            value=state.value,
            note=state.statement + _beside(state, other, seconds),
            bound=state,
        ),
        BoundRow(
            model="pure windowed attention",
            needs="sum over layers of (window - 1)",
            unit="tokens",
            value=reach.value,
            note=reach.statement,
            bound=reach,
        ),
    )
    return (rows[0], *(() if state.printed is None else (printed_row(state.printed),)), rows[1])


def _beside(state: Bound, other: Bound | None, seconds: float) -> str:
    """Which of the two the bound is, and what the other has."""
    if other is None:
        return ""
    bits = f"{float(other.value):,.3f}".rstrip("0").rstrip(".")
    if state.found:
        return f" What is written down for this task has {bits} bits (docs/theory.md, Theorem 2.12)."
    return f" Written down (docs/theory.md, Theorem 2.12); a search of {seconds:g} s found {bits} bits."


def proved_hybrid(task: Task, seq_len: int) -> Proved | None:
    """The hybrid of fewest parameters that a construction gives at this length, if there is one.

    Usual sizes are kept in a file, so that PyTorch need not be imported to look for them again.
    """
    if type(task) is not SelectiveCopying and type(task) is not DecodingRecall:
        return None
    if type(task) is DecodingRecall and task.n_bits > WIDEST_REGISTER:
        return None
    kept = kept_hybrids().get(key_of(task, seq_len))
    return kept if kept is not None else looked_for(task, seq_len)


def looked_for(task: Task, seq_len: int) -> Proved | None:
    """`proved_hybrid` without the file."""
    from plait.constructions import cost, smallest_plan

    try:
        plan = smallest_plan(task, seq_len, success=_SUCCESS)
    except ValueError:
        return None
    return Proved(
        layout=plan.name,
        pattern=plan.config().pattern,
        proved=plan.proved(),
        success=1.0 if type(task) is SelectiveCopying else _SUCCESS,
        cost=cost(plan, seq_len),
    )


KEPT_HYBRIDS = Path(__file__).with_name("hybrids.json")
"""Written by `benchmarks/hybrids.py`; a test holds it against `looked_for`."""


@cache
def kept_hybrids() -> Mapping[str, Proved]:
    """Those of the file, by `key_of`."""
    from plait.memory.report import BuiltCost

    document: Any = read_json(KEPT_HYBRIDS)
    return {key: Proved(**row | {"cost": BuiltCost(**row["cost"])}) for key, row in document.items()}


def key_of(task: Task, seq_len: int) -> str:
    """What decides the smallest hybrid: the task and the length."""
    return json.dumps({**task_to_json(task), "seq_len": seq_len}, separators=(",", ":"))


def bounds_over(
    name: str,
    params: Mapping[str, Any],
    *,
    field: str,
    sizes: Sequence[int],
    seq_len: int,
    error: float | Fraction | str = 0,
    seconds: float = 20,  # as `find_reach` takes where nobody says
) -> tuple[SizedBounds, ...]:
    """The bounds of the task at every size of one of its parameters.

    Raises:
        ValueError: as `parse_task` and `bounds_table`.
    """
    tasks = [parse_task(name, {**params, field: size}) for size in sizes]
    return tuple(
        bounds_of(task, seq_len=seq_len, error=error, size=size, seconds=seconds)
        for task, size in zip(tasks, sizes, strict=True)
    )
