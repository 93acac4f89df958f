"""mLSTM: a matrix state with exponential gates, read over what its keys add up to.

    q, k, v = projections of norm(hidden);   i, f = gates, capped at 15;   m = running maximum of log i and log f + m
    S <- f S + i v k^T;   n <- f n + i k;   y = S q / max(|n . q|, 1), with q / sqrt(d_k)
    hidden + out_proj(sigmoid(ogate_preact) norm(y))

Sources: Beck et al., arXiv 2405.04517, equations 19 to 27, and arXiv 2503.13427, section 2 (the block, its caps and
first values); parameters are named as in `transformers.models.xlstm`. States are held over e^m, as they are there.
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.mixer import Mixer, check_sizes, fewest_heads
from plait.layers.spec import LayerSpec

CAP, EPS = 15.0, 1e-6


@dataclass(frozen=True, kw_only=True)
class MLSTM(Mixer):
    """Holds `heads x (d_v + 1) x d_k` scalars, and a maximum a head.

    Attributes:
        heads: None for the fewest whose values are at most 512 wide.
        d_k: keys of a head; None for half of `d_model / heads`, rounded up.
        d_v: values of a head; None for `d_model / heads`.
    """

    heads: int | None = None
    d_k: int | None = None
    d_v: int | None = None

    def __post_init__(self) -> None:
        check_sizes(self, "heads", "d_k", "d_v")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        d, draft = spec.d_model, x.draft
        heads = self.heads or fewest_heads(d, widest=512)
        if d % heads and None in (self.d_k, self.d_v):
            raise ValueError(f"heads must divide d_model where d_k or d_v is open, got {heads} and {d}")
        d_k, d_v = self.d_k or -(-d // heads // 2), self.d_v or d // heads
        start, zeros = starts.normal((2 / (5 * d)) ** 0.5), starts.constant(0.0)
        q, k = (x.linear(f"mixer.{name}", heads * d_k, initial=start) for name in "qk")
        v = x.linear("mixer.v", heads * d_v, initial=start)

        def gate(name: str, bias: starts.Start) -> Signal:
            return (x.linear(f"mixer.{name}", heads, initial=zeros, bias=bias) / CAP).tanh() * CAP

        log_i, f = gate("igate_preact", starts.constant(-10.0)), gate("fgate_preact", starts.even(3.0, 6.0))
        log_a, log_i, floor = draft.stabilise(f.log_sigmoid(), log_i)
        one = draft.constant([1.0])
        rows = [part for h in range(heads) for part in (v.part(h * d_v, d_v), one)]
        values = draft.concatenate(*rows) * log_i.exp().each(d_v + 1)
        read = draft.matrix_state(heads=heads, d_k=d_k, q=q * d_k**-0.5, w=k, v=values, log_a=log_a)
        sums = draft.concatenate(*(read.part(h * (d_v + 1) + d_v, 1) for h in range(heads)))
        y = draft.concatenate(*(read.part(h * (d_v + 1), d_v) for h in range(heads)))
        y = y / (sums.abs().maximum(floor.exp()) + EPS).each(d_v)
        y = y.layer_norm("mixer.multihead_norm", eps=EPS, groups=heads, initial=starts.constant(1.0))
        y = y * x.linear("mixer.ogate_preact", heads * d_v, initial=start).sigmoid()
        return y.linear("mixer.out_proj", d, initial=starts.normal(2 * d**-0.5))
