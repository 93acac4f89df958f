"""Mamba-2: a matrix state that forgets at one rate a head.

    z, x, B, C, dt = in_proj(norm(hidden));   x, B, C = silu(conv(x, B, C));   dt = softplus(dt + dt_bias)
    S <- exp(-dt exp(A_log)) S + (dt x) B^T;  y = S C + D x;    hidden + out_proj(norm(y silu(z)))

Source: Dao and Gu, arXiv 2405.21060, section 7 and figure 6; parameters are named as in `transformers.models.mamba2`.
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.mixer import Mixer, check_sizes, divided, fewest_heads
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class Mamba2(Mixer):
    """Holds `d_inner x d_state` scalars, and the last `d_conv - 1` of x, B and C.

    Attributes:
        heads: parts of the `d_inner` channels; None for the fewest that are at most 16 wide.
        groups: pairs of B and C, each shared by consecutive heads.
    """

    heads: int | None = None
    groups: int = 1

    def __post_init__(self) -> None:
        check_sizes(self, "heads", "groups")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        inner, heads = spec.d_inner, self.heads or fewest_heads(spec.d_inner, widest=16)
        d_head, shared = divided("d_inner", inner, heads), self.groups * spec.d_state
        if heads % self.groups:
            raise ValueError(f"groups must divide heads, got groups {self.groups} and heads {heads}")
        draft, start = x.draft, starts.within(spec.d_model)
        made = x.linear("mixer.in_proj", 2 * inner + 2 * shared + heads, initial=start)
        z, mixed, dt = made.split(inner, inner + 2 * shared, heads)
        taps = starts.within(spec.d_conv)
        mixed = mixed.convolution("mixer.conv1d", spec.d_conv, initial=taps, bias=taps).silu()
        values, b, c = mixed.split(inner, shared, shared)
        dt = (dt + draft.parameter("mixer.dt_bias", (heads,), initial=starts.step_bias())).softplus()
        rate = draft.parameter("mixer.A_log", (heads,), initial=starts.log_uniform(1.0, 16.0)).exp()
        skip = draft.parameter("mixer.D", (heads,), initial=starts.constant(1.0))
        y = draft.matrix_state(
            heads=heads, d_k=spec.d_state, q=c, w=b, v=values * dt.each(d_head), log_a=-(dt * rate)
        )
        y = (y + values * skip.each(d_head)) * z.silu()
        y = y.rms_norm("mixer.norm", eps=spec.norm_eps, groups=self.groups, initial=starts.constant(1.0))
        return y.linear("mixer.out_proj", spec.d_model, initial=starts.within(inner))
