"""Samplers: marginals against the stated distributions.

Every count below is binomial. By Chernoff's bound `n KL(count / n || p)` exceeds `log(2 / e)` with probability at
most e, for every n and p; here e = 1e-12 a count, and fewer than 10,000 counts are checked, so a right sampler fails
somewhere with probability below 1e-8.
"""

import math

import pytest
import torch

from plait.random import TEST, Stream
from plait.tasks import (
    MQAR,
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
)

ERROR = 1e-12


def assert_binomial(count, n, p):
    share = int(count) / n
    divergence = sum(
        a * math.log(a / b) if a > 0 and b > 0 else (math.inf if a > 0 else 0.0)
        for a, b in ((share, p), (1 - share, 1 - p))
    )
    assert n * divergence <= math.log(2 / ERROR), f"{int(count)} of {n}, at probability {p}"


def assert_uniform(values, n_values):
    """Independent values: each one's count, and each adjacent pair's where the pairs do not overlap."""
    flat = values.flatten()
    for count in flat.bincount(minlength=n_values).tolist():
        assert_binomial(count, flat.numel(), 1 / n_values)
    if values.ndim > 1 and n_values <= 12 and values.shape[-1] > 1:
        even = values[..., : values.shape[-1] // 2 * 2].reshape(-1, 2)
        pairs = even[:, 0] * n_values + even[:, 1]
        for count in pairs.bincount(minlength=n_values**2).tolist():
            assert_binomial(count, len(pairs), n_values**-2)


def many(task, batch=4096, seq_len=50, step=0):
    return task.sample(Stream(20_26, step, TEST), batch=batch, seq_len=seq_len)


def test_the_bound_can_fail():
    assert_binomial(500, 1000, 0.5)
    for count, n, p in ((640, 1000, 0.5), (1, 1000, 0.0), (999, 1000, 1.0), (0, 1000, 0.2)):
        with pytest.raises(AssertionError):
            assert_binomial(count, n, p)


@pytest.mark.parametrize("p", [0.2, 0.03, 0.0, 1.0])
def test_selective_copying(p):
    task = SelectiveCopying(n_words=7, numbers=(2, 9, 4), p_number=p)
    tokens = many(task)
    number = tokens >= 7
    assert_binomial(number.sum(), tokens.numel(), p)
    assert_binomial((number[:, ::2][:, :25] & number[:, 1::2]).sum(), number.numel() // 2, p * p)
    if p > 0:
        assert_uniform(tokens[number] - 7, 3)
    if p < 1:
        assert_uniform(tokens[~number], 7)
    for token in range(10):
        assert_binomial((tokens == token).sum(), tokens.numel(), (1 - p) / 7 if token < 7 else p / 3)


def test_selective_copying_at_every_position():
    tokens = many(SelectiveCopying(n_words=3, numbers=(1, 2), p_number=0.4), seq_len=12)
    for position in range(12):
        for token, p in enumerate((0.2,) * 5):
            assert_binomial((tokens[:, position] == token).sum(), len(tokens), p)


def test_adversarial_mixture():
    """A sequence is far or near as a whole, so numbers within it are not independent."""
    task = SelectiveCopying(n_words=5, numbers=(3, 1), p_number=0.2, variant="adversarial")
    tokens = many(task, batch=8192, seq_len=40)
    number = tokens >= 5
    n = len(tokens)
    for position in range(39):
        assert_binomial(number[:, position].sum(), n, (0.03 + 0.2) / 2)
    assert_binomial(number[:, -1].sum(), n, (0.03 + 1) / 2)
    none_before = ~number[:, :-1].any(1)
    assert_binomial(none_before.sum(), n, (0.97**39 + 0.8**39) / 2)
    assert_binomial((none_before & number[:, -1]).sum(), n, (0.97**39 * 0.03 + 0.8**39) / 2)
    for k in (0, 2):  # numbers at two positions: a mixture, not a product
        both = number[:, k] & number[:, k + 1]
        assert_binomial(both.sum(), n, (0.03**2 + 0.2**2) / 2)
    assert_uniform(tokens[:, -1][number[:, -1]] - 5, 2)
    assert_uniform(tokens[~number], 5)


def test_adversarial_mixture_takes_p_number_for_its_near_half():
    near = SelectiveCopying(p_number=1.0, variant="adversarial")
    number = many(near, batch=4096, seq_len=30) >= 26
    assert_binomial(number.all(1).sum(), 4096, (1 + 0.03**30) / 2)


def test_repetitive_words():
    task = SelectiveCopying(n_words=4, numbers=(3, 1), variant="repetitive")
    tokens = many(task, batch=8192, seq_len=40)
    number = tokens >= 4
    assert_binomial(number.sum(), tokens.numel(), 0.2)
    assert_uniform(tokens[number] - 4, 2)
    tiles = []
    for residue in range(3):
        words = tokens[:, residue::3]
        first = torch.where(words < 4, words, -1).max(1, keepdim=True).values
        assert ((words == first) | (words >= 4)).all()
        tiles.append(first.flatten())
    whole = torch.stack(tiles, -1)
    whole = whole[(whole >= 0).all(1)]
    assert len(whole) > 8000
    codes = whole[:, 0] * 16 + whole[:, 1] * 4 + whole[:, 2]
    for count in codes.bincount(minlength=64).tolist():
        assert_binomial(count, len(codes), 1 / 64)


@pytest.mark.parametrize("p", [0.2, 0.8, 0.0, 1.0])
def test_decoding_recall(p):
    tokens = many(DecodingRecall(n_bits=3, p_bit=p))
    bit = tokens >= 8
    assert_binomial(bit.sum(), tokens.numel(), p)
    assert_binomial((bit[:, ::2] & bit[:, 1::2]).sum(), bit.numel() // 2, p * p)
    if p > 0:
        assert_uniform(tokens[bit] - 8, 2)
    if p < 1:
        assert_uniform(tokens[~bit], 8)


@pytest.mark.parametrize("seq_len", [3, 4, 50])
def test_decoding_recall_of_the_last_bits(seq_len):
    tokens = many(DecodingRecall(n_bits=3, p_bit=0.5, variant="last"), batch=8192, seq_len=seq_len)
    bits = tokens[:, -3:] - 8
    assert bits.min() == 0
    assert bits.max() == 1
    assert_uniform(bits[:, 0] * 4 + bits[:, 1] * 2 + bits[:, 2], 8)
    if seq_len > 3:
        assert tokens[:, :-3].max() < 8
        assert_uniform(tokens[:, :-3], 8)


@pytest.mark.parametrize("task", [AssociativeRecall(n_words=6), MultiKeyRecall(n_words=6), MultiKeyRecall()])
def test_recalls_have_uniform_words(task):
    tokens = many(task)
    assert_uniform(tokens, task.n_words)
    for position in (0, 1, 25, 49):
        assert_uniform(tokens[:, position], task.n_words)


@pytest.mark.parametrize("seq_len", [3, 4, 5, 21, 50])
def test_needle(seq_len):
    tokens = many(Needle(n_words=4), batch=16384, seq_len=seq_len)
    marker = tokens == 4
    assert (marker.sum(1) == 1).all()
    assert (tokens[:, -1] == 5).all()
    assert (tokens[:, :-1] != 5).all()
    places = marker.int().argmax(1)
    assert places.max() < seq_len // 2
    assert_uniform(places, seq_len // 2)
    assert_uniform(tokens[tokens < 4], 4)
    assert_uniform(tokens.gather(1, places[:, None] + 1), 4)


@pytest.mark.parametrize("variant", ["distinct", "repeated"])
@pytest.mark.parametrize("p", [0.3, 0.0, 1.0])
def test_mqar(variant, p):
    task = MQAR(n_keys=4, n_values=3, n_fillers=2, n_pairs=3, p_query=p, variant=variant)
    tokens = many(task, batch=8192, seq_len=20)
    keys, values, behind = tokens[:, 0:6:2], tokens[:, 1:6:2], tokens[:, 6:]
    codes = keys[:, 0] * 16 + keys[:, 1] * 4 + keys[:, 2]
    for code, count in enumerate(codes.bincount(minlength=64).tolist()):
        possible = variant == "repeated" or len({code // 16, code // 4 % 4, code % 4}) == 3
        assert_binomial(count, len(codes), (1 / 64 if variant == "repeated" else 1 / 24) * possible)
    assert_uniform(values - 4, 3)
    query = behind < 4
    assert_binomial(query.sum(), behind.numel(), p)
    assert_binomial((query[:, ::2] & query[:, 1::2]).sum(), query.numel() // 2, p * p)
    if p < 1:
        assert_uniform(behind[~query] - 7, 2)
    scored = task.targets(tokens).scored
    assert torch.equal(scored[:, 6:], query), "whoever is asked for was given a value"
    if p > 0:
        places = (behind[:, :, None] == keys[:, None, :])[query].float()
        asked = places[places.sum(1) == 1]  # of keys that stand in one pair
        for count in asked.sum(0).tolist():
            assert_binomial(count, len(asked), 1 / 3)
