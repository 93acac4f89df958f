"""Programs drawn at random: either refused in a line, or right on every input of six tokens."""

import random
from typing import Any

import pytest
import torch

from plait.compiler import Program, plan_program
from plait.verify import Checks, verify

SEEDS = range(30)


def drawn(seed: int) -> Program:
    """A program of two to five statements, each over some of those before it."""
    draw = random.Random(seed)
    p = Program("abc")
    signals: list[Any] = [p.token]
    letters: list[Any] = [p.token]
    conditions = [p.embed({"a": True, "b": draw.random() < 0.5, "c": False})]
    numbers = [p.embed({"a": 1, "b": draw.choice([0, 2, None]), "c": 0})]
    for _ in range(draw.randint(1, 4)):
        letter, other = draw.choice(letters), draw.choice(letters)
        match draw.choice(
            ["lag", "hold", "count", "since", "at", "latest", "earliest", "mean", "table", "register"]
        ):
            case "lag":
                letters.append(p.lag(letter, draw.randint(1, 2)))
            case "hold":
                letters.append(p.hold(letter, when=draw.choice(conditions)))
            case "count":
                total = p.count(draw.choice(conditions), most=draw.randint(1, 4), stay=draw.random() < 0.5)
                letters.append(p.table(lambda n: "abc"[n % 3], total))
            case "since":
                passed = p.since(draw.choice(conditions), most=draw.randint(1, 3), stay=draw.random() < 0.5)
                letters.append(p.table(lambda n: "cba"[n % 3], passed))
            case "at":
                letters.append(p.at_distance(letter, draw.choice(numbers)))
            case "latest":
                where = draw.choice([None, conditions[0]])
                letters.append(p.latest(letter, key=p.lag(p.token), query=other, where=where))
            case "earliest":
                letters.append(p.earliest(letter, key=p.token, query=other, last=draw.choice([None, 3])))
            case "mean":
                share = p.mean(draw.choice(conditions), last=draw.randint(1, 4))
                letters.append(p.table(lambda value: "abc"[int(2 * value)], share))
            case "table":
                shift = draw.randint(0, 2)
                letters.append(p.table(lambda x, y, s=shift: "abc"[(ord(x) + s * ord(y)) % 3], letter, other))
            case _:
                bits = p.register(p.embed({"a": 1, "b": 0, "c": None}), 2)
                letters.append(p.table(lambda value: "abca"[value], bits))
    p.answer = letters[-1]
    assert signals
    return p


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_program_is_refused_or_right(seed: int) -> None:
    try:
        program = drawn(seed)
        plan = plan_program(program, 6)
    except ValueError:
        return
    found = verify(
        plan.build(), program, Checks(seq_len=6, exhaustive=True), dtypes=[torch.float64, plan.dtype]
    )
    assert all(one.total.wrong == 0 for one in found.verified)


def test_most_drawn_programs_are_built() -> None:
    built = 0
    for seed in SEEDS:
        try:
            drawn(seed)
            built += 1
        except ValueError:
            pass
    assert built > 0.7 * len(SEEDS)
