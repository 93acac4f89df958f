"""Which layout a program gets: of those that the proof covers in its type, that with the fewest layers and weights."""

import itertools
from collections.abc import Iterator

import torch

from plait.compiler.lower import lower
from plait.compiler.plan import ProgramPlan
from plait.compiler.pointwise import ValueTable
from plait.compiler.program import Program
from plait.compiler.schedule import SSM, TF
from plait.compiler.statement import Statement
from plait.constructions.codes import least_base
from plait.constructions.plan import Plan
from plait.constructions.rounding import check_dtype

KEY_GAINS = (1.0, 8.0)
"""Copied keys as quiet as all signals, or eight times as loud, where rounding beside a loud answer would drown them."""

MORE_GAINS = (2.0, 3.0, 4.0)
"""Tried, with codes of other bases, where a type only carries the program."""


def plan_program(
    program: Program,
    seq_len: int,
    *,
    dtype: torch.dtype = torch.float32,
    smallest: bool = False,
    only: str | None = None,
) -> ProgramPlan:
    """The plan of a program at a length.

    Args:
        smallest: look for fewer parameters among codes of other bases.
        only: layers of one kind alone, SSM or TF: what the other kind spares is then seen.

    Raises:
        ValueError: a program without an answer, a length outside [1, 2^20], statements that no layers make, or a type
            that cannot carry it (says which would do).
    """
    check_dtype(dtype)
    plans = _sorted(_candidates(program, seq_len, dtype, smallest=smallest, only=only))
    if (proved := next(filter(Plan.proved, plans), None)) is not None:
        return proved
    if (carried := next(filter(Plan.carried, plans), None)) is not None:
        more = _sorted(_candidates(program, seq_len, dtype, smallest=smallest, only=only, more=True))
        return next(filter(Plan.proved, more), carried)
    if only != SSM:
        sharp = _sorted(_candidates(program, seq_len, dtype, smallest=smallest, only=only, fine=True))
        for enough in (Plan.proved, Plan.carried):
            if (found := next(filter(enough, sharp), None)) is not None:
                return found
    least = min(plans, key=lambda plan: plan.tightest(usual=True).usual_use)
    least.check()
    return least


def _sorted(plans: Iterator[ProgramPlan]) -> list[ProgramPlan]:
    """The fewest layers, then the fewest weights first."""
    return sorted(plans, key=lambda plan: (len(plan.layout.layers), parameters(plan)))


def parameters(plan: ProgramPlan) -> int:
    """How many weights the model has, the tied embedding once."""
    return sum(tensor.numel() for tensor in plan.weights().values())


def _candidates(
    program: Program,
    seq_len: int,
    dtype: torch.dtype,
    *,
    smallest: bool,
    only: str | None,
    more: bool = False,
    fine: bool = False,
) -> Iterator[ProgramPlan]:
    """Tables in either kind of layer, copied keys quiet or loud; with `smallest`, codes of every useful base."""
    n_tokens = program.ordinary_tokens
    # Bits, and the tokens in one digit, in two and in three: more digits of a larger base are never narrower than bits.
    bases = (
        dict.fromkeys((2, *(least_base(n_tokens, digits) for digits in (1, 2, 3))))
        if smallest or more
        else (2,)
    )
    orders = ((TF, SSM), (SSM, TF)) if only is None else ((only,),)
    nested = any(
        isinstance(one, ValueTable) and any(map(_is_inner, one.inputs)) for one in lower(program).labels
    )
    gains = (1.0,) if only == SSM else MORE_GAINS if more else KEY_GAINS  # attention alone compares keys
    flats, reuses = (False, True) if nested else (False,), (False, True) if smallest else (False,)
    for flat, reuse, base, kinds, key_gain in itertools.product(flats, reuses, bases, orders, gains):
        yield ProgramPlan(
            task=program, seq_len=seq_len, dtype=dtype,
            base=base, kinds=kinds, key_gain=key_gain, flat=flat, reuse=reuse, fine=fine,
        )  # fmt: skip


def _is_inner(statement: Statement) -> bool:
    return isinstance(statement, ValueTable) and not statement.of_token
