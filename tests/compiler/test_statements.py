"""Each statement: its plain meaning, the same by tensors, and a compiled model on every sequence of seven tokens."""

from collections.abc import Callable

import pytest
import torch
from program_cases import STATEMENTS, program_of

from plait.compiler import Program, plan_program
from plait.constructions import check_lemmas
from plait.random import Stream
from plait.verify import Checks, verify

LENGTH = 7


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: one.__name__)
def test_a_statement_by_tensors_is_its_plain_meaning(statement: Callable[[Program], None]) -> None:
    program = program_of(statement)
    tokens = program.sample(Stream(0), batch=50, seq_len=23).reshape(5, 10, 23)
    plain, fast = program.run(tokens), program.targets(tokens)
    assert torch.equal(plain.tokens, fast.tokens)
    assert torch.equal(plain.scored, fast.scored)
    assert bool(fast.scored.any())


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: one.__name__)
def test_a_compiled_statement_means_what_it_says(statement: Callable[[Program], None]) -> None:
    program = program_of(statement)
    plan = plan_program(program, LENGTH)
    model = plan.build()
    assert plan.proved()
    assert plan.proved(torch.float64)
    found = verify(model, program, Checks(seq_len=LENGTH, exhaustive=True))
    assert found.passed
    least = found.verified[0].total.gap
    assert least is not None
    assert least.value >= plan.margins().logit_gap > 0.1
    tokens = program.sample(Stream(1), batch=64, seq_len=LENGTH)
    assert [check for check in check_lemmas(model, tokens) if not check.holds] == []


def test_a_single_token_and_a_single_position() -> None:
    program = Program(["only"])
    program.answer = program.token
    model = program.compile(seq_len=1)
    assert int(model(torch.tensor([[0]])).argmax()) == 0
