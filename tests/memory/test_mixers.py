"""State updates of one token, written out, against the formulas."""

from collections.abc import Callable

import pytest
import torch
from elementwise import Elementwise
from torch import Tensor, rand

from plait.memory.block import Block
from plait.memory.huggingface.mixers import (
    Mamba1,
    Mamba2,
    gated_delta,
    kimi_delta,
    lightning,
    mlstm,
    rg_lru,
    rwkv4,
    rwkv4_channel_mix,
    short_conv,
)

TAPS = 3


def convolution(channels: int) -> None:
    """A product and a sum for each tap."""
    total = torch.zeros(channels)
    for _ in range(TAPS):
        total = total + rand(channels) * rand(channels)


def mamba1() -> Block:
    d, n = 6, 4
    convolution(d)
    dt, x, state = rand(d), rand(d), rand(d, n)
    state = torch.exp(dt[:, None] * rand(d, n)) * state + (dt * x)[:, None] * rand(n)
    _ = (state * rand(n)).sum(-1) + rand(d) * x
    return Mamba1(d_model=5, d_inner=d, d_state=n, d_conv=TAPS, dt_rank=2).block


def mamba2() -> Block:
    heads, width, n, groups = 2, 3, 4, 1
    convolution(heads * width + 2 * groups * n)
    dt, x, state = rand(heads, 1), rand(heads, width), rand(heads, width, n)
    state = torch.exp(dt * rand(heads, 1))[..., None] * state + (dt * x)[..., None] * rand(n)
    _ = (state * rand(n)).sum(-1) + rand(heads, 1) * x
    return Mamba2(d_model=5, n_heads=heads, d_head=width, d_state=n, n_groups=groups, d_conv=TAPS).block


def _delta(heads: int, d_key: int, d_value: int, gate: Tensor) -> None:
    state, k = rand(heads, d_key, d_value), rand(heads, d_key, 1)
    state = gate * state
    change = rand(heads, 1) * (rand(heads, d_value) - (state * k).sum(-2))
    state = state + k * change[:, None]
    _ = (state * rand(heads, d_key, 1)).sum(-2)


def gated_delta_rule() -> Block:
    keys, values, d_key, d_value = 2, 4, 3, 5
    convolution(2 * keys * d_key + values * d_value)
    _delta(values, d_key, d_value, rand(values, 1, 1))
    return gated_delta(5, n_keys=keys, n_values=values, d_key=d_key, d_value=d_value, d_conv=TAPS)


def kimi_delta_rule() -> Block:
    heads, width = 2, 3
    convolution(3 * heads * width)
    _delta(heads, width, width, rand(heads, width, 1))
    return kimi_delta(5, n_heads=heads, d_head=width, d_conv=TAPS, low_rank=True)


def lightning_attention() -> Block:
    heads, width = 2, 3
    state = rand(heads, 1, 1) * rand(heads, width, width) + rand(heads, width, 1) * rand(heads, 1, width)
    _ = (state * rand(heads, width, 1)).sum(-2)
    return lightning(5, n_heads=heads, d_head=width)


def real_gated() -> Block:
    convolution(6)
    _ = rand(6) * rand(6) + rand(6)
    return rg_lru(5, d_lru=6, n_heads=2, d_conv=TAPS)


def gated_convolution() -> Block:
    _ = rand(5) * rand(5)
    convolution(5)
    _ = rand(5) * rand(5)
    return short_conv(5, d_conv=TAPS, bias=False)


def _mixed_with_the_last(times: int) -> None:
    for _ in range(times):
        _ = rand(5) * rand(5) + rand(5) * rand(5)


def rwkv_time_mixing() -> Block:
    _mixed_with_the_last(3)
    k, v, top, below, most, decay, first = rand(7, 5)
    now = k + first
    largest = torch.maximum(most, now)
    old, new = torch.exp(most - largest), torch.exp(now - largest)
    _ = (old * top + new * v) / (old * below + new)
    kept = most + decay
    largest = torch.maximum(kept, k)
    old, new = torch.exp(kept - largest), torch.exp(k - largest)
    top, below = old * top + new * v, old * below + new
    return rwkv4(5, d_inner=5)


def rwkv_channel_mixing() -> Block:
    _mixed_with_the_last(2)
    return rwkv4_channel_mix(5, 7)


def matrix_lstm() -> Block:
    heads, d_key, d_value = 2, 3, 4
    most, log_f, log_i = rand(3, heads, 1)
    kept = log_f + most
    largest = torch.maximum(kept, log_i)
    f, i = torch.exp(kept - largest), torch.exp(log_i - largest)
    k, q = i * rand(heads, d_key), rand(heads, d_key)
    state = f[..., None] * rand(heads, d_key, d_value) + k[..., None] * rand(heads, 1, d_value)
    normaliser = f * rand(heads, d_key) + k
    _ = (state * q[..., None]).sum(-2) / (normaliser * q).sum(-1, keepdim=True)
    return mlstm(5, n_heads=heads, d_keys=heads * d_key, d_values=heads * d_value, bias=False)


@pytest.mark.parametrize(
    "written_out",
    [
        mamba1,
        mamba2,
        gated_delta_rule,
        kimi_delta_rule,
        lightning_attention,
        real_gated,
        gated_convolution,
        rwkv_time_mixing,
        rwkv_channel_mixing,
        matrix_lstm,
    ],
)
def test_recurrence_of_one_token(written_out: Callable[[], Block]) -> None:
    with Elementwise() as counter:
        block = written_out()
    assert block.recurrence == counter.count
