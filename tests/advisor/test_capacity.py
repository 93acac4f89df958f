"""Capacities are the lower bounds read backwards, to the last item."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait import HybridConfig
from plait.advisor import capacity, list_capacity, recall_capacity
from plait.memory import count, read_config


@given(bits=st.integers(0, 3000))
def test_recall_is_the_most_words_that_fit(bits: int) -> None:
    words = recall_capacity(bits)
    assert words ** (words - 1) <= 2**bits < (words + 1) ** words


@given(bits=st.integers(0, 3000), vocab_size=st.integers(2, 300))
def test_list_is_the_most_tokens_that_fit(bits: int, vocab_size: int) -> None:
    tokens = list_capacity(bits, vocab_size)
    assert vocab_size**tokens <= 2**bits < vocab_size ** (tokens + 1)


@pytest.mark.parametrize("power", [1, 5, 20])
def test_powers_of_two_are_exact(power: int) -> None:
    words = 2**power
    bits = (words - 1) * power
    assert recall_capacity(bits) == words
    assert recall_capacity(bits - 1) == words - 1
    assert list_capacity(bits, words) == words - 1
    assert list_capacity(bits - 1, words) == words - 2


def test_the_state_of_a_large_model() -> None:
    bits = 10**12
    words = recall_capacity(bits)
    assert (words - 1) * log2(words) == pytest.approx(bits, rel=1e-9)
    assert list_capacity(bits, 50_280) == int(bits / log2(50_280))


def test_the_state_of_an_absurd_model_takes_no_time() -> None:
    bits = 10**40 + 7
    tokens = list_capacity(bits, 50_280)
    assert abs(tokens / (bits / log2(50_280)) - 1) < 1e-12
    assert list_capacity(1 << 70, 4) == 1 << 69


def test_the_papers_size() -> None:
    assert recall_capacity(155) == 32
    assert recall_capacity(154) == 31


def test_of_a_config() -> None:
    config = HybridConfig(34, pattern="SSM-TF", d_model=8, window=20)
    found = capacity(config)
    settled = count(config, 10_000)
    assert found.recurrent_bits + found.window_bits == settled.state_bits
    assert found.recurrent_bits == 8 * settled.layers[0].state_bytes
    assert found.recall_items == recall_capacity(settled.state_bits)
    assert found.recurrent_list_tokens == list_capacity(found.recurrent_bits, 34)
    assert not found.grows
    assert capacity(HybridConfig(34, pattern="SSM-TF", d_model=8)).grows


def test_of_a_file() -> None:
    found = capacity(read_config({"model_type": "jamba", "dtype": "bfloat16"}))
    state, tail = 28 * 8192 * 16 * 32, 28 * 8192 * 4 * 16
    assert found.recurrent_bits == state + tail
    assert found.grows
    assert "no prediction of perplexity" in found.notes[0]
    assert found.to_json()["recall_items"] == found.recall_items


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recall_capacity(-1), "bits must be an integer of at least 0, got -1"),
        (lambda: list_capacity(8, 1), "vocab_size must be an integer of at least 2, got 1"),
        (lambda: capacity(HybridConfig(8, pattern="a:B", d_model=4)), "layer 0 is a:B"),
    ],
)
def test_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
