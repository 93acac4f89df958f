"""Programs in layers of one kind alone: right, proved, and refused where the other kind is needed."""

import importlib

import pytest
import torch
from program_cases import example, small

from plait.compiler import Program, plan_program, words
from plait.constructions import check_lemmas, cost
from plait.random import Stream
from plait.verify import Checks, verify

recall = importlib.import_module("examples.programs.associative_recall").program

ALONE = [
    ("selective_copying", "TF", "TF-TF"),
    ("follow_back_2", "TF", "TF-TF-TF"),
    ("majority", "TF", "TF-TF"),
    ("associative_recall", "TF", "TF-TF"),
    ("multi_key_recall", "TF", "TF-TF-TF"),
    ("induction_2", "TF", "TF-TF-TF"),
    ("needle", "SSM", "SSM"),
    ("parity", "SSM", "SSM-SSM"),
    ("flip_counting", "SSM", "SSM-SSM"),
    ("associative_recall", "SSM", "SSM"),
    ("induction_2", "SSM", "SSM-SSM"),
    ("noisy_recall", "SSM", "SSM-SSM"),
    ("dyck", "SSM", "SSM-SSM-SSM"),
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


def test_without_attention_the_state_grows_with_the_keys() -> None:
    bits = {n: cost(plan_program(recall(n), 100, only="SSM"), 100).state_bits for n in (4, 8, 16)}
    caches = {n: cost(plan_program(recall(n), 100), 100).state_bits for n in (4, 8, 16)}
    assert bits[8] > 2 * bits[4]
    assert bits[16] > 2 * bits[8]
    assert caches[16] < 1.6 * caches[4]  # a coordinate a bit of a word
    long = plan_program(example("associative_recall"), 1000, only="SSM")
    assert cost(long, 1000).state_bits == bits[8]


def _held_key(find: str) -> Program:
    """What stood behind the latest token whose held word and whose word two tokens ago are those of now."""
    p = Program("abx")
    p.x = p.embed(lambda token: token == "x")
    p.held = p.hold(p.token, when=p.x)
    p.before = p.lag(p.token, 2)
    p.answer = getattr(p, find)(p.token, key=(p.held, p.before), query=(p.token, p.token))
    return p


def test_a_lag_as_a_key_without_states() -> None:
    """At the start it holds a mixture, which the latest match passes over."""
    for dtype in (torch.float64, torch.float32):
        plan = plan_program(_held_key("latest"), 8, dtype=dtype, only="TF")
        assert plan.proved()
        assert verify(plan.build(), plan.task, Checks(seq_len=8, exhaustive=True)).passed
        tokens = plan.task.sample(Stream(1), batch=8, seq_len=8)
        assert [check for check in check_lemmas(plan.build(), tokens) if not check.holds] == []
    with pytest.raises(ValueError, match="may hold anything at positions where it is nothing"):
        plan_program(_held_key("earliest"), 8, only="TF")


def _two_keys(*, where: bool, earliest: bool) -> Program:
    """A lookup by two keys at different lags, with a condition or without."""
    p = Program("abx")
    p.key = p.embed({"a": 0, "b": 1, "x": 0})
    p.before = p.lag(p.key)
    p.x = p.embed(lambda token: token == "x")
    find = p.earliest if earliest else p.latest
    p.answer = find(p.token, key=(p.before, p.key), query=(p.key, p.key), where=p.x if where else None)
    return p


@pytest.mark.parametrize("where", [False, True])
@pytest.mark.parametrize("earliest", [False, True])
def test_a_lookup_by_states_with_all_that_it_may_have(*, where: bool, earliest: bool) -> None:
    program = _two_keys(where=where, earliest=earliest)
    for dtype in (torch.float64, torch.float32):
        plan = plan_program(program, 7, dtype=dtype, only="SSM")
        assert plan.proved()
        assert verify(plan.build(), program, Checks(seq_len=7, exhaustive=True)).passed
        tokens = program.sample(Stream(1), batch=8, seq_len=7)
        assert [check for check in check_lemmas(plan.build(), tokens) if not check.holds] == []


def test_a_lookup_that_states_do_not_do() -> None:
    p = Program(words(40))
    p.answer = p.latest(p.token, key=p.lag(p.token), query=p.token, last=5)
    with pytest.raises(ValueError, match="states do not forget a match by its age"):
        plan_program(p, 20, only="SSM")
    q = Program(words(40))
    keys = (q.lag(q.token), q.lag(q.token, 2))
    q.answer = q.latest(q.token, key=keys, query=(q.token, q.lag(q.token)))
    with pytest.raises(ValueError, match="a state is held for each of 1,600 keys, at most 1,024 are"):
        plan_program(q, 20, only="SSM")


@pytest.mark.parametrize(
    ("name", "only", "reason"),
    [
        ("parity", "TF", r"ones \(parity.py, line 8\): count cannot be made by layers of TF alone"),
        ("selective_copying", "SSM", "at_distance cannot be made by layers of SSM alone"),
        ("mqar_first", "TF", "without SSM layers its previous may hold anything"),
        ("noisy_recall", "TF", "without SSM layers"),
    ],
)
def test_what_one_kind_alone_cannot_do(name: str, only: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        plan_program(example(name), 100, only=only)
