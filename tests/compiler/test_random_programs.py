"""Programs drawn at random: refused in a line, or right on every input of five tokens with every signal in place."""

import functools
import random

import pytest
from drawn_programs import drawn

from plait.compiler import plan_program
from plait.constructions import check_lemmas
from plait.random import Stream
from plait.verify import Checks, verify

LENGTH = 5
SEEDS = range(70)


@functools.cache
def outcome(seed: int) -> str:
    """Right, refused and why, or what is wrong."""
    draw = random.Random(-seed - 1)
    program = drawn(seed)
    only, smallest = draw.choice([None, None, None, "SSM", "TF"]), draw.random() < 0.1
    try:
        plan = plan_program(program, LENGTH, only=only, smallest=smallest)
        model = plan.build()
    except ValueError as error:
        return f"refused: {error}"
    total = verify(model, program, Checks(seq_len=LENGTH, exhaustive=True)).verified[0].total
    if total.wrong:
        return f"{total.wrong} of {total.checked} answers are wrong"
    if total.gap is not None and total.gap.value < plan.margins().logit_gap:
        return f"a gap of {total.gap.value} is below {plan.margins().logit_gap}"
    checks = check_lemmas(model, program.sample(Stream(1), batch=16, seq_len=LENGTH))
    return next((str(check) for check in checks if not check.holds), "right")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_program_is_refused_or_right(seed: int) -> None:
    found = outcome(seed)
    assert found == "right" or (found.startswith("refused: ") and ", line " in found and "\n" not in found)


def test_most_drawn_programs_are_right() -> None:
    assert sum(outcome(seed) == "right" for seed in SEEDS) > 0.6 * len(SEEDS)
