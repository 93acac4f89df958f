"""Both blocks in NumPy, float64, one position and one number at a time, straight from the equations.

Nothing is shared with the package: no tensor operation of PyTorch, no vectorised softmax, no window mask.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = dict[str, Array]


def mamba(hidden: Array, weights: Weights, *, eps: float) -> Array:
    """One sequence `(time, d_model)` through an SSM layer (arXiv 2312.00752, algorithm 2)."""
    taps = weights["mixer.conv1d.weight"][:, 0, :]
    d_inner, d_conv = taps.shape
    dt_rank = weights["mixer.dt_proj.weight"].shape[1]
    d_state = weights["mixer.A_log"].shape[1]
    state = np.zeros((d_inner, d_state))
    inputs: list[Array] = []
    output = np.zeros_like(hidden)
    for t, row in enumerate(hidden):
        scale = 1.0 / math.sqrt(sum(value * value for value in row) / len(row) + eps)
        normed = np.array(
            [weight * value * scale for weight, value in zip(weights["norm.weight"], row, strict=True)]
        )
        projected = weights["mixer.in_proj.weight"] @ normed
        inputs.append(projected[:d_inner])
        gate = projected[d_inner:]
        x = np.zeros(d_inner)
        for channel in range(d_inner):
            total = weights["mixer.conv1d.bias"][channel]
            for back in range(d_conv):
                if t - back >= 0:
                    total += taps[channel, d_conv - 1 - back] * inputs[t - back][channel]
            x[channel] = _silu(total)
        low_dt, B, C = np.split(weights["mixer.x_proj.weight"] @ x, [dt_rank, dt_rank + d_state])
        before = weights["mixer.dt_proj.weight"] @ low_dt + weights["mixer.dt_proj.bias"]
        y = np.zeros(d_inner)
        for channel in range(d_inner):
            dt = _softplus(before[channel])
            for n in range(d_state):
                rate = -math.exp(weights["mixer.A_log"][channel, n])
                state[channel, n] = math.exp(dt * rate) * state[channel, n] + dt * B[n] * x[channel]
                y[channel] += C[n] * state[channel, n]
            y[channel] = (y[channel] + weights["mixer.D"][channel] * x[channel]) * _silu(gate[channel])
        output[t] = row + weights["mixer.out_proj.weight"] @ y
    return output


def transformer(
    hidden: Array,
    weights: Weights,
    *,
    eps: float,
    n_heads: int,
    window: int | None,
    rotary_fraction: float,
    base: float,
    released: bool = False,
    positions: str = "rope",
) -> Array:
    """One sequence `(time, d_model)` through a TF layer (arXiv 2204.06745, section 2)."""
    d_model = hidden.shape[1]
    d_head = d_model // n_heads
    r = int(rotary_fraction * d_head) if positions == "rope" else 0
    queries: list[Array] = []
    keys: list[Array] = []
    values: list[Array] = []
    output = np.zeros_like(hidden)
    for t, row in enumerate(hidden):
        normed = _layer_norm(row, weights, "input_layernorm", eps)
        qkv = weights["attention.query_key_value.weight"] @ normed + weights["attention.query_key_value.bias"]
        heads = qkv.reshape(n_heads, 3, d_head)
        turn = _turn_as_released if released else _turn
        queries.append(np.array([turn(head[0], t, r, base) for head in heads]))
        keys.append(np.array([turn(head[1], t, r, base) for head in heads]))
        values.append(np.array([head[2] for head in heads]))
        first = 0 if window is None else max(0, t - window + 1)
        mixed = np.zeros((n_heads, d_head))
        for head in range(n_heads):
            scores = [queries[t][head] @ keys[s][head] / math.sqrt(d_head) for s in range(first, t + 1)]
            scores = [
                score + _bias(positions, head + 1, n_heads, t - s)
                for s, score in zip(range(first, t + 1), scores, strict=True)
            ]
            total = sum(math.exp(score - max(scores)) for score in scores)
            for s, score in zip(range(first, t + 1), scores, strict=True):
                mixed[head] += math.exp(score - max(scores)) / total * values[s][head]
        attended = weights["attention.dense.weight"] @ mixed.reshape(-1) + weights["attention.dense.bias"]
        units = weights["mlp.dense_h_to_4h.weight"] @ _layer_norm(
            row, weights, "post_attention_layernorm", eps
        )
        units = np.array([_silu(unit) for unit in units + weights["mlp.dense_h_to_4h.bias"]])
        thought = weights["mlp.dense_4h_to_h.weight"] @ units + weights["mlp.dense_4h_to_h.bias"]
        output[t] = row + attended + thought
    return output


def _bias(positions: str, head: int, n_heads: int, back: int) -> float:
    """Of head 1, 2, .. at a key so many tokens back (arXiv 2108.12409; arXiv 2402.01032)."""
    if positions == "alibi":
        return -back / 2 ** (8 * head / n_heads)
    short = positions == "hard-alibi" and 2 * head <= n_heads
    return -math.inf if short and back >= head else 0.0


def _layer_norm(row: Array, weights: Weights, name: str, eps: float) -> Array:
    mean = sum(row) / len(row)
    variance = sum((value - mean) ** 2 for value in row) / len(row)
    return (row - mean) / math.sqrt(variance + eps) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _turn(vector: Array, position: int, r: int, base: float) -> Array:
    """Dimension i of the first half turns with dimension i of the second, at frequency base^(-2i/r)."""
    turned = vector.copy()
    half = math.ceil(r / 2)
    for i in range(half):
        angle = position * base ** (-2 * i / r)
        a, b = vector[i], vector[half + i]
        turned[i] = a * math.cos(angle) - b * math.sin(angle)
        turned[half + i] = b * math.cos(angle) + a * math.sin(angle)
    return turned


def _turn_as_released(vector: Array, position: int, r: int, base: float) -> Array:
    """The table of angles (f, f) cut to r columns, half of r rounded down, the second half in front."""
    angles = [position * base ** (-k / r) for k in range(0, r, 2)]
    angles = (angles + angles)[:r]
    half = r // 2
    moved = [-value for value in vector[half:r]] + list(vector[:half])
    turned = vector.copy()
    for i in range(r):
        turned[i] = vector[i] * math.cos(angles[i]) + moved[i] * math.sin(angles[i])
    return turned


def _silu(value: float) -> float:
    return value / (1.0 + math.exp(-value)) if value > -700 else 0.0


def _softplus(value: float) -> float:
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))
