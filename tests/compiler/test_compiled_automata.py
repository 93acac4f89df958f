"""Automata: cascades of flip-flops where no word permutes states, counts to a stated length, and refusals."""

import random
from typing import Any

import pytest
import torch

from plait.compiler import Program, plan_program
from plait.compiler.cascade import Maps, cascade, permuting_word
from plait.verify import Checks, verify


def drawn(seed: int, n_states: int, n_letters: int) -> Maps:
    draw = random.Random(seed)
    return tuple(tuple(draw.randrange(n_states) for _ in range(n_states)) for _ in range(n_letters))


@pytest.mark.parametrize("n_states", [2, 3, 4, 5, 6])
def test_a_cascade_is_in_the_state_of_its_automaton(n_states: int) -> None:
    draw, built = random.Random(n_states), 0
    for seed in range(200):
        maps = drawn(seed, n_states, draw.randint(1, 3))
        if permuting_word(maps) is not None:
            continue
        made, built = cascade(maps, 0), built + 1
        for _ in range(5):
            here, state = list(made.start), 0
            for letter in (draw.randrange(len(maps)) for _ in range(20)):
                acts = [level.acts[tuple(here[:place]), letter] for place, level in enumerate(made.levels)]
                here = [old if act is None else act for old, act in zip(here, acts, strict=True)]
                state = maps[letter][state]
                assert made.state[tuple(here)] == state
    assert built > 5


def test_a_word_that_permutes_states() -> None:
    found = permuting_word(((1, 2, 0), (0, 0, 0)))
    assert found is not None
    assert (found.word, found.circle) == ((0,), (0, 1, 2))
    assert permuting_word(((1, 1, 0), (0, 2, 0))) is not None, "two letters together"
    assert permuting_word(((0, 0), (1, 1), (0, 1))) is None


def machine(maps: Maps, length: int | None = None, tokens: str = "abc") -> Program:
    p = Program(tokens)
    letters = "abc"[: len(maps)]
    p.read = p.embed(lambda name: name if name in letters else None)
    p.state = p.automaton(
        lambda state, name: maps[letters.index(name)][state], p.read, start=0, length=length
    )
    p.answer = p.table(lambda state: tokens[state % len(tokens)], p.state)
    return p


@pytest.mark.parametrize(
    ("maps", "pattern"),
    [
        (((0, 0), (1, 1)), "SSM-TF"),  # a flip-flop, and a letter that leaves it
        (((1, 2, 2), (0, 0, 0)), "SSM-TF-SSM-TF"),  # two in a row
        (((1, 1, 2), (0, 2, 2)), "SSM-TF-SSM-TF"),  # a word that has been met
        (((1, 1, 1, 1), (0, 2, 0, 0), (0, 0, 3, 0)), None),  # three letters in a row
    ],
    ids=str,
)
def test_an_aperiodic_automaton_is_built_for_every_length(maps: Maps, pattern: str | None) -> None:
    program = machine(maps, tokens="abcd")
    plan = plan_program(program, 6)
    assert plan.carried()
    assert plan.proved() or len(maps[0]) > 3, "tables of many levels are proved in float64"
    assert plan.proved(torch.float64)
    assert pattern is None or len(plan.layout.layers) <= pattern.count("-") + 1
    assert verify(plan.build(), program, Checks(seq_len=6, exhaustive=True)).passed
    assert verify(plan.build(), program, Checks(seq_len=200, samples=2000)).passed


@pytest.mark.parametrize(
    "maps", [((1, 0),), ((1, 2, 0), (2, 0, 1)), ((1, 2, 0), (0, 0, 0)), ((1, 0), (0, 0), (1, 1))], ids=str
)
def test_an_automaton_that_turns_is_built_to_a_stated_length(maps: Maps) -> None:
    program = machine(maps, length=7)
    plan = plan_program(program, 7)
    assert plan.proved()
    assert verify(plan.build(), program, Checks(seq_len=7, exhaustive=True)).passed


REFUSED: dict[str, tuple[Any, str]] = {
    "parity": (lambda p: machine(((1, 0),)), "'a' takes 0 to 1 to 0: no state of a Mamba-1 layer"),
    "three letters": (lambda p: machine(((1, 2, 0), (1, 0, 2)), length=9), "not all powers of one permutation"),
    "a missing entry": (
        lambda p: p.automaton({(0, "a"): 0}, p.token, start=0), "there is no entry for state 0 and 'b'",
    ),
    "a function that fails": (lambda p: p.automaton(lambda q, x: 1 / 0, p.token, start=0), "ZeroDivisionError"),
    "too many states": (lambda p: p.automaton(lambda q, x: q + 1, p.token, start=0), "more than 64 states"),
    "a state of no kind": (lambda p: p.automaton(lambda q, x: 0.5, p.token, start=0), "gives 0.5"),
    "what is not known": (
        lambda p: p.automaton(lambda q, x: 0, p.latest(p.token, key=p.token, query=p.token), start=0), "must be known",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_an_automaton_that_is_refused(why: str) -> None:
    make, reason = REFUSED[why]
    with pytest.raises(ValueError, match=r"test_compiled_automata.py, line \d+: automaton: ") as caught:
        make(Program("abc"))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
