"""Bounds found from targets alone: true, certified, and a fair share of what there is."""

import math

import numpy as np
import pytest
import torch
from own_tasks import Echo, Hidden, LastTokens, Majority, Parity, Unless, WordsAmongBlanks

from plait.advisor.bounds import bounds_of
from plait.paper.shift import SkewedCopying
from plait.tasks import (
    TASKS,
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    Targets,
    task_name,
)
from plait.theory import attention_reach, check, find_reach, find_state_bits
from plait.theory.exact_numbers import log2_floor
from plait.theory.search.oracle import UNDEFINED, Oracle
from plait.theory.search.readers import find_readings, followers
from plait.theory.states import state_factors


@pytest.fixture(autouse=True)
def clock(counted_seconds):
    """So that what a search finds depends neither on the machine nor on what else it does."""
    return counted_seconds


def exact_bits(task):
    if isinstance(task, Needle):
        return math.log2(task.n_words + 2)  # all rows count here: marker B may follow marker A
    return float(log2_floor(state_factors(task), parts=1000))


def find(task, seconds, seq_len=40):
    bound = find_state_bits(task, seq_len=seq_len, seconds=seconds)
    assert bound.found
    assert "ound by search, not optimal" in bound.statement
    verdict = check(bound.certificate, task=task)
    assert verdict.accepted, verdict.reason
    assert verdict.bits >= bound.value == bound.certified
    assert verdict.confidence == bound.confidence
    assert bound.printed.value <= 0
    return float(bound.value)


@pytest.mark.parametrize(
    ("task", "least"),
    [
        (SelectiveCopying(n_words=6, numbers=(2, 4)), 0.9),
        (AssociativeRecall(n_words=6), 0.99),
        (MultiKeyRecall(n_words=3, key_length=2), 0.9),
        (MultiKeyRecall(n_words=2, key_length=2), 0.9),
        (DecodingRecall(n_bits=1), 0.99),
        (DecodingRecall(n_bits=2), 0.99),
        (Needle(n_words=9), 0.99),
    ],
    ids=repr,
)
def test_most_of_the_exact_bits_are_found_for_each_task_with_its_closed_form_hidden(task, least):
    found = find(Hidden(inner=task), 1)
    assert least * exact_bits(task) <= found <= exact_bits(task) + 1e-3


@pytest.mark.parametrize(
    ("task", "seconds"),
    [
        (SelectiveCopying(), 1),
        (AssociativeRecall(n_words=32), 1),
        (MultiKeyRecall(), 1),
        (DecodingRecall(), 1),
        (DecodingRecall(n_bits=3), 1),
        (Needle(), 5),
    ],
    ids=repr,
)
def test_nine_tenths_of_the_exact_bits_are_found_in_a_minute_at_the_paper_s_sizes(task, seconds):
    found = find(Hidden(inner=task), seconds, seq_len=100)  # of the minute a part is enough
    assert 0.9 * exact_bits(task) <= found <= exact_bits(task) + 1e-3


@pytest.mark.parametrize(
    ("task", "states"),
    [
        (Parity(), 2),
        (Parity(modulus=7, n_tokens=3), 7),
        (LastTokens(back=3, n_tokens=4), 64),
        (Majority(last=5), 14),
    ],
    ids=repr,
)
def test_known_answers_are_found_exactly(task, states):
    assert find(task, 1) == int(1000 * math.log2(states)) / 1000


def test_prefixes_that_stay_alike_are_asked_until_they_differ():
    """How many of the last bits are 1 is asked by one run behind another; random suffixes leave a fifth alike."""
    assert find(Majority(last=11), 2) == int(1000 * math.log2(672)) / 1000


@pytest.mark.parametrize(
    ("task", "seq_len", "seconds", "states"),
    [
        (Echo(), 41, 1, 26**20),
        (Echo(letters=4), 13, 1, 4**6),
        (WordsAmongBlanks(), 64, 2, 14**16),
        (WordsAmongBlanks(words=4, due=3), 12, 1, 4**3),
    ],
    ids=repr,
)
def test_copies_behind_a_mark_are_found(task, seq_len, seconds, states):
    """Any string of that many letters is kept until the mark; who keeps the mark out of it keeps them all."""
    assert find(task, seconds, seq_len=seq_len) >= 0.98 * math.log2(states)


