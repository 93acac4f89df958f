"""Gated linear attention: a matrix state that forgets at a rate of its own for each key.

    q, k, v = projections of norm(hidden);   alpha = sigmoid(gk_proj)^(1/16), of low rank, a vector a head
    S <- S Diag(alpha) + v k^T;   y = S q / sqrt(d_k);   hidden + o_proj(norm(y) silu(g_proj))

Source: Yang, Wang, Shen, Panda and Kim, arXiv 2312.06635, section 4.4; parameters and first values are those of the
authors' program (flash-linear-attention).
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.keys import KeySizes, check_key_sizes, normed_by_head
from plait.layers.mixer import Mixer, check_sizes, fewest_heads
from plait.layers.spec import LayerSpec

DIVISOR = 16.0
"""Of the gate's logarithm, so that little is forgotten at first."""


@dataclass(frozen=True, kw_only=True)
class GLA(Mixer):
    """Holds `heads x d_k x d_v` scalars.

    Attributes:
        heads: states; None for the fewest whose keys are at most 128 wide.
        d_k: keys of a head; None for half of `d_model / heads`, rounded up.
        d_v: values of a head; None for `d_model / heads`.
        rank: of the gate's projection; None for 16, or `d_model` where that is less.
    """

    heads: int | None = None
    d_k: int | None = None
    d_v: int | None = None
    rank: int | None = None

    def __post_init__(self) -> None:
        check_key_sizes(self)
        check_sizes(self, "rank")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        heads = self.heads or fewest_heads(spec.d_model, widest=256)
        if spec.d_model % heads and None in (self.d_k, self.d_v):
            raise ValueError(
                f"heads must divide d_model where d_k or d_v is open, got {heads} and {spec.d_model}"
            )
        d_k, d_v = self.d_k or -(-spec.d_model // heads // 2), self.d_v or spec.d_model // heads
        sizes, start = KeySizes(heads, d_k, d_v, heads), starts.normal(0.02)
        q, k, v = (
            x.linear(f"mixer.{name}_proj", width, initial=start)
            for name, width in zip("qkv", sizes.widths, strict=True)
        )
        low = x.linear("mixer.gk_proj.0", self.rank or min(16, spec.d_model), initial=start)
        keep = low.linear("mixer.gk_proj.1", heads * d_k, initial=start, bias=starts.constant(0.0))
        y = x.draft.matrix_state(
            heads=heads, d_k=d_k, q=q * d_k**-0.5, w=k, v=v, log_a=keep.log_sigmoid() / DIVISOR
        )
        y = normed_by_head(y, heads) * x.linear("mixer.g_proj", heads * d_v, initial=start).silu()
        return y.linear("mixer.o_proj", spec.d_model, initial=start)
