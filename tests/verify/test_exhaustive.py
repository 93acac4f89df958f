"""Every input of small domains: the counts that are known beforehand, and a plain loop over all inputs."""

import copy

import pytest
import torch
from torch import Tensor

from plait.constructions import decoding_recall, plan_of, selective_copying
from plait.model import HybridConfig, HybridLM
from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, SelectiveCopying, Task
from plait.verify import Checks, Claims, Tally, verify
from plait.verify.exhaustive import read_all, token_domain
from plait.verify.inputs import Domain, duration_text
from plait.verify.reading import CompiledReader, ParallelReader

DTYPES = (torch.float64, torch.float32, torch.bfloat16)

DOMAINS = [
    ((4, 4, 2), (240, 16)),
    ((5, 3, 1), (211, 32)),
    ((5, 4, 2), (992, 32)),
    ((6, 3, 2), (728, 1)),
    ((6, 4, 3), (4095, 1)),
]
"""(length, tokens, numbers 1..N), and the inputs whose last position has a target and which have no number."""


def untrained(task: Task, dtype: torch.dtype = torch.float32) -> HybridLM:
    """Right at some positions and wrong at others."""
    return HybridLM(HybridConfig(task.vocab_size, d_model=6, window=3), seed=4, dtype=dtype)


def plainly(model: HybridLM, task: Task, rows: Tensor) -> Tally:
    """A loop over positions, by the logits of the parallel pass."""
    targets = task.targets(rows)
    with torch.no_grad():
        logits = model(rows).double()
    checked = right = 0
    for row in range(len(rows)):
        for place in range(rows.shape[1]):
            if targets.scored[row, place]:
                target = int(targets.tokens[row, place])
                others = [float(x) for v, x in enumerate(logits[row, place]) if v != target]
                checked += 1
                right += float(logits[row, place, target]) > max(others)
    return Tally(
        inputs=len(rows),
        checked=checked,
        right=right,
        undefined=rows.numel() - checked,
        last_defined=int(targets.scored[:, -1].sum()),
    )


@pytest.mark.parametrize(("domain", "counts"), DOMAINS)
def test_the_domains_whose_counts_are_known(domain: tuple[int, int, int], counts: tuple[int, int]):
    seq_len, n_tokens, n_numbers = domain
    task = SelectiveCopying(n_words=n_tokens - n_numbers, numbers=tuple(range(1, n_numbers + 1)))
    model = selective_copying(task, seq_len)
    found = verify(model, task, Checks(seq_len=seq_len, exhaustive=True), dtypes=DTYPES)
    margins = plan_of(model).margins()
    for one in found.verified:
        tally = one.tallies["exhaustive"]
        assert (tally.last_defined, tally.last_undefined) == counts
        assert tally.inputs == sum(counts) == n_tokens**seq_len
        assert tally.checked + tally.undefined == seq_len * n_tokens**seq_len
        assert tally.wrong == 0
        assert tally.gap is not None
        assert tally.margin is not None
        if one.dtype != "bfloat16":
            assert tally.read == token_domain(task, seq_len).prefixes
            assert tally.gap.value >= margins.logit_gap
            assert tally.margin.value >= margins.attention
    assert found.passed


@pytest.mark.parametrize("n_bits", [1, 2])
def test_all_of_decoding_recall(n_bits: int):
    task, seq_len = DecodingRecall(n_bits=n_bits), 8 - 2 * n_bits
    for pattern in ("SSM-TF-TF", "SSM-TF"):
        model = decoding_recall(task, seq_len, pattern=pattern)
        found = verify(model, task, Checks(seq_len=seq_len, exhaustive=True))
        tally = found.verified[0].tallies["exhaustive"]
        assert found.passed
        assert tally.inputs == (2**n_bits + 2) ** seq_len


@pytest.mark.parametrize(
    "task",
    [
        SelectiveCopying(n_words=2, numbers=(1, 3)),
        DecodingRecall(n_bits=1),
        DecodingRecall(n_bits=1, variant="last"),
        AssociativeRecall(n_words=4),
        MultiKeyRecall(n_words=3, key_length=1),
    ],
)
def test_both_readers_count_what_a_plain_loop_counts(task: Task):
    model, domain = untrained(task, torch.float64), token_domain(task, 5)
    expected = plainly(model, task, domain.rows(0, domain.inputs))
    assert 0 < expected.right < expected.checked
    for reader in (CompiledReader(model), ParallelReader(model)):
        found = read_all(reader, task, domain, window=None, most_inputs=10**6)
        for name in ("inputs", "checked", "right", "wrong", "undefined", "last_defined"):
            assert getattr(found, name) == getattr(expected, name), name
        assert found.counterexample is not None
        assert found.gap is not None
        assert found.gap.value < 0.0


def test_a_prefix_that_inputs_share_is_read_once_and_counts_for_each():
    task = SelectiveCopying(n_words=3, numbers=(1, 2))
    model, domain = untrained(task), Domain(n_tokens=5, seq_len=7)
    by_prefix = read_all(CompiledReader(model), task, domain, window=None, most_inputs=10**6)
    assert by_prefix.read == sum(5**length for length in range(1, 8)) == domain.prefixes
    assert by_prefix.checked + by_prefix.undefined == 7 * 5**7
    whole = ParallelReader(model).read(rows := domain.rows(0, 5**7), task.targets(rows), None)
    assert by_prefix.right == int((whole.gaps.isfinite() & (whole.gaps > 0)).sum())


def test_targets_beyond_the_window_that_is_claimed_are_set_apart():
    task = DecodingRecall(n_bits=1)
    model = decoding_recall(task, 8)
    narrow = copy.deepcopy(model.config.to_json()) | {"window": [None, 2, 4]}
    short = HybridLM(HybridConfig.from_json(narrow), seed=None)
    short.load_state_dict(model.state_dict())
    strict = verify(short, task, Checks(seq_len=7, exhaustive=True)).verified[0]
    claimed = verify(short, task, Checks(seq_len=7, exhaustive=True), claims=Claims(window=4)).verified[0]
    assert strict.total.wrong > 0
    assert claimed.total.wrong == 0
    assert claimed.total.beyond >= strict.total.wrong
    assert claimed.total.checked + claimed.total.beyond == strict.total.checked


def test_a_domain_too_large_says_how_many_inputs_and_how_long():
    task = SelectiveCopying()
    model = selective_copying(task, 100)
    with pytest.raises(ValueError, match=r"1.3e149 inputs \(31\^100\), about \S+ years here"):
        verify(model, task, Checks(seq_len=100, exhaustive=True))
    small = SelectiveCopying(n_words=2, numbers=(1, 2))
    with pytest.raises(ValueError, match=r"is 1,024 inputs, about \d+ seconds here; at most 1,000"):
        verify(selective_copying(small, 5), small, Checks(seq_len=5, exhaustive=True, most_inputs=1000))


def test_durations_in_the_unit_that_suits_them():
    assert [duration_text(x) for x in (3.0, 600.0, 86400.0 * 3, 1e12)] == [
        "3 seconds", "10 minutes", "3 days", "31,688 years",
    ]  # fmt: skip