def test_what_is_spelled_at_the_cut_is_found():
    """The register of decoding recall: with it the search has all 28.4 bits, without it three fewer."""
    task = DecodingRecall(n_bits=3)
    bound = find_state_bits(Hidden(inner=task), seq_len=40, seconds=1)
    assert exact_bits(task) - 0.02 <= bound.value <= exact_bits(task)
    assert "8 values spelled at the cut" in bound.statement


@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_the_time_is_used_and_no_more(clock, seconds):
    """What is begun is ended: one stage may go on over the end."""
    find_state_bits(Parity(), seq_len=20, seconds=seconds)
    assert seconds <= clock.now < 1.2 * seconds + 0.2


def test_contents_that_spoil_each_other_are_not_counted():
    """Slot by slot 729 contents could be read: no more than the 377, and one state for all others, are claimed."""
    assert 0 < find(Unless(), 1, seq_len=12) <= math.log2(378)


def test_a_task_without_memory_has_no_bits():
    class Echo(Parity):
        def targets(self, tokens):
            return super().targets(tokens)._replace(tokens=tokens)

    bound = find_state_bits(Echo(), seq_len=12, seconds=1)
    assert bound.value == 0
    assert bound.certificate is None
    assert "proves nothing" in bound.statement
    assert find_reach(Echo(), 12, seconds=1).value == 0


@pytest.mark.parametrize(
    "task",
    [
        SelectiveCopying(),
        SelectiveCopying(n_words=3, numbers=(4,)),
        AssociativeRecall(n_words=9),
        AssociativeRecall(n_words=2),
        MultiKeyRecall(n_words=4, key_length=2),
        DecodingRecall(n_bits=3),
        Needle(n_words=8),
    ],
    ids=repr,
)
def test_the_greatest_reach_is_found(task):
    own = Hidden(inner=task)
    bound = find_reach(own, 60, seconds=10)
    assert bound.found
    assert bound.value == attention_reach(task, 60).value
    assert check(bound.certificate, task=own).reach == bound.value


@pytest.mark.parametrize(("task", "reach"), [(Parity(), 29), (LastTokens(back=6), 6), (Majority(last=9), 8)])
def test_reach_of_tasks_with_a_known_answer(task, reach):
    assert find_reach(task, 30).value == reach


def test_readings_are_what_the_task_does():
    oracle = Oracle(Hidden(inner=DecodingRecall(n_bits=3)), seq_len=60, seconds=30, seed=1)
    (reading,) = find_readings(oracle)
    assert reading.key_length == 1
    assert reading.letters.tolist() == list(range(8))
    for word, suffixes in enumerate(reading.readers):
        for suffix in suffixes:
            bits = [token - 8 for token in suffix]
            assert set(bits) <= {0, 1}
            assert 4 * bits[-3] + 2 * bits[-2] + bits[-1] == word
        assert suffixes[0][0] != suffixes[1][0]


def test_followers_by_hand():
    texts = np.array([[0, 1, 2, 1, 3, 0], [1, 2, 1, 3, 1, 0], [0, 2, 3, 0, 2, 1]])
    assert followers(texts, [1]).tolist() == [3, 0, UNDEFINED]  # the third only at its end
    assert followers(texts, [0]).tolist() == [UNDEFINED, UNDEFINED, 2]
    assert followers(np.array([[0, 0, 0, 1, 2, 0, 1, 3]]), [0, 1]).tolist() == [3]


def test_a_search_repeats_itself():
    first, second = (find_reach(Hidden(inner=AssociativeRecall(n_words=5)), 20, seed=3) for _ in range(2))
    assert first.certificate == second.certificate


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "60", None, True])
def test_a_budget_must_be_positive(seconds):
    with pytest.raises(ValueError, match="positive budget of seconds"):
        find_state_bits(Parity(), seconds=seconds)
    with pytest.raises(ValueError, match="positive budget of seconds"):
        find_reach(Parity(), 20, seconds=seconds)


