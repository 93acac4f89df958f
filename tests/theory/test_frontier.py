"""The frontier: its theorem on random stacks, families played by the tasks, certificates and their tampering."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from own_tasks import Echo, Hidden, LastTokens, Parity
from theory_cases import PAPER_TASKS, SMALL_TASKS

from plait.tasks import MQAR, AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory import attention_reach, check, frontier, frontier_states, sealed, ssm_state_bits
from plait.theory.certificate import state_certificate
from plait.theory.checker.claim import read_claim
from plait.theory.checker.document import plain
from plait.theory.exact_numbers import log2_floor
from plait.theory.hybrid.families import filled_families
from plait.theory.recurrent import table_state_bits


def bits_of(states):
    return log2_floor([(states, 1)], parts=1000)


class Stack:
    """Random layers over a few symbols: windows (`reach` tokens back), states, or branches of both side by side."""

    def __init__(self, seed: int, shape: list, symbols: int = 3) -> None:
        self.shape, self.symbols, self.seed = shape, symbols, seed

    def run(self, row: list[int]) -> tuple[list[int], dict[tuple[int, int], list[int]]]:
        """The last layer's symbols, and of each recurrent branch its state after each position."""
        states: dict[tuple[int, int], list[int]] = {}
        for layer, branches in enumerate(self.shape):
            parts = []
            for number, (kind, size) in enumerate(branches):
                salt = (self.seed, layer, number)
                if kind == "window":
                    parts.append([self._drawn(salt, row[max(0, i - size) : i + 1]) for i in range(len(row))])
                else:
                    state, held, out = 0, [], []
                    for token in row:
                        out.append(self._drawn((*salt, 1), [state, token]))
                        state = self._drawn((*salt, 2), [state, token]) % size
                        held.append(state)
                    states[layer, number] = held
                    parts.append(out)
            row = [sum(symbols) % self.symbols for symbols in zip(*parts, strict=True)]
        return row, states

    def _drawn(self, salt: tuple, content: list[int]) -> int:
        return hash((*salt, *content)) % 1_000_003 % self.symbols

    def times(self) -> tuple[int, dict[tuple[int, int], int]]:
        """The reach of all layers, and of each recurrent branch the reach of the layers below it."""
        below, at = 0, {}
        for layer, branches in enumerate(self.shape):
            at |= {(layer, number): below for number, (kind, _) in enumerate(branches) if kind == "state"}
            below += max(size if kind == "window" else 0 for kind, size in branches)
        return below, at


@pytest.fixture(autouse=True)
def clock(counted_seconds):
    """So that what a search finds depends neither on the machine nor on what else it does."""
    return counted_seconds


