"""Signals that are not what they stand for: refused, made codes, or counted as far as they go."""

import math

import pytest
import torch
from program_cases import STATEMENTS, program_of

from plait.compiler import Program, plan_program
from plait.compiler.demands import check_met, demands, needs_code
from plait.compiler.flow import Flow
from plait.compiler.lookups import Mean
from plait.compiler.lower import lower
from plait.compiler.pointwise import Product
from plait.compiler.recurrent import Count, Hold
from plait.compiler.signals import Label
from plait.compiler.statement import Statement, ancestors
from plait.compiler.stream_plan import NORM_EPS
from plait.constructions.rounding import Rounding
from plait.constructions.trace import trace
from plait.verify import Checks, verify

FLOAT32 = 2.0**-24


def signals() -> dict[str, Statement]:
    """A count, a register, and a number that may be anything where it is nothing."""
    p = Program("ab")
    bit = p.embed({"a": 1, "b": 0})
    return {
        "count": p.count(bit, most=2),
        "count that stays": p.count(bit, most=2, stay=True),
        "register": p.register(bit, 2),
        "lagged": p.lag(p.count(bit, most=2)),
        "found": p.latest(bit, key=p.token, query=p.lag(p.token)),
    }


@pytest.mark.parametrize("name", ["count", "count that stays", "register", "lagged"])
def test_a_number_that_is_not_its_value_is_made_a_code(name: str) -> None:
    signal = signals()[name]
    for reader in (
        Count(inputs=(signal,), domain=(0, 1)),
        Mean(inputs=(signal,), domain=(0, 1), last=2),
        Product(inputs=(signal, signal), domain=(0, 1)),
    ):
        assert all(needs_code(signal, demand) for demand in demands(reader))
        with pytest.raises(AssertionError, match="is not its value"):
            check_met(reader, Label(None, "here"), states=True)
    assert not any(needs_code(signal, one) for one in demands(Hold(inputs=(signal, signal), domain=(0,)))[:1])


def test_what_may_be_anything_where_it_is_nothing_is_no_amount() -> None:
    reader = Count(inputs=(signals()["found"],), domain=(0, 1))
    with pytest.raises(ValueError, match=r"^count \(here\): its latest may hold anything"):
        check_met(reader, Label(None, "here"), states=True)


def test_an_unknown_kind_of_statement_demands_values() -> None:
    class Other(Count):
        pass

    (demand,) = demands(Other(inputs=(signals()["count"],), domain=(0, 1)))
    assert demand.exact
    assert demand.known


def test_amounts_behind_a_reset_are_codes() -> None:
    """Each amount has a channel of its own, which reads whether the number reaches it: a number alone does not say."""
    p = Program("ab")
    bit = p.embed({"a": 1, "b": 2})
    reset = p.embed({"a": True, "b": False})
    product = p.product(bit, p.table(lambda n: n, p.register(p.embed({"a": 1, "b": 0}), 1)))
    amounts, resets = demands(Count(inputs=(product, reset), domain=(0, 1)))
    assert needs_code(product, amounts)
    assert not resets.code
    p.answer = p.table(lambda n: "ab"[n % 2], p.count(product, most=4, since=reset, stay=True))
    plan = plan_program(p, 6)
    assert verify(plan.build(), p, Checks(seq_len=6, exhaustive=True)).verified[0].total.wrong == 0


def test_every_statement_that_is_compiled_meets_what_is_demanded() -> None:
    checked = 0
    for statement in STATEMENTS:
        for one in ancestors(lower(program_of(statement)).answer):
            pairs = list(zip(one.inputs, demands(one), strict=True))
            assert not any(needs_code(signal, demand) for signal, demand in pairs)
            assert not any(demand.known and signal.loose and not signal.edged for signal, demand in pairs)
            checked += len(pairs)
    assert checked > 100


def counted(*, stay: bool) -> Program:
    """A table of a count as a key, so that it stands in the stream."""
    p = Program("ab")
    p.ones = p.count(p.embed({"a": 1, "b": 0}), most=2, stay=stay)
    p.said = p.table(lambda n: "aba"[n], p.ones)
    p.answer = p.latest(p.token, key=p.said, query=p.token)
    return p


@pytest.mark.parametrize("stay", [False, True])
def test_a_table_rounds_as_far_as_the_number_goes_if_it_says_something_there(*, stay: bool) -> None:
    plan = plan_program(counted(stay=stay), 100)
    found = plan.bounds(Rounding(unit=FLOAT32, d_model=plan.residual.d_model))
    name = next(one for one in found.errors[2] if plan.layout.lowered.labels[one].name == "said")
    if stay:
        assert found.errors[2][name] >= found.blanks[2][name]
    else:
        assert found.errors[2][name] < 0.9 * found.blanks[2][name]


