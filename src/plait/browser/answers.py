"""Questions by name, asked and answered in JSON."""

import inspect
import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from plait.browser.size import ruled_out, size
from plait.checks import check_integer, cut, unknown
from plait.tasks import TASKS, Task, parse_task, task_name, task_to_json
from plait.tasks.plain import drawn_row
from plait.tasks.rows import label_rows
from plait.theory import BoundRow, bounds_table
from plait.theory.exact_numbers import exact_fraction, log2_floor
from plait.theory.families import has_family
from plait.theory.recurrent import table_state_bits
from plait.theory.states import frontier_factors

MOST_CHARACTERS = 4 * 2**20
"""Of a question; a config file has some thousands."""

_MOST_TOKENS = 2**17
"""Tokens that are labelled at once."""

MOST_STATE_DIGITS = 400
"""Decimal digits of a number of states that the page writes out; three bits make less than one."""

MOST_REACHES = 400
"""Points of a frontier that are drawn at most."""

EXAMPLE, _MOST_SEEDS = 18, 20
"""Tokens of a row to begin with, and seeds that are tried for one."""

SAME = 12
"""A frontier that has stayed level for so many tokens of reach is drawn no further."""


def answer(question: str) -> str:
    """The JSON of `{"answer": ..}`, or of `{"error": line}` for whatever is wrong with the question.

    A question is an object with `ask`, a name of `QUESTIONS`, and that function's arguments.
    """
    try:
        return json.dumps({"answer": _answered(question)}, allow_nan=False)
    except ImportError as error:
        return json.dumps(
            {"error": f"this is computed with {error.name}, which a page does not have: install plait"}
        )
    except (ValueError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        line = " ".join(str(error).split()) or type(error).__name__
        return json.dumps({"error": cut(line, most=400)})


def _answered(question: str) -> Any:
    if len(question) > MOST_CHARACTERS:
        raise ValueError(f"a question has at most {MOST_CHARACTERS:,} characters, got {len(question):,}")
    asked = json.loads(question)
    if not isinstance(asked, dict):
        raise ValueError("a question is a JSON object")
    name = asked.pop("ask", None)
    if name not in QUESTIONS:
        raise ValueError(unknown("question", str(name), tuple(QUESTIONS)))
    known = inspect.signature(QUESTIONS[name]).parameters
    for argument in asked:
        if argument not in known:
            raise ValueError(unknown(f"argument of {name!r}", argument, tuple(known)))
    for argument, parameter in known.items():
        if parameter.default is parameter.empty and argument not in asked:
            raise ValueError(f"{name!r} needs {argument!r}")
    return QUESTIONS[name](**asked)


def tasks() -> list[dict[str, Any]]:
    """Every built-in task with its parameters, its tokens, and a row in which something is scored."""
    return [
        {
            "task": name,
            "params": task_to_json(task())["params"],
            "vocab_size": task().vocab_size,
            "token_names": list(task().token_names),
            "example": _example(task()),
        }
        for name, task in TASKS.items()
    ]


def _example(task: Task) -> list[int]:
    """The first row of `EXAMPLE` tokens that a sampler draws, scored somewhere."""
    drawn = (drawn_row(task, seed=seed, seq_len=EXAMPLE) for seed in range(_MOST_SEEDS))
    rows = (row for row in drawn if row and any(target is not None for target in label_rows(task, [row])[0]))
    return next(rows, [0])


def _bounds(
    task: str, params: Mapping[str, Any] | None = None, seq_len: int = 100, error: str = "0"
) -> dict[str, Any]:
    """What pure models need at least, by closed forms and with the frontier; else by a table (Theorem 2.12).

    Raises:
        ValueError: an unknown task, one of which neither is known, or what `bounds_table` refuses.
    """
    made = parse_task(_built_in(task), params)
    check_integer("seq_len", seq_len, least=1, most=2**20)
    closed = has_family(made)
    found = bounds_table(made, seq_len, error) if closed else _by_table(made, seq_len, error)
    rows = [
        {
            "model": row.model,
            "needs": row.needs,
            "unit": row.unit,
            "value": _number(row.value),
            "states": _states(None if row.bound is None else row.bound.states),
            "note": row.note,
        }
        for row in found
    ]
    return {"task": task_to_json(made), "bounds": rows, "frontier": _frontier(made) if closed else []}


def _by_table(task: Task, seq_len: int, error: str) -> tuple[BoundRow, ...]:
    """What a table that is written and read back forces on a state; a search, which needs torch, may find more.

    Raises:
        ValueError: an error above 0, a task without a table, or a length that holds none.
    """
    name = task_name(task)
    if exact_fraction(error, "error"):
        raise ValueError(f"{name} has bounds without errors alone: allow none")
    bound = table_state_bits(task, seq_len)
    if bound is None:
        raise ValueError(
            f"no bound of {name} at {seq_len} tokens is written down: `plait bounds {name}` searches for one"
        )
    note = f"{bound.statement} A search may find more: `plait bounds {name}`."
    return (
        BoundRow(
            model="pure SSM",
            needs="state over the cut",
            unit="bits",
            value=bound.value,
            note=note,
            bound=bound,
        ),
    )


def label(task: str, rows: object, params: Mapping[str, Any] | None = None) -> list[list[int | None]]:
    """The target of every position, null where nothing is scored.

    Raises:
        ValueError: an unknown task, rows that it cannot contain, or too many tokens.
    """
    n = sum(len(row) for row in rows if isinstance(row, list)) if isinstance(rows, list) else 0
    if n > _MOST_TOKENS:
        raise ValueError(f"at most {_MOST_TOKENS:,} tokens are labelled at once, got {n:,}")
    return label_rows(parse_task(_built_in(task), params), rows)


def _built_in(name: str) -> str:
    """A page runs nobody's module."""
    if name not in TASKS:
        raise ValueError(unknown("task", str(name), tuple(TASKS)))
    return name


def _frontier(task: object) -> list[dict[str, Any]]:
    """Reach and the bits that recurrent states need beside it, at any length, up to where nothing changes."""
    points: list[dict[str, Any]] = []
    for reach in range(MOST_REACHES):
        bits = _number(log2_floor(frontier_factors(task, reach), parts=1000))
        points.append({"reach": reach, "bits": bits})
        if len(points) > SAME and points[-SAME]["bits"] == bits:
            return points[: 1 - SAME]
    return points


def _number(value: Fraction | int | float) -> int | float:
    return (
        value
        if isinstance(value, int | float)
        else value.numerator
        if value.denominator == 1
        else float(value)
    )


def _states(states: int | None) -> str | None:
    """The exact number in digits, where they are few enough to read."""
    if states is None or states.bit_length() > 3 * MOST_STATE_DIGITS:
        return None
    return str(states)


QUESTIONS: Mapping[str, Callable[..., Any]] = {
    "tasks": tasks,
    "size": size,
    "ruled out": ruled_out,
    "bounds": _bounds,
    "label": label,
}
