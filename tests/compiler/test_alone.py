"""Programs in layers of one kind alone: right, proved, and refused where the other kind is needed."""

import pytest
from program_cases import example, small

from plait.compiler import plan_program
from plait.constructions import check_lemmas, cost
from plait.random import Stream
from plait.verify import Checks, verify

ALONE = [
    ("selective_copying", "TF", "TF-TF"),
    ("follow_back_2", "TF", "TF-TF-TF"),
    ("majority", "TF", "TF-TF"),
    ("needle", "SSM", "SSM"),
    ("parity", "SSM", "SSM-SSM"),
    ("flip_counting", "SSM", "SSM-SSM"),
]


@pytest.mark.parametrize(("name", "only", "pattern"), ALONE)
def test_a_program_in_layers_of_one_kind(name: str, only: str, pattern: str) -> None:
    program, seq_len = small(name)
    plan = plan_program(program, seq_len, only=only)
    assert plan.config().pattern == pattern
    assert verify(plan.build(), program, Checks(seq_len=seq_len, exhaustive=True)).passed
    large = plan_program(example(name), 100, only=only)
    assert large.proved()
    assert verify(large.build(), example(name), Checks(seq_len=100, samples=4_000)).passed
    tokens = example(name).sample(Stream(0), batch=4, seq_len=100)
    assert [check for check in check_lemmas(large.build(), tokens) if not check.holds] == []


def test_without_states_the_window_is_the_whole_sequence() -> None:
    program = example("selective_copying")
    both, alone = plan_program(program, 100), plan_program(program, 100, only="TF")
    windows = [spec.window for spec in alone.config().layer_specs()]
    assert windows == [100, 10]
    assert cost(alone, 100).state_bits > 10 * cost(both, 100).state_bits
    longer = plan_program(program, 200, only="TF")
    assert [spec.window for spec in longer.config().layer_specs()] == [200, 10]


@pytest.mark.parametrize(
    ("name", "only", "reason"),
    [
        ("parity", "TF", r"ones \(parity.py, line 8\): count cannot be made by layers of TF alone"),
        ("associative_recall", "SSM", "latest cannot be made by layers of SSM alone"),
        ("associative_recall", "TF", "without SSM layers its previous may hold anything"),
        ("noisy_recall", "TF", "without SSM layers"),
    ],
)
def test_what_one_kind_alone_cannot_do(name: str, only: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        plan_program(example(name), 100, only=only)