def test_what_is_carried_of_a_count_may_come_from_beyond_its_range() -> None:
    p = Program("abx")
    p.ones = p.count(p.embed({"a": 1, "b": 0, "x": 0}), most=2, since=p.embed(lambda name: name == "x"))
    p.before = p.hold(p.ones, when=p.embed(lambda name: name == "a"))
    p.answer = p.table(lambda n, m: "abx"[(n + m) % 3], p.ones, p.before)
    plan = plan_program(p, 100)
    stream = plan.layout.stream
    flow = Flow(
        rounding=Rounding(unit=0.0, d_model=plan.residual.d_model),
        stream=stream,
        seq_len=100,
        norm_eps=NORM_EPS,
    )
    bases = {
        plan.layout.lowered.labels[one].name: one for one in stream.bases if one in plan.layout.lowered.labels
    }
    for name in ("ones", "before"):
        base = bases[name]
        flow.sizes, flow.errors = {base: 64.0}, {base: 0.0}
        beyond = math.sqrt(flow.length_inside**2 - plan.residual.d_model * plan.residual.bias**2)
        assert (beyond == pytest.approx(64.0)) is (name == "before")


def test_keys_that_are_something_beyond_a_count_are_not_inside_its_range() -> None:
    """Lemma 12.10: two equal keys then need not hold counts within their range, and err by more."""
    errors: list[float] = []
    for beyond in (None, "a"):
        p = Program("ab")
        p.ones = p.count(p.embed({"a": 1, "b": 0}), most=2)
        p.said = p.table({0: "b", 1: "b", 2: "b", None: beyond}, p.ones, partial=True)
        p.answer = p.latest(p.token, key=p.said, query=p.token)
        plan = plan_program(p, 100)
        found = plan.bounds(Rounding(unit=FLOAT32, d_model=plan.residual.d_model))
        apart = [one for one in found.allowances if one.what.startswith("what tells two matches apart")]
        errors.append(apart[0].error)
    assert errors[1] > 1.5 * errors[0]


def test_a_count_held_for_each_key_is_as_large_as_it_gets() -> None:
    p = Program("ab")
    p.ones = p.count(p.embed({"a": 1, "b": 0}), most=2)
    p.there = p.latest(p.ones, key=p.token, query=p.token)
    p.answer = p.table(lambda n: "aba"[n], p.there)
    plan = plan_program(p, 100, only="SSM")
    assert plan.config().pattern == "SSM-SSM-SSM"
    hidden = trace(plan.build(), torch.zeros(1, 100, dtype=torch.int64)).hidden
    lengths = plan.bounds(Rounding(unit=FLOAT32, d_model=plan.residual.d_model)).lengths
    for stream, most in zip(hidden, lengths, strict=True):
        assert float(stream.norm(dim=-1).max()) / plan.residual.amplitude <= most
    assert lengths[2] > 64.0
    assert verify(plan.build(), p, Checks(seq_len=7, exhaustive=True)).verified[0].total.wrong == 0


def test_values_that_are_equal_are_one() -> None:
    p = Program("ab")
    p.gate = p.table({"a": True, "b": 1}, p.token)
    assert p.gate.domain == (True,)
    p.answer = p.hold(p.token, when=p.gate)
    tokens = torch.tensor([[0, 1, 0]])
    said, wanted = p.run(tokens), p.targets(tokens)
    assert bool(said.scored.all())
    assert bool(wanted.scored.all())
    assert torch.equal(said.tokens, tokens), "the gate is open at each"
    assert torch.equal(wanted.tokens, tokens)


def test_bounds_that_grew_beyond_use_are_refused_in_a_line() -> None:
    """Counts of counts, each read by a staircase as far as it goes: bounds square from layer to layer."""
    p = Program("abc")
    p.passed = p.since(p.embed({"a": True, "b": True, "c": False}), most=4, stay=True)
    p.sum = p.count(p.passed, most=4)
    p.mixed = p.table(lambda n, m: (n + m) % 3, p.passed, p.sum)
    p.again = p.table(lambda n, m: (n * m) % 3, p.sum, p.mixed)
    p.answer = p.table(lambda n: "abc"[n], p.again)
    for seq_len in (300, 3000):
        with pytest.raises(ValueError, match=r"^a program of .* float32 cannot carry it: .*, line \d+\)"):
            plan_program(p, seq_len, only="SSM")
