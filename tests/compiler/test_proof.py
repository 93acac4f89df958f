"""Every signal of a compiled model is where the proof says, in every type, rounding included."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from program_cases import EXAMPLES, example

from plait.compiler import Program, ProgramPlan, load, plan_program
from plait.compiler.holdings import LEMMAS
from plait.constructions import STATEMENTS, check_lemmas, explain, plan_of, save
from plait.constructions.lemmas import check_holdings
from plait.constructions.rounding import USUAL, Rounding
from plait.constructions.trace import trace
from plait.model import HybridLM
from plait.random import Stream

LENGTH = 100
DTYPES = (torch.float64, torch.float32, torch.bfloat16)


def built(plan: ProgramPlan) -> HybridLM:
    """The model also where the type is too coarse for the proof."""
    model = HybridLM(plan.config(), seed=None, dtype=plan.dtype)
    model.load_state_dict({name: tensor.to(plan.dtype) for name, tensor in plan.weights().items()})
    return model.eval()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_signal_of_every_example_is_where_the_proof_says(name: str, dtype: torch.dtype) -> None:
    program = example(name)
    plan = replace(plan_program(program, LENGTH), dtype=dtype)
    if not plan.carried():
        assert dtype == torch.bfloat16
        return
    tokens = program.sample(Stream(0), batch=6, seq_len=LENGTH)
    checks = check_lemmas(built(plan), tokens, plan)
    assert [check for check in checks if not check.holds] == []
    assert {check.lemma for check in checks} <= set(STATEMENTS)
    assert set(LEMMAS.values()) <= set(STATEMENTS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_signal_of_the_smallest_layout_is_there_too(name: str) -> None:
    program = example(name)
    plan = plan_program(program, LENGTH, smallest=True)
    assert plan.proved()
    tokens = program.sample(Stream(0), batch=6, seq_len=LENGTH)
    checks = check_lemmas(plan.build(), tokens)
    assert [check for check in checks if not check.holds] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_rounding_stays_below_the_share_of_the_worst_case_that_is_called_usual(name: str) -> None:
    program = example(name)
    plan = plan_program(program, LENGTH)
    tokens = program.sample(Stream(1), batch=6, seq_len=LENGTH)
    seen = trace(built(plan), tokens)
    for holding, check in zip(plan.holdings(tokens), check_holdings(plan, seen, tokens), strict=True):
        if check.measured is not None:
            worst = check.proved - holding.tolerance
            assert check.measured <= holding.tolerance + 4 * USUAL * worst, check


@pytest.mark.parametrize("only", [None, "SSM"])
def test_what_is_done_to_a_staircase_in_channels_is_done_to_large_numbers(only: str | None) -> None:
    """A count of a table of a count: each unit's state adds up thousands of times what all come to together."""
    p = Program("ab")
    p.ones = p.count(p.embed({"a": 1, "b": 0}), most=2, stay=True)
    p.odd = p.table(lambda n: n % 2, p.ones)
    p.answer = p.table(lambda n: "ab"[n % 2], p.count(p.odd, most=3, stay=True))
    plan = plan_program(p, 1000, dtype=torch.float64, only=only)
    tokens = torch.cat((p.sample(Stream(0), batch=40, seq_len=1000), torch.zeros(1, 1000, dtype=torch.int64)))
    checks = check_lemmas(plan.build(), tokens)
    assert [str(check) for check in checks if not check.holds] == []
    assert any(check.lemma == "12.6" for check in checks)


def test_bounds_grow_with_the_unit_and_with_the_length() -> None:
    program = example("parity")
    short, long = (ProgramPlan(task=program, seq_len=length) for length in (50, 100))
    assert short.tightest(torch.float64).use < short.tightest(torch.float32).use
    assert short.tightest(torch.float32).use < long.tightest(torch.float32).use
    assert short.proved(torch.float32)
    assert short.precision_bits() <= long.precision_bits() <= 24


def test_what_exact_arithmetic_changes_is_not_taken_for_rounding() -> None:
    """The mass beside a match is there in any type: it fills its room whole, and no share of it is usual."""
    plan = plan_program(example("associative_recall"), LENGTH)
    for unit in (2.0**-24, 2.0**-80):
        rounding = Rounding(unit=unit, d_model=plan.residual.d_model)
        whole = plan.bounds(rounding).allowances
        for one, allowance in zip(whole, plan.allowances(rounding), strict=True):
            assert allowance.certain + allowance.error == pytest.approx(one.error)
    finest = max(plan.allowances(Rounding(unit=2.0**-80, d_model=plan.residual.d_model)), key=lambda a: a.use)
    assert finest.certain > 0.4 * finest.room
    assert finest.usual_use == pytest.approx(finest.certain / finest.room)


def test_a_length_beyond_the_type_is_refused_with_the_type_that_would_do() -> None:
    from examples.programs.parity import program

    plan = ProgramPlan(task=program(most=1500), seq_len=1500)
    with pytest.raises(ValueError, match=r"float32 cannot carry it: .* may err by .*; float64 would do"):
        plan.check()
    assert replace(plan, dtype=torch.float64).proved()


def test_explain_names_statements_and_lines() -> None:
    program = example("dyck")
    model = program.compile(seq_len=LENGTH)
    explanation = explain(model, program.sample(Stream(0), batch=1, seq_len=12)[0])
    text = explanation.text()
    assert "depth: depth (dyck.py, line 10)" in text
    assert "closing: closing (dyck.py, line 11)" in text
    assert "[12.6]" in text
    assert "after layer 2  depth's code" in text
    assert all(position.answer == position.target for position in explanation.positions if position.target)


@pytest.mark.parametrize("smallest", [False, True])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_subspace_has_its_statement_and_line_also_when_loaded(
    name: str, tmp_path: Path, *, smallest: bool
) -> None:
    """Of the program's file, and a line behind the program's own for all but the token."""
    plan = plan_program(example(name), 20, smallest=smallest)
    legend = plan.legend()
    subspaces = {called for called, _ in plan.residual.subspaces if called != "unused"}
    assert set(legend) == subspaces
    lines = {called: re.findall(rf" \({name}\.py, line (\d+)\)", text) for called, text in legend.items()}
    assert all(lines.values())
    first = min(int(line) for found in lines.values() for line in found)
    others = [line for called, found in lines.items() if not called.startswith("token") for line in found]
    assert all(int(line) > first for line in others)
    model = plan.build()
    save(model, tmp_path)
    assert plan_of(load(tmp_path)).legend() == legend