SHAPES = [
    [[("window", 2)], [("state", 2)]],
    [[("state", 2)], [("window", 3)]],
    [[("window", 1)], [("state", 2)], [("window", 2)], [("state", 2)]],
    [[("window", 2), ("state", 2)], [("window", 1)]],
    [[("state", 2), ("state", 3)], [("window", 1), ("window", 2)], [("state", 2)]],
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_behind_a_filler_only_recurrent_states_know(shape):
    """Prefixes with equal states, each at its own time, have the same answers behind a filler as long as the reach; and
    one token less is not always enough, so that the reach is exact."""
    shorter_differs = False
    for seed in range(60):
        stack = Stack(seed, shape)
        reach, at = stack.times()
        drawn = np.random.default_rng(seed)
        filler, suffix = drawn.integers(3, size=reach).tolist(), drawn.integers(3, size=6).tolist()
        seen: dict[tuple, list[int]] = {}
        seen_early: dict[tuple, list[int]] = {}
        for prefix in np.ndindex(3, 3, 3):
            answers, states = stack.run([*prefix, *filler, *suffix])
            key = tuple(states[where][3 + below - 1] for where, below in at.items())
            late = answers[3 + reach :]
            assert seen.setdefault(key, late) == late
            early = answers[3 + reach - 1 :]
            shorter_differs |= seen_early.setdefault(key, early) != early
    assert shorter_differs


@pytest.mark.parametrize(
    "task", [*SMALL_TASKS, *PAPER_TASKS, DecodingRecall(n_bits=2, variant="last")], ids=repr
)
@pytest.mark.parametrize("seq_len", [9, 16, 40])
def test_families_are_played_by_the_targets_of_plait_tasks(task, seq_len):
    """What is written, asked and answered behind fillers, by the task's own targets; at most the exact count."""
    for reach in (1, 2, 5):
        for family in filled_families(task, seq_len, reach):
            assert family.length <= seq_len
            assert family.contents <= frontier_states(task, reach)
            assert len(family.filler) == reach
            claim = read_claim(plain(state_certificate(task, family, 0)[0]), None)
            indices = [family.size * i // 7 for i in range(7)]
            written = [claim.codec.encode(index) for index in indices]
            for index, prefix in zip(indices, written, strict=True):
                if prefix is None:
                    assert family.share < 1
                    continue
                assert len(prefix) == family.prefix_length
                answers = []
                for suffix, position in family.queries:
                    row = [*prefix, *family.filler, *family.suffixes[suffix][: position + 1]]
                    if getattr(task, "variant", "") == "last":
                        assert len(row) == seq_len
                    tokens, scored = task.targets(torch.tensor(row))
                    answers.append(int(tokens[-1]) if scored[-1] else None)
                assert claim.codec.decode(lambda query, found=answers: found[query]) == index


@pytest.mark.parametrize("task", PAPER_TASKS, ids=repr)
def test_curves_fall_and_end_at_the_reach_of_attention(task):
    points = frontier(task, 40, reaches=[0, 1, 3, 8, 20, 36, 37, 38, 39])
    bits = [point.bits for point in points]
    assert bits == sorted(bits, reverse=True)
    assert bits[0] >= ssm_state_bits(task, seq_len=40).value
    assert bits[-1] == 0
    for reach, held in points:
        if held:
            assert reach < attention_reach(task, 40).value
            assert held <= log2_floor([(frontier_states(task, reach), 1)], parts=1000)


def test_selective_copying_keeps_the_number_whatever_the_window():
    points = dict(frontier(SelectiveCopying(), 100))
    assert points[8] == bits_of(31 + 4 * 26)
    assert {points[reach] for reach in range(9, 99)} == {bits_of(5)}
    assert points[99] == 0


@pytest.mark.parametrize("task", [t for t in SMALL_TASKS if not isinstance(t, MultiKeyRecall)], ids=repr)
def test_small_tasks_attain_the_exact_count_behind_every_filler(task):
    for point in frontier(task, 40, reaches=range(1, 9)):
        assert point.bits == bits_of(frontier_states(task, point.reach))


@pytest.mark.parametrize(
    "task",
    [
        SelectiveCopying(n_words=3, numbers=(2, 3)),
        AssociativeRecall(n_words=5),
        MultiKeyRecall(n_words=3),
        DecodingRecall(n_bits=2),
        DecodingRecall(n_bits=2, variant="last"),
        Needle(n_words=4),
    ],
    ids=repr,
)
def test_every_certificate_is_accepted(task):
    certificates = {id(point.bound): point for point in frontier(task, 30) if point.bits}
    for point in certificates.values():
        verdict = check(point.bound.certificate)
        assert verdict.accepted, verdict.reason
        assert verdict.bits >= point.bound.certified
        assert point.reach == 0 or verdict.reach >= point.reach


def certificate_at(reach):
    (point,) = frontier(DecodingRecall(n_bits=2), 30, reaches=[reach])
    return point.bound.certificate


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reach": 7}, "needs as long a filler"),
        ({"reach": -1}, "reach must be an integer"),
        ({"reach": None}, "reach must be an integer"),
        ({"filler": []}, "needs as long a filler"),
        ({"filler": [0, 0, 0, 0]}, "needs as long a filler"),
        ({"filler": [0, 0, 0, 0, 99]}, r"integers in \[0, 6\)"),
        ({"filler": [1, 1, 1, 1, 1]}, "certified"),
        ({"filler": [0, 1, 2, 3, 0]}, "certified"),
        ({"filler": [4, 4, 4, 4, 4]}, "certified"),
        ({"quantity": "state bits"}, "unknown field 'filler'"),
        ({"quantity": "reach"}, "tokens"),
        ({"bits": 9.0}, "9.000 bits claimed"),
    ],
)
def test_tampering_is_refused(change, reason):
    certificate = certificate_at(5)
    assert check(certificate, seed=0).accepted
    refused = check(sealed({**certificate, **change}), seed=0)
    assert not refused.accepted
    assert re.search(reason, refused.reason), refused.reason


