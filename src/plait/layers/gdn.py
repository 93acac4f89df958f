"""Gated DeltaNet: a matrix state that forgets, and overwrites what stood under a key.

    q, k, v = silu(conv(projections of norm(hidden)));   q, k of length 1 a head;   q / sqrt(d_k)
    alpha = exp(-exp(A_log) softplus(a_proj + dt_bias));    beta = sigmoid(b_proj)
    S <- alpha S (I - beta k k^T) + beta v k^T;   y = S q;   hidden + o_proj(norm(y) silu(g_proj))

Source: Yang, Kautz and Hatamizadeh, arXiv 2412.06464, section 3; its first values are those of the authors' program
(flash-linear-attention). Parameters are named as in `transformers.models.olmo_hybrid`.
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.keys import KeySizes, check_key_sizes, convolved, normed_by_head, shared
from plait.layers.mixer import Mixer
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class GDN(Mixer):
    """Holds `heads x d_k x d_v` scalars, and the last `d_conv - 1` of q, k and v.

    Attributes:
        heads: states; None for the fewest whose keys are at most 128 wide.
        d_k: keys of a head; None for `d_model / heads`.
        d_v: values of a head; None for `2 d_k`.
        key_heads: pairs of q and k, each shared by consecutive heads; None for one a head.
        beta_to: the largest beta: with 2 a state can change signs (arXiv 2411.12537).
    """

    heads: int | None = None
    d_k: int | None = None
    d_v: int | None = None
    key_heads: int | None = None
    beta_to: int = 1

    def __post_init__(self) -> None:
        check_key_sizes(self)
        if self.beta_to not in (1, 2):
            raise ValueError(f"beta_to must be 1 or 2, got {self.beta_to!r}")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        sizes = KeySizes.of(self, spec, values=2)
        heads, d_k, d_v, start = sizes.heads, sizes.d_k, sizes.d_v, starts.normal(0.02)
        q, k, v = convolved(x, sizes, spec.d_conv)
        q, k = q.unit(groups=sizes.key_heads) * d_k**-0.5, k.unit(groups=sizes.key_heads)
        draft = x.draft
        dt = x.linear("mixer.a_proj", heads, initial=start) + draft.parameter(
            "mixer.dt_bias", (heads,), initial=starts.step_bias()
        )
        rate = draft.parameter("mixer.A_log", (heads,), initial=starts.log_uniform(0.0, 16.0)).exp()
        log_a = -(rate * dt.softplus())
        beta = x.linear("mixer.b_proj", heads, initial=start).sigmoid() * float(self.beta_to)
        each = heads // sizes.key_heads
        keys = shared(k, sizes.key_heads, each)
        written = keys * beta.each(d_k)
        y = draft.matrix_state(
            heads=heads, d_k=d_k, q=q, w=written, v=v, log_a=log_a, e=keys * log_a.exp().each(d_k), f=written
        )
        gate = x.linear("mixer.g_proj", heads * d_v, initial=start).silu()
        return (normed_by_head(y, heads) * gate).linear("mixer.o_proj", spec.d_model, initial=start)
