"""How far attention must see: the closed forms against every pair of inputs of small domains."""

import pytest
import torch
from theory_cases import PAPER_TASKS, all_rows, in_domain

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory import attention_reach, check, find_reach, frontier
from plait.theory.reach import reach_inputs

MOST_ROWS = 70_000

TASKS = (
    *(
        SelectiveCopying(n_words=words, numbers=numbers)
        for words, numbers in [
            (2, (1,)),
            (2, (2,)),
            (2, (1, 2)),
            (1, (1, 2)),
            (1, (2, 3)),
            (2, (3, 2)),
            (3, (1, 3)),
            (2, (2, 4)),
            (1, (1, 2, 4)),
            (1, (3,)),
        ]
    ),
    *(AssociativeRecall(n_words=words) for words in (1, 2, 3, 4)),
    *(
        MultiKeyRecall(n_words=n, key_length=k)
        for n, k in [(1, 2), (2, 1), (3, 1), (4, 1), (2, 2), (3, 2), (4, 2), (2, 3), (3, 3), (2, 4), (2, 5)]
    ),
    *(DecodingRecall(n_bits=bits) for bits in (1, 2, 3)),
    *(DecodingRecall(n_bits=bits, variant="last") for bits in (1, 2, 3)),
    *(Needle(n_words=words) for words in (1, 2, 3)),
)


def greatest_reach(task, length):
    """The greatest R such that two inputs agree on their last R tokens and differ in their last target."""
    rows = all_rows(task.ordinary_tokens, length)
    rows = rows[in_domain(task, rows)]
    if not len(rows):
        return None
    targets = task.targets(rows)
    scored = targets.scored[:, -1]
    rows, answers = rows[scored], targets.tokens[scored, -1]
    best = None
    for agree in range(length if len(rows) else 0):
        ends = torch.zeros(len(rows), dtype=torch.int64)
        for place in range(length - agree, length):
            ends = ends * task.ordinary_tokens + rows[:, place]
        low = torch.full((task.ordinary_tokens**agree,), 10**6).scatter_reduce_(0, ends, answers, "amin")
        high = torch.full((task.ordinary_tokens**agree,), -1).scatter_reduce_(0, ends, answers, "amax")
        if ((low < high) & (high >= 0)).any():
            best = agree
    return best


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_closed_forms_are_the_greatest_reach(task):
    length = 1
    while task.ordinary_tokens**length <= MOST_ROWS and length <= 12:
        found, bound = greatest_reach(task, length), attention_reach(task, length)
        assert bound.value == (found or 0), length
        assert (bound.certificate is None) == (found is None), length
        length += 1
    assert length > 4


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_the_inputs_are_certified_at_any_length(task):
    for length in (*range(1, 24), 100, 1000):
        pair = reach_inputs(task, length)
        if pair is None:
            continue
        bound = attention_reach(task, length)
        assert all(len(row) == length for row in pair)
        assert in_domain(task, torch.tensor(pair)).all()
        targets = task.targets(torch.tensor(pair))
        assert targets.scored[:, -1].all()
        assert targets.tokens[0, -1] != targets.tokens[1, -1]
        assert pair[0][length - bound.value :] == pair[1][length - bound.value :]
        verdict = check(bound.certificate)
        assert verdict.accepted
        assert verdict.reach == bound.value


def test_the_figures_of_the_paper_s_sizes():
    assert [attention_reach(task, 100).value for task in PAPER_TASKS] == [99, 98, 97, 99, 98, 98]


def test_a_certificate_that_claims_more_is_refused():
    from plait.theory import sealed

    certificate = attention_reach(MultiKeyRecall(), 50).certificate
    verdict = check(sealed({**certificate, "tokens": 48}))
    assert not verdict.accepted
    assert "48 tokens were claimed" in verdict.reason


@pytest.mark.parametrize("seq_len", [0, -3, 1.5, True, None])
def test_lengths_out_of_range_are_refused(seq_len):
    with pytest.raises(ValueError, match="seq_len must be"):
        attention_reach(Needle(), seq_len)


def test_a_task_without_a_closed_form_says_what_it_needs():
    with pytest.raises(ValueError, match="find_reach"):
        attention_reach(object(), 10)


def table_3_2(task, length):
    """The table of docs/theory.md, row by row; None where no two rows differ in their last target."""
    words = task.n_words
    if isinstance(task, SelectiveCopying):
        below = [number for number in task.numbers if number < length]
        if not below:
            return None
        return length - 1 if length - 1 in below or (len(below) > 1 and words > 1) else max(below)
    if words < 2:
        return None
    if isinstance(task, AssociativeRecall):
        return None if length < 2 else length - 2 if words > 2 else min(1, length - 2)
    if isinstance(task, Needle):
        return length - 2 if length >= 3 else None
    if isinstance(task, DecodingRecall):
        if task.variant == "last":
            return None if length <= task.n_bits else length - 2 if task.n_bits > 1 else min(1, length - 2)
        return {1: None, 2: 0}.get(length, length - 1)
    k = task.key_length
    if length < k + 2:
        return None
    if k == 1:
        return length - 3 if words > 2 else min(1, length - 3)
    return length - 3 if length >= 2 * k + 2 else max(0, 2 * (length - k - 2) - 1)


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_the_table_of_reach_has_a_row_for_every_case(task):
    for length in range(1, 40):
        pair, stated = reach_inputs(task, length), table_3_2(task, length)
        assert (pair is None) == (stated is None), length
        assert attention_reach(task, length).value == (stated or 0), length


@pytest.mark.parametrize("seq_len", [2**24 + 1, 10**30])
def test_an_input_too_long_to_be_written_down_is_refused(seq_len):
    for bound in (attention_reach, frontier, lambda task, n: find_reach(task, seq_len=n)):
        with pytest.raises(ValueError, match=r"seq_len must be an integer in \[[12], 16777216\]"):
            bound(DecodingRecall(), seq_len)
