"""The mixers once more, token by token from the equations of their papers: nothing of plait but weights."""

from typing import Any

import torch
import torch.nn.functional as F
from matrix_oracle import (
    Weights,
    by_head,
    convolved,
    delta_net,
    gdn,
    gla,
    kda,
    mamba2,
    mlstm,
    projected,
    retention,
    rms,
    rwkv7,
)
from torch import Tensor


def rglru(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2402.19427, equations 1 to 6."""
    side, u = projected(w, x, "linear_y", "linear_x")
    u = convolved(u, w["mixer.conv_1d.weight"], w["mixer.conv_1d.bias"])
    heads = options.get("heads", 1)
    parts = u.chunk(heads, dim=-1)
    r, i = (
        torch.sigmoid(
            torch.cat([projected(w, parts[h], f"rg_lru.{name}_gate.{h}")[0] for h in range(heads)], dim=-1)
        )
        for name in ("recurrent", "input")
    )
    a = torch.exp(-8 * r * F.softplus(w["mixer.rg_lru.recurrent_param"], threshold=40.0))
    state, rows = i[0] * u[0], [i[0] * u[0]]
    for t in range(1, len(x)):
        state = a[t] * state + (1 - a[t] ** 2).sqrt() * i[t] * u[t]
        rows.append(state)
    return projected(w, torch.stack(rows) * F.gelu(side, approximate="tanh"), "linear_out")[0]


def short_conv(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2511.23404, section 2."""
    b, c, value = projected(w, x, "in_proj")[0].chunk(3, dim=-1)
    return projected(w, c * convolved(b * value, w["mixer.conv.weight"]), "out_proj")[0]


def mlp(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2002.05202, equation 6."""
    (inside,) = projected(w, x, "up_proj")
    inside = (
        inside * F.silu(projected(w, x, "gate_proj")[0]) if options.get("gated", True) else F.silu(inside)
    )
    return projected(w, inside, "down_proj")[0]


def attention(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2305.13245, 2108.12409, 2402.01032, 2505.06708, 2010.04245; rotation as complex numbers (2104.09864)."""
    heads = options.get("heads", 1)
    shared, positions = options.get("kv_heads") or heads, options.get("positions", "rope")
    q, k, v = projected(w, x, "q_proj", "k_proj", "v_proj")
    q, k, v = by_head(q, heads), by_head(k, shared), by_head(v, shared)
    if options.get("qk_norm"):
        q = rms(q, spec.norm_eps, w["mixer.q_norm.weight"])
        k = rms(k, spec.norm_eps, w["mixer.k_norm.weight"])
    half = int(spec.rotary_fraction * q.shape[-1]) // 2 if positions == "rope" else 0

    def turned(vector: Tensor, t: int) -> Tensor:
        angle = t * spec.rotary_base ** -(torch.arange(half, dtype=torch.float64) / max(half, 1))
        point = torch.complex(vector[:half], vector[half : 2 * half]) * torch.polar(
            torch.ones_like(angle), angle
        )
        return torch.cat((point.real, point.imag, vector[2 * half :]))

    rows = []
    for t in range(len(x)):
        read = []
        for h in range(heads):
            own = h // (heads // shared)
            reach = h + 1 if positions == "hard-alibi" and h < (heads + 1) // 2 else len(x)
            seen = range(max(0, t + 1 - min(reach, spec.window or len(x))), t + 1)
            slope = 2 ** (-8 * (h + 1) / heads) if positions == "alibi" else 0.0
            scores = [
                turned(q[t, h], t) @ turned(k[s, own], s) / q.shape[-1] ** 0.5 - slope * (t - s) for s in seen
            ]
            read.append(torch.stack(scores).softmax(0) @ v[list(seen), own])
        rows.append(torch.cat(read))
    y = torch.stack(rows)
    if options.get("output_gate"):
        y = y * torch.sigmoid(projected(w, x, "g_proj")[0])
    return projected(w, y, "o_proj")[0]


MIXERS = {
    "Attention": attention,
    "Mamba2": mamba2,
    "GDN": gdn,
    "DeltaNet": delta_net,
    "KDA": kda,
    "GLA": gla,
    "Retention": retention,
    "RWKV7": rwkv7,
    "MLSTM": mlstm,
    "RGLRU": rglru,
    "ShortConv": short_conv,
    "MLP": mlp,
}


def layer(name: str, w: Weights, hidden: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """Norm, mixer and residual of one sequence `(time, d_model)`."""
    return hidden + MIXERS[name](w, rms(hidden, spec.norm_eps, w["norm.weight"]), spec, options)