@pytest.mark.parametrize("seq_len", [1, 0, 2.5, None])
def test_a_length_must_hold_a_prefix_and_a_query(seq_len):
    with pytest.raises(ValueError, match="seq_len must be"):
        find_state_bits(Parity(), seq_len=seq_len)


def test_what_is_no_task_is_said_so():
    with pytest.raises(ValueError, match="needs a task with targets"):
        find_state_bits(object())


def test_a_task_that_accepts_nothing_is_said_so():
    class Refusing(Parity):
        def targets(self, tokens):
            raise RuntimeError("not today")

    with pytest.raises(ValueError, match="accept none of its 2 tokens: not today"):
        find_state_bits(Refusing())


@pytest.mark.parametrize("search", [find_state_bits, find_reach])
def test_targets_that_are_no_function_of_the_tokens_are_said_so(search):
    class Drawn(Parity):
        def targets(self, tokens):
            return Targets(torch.randint(2, tokens.shape), torch.ones_like(tokens).bool())

    with pytest.raises(ValueError, match="must be a function of the tokens"):
        search(Drawn(), seq_len=9)


@pytest.mark.parametrize("search", [find_state_bits, find_reach])
def test_a_task_of_plait_without_a_rule_in_the_checker_is_bound_as_a_user_s_own(monkeypatch, search):
    own = search(Parity(), seq_len=9, seconds=2)
    monkeypatch.setattr("plait.tasks.registry.TASKS", {**TASKS, "parity": Parity})
    promoted = search(Parity(), seq_len=9, seconds=2)
    assert promoted == own
    assert check(promoted.certificate, task=Parity()).accepted
    assert "name it" in check(promoted.certificate).reason


@pytest.mark.parametrize("search", [find_state_bits, find_reach])
def test_a_task_that_rows_name_by_an_older_place_is_certified_by_its_own(search):
    task = SkewedCopying(n_words=2, numbers=(1, 2))
    assert task_name(task) != "plait.paper.shift:SkewedCopying"
    certificate = search(task, seq_len=8, seconds=3).certificate
    assert certificate["task"] == "plait.paper.shift:SkewedCopying"
    assert check(certificate, task=task).accepted


def test_inputs_too_long_for_the_checker_are_said_so():
    with pytest.raises(ValueError, match=r"the checker refuses .* at most 20000 integers"):
        find_reach(Parity(), 20_001, seconds=1)


def test_tokens_that_the_task_refuses_are_left_out():
    class Picky(Parity):
        def targets(self, tokens):
            if (tokens == 2).any():
                raise ValueError("no twos")
            return super().targets(tokens)

    assert Oracle(Picky(n_tokens=4), seq_len=9, seconds=9, seed=0).tokens.tolist() == [0, 1, 3]


def test_undefined_answers_stay_undefined():
    oracle = Oracle(LastTokens(back=3), seq_len=9, seconds=9, seed=0)
    answers = oracle.answers(np.array([[1, 2]]), np.array([[3, 4, 0, 0]]))
    assert answers.tolist() == [[[UNDEFINED, 1, 2, 3]]]
    assert torch.get_num_threads() >= 1


def test_a_task_of_plait_without_a_closed_form_gets_bounds_all_the_same(monkeypatch):
    """As a task has them that was a user's own until it was promoted: found, certified, and about the task itself."""
    monkeypatch.setattr("plait.advisor.bounds.has_family", lambda task: False)
    found = bounds_of(Needle(n_words=8), seq_len=12, seconds=4).bounds
    state, reach = (row for row in found if row.bound is not None and row.bound.found)
    assert state.unit == "bits"
    assert (reach.unit, reach.value) == ("tokens", attention_reach(Needle(n_words=8), 12).value)
    assert check(reach.bound.certificate).accepted
