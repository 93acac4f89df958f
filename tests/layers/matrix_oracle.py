"""Mixers with a matrix state, token by token from the equations of their papers: nothing of plait but weights."""

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


def projected(w: Weights, x: Tensor, *names: str) -> list[Tensor]:
    return [x @ w[f"mixer.{name}.weight"].T + w.get(f"mixer.{name}.bias", 0.0) for name in names]


def by_head(x: Tensor, heads: int) -> Tensor:
    return x.view(len(x), heads, -1)


def matrix_state(heads: int, update: Any, q: Tensor, d_v: int) -> Tensor:
    """`update(S, t, h)` gives a head's next state; read with q `(time, heads, d_k)`."""
    states = [torch.zeros(d_v, q.shape[-1], dtype=q.dtype) for _ in range(heads)]
    rows = []
    for t in range(len(q)):
        for h in range(heads):
            states[h] = update(states[h], t, h)
        rows.append(torch.stack([states[h] @ q[t, h] for h in range(heads)]))
    return torch.stack(rows)


def keys_and_values(w: Weights, x: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    parts = projected(w, x, "q_proj", "k_proj", "v_proj")
    widths = [part.shape[-1] for part in parts]
    mixed = F.silu(convolved(torch.cat(parts, dim=-1), w["mixer.conv1d.weight"])).split(widths, dim=-1)
    q, k, v = (by_head(part, heads) for part in mixed)
    return unit(q) / q.shape[-1] ** 0.5, unit(k), v


def delta_net(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2406.06484, section 2.2."""
    heads = w["mixer.b_proj.weight"].shape[0]
    q, k, v = keys_and_values(w, x, heads)
    beta = options.get("beta_to", 1) * torch.sigmoid(projected(w, x, "b_proj")[0])

    def update(state: Tensor, t: int, h: int) -> Tensor:
        old = state @ k[t, h]
        new = beta[t, h] * v[t, h] + (1 - beta[t, h]) * old
        return state - torch.outer(old, k[t, h]) + torch.outer(new, k[t, h])

    y = rms(matrix_state(heads, update, q, v.shape[-1]), 1e-5, w["mixer.o_norm.weight"]).flatten(1)
    if options.get("output_gate"):
        y = y * F.silu(projected(w, x, "g_proj")[0])
    return projected(w, y, "o_proj")[0]


def kda(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2510.26692, equation 1."""
    heads = w["mixer.b_proj.weight"].shape[0]
    q, k, v = keys_and_values(w, x, heads)
    beta = torch.sigmoid(projected(w, x, "b_proj")[0])
    (low,) = projected(w, x, "forget_gate.f_a_proj")
    (step,) = projected(w, low, "forget_gate.f_b_proj")
    step = by_head(F.softplus(step + w["mixer.forget_gate.dt_bias"], threshold=40.0), heads)
    alpha = torch.exp(-w["mixer.forget_gate.A_log"].exp()[:, None] * step)

    def update(state: Tensor, t: int, h: int) -> Tensor:
        erasing = torch.eye(k.shape[-1], dtype=x.dtype) - beta[t, h] * torch.outer(k[t, h], k[t, h])
        return state @ torch.diag(alpha[t, h]) @ erasing + beta[t, h] * torch.outer(v[t, h], k[t, h])

    gate = torch.sigmoid(projected(w, projected(w, x, "g_a_proj")[0], "g_b_proj")[0])
    y = rms(matrix_state(heads, update, q, v.shape[-1]), 1e-5, w["mixer.o_norm.weight"]).flatten(1)
    return projected(w, y * gate, "o_proj")[0]


def gla(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2312.06635, equation 3 and section 4.4."""
    heads = options.get("heads", 1)
    q, k, v = (by_head(part, heads) for part in projected(w, x, "q_proj", "k_proj", "v_proj"))
    (gate,) = projected(w, projected(w, x, "gk_proj.0")[0], "gk_proj.1")
    alpha = by_head(torch.sigmoid(gate) ** (1 / 16), heads)

    def update(state: Tensor, t: int, h: int) -> Tensor:
        return state * alpha[t, h] + torch.outer(v[t, h], k[t, h])

    y = matrix_state(heads, update, q / q.shape[-1] ** 0.5, v.shape[-1])
    y = rms(y, 1e-5, w["mixer.o_norm.weight"]).flatten(1) * F.silu(projected(w, x, "g_proj")[0])
    return projected(w, y, "o_proj")[0]


def retention(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2307.08621, equation 1 without its rotation; arXiv 2501.08313, section 2.2."""
    heads = options.get("heads", 1)
    gamma = options.get("decay") or [1 - 2 ** (-5 - h) for h in range(heads)]
    q, k, v = (by_head(F.silu(part), heads) for part in projected(w, x, "q_proj", "k_proj", "v_proj"))

    def update(state: Tensor, t: int, h: int) -> Tensor:
        return gamma[h] * state + torch.outer(v[t, h], k[t, h])

    y = rms(matrix_state(heads, update, q, v.shape[-1]).flatten(1), 1e-6, w["mixer.norm.weight"])
    return projected(w, y * torch.sigmoid(projected(w, x, "output_gate")[0]), "out_proj")[0]


def rwkv7(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2503.14456, equations 3 to 22."""
    heads = options.get("heads", 1)
    d_head = spec.d_model // heads
    before = torch.cat((torch.zeros_like(x[:1]), x[:-1]))

    def mixed(name: str) -> Tensor:
        share = w[f"mixer.x_{name}"]
        return (1 - share) * x + share * before

    def low(name: str, inside: Any) -> Tensor:
        (found,) = projected(w, mixed(name), f"{name}_lora.0")
        return projected(w, inside(found), f"{name}_lora.1")[0]

    r, k, v = (projected(w, mixed(name), f"{name}_proj")[0] for name in "rkv")
    decay = torch.exp(
        -torch.exp(torch.tensor(-0.5, dtype=x.dtype)) * torch.sigmoid(w["mixer.w0"] + low("w", torch.tanh))
    )
    a = torch.sigmoid(w["mixer.a0"] + low("a", lambda found: found))
    g = low("g", torch.sigmoid)
    kappa = by_head(k * w["mixer.k_k"], heads)
    kappa = kappa / (kappa.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    k = k * (1 + (a - 1) * w["mixer.k_a"])
    r, k, v, a, decay = (by_head(part, heads) for part in (r, k, v, a, decay))

    def update(state: Tensor, t: int, h: int) -> Tensor:
        moving = torch.diag(decay[t, h]) - torch.outer(kappa[t, h], a[t, h] * kappa[t, h])
        return state @ moving + torch.outer(v[t, h], k[t, h])

    y = matrix_state(heads, update, r, d_head)
    y = (y - y.mean(-1, keepdim=True)) / (y.var(-1, unbiased=False, keepdim=True) + d_head * 1e-5).sqrt()
    y = y.flatten(1) * w["mixer.g_norm.weight"] + w["mixer.g_norm.bias"]
    bonus = (r * k * w["mixer.r_k"].view(heads, -1)).sum(-1, keepdim=True) * v
    return projected(w, (y + bonus.flatten(1)) * g, "o_proj")[0]


def mlstm(w: Weights, x: Tensor, spec: Any, options: dict[str, Any]) -> Tensor:
    """arXiv 2405.04517, equations 19 to 27, without stabilisation, which changes nothing but where its eps stands."""
    heads = w["mixer.igate_preact.bias"].shape[0]
    q, k, v = (by_head(part, heads) for part in projected(w, x, "q", "k", "v"))
    log_i, f = (15 * torch.tanh(part / 15) for part in projected(w, x, "igate_preact", "fgate_preact"))
    q = q / q.shape[-1] ** 0.5
    rows = []
    for h in range(heads):
        state, normal = (
            torch.zeros(v.shape[-1], k.shape[-1], dtype=x.dtype),
            torch.zeros(k.shape[-1], dtype=x.dtype),
        )
        top, read = torch.zeros((), dtype=x.dtype), []
        for t in range(len(x)):
            keep, write = torch.sigmoid(f[t, h]), torch.exp(log_i[t, h])
            state = keep * state + write * torch.outer(v[t, h], k[t, h])
            normal = keep * normal + write * k[t, h]
            top = torch.maximum(F.logsigmoid(f[t, h]) + top, log_i[t, h]).detach()
            below = torch.maximum((normal @ q[t, h]).abs(), torch.ones((), dtype=x.dtype))
            read.append(state @ q[t, h] / (below + 1e-6 * top.exp()))
        y = torch.stack(read)
        rows.append((y - y.mean(-1, keepdim=True)) / (y.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt())
    y = torch.cat(rows, dim=-1) * w["mixer.multihead_norm.weight"]
    return projected(w, y * torch.sigmoid(projected(w, x, "ogate_preact")[0]), "out_proj")[0]
