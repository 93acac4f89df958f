"""The mixers once more, token by token from the equations of their papers: nothing of plait but weights."""

from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

Weights: TypeAlias = dict[str, Tensor]


def rms(x: Tensor, eps: float, weight: Tensor | None = None) -> Tensor:
    y = x / (x.square().mean(-1, keepdim=True) + eps).sqrt()
    return y if weight is None else y * weight


def unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(-1, keepdim=True) + 1e-6).sqrt()


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`(time, channels)`; tap by tap, token by token."""
    taps = weight.shape[-1]
    rows = []
    for t in range(len(x)):
        row = torch.zeros_like(x[0]) if bias is None else bias
        for k in range(taps):
            place = t - (taps - 1) + k
            if place >= 0:
                row = row + weight[:, 0, k] * x[place]
        rows.append(row)
    return torch.stack(rows)


def mamba2(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2405.21060, section 7; `x` is `(time, d_model)`, normed."""
    heads, groups, n = w["mixer.A_log"].shape[0], options.get("groups", 1), spec.d_state
    inner = spec.d_inner
    z, mixed, dt = (x @ w["mixer.in_proj.weight"].T).split((inner, inner + 2 * groups * n, heads), dim=-1)
    mixed = F.silu(convolved(mixed, w["mixer.conv1d.weight"], w["mixer.conv1d.bias"]))
    values, b, c = mixed.split((inner, groups * n, groups * n), dim=-1)
    dt = F.softplus(dt + w["mixer.dt_bias"], threshold=40.0)
    states = [torch.zeros(inner // heads, n, dtype=x.dtype) for _ in range(heads)]
    rows = []
    for t in range(len(x)):
        parts = []
        for h in range(heads):
            group = h // (heads // groups)
            own = slice(group * n, (group + 1) * n)
            value = values[t].view(heads, -1)[h]
            decay = torch.exp(-dt[t, h] * w["mixer.A_log"][h].exp())
            states[h] = decay * states[h] + dt[t, h] * torch.outer(value, b[t, own])
            parts.append(states[h] @ c[t, own] + w["mixer.D"][h] * value)
        rows.append(torch.cat(parts))
    y = torch.stack(rows) * F.silu(z)
    y = rms(y.view(len(x), groups, -1), spec.norm_eps).flatten(1) * w["mixer.norm.weight"]
    return y @ w["mixer.out_proj.weight"].T


def gdn(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2412.06464, equation 10."""
    heads = w["mixer.A_log"].shape[0]
    key_heads = options.get("key_heads") or heads
    parts = [x @ w[f"mixer.{name}_proj.weight"].T for name in "qkv"]
    widths = [part.shape[-1] for part in parts]
    q, k, v = F.silu(convolved(torch.cat(parts, dim=-1), w["mixer.conv1d.weight"])).split(widths, dim=-1)
    q, k = (unit(part.view(len(x), key_heads, -1)) for part in (q, k))
    d_k = q.shape[-1]
    step = F.softplus(x @ w["mixer.a_proj.weight"].T + w["mixer.dt_bias"], threshold=40.0)
    alpha = torch.exp(-w["mixer.A_log"].exp() * step)
    beta = options.get("beta_to", 1) * torch.sigmoid(x @ w["mixer.b_proj.weight"].T)
    gate = F.silu(x @ w["mixer.g_proj.weight"].T).view(len(x), heads, -1)
    states = [torch.zeros(v.shape[-1] // heads, d_k, dtype=x.dtype) for _ in range(heads)]
    rows = []
    for t in range(len(x)):
        read = []
        for h in range(heads):
            key = k[t, h // (heads // key_heads)]
            erasing = torch.eye(d_k, dtype=x.dtype) - beta[t, h] * torch.outer(key, key)
            value = v[t].view(heads, -1)[h]
            states[h] = alpha[t, h] * states[h] @ erasing + beta[t, h] * torch.outer(value, key)
            y = states[h] @ (q[t, h // (heads // key_heads)] / d_k**0.5)
            read.append(rms(y, 1e-5, w["mixer.o_norm.weight"]) * gate[t, h])
        rows.append(torch.cat(read))
    return torch.stack(rows) @ w["mixer.o_proj.weight"].T


MIXERS = {"Mamba2": mamba2, "GDN": gdn}


def layer(name: str, w: Weights, hidden: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """Norm, mixer and residual of one sequence `(time, d_model)`."""
    return hidden + MIXERS[name](w, rms(hidden, spec.norm_eps, w["norm.weight"]), spec, options)
