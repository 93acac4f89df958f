"""Softmax attention without a perceptron, with the choices of today's hybrids: positions, shared keys, gate, norms.

    q, k, v = projections of norm(hidden);   p = softmax(q k^T / sqrt(d_head) + positions)
    hidden + o_proj(sigmoid(g_proj) p v)

Sources: Ainslie et al., arXiv 2305.13245 (keys and values that heads share); Press et al., arXiv 2108.12409 (ALiBi);
Jelassi et al., arXiv 2402.01032 (hard ALiBi: heads that see 1, 2, .. tokens, others all, without positions); Qiu et
al., arXiv 2505.06708 (the output gate); Henry et al., arXiv 2010.04245 (norms of queries and keys). Parameters are
named as in `transformers.models.qwen3`.
"""

from dataclasses import dataclass

from plait.checks.values import unknown
from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.mixer import Mixer, check_flags, check_sizes, divided
from plait.layers.rope import POSITIONS
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class Attention(Mixer):
    """Holds a key and a value of each of `kv_heads` for the last `window - 1` tokens; for all, where that is None.

    Attributes:
        heads: of queries; None for `n_heads` of the config.
        kv_heads: of keys and values, each shared by consecutive heads; None for `heads`.
        positions: "rope" turns `rotary_fraction` of a head's dimensions, rounded down to an even number; "alibi"
            subtracts 2^(-8 h / heads) for every token of distance in the h-th head; with "hard-alibi" the first half
            of the heads, rounded up, see 1, 2, .. tokens, the others all; "none".
        output_gate: whether the sigmoid of a projection multiplies what is read.
        qk_norm: whether an RMSNorm, with one weight for all heads, stands behind the projections of q and of k.
    """

    heads: int | None = None
    kv_heads: int | None = None
    positions: str = "rope"
    output_gate: bool = False
    qk_norm: bool = False

    def __post_init__(self) -> None:
        check_sizes(self, "heads", "kv_heads")
        check_flags(self, "output_gate", "qk_norm")
        if self.positions not in POSITIONS:
            raise ValueError(unknown("positions", self.positions, POSITIONS))

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        heads = self.heads or spec.n_heads
        kv_heads, d_head = self.kv_heads or heads, divided("d_model", spec.d_model, heads)
        if heads % kv_heads:
            raise ValueError(f"kv_heads must divide heads, got kv_heads {kv_heads} and heads {heads}")
        start, ones = starts.normal(0.02), starts.constant(1.0)
        q = x.linear("mixer.q_proj", spec.d_model, initial=start)
        k, v = (x.linear(f"mixer.{name}_proj", kv_heads * d_head, initial=start) for name in "kv")
        if self.qk_norm:
            q = q.rms_norm("mixer.q_norm", eps=spec.norm_eps, groups=heads, shared=True, initial=ones)
            k = k.rms_norm("mixer.k_norm", eps=spec.norm_eps, groups=kv_heads, shared=True, initial=ones)
        turned = 2 * (int(spec.rotary_fraction * d_head) // 2) if self.positions == "rope" else 0
        slopes = [2.0 ** (-8.0 * (head + 1) / heads) for head in range(heads)]
        near = -(-heads // 2)
        reaches = [head + 1 if head < near else None for head in range(heads)]
        read = x.draft.attention(
            q, k, v, heads=heads, kv_heads=kv_heads, window=spec.window, d_rotary=turned, base=spec.rotary_base,
            slopes=slopes if self.positions == "alibi" else None,
            reaches=reaches if self.positions == "hard-alibi" else None,
        )  # fmt: skip
        if self.output_gate:
            read = read * x.linear("mixer.g_proj", spec.d_model, initial=start).sigmoid()
        return read.linear("mixer.o_proj", spec.d_model, initial=start)
