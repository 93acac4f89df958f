"""Randomness: the published generator, the same integers by every path, and exact normal quantiles."""

import functools
import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.native import library
from plait.random import (
    _CENTRE,
    _MIDDLE,
    _TAIL,
    DROPOUT,
    INIT,
    SELECT,
    TEST,
    TRAIN,
    Stream,
    _sqrt,
    normal_quantile,
    philox4x32,
    plain_bits,
)

# Salmon et al., known-answer vectors of Random123 for philox4x32-10: counter, key, result.
VECTORS = (
    (
        (0x00000000, 0x00000000, 0x00000000, 0x00000000),
        (0x00000000, 0x00000000),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)
WORD = st.integers(0, 2**32 - 1)


def tensors(words):
    return tuple(torch.tensor([word]) for word in words)


def philox_in_integers(counter, key):
    """Philox4x32-10 straight from the paper's definition, in Python integers."""
    x, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * x[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * x[2], 2**32)
        x = [high1 ^ x[1] ^ k[0], low1, high0 ^ x[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return tuple(x)


def quantile_in_floats(p):
    """Wichura's AS 241 by the steps of `normal_quantile`."""

    def ratio(rows, x):
        top, bottom = (functools.reduce(lambda value, c: value * x + c, row) for row in rows)
        return top / bottom

    q = p - 0.5
    if abs(q) <= 0.425:
        return ratio(_CENTRE, 0.180625 - q * q) * q
    mantissa, exponent = math.frexp(p if q < 0 else 1.0 - p)
    if mantissa < math.sqrt(0.5):
        mantissa, exponent = mantissa * 2.0, exponent - 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    series = functools.reduce(lambda value, odd: value * (s * s) + 1.0 / odd, range(25, 0, -2), 1.0 / 27.0)
    x = -(exponent * math.log(2.0) + 2.0 * s * series)
    r = 1.5 + x * 0.0625
    for _ in range(7):
        r = (r + x / r) * 0.5
    tail = ratio(_MIDDLE, r - 1.6) if r <= 5.0 else ratio(_TAIL, r - 5.0)
    return -tail if q < 0 else tail


def compiled_words(seed, n, tail):
    """Words of the compiled path for a key of 64 bits, also those beyond `Stream`'s seeds."""
    compiled = library.CompiledFunction(
        "plait_philox", (library.POINTER,) * 2 + (library.INTEGER,) * 5
    ).find()
    if compiled is None:
        pytest.skip("no compiled library here")
    words = torch.empty(n, dtype=torch.int64)
    signed = torch.tensor([seed - 2**64 if seed >= 2**63 else seed])
    compiled(words.data_ptr(), signed.data_ptr(), 1, n, *tail)
    return words.tolist()


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_tensor_philox_gives_the_published_vectors(counter, key, result):
    assert tuple(int(word) for word in philox4x32(tensors(counter), tensors(key))) == result


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_python_philox_gives_the_published_vectors(counter, key, result):
    assert philox_in_integers(counter, key) == result


def test_compiled_philox_gives_the_published_vector_of_zeros():
    assert tuple(compiled_words(0, 4, (0, 0, 0))) == VECTORS[0][2]


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_compiled_philox_on_the_vectors_keys_and_counters(counter, key, result):
    """The compiled path counts blocks from 0, so the counter's first word is 0, 1, 2 instead of the vector's."""
    words = compiled_words(key[0] + (key[1] << 32), 10, counter[1:])
    expected = [word for block in range(3) for word in philox_in_integers((block, *counter[1:]), key)]
    assert words == expected[:10]


@given(st.tuples(WORD, WORD, WORD, WORD), st.tuples(WORD, WORD))
@settings(max_examples=200, deadline=None)
def test_tensor_philox_equals_python_integers(counter, key):
    found = philox4x32(tensors(counter), tensors(key))
    assert tuple(int(word) for word in found) == philox_in_integers(counter, key)


@given(
    st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4),
    WORD,
    WORD,
    WORD,
    st.lists(st.integers(0, 5), max_size=3),
)
@settings(max_examples=200, deadline=None)
def test_compiled_bits_equal_tensor_bits(seeds, step, purpose, draw, shape):
    stream = Stream(torch.tensor(seeds), step, purpose)
    with pytest.MonkeyPatch.context() as patch:
        fast = stream.bits(shape, draw=draw)
        patch.setattr(library, "load_library", lambda: None)
        plain = stream.bits(shape, draw=draw)
    assert fast.shape == (len(seeds), *shape)
    assert fast.dtype == plain.dtype == torch.int64
    assert torch.equal(fast, plain)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_draw_is_the_stated_word(compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(library, "load_library", lambda: None)
    seed, step, draw = 2**40 + 7, 11, 3
    words = Stream(seed, step, TEST).bits((2, 3), draw=draw).flatten().tolist()
    key = (seed % 2**32, seed >> 32)
    blocks = [philox_in_integers((block, draw, step, TEST), key) for block in range(2)]
    assert words == [word for block in blocks for word in block][:6]


@given(st.lists(st.integers(0, 2**63 - 1), min_size=2, max_size=6), st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_a_member_alone_draws_what_it_draws_among_others(seeds, step):
    together = Stream(torch.tensor(seeds), step)
    halves = (Stream(torch.tensor(seeds[:1]), step), Stream(torch.tensor(seeds[1:]), step))
    for draws in (lambda s: s.bits((3, 5)), lambda s: s.normal((7,), draw=2), lambda s: s.integers(9, (4,))):
        whole = draws(together)
        assert torch.equal(whole, torch.cat([draws(half) for half in halves]))
        for member, seed in enumerate(seeds):
            assert torch.equal(whole[member], draws(Stream(seed, step)))


def test_seeds_steps_purposes_and_draws_are_kept_apart():
    rows = [
        Stream(seed, step, purpose).bits((8,), draw=draw)
        for seed in (0, 1, 2**32, 2**62)
        for step in (0, 1)
        for purpose in (TRAIN, SELECT, TEST, INIT, DROPOUT)
        for draw in (0, 1)
    ]
    assert len({tuple(row.tolist()) for row in rows}) == len(rows)


def test_a_longer_draw_begins_with_the_shorter():
    assert torch.equal(Stream(5).bits((9,)), Stream(5).bits((1000,))[:9])


def test_bernoulli_and_integers_are_the_stated_functions_of_the_bits():
    stream = Stream(3, 4)
    bits = stream.bits((1000,), draw=6)
    assert torch.equal(stream.bernoulli(0.3, (1000,), draw=6), bits < round(0.3 * 2**32))
    assert stream.integers(7, (1000,), draw=6).tolist() == [bit * 7 // 2**32 for bit in bits.tolist()]
    assert not stream.bernoulli(0.0, (1000,)).any()
    assert stream.bernoulli(1.0, (1000,)).all()
    assert not stream.integers(1, (1000,)).any()


def test_normal_quantile_equals_the_standard_library():
    probabilities = torch.cat(
        (
            (torch.arange(20_001, dtype=torch.float64) + 0.5) / 20_001,
            2.0 ** -torch.arange(1, 34, dtype=torch.float64),
            1 - 2.0 ** -torch.arange(1, 34, dtype=torch.float64),
        )
    )
    exact = statistics.NormalDist()
    for p, quantile in zip(probabilities.tolist(), normal_quantile(probabilities).tolist(), strict=True):
        assert math.isclose(quantile, exact.inv_cdf(p), rel_tol=2e-15, abs_tol=1e-15)


def test_the_square_root_of_the_tails_is_within_an_ulp():
    x = torch.linspace(2.5, 750.0, 100_001, dtype=torch.float64)
    for value, root in zip(x.tolist(), _sqrt(x).tolist(), strict=True):
        assert abs(root - math.sqrt(value)) <= math.ulp(root)


def test_normal_quantile_is_made_of_exact_operations_alone():
    """The same steps on Python floats, whose operations IEEE 754 defines: equal to the last bit."""
    edges = torch.tensor([2.0**-33, 0.075, 0.925, 1e-300], dtype=torch.float64)
    probabilities = torch.cat((Stream(8).uniform((20_000,)), edges))
    for p, quantile in zip(probabilities.tolist(), normal_quantile(probabilities).tolist(), strict=True):
        assert quantile == quantile_in_floats(p)


def test_normal_quantile_is_odd():
    p = (torch.arange(1, 2**12, dtype=torch.float64)) / 2**12
    assert torch.equal(normal_quantile(p), -normal_quantile(1 - p))


def test_normal_draws_have_the_normal_distribution():
    """By the Dvoretzky-Kiefer-Wolfowitz inequality the greatest gap exceeds .0107 with probability < 3e-10."""
    n = 100_000
    draws = Stream(1).normal((n,)).sort().values
    cdf = 0.5 * (1 + torch.erf(draws / math.sqrt(2)))
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    gap = max(float((steps[1:] - cdf).max()), float((cdf - steps[:-1]).max()))
    assert gap < 0.0107
    assert 2 * math.exp(-2 * n * 0.0107**2) < 3e-10


def test_uniform_draws_lie_strictly_between_zero_and_one():
    draws = Stream(torch.arange(3)).uniform((1000,))
    assert draws.dtype == torch.float64
    assert 0 < draws.min() < draws.max() < 1


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ({"seed": -1}, "-1"),
        ({"seed": 2**63}, str(2**63)),
        ({"seed": 1.5}, "1.5"),
        ({"seed": True}, "True"),
        ({"seed": torch.tensor([1, -7])}, "-7"),
        ({"seed": torch.tensor(3)}, r"\(\)"),
        ({"seed": torch.tensor([1.0])}, "float32"),
        ({"seed": torch.tensor([1], dtype=torch.int32)}, "int32"),
        ({"seed": 0, "step": -1}, "-1"),
        ({"seed": 0, "step": 2**32}, str(2**32)),
        ({"seed": 0, "purpose": 0.5}, "0.5"),
    ],
)
def test_a_stream_refuses(arguments, got):
    with pytest.raises(ValueError, match=f"got.*{got}"):
        Stream(**arguments)


@pytest.mark.parametrize(
    "draw",
    [
        lambda stream: stream.bernoulli(1.5, (2,)),
        lambda stream: stream.bernoulli(math.nan, (2,)),
        lambda stream: stream.integers(0, (2,)),
        lambda stream: stream.integers(2**31 + 1, (2,)),
        lambda stream: stream.bits((2,), draw=-1),
        lambda stream: stream.bits((2,), draw=2**32),
    ],
)
def test_a_draw_refuses(draw):
    with pytest.raises(ValueError, match=r"must be .* got"):
        draw(Stream(0))


@pytest.mark.parametrize(
    ("seed", "n", "step", "draw", "start"),
    [
        (0, 1, 0, 0, 0),
        (7, 10, 1, 2, 3),
        (2**40 + 3, 4_001, 5, 2**31, 4),
        (5, 64, 2**32 - 1, 2**32 - 1, 1),
        (1, 0, 0, 0, 2),
    ],
)
def test_plain_integers_are_the_words_of_the_stream(
    seed: int, n: int, step: int, draw: int, start: int
) -> None:
    stream, at = Stream(seed, step, TEST), {"step": step, "purpose": TEST, "draw": draw, "start": start}
    assert plain_bits(seed, n, **at) == stream.bits((start + n,), draw=draw).tolist()[start:]
    for below in (1, 3, 2**31):
        expected = stream.integers(below, (start + n,), draw=draw).tolist()[start:]
        assert plain_bits(seed, n, **at, below=below) == expected
