"""DeltaNet: a matrix state that overwrites what stood under a key, and forgets nothing else.

    q, k, v = silu(conv(projections of norm(hidden)));   q, k of length 1 a head;   beta = sigmoid(b_proj)
    S <- S (I - beta k k^T) + beta v k^T;   y = S q / sqrt(d_k);   hidden + o_proj(norm(y))

Source: Yang, Wang, Zhang, Shen and Kim, arXiv 2406.06484; its first values are those of the authors' program
(flash-linear-attention). Parameters are named as those of gated DeltaNet in `transformers.models.olmo_hybrid`.
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.keys import KeySizes, check_key_sizes, convolved, normed_by_head
from plait.layers.mixer import Mixer, check_flags
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class DeltaNet(Mixer):
    """Holds `heads x d_k x d_v` scalars, and the last `d_conv - 1` of q, k and v.

    Attributes:
        heads: states; None for the fewest whose keys are at most 128 wide.
        d_k: keys of a head; None for `d_model / heads`.
        d_v: values of a head; None for `d_k`.
        beta_to: the largest beta: with 2 a state can change signs (arXiv 2411.12537).
        output_gate: whether `silu(g_proj)` multiplies what is read.
    """

    heads: int | None = None
    d_k: int | None = None
    d_v: int | None = None
    beta_to: int = 1
    output_gate: bool = False

    def __post_init__(self) -> None:
        check_key_sizes(self)
        if self.beta_to not in (1, 2):
            raise ValueError(f"beta_to must be 1 or 2, got {self.beta_to!r}")
        check_flags(self, "output_gate")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        sizes = KeySizes.of(self, spec)
        heads, d_k, start = sizes.heads, sizes.d_k, starts.normal(0.02)
        q, k, v = convolved(x, sizes, spec.d_conv)
        q, k = q.unit(groups=heads) * d_k**-0.5, k.unit(groups=heads)
        beta = x.linear("mixer.b_proj", heads, initial=start).sigmoid() * float(self.beta_to)
        written = k * beta.each(d_k)
        y = x.draft.matrix_state(heads=heads, d_k=d_k, q=q, w=written, v=v, e=k, f=written)
        y = normed_by_head(y, heads)
        if self.output_gate:
            y = y * x.linear("mixer.g_proj", heads * sizes.d_v, initial=start).silu()
        return y.linear("mixer.o_proj", spec.d_model, initial=start)
