"""A lag of a table in one SSM layer: what the convolution reads before the start must come out as nothing."""

from collections.abc import Callable

import pytest
import torch

from plait.compiler import Program, plan_program
from plait.compiler.pointwise import ValueTable
from plait.compiler.statement import Statement
from plait.constructions import check_lemmas
from plait.verify import Checks, verify

LENGTH = 6

Made = Callable[[Program], Statement]


def count(p: Program) -> Statement:
    return p.table(lambda n: "aba"[n], p.count(p.embed({"a": 1, "b": 0}), most=2))


def count_that_stays(p: Program) -> Statement:
    return p.table(lambda n: "aba"[n], p.count(p.embed({"a": 1, "b": 0}), most=2, stay=True))


def register(p: Program) -> Statement:
    return p.table(lambda n: "aabb"[n], p.register(p.embed({"a": 1, "b": 0}), 2))


def nothing_that_is_something(p: Program) -> Statement:
    held = p.hold(p.token, when=p.embed({"a": True, "b": False}))
    return p.table({"a": "b", "b": "a", None: "a"}, held, partial=True)


def two_codes(p: Program) -> Statement:
    held = p.hold(p.token, when=p.embed({"a": True, "b": False}))
    known = p.table({"a": "b", "b": "a"}, held, nothing="a")
    return p.table(lambda one, other: "ab"[one == other], known, p.token)


MADE = [count, count_that_stays, register, nothing_that_is_something, two_codes]


def answering(made: Made, look: str) -> Program:
    """What stands at the latest or earliest position behind which the table said this token."""
    p = Program("ab")
    p.said = made(p)
    p.before = p.lag(p.said)
    p.answer = getattr(p, look)(p.token, key=p.before, query=p.token)
    return p


@pytest.mark.parametrize("look", ["latest", "earliest"])
@pytest.mark.parametrize("made", MADE)
def test_a_lag_of_a_table_is_nothing_before_the_start(made: Made, look: str) -> None:
    program = answering(made, look)
    model = plan_program(program, LENGTH).build()
    assert verify(model, program, Checks(seq_len=LENGTH, exhaustive=True)).verified[0].total.wrong == 0
    tokens = torch.cartesian_prod(*[torch.arange(2)] * LENGTH)
    assert [str(check) for check in check_lemmas(model, tokens) if not check.holds] == []


def test_a_table_that_is_nothing_at_zeros_is_lagged_in_its_own_layer() -> None:
    """Of a count that is nothing at 0 the zeros say so, so that no layer is added."""
    patterns: list[str] = []
    for first in (None, "a"):
        p = Program("ab")
        p.said = p.table(
            lambda n, first=first: (first, "b", "a")[n], p.count(p.embed({"a": 1, "b": 0}), most=2)
        )
        assert isinstance(p.said, ValueTable)
        assert p.said.begins_as_nothing is (first is None)
        p.answer = p.latest(p.token, key=p.lag(p.said), query=p.token)
        plan = plan_program(p, LENGTH)
        assert verify(plan.build(), p, Checks(seq_len=LENGTH, exhaustive=True)).verified[0].total.wrong == 0
        patterns.append(plan.config().pattern)
    assert patterns[0] == "SSM-SSM-TF"
    assert len(patterns[1].split("-")) == 4