def test_without_its_filler_or_reach_it_is_refused():
    certificate = certificate_at(5)
    for name in ("filler", "reach"):
        left = {key: value for key, value in certificate.items() if key != name}
        assert f"lacks '{name}'" in check(sealed(left)).reason


def test_where_nothing_is_in_reach_the_task_s_table_counts_too():
    """A search without time finds less than the table of Theorem 2.12."""
    task = MQAR(n_keys=6, n_values=8, n_pairs=6)
    table = table_state_bits(task, 30)
    first, last = frontier(task, 30, reaches=[0, 29], seconds=0.01)
    assert table is not None
    assert table.value == first.bits == 18
    assert check(first.bound.certificate).accepted
    assert last.bits == 0


def test_of_a_task_of_one_s_own_it_is_searched():
    own = Hidden(inner=SelectiveCopying(n_words=4, numbers=(2, 4)))
    points = frontier(own, 24, reaches=[0, 1, 4], seconds=6)
    for reach, bits in points:
        exact = math.log2(frontier_states(own.inner, reach))
        assert 0.9 * exact <= bits <= exact + 1e-3
    for point in points:
        assert point.bound.found
        assert check(point.bound.certificate, task=own).accepted
    assert "found by search, not optimal" in points[1].bound.statement.lower()


def test_parity_is_found_behind_any_filler_and_a_delay_is_not():
    assert [float(bits) for _, bits in frontier(Parity(), 20, reaches=[3, 9], seconds=1)] == [1, 1]
    (seen,) = frontier(LastTokens(back=3, n_tokens=4), 20, reaches=[3], seconds=1)
    assert seen.bits == 0
    assert seen.bound.found, "more may be needed than was found"
    assert "proves nothing" in seen.bound.statement or "found no family" in seen.bound.statement
    points = frontier(Echo(letters=4), 21, reaches=[2, 6], seconds=4)
    assert float(points[0].bits) >= 2 * 9 * 0.9  # of 21 tokens nine letters, two of filler, and ten to ask
    assert float(points[1].bits) >= 2 * 7 * 0.9


def test_a_search_ends_in_its_time_whatever_the_reaches(clock):
    """On a task whose every step takes long, no more reaches are begun, and those left out say so."""

    class Slow(Parity):
        def targets(self, tokens):
            clock.now += 0.02
            return super().targets(tokens)

    points = frontier(Slow(), 40, seconds=1)
    assert clock.now < 3, "one step may be under way at the end"
    begun = ["time was out" not in point.bound.statement for point in points[:-1]]
    assert begun[0], "a pure model's bound comes first"
    assert not all(begun)
    assert all(point.bound.found for point in points[:-1])


@pytest.mark.parametrize("reach", [-1, 1.5, "3", None, True])
def test_a_reach_is_no_negative_number(reach):
    with pytest.raises(ValueError, match="reach must be an integer"):
        frontier_states(Needle(), reach)
    with pytest.raises(ValueError, match="reach must be an integer"):
        frontier(Needle(), 20, reaches=[reach])


def test_a_length_must_hold_two_tokens():
    with pytest.raises(ValueError, match="seq_len must be"):
        frontier(Needle(), 1)


def test_a_class_that_derives_from_a_task_is_a_task_of_one_s_own():
    class Other(Needle):
        pass

    with pytest.raises(ValueError, match="no closed form"):
        frontier_states(Other(), 1)
    assert replace(Needle(), n_words=3) == Needle(n_words=3)
