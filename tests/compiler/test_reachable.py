"""Numbers that no sum reaches within the length cost nothing: no steps, no codes, no precision."""

import pytest

from plait.compiler import Program, plan_program
from plait.compiler.lower import lower
from plait.compiler.plan_choice import parameters
from plait.verify import Checks, verify


def parity(most: int) -> Program:
    p = Program("ab")
    p.ones = p.count(p.embed({"a": 1, "b": 0}), most=most)
    p.answer = p.table(lambda n: "ab"[n % 2], p.ones)
    return p


def test_a_count_to_5000_within_100_tokens_is_one_to_100() -> None:
    large, small = (plan_program(parity(most), 100) for most in (5000, 100))
    assert large.proved()
    assert parameters(large) == parameters(small)
    assert large.margins() == small.margins()


def every_kind(most: int) -> Program:
    """What reads a count, through all statements that carry values."""
    p = Program("abc")
    signed = p.embed({"a": 1, "b": 0, "c": -2})
    p.sum = p.count(signed, most=most, least=-most)
    p.code = p.table(lambda n: n, p.sum)
    p.passed = p.table(lambda n: n % 3, p.since(p.embed(lambda name: name == "a"), most=most))
    p.held = p.hold(p.code, when=p.embed(lambda name: name == "b"))
    p.twice = p.product(p.code, p.passed)
    p.known = p.table(lambda n, m: ((n or 0) + (m or 0)) % 3, p.held, p.passed, partial=True)
    p.share = p.mean(p.passed, last=2)
    p.found = p.latest(p.twice, key=p.code, query=p.code)
    p.answer = p.table(lambda n, m, k: "abc"[(n + m + int(2 * k)) % 3], p.found, p.known, p.share)
    return p


@pytest.mark.parametrize("only", [None, "SSM"])
def test_every_statement_says_the_same_over_fewer_values(only: str | None) -> None:
    if only is not None:
        program = Program("abc")
        program.sum = program.count(program.embed({"a": 1, "b": 0, "c": -2}), most=40, least=-40)
        program.answer = program.latest(
            program.token,
            key=program.table(lambda n: n % 4, program.sum),
            query=program.table(lambda n: -n % 4, program.sum),
        )
    else:
        program = every_kind(24)
    model = plan_program(program, 5, only=only).build()
    assert verify(model, program, Checks(seq_len=5, exhaustive=True)).verified[0].total.wrong == 0


def test_a_table_that_says_nothing_within_the_length_is_nothing() -> None:
    p = Program("ab")
    p.ones = p.count(p.embed({"a": 1, "b": 0}), most=50)
    p.late = p.table(lambda n: "a" if n > 40 else None, p.ones)
    p.answer = p.table(lambda late, name: name if late is None else late, p.late, p.token, partial=True)
    model = plan_program(p, 6).build()
    assert verify(model, p, Checks(seq_len=6, exhaustive=True)).verified[0].total.wrong == 0


def test_without_a_length_nothing_is_left_out() -> None:
    whole = lower(parity(50)).answer.inputs[0]
    assert len(whole.domain) == 51
    assert whole.domain[:8] == lower(parity(50), seq_len=7).answer.inputs[0].domain
