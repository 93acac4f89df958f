"""Kimi Delta Attention: gated DeltaNet whose state forgets at a rate of its own for each key.

    q, k, v = silu(conv(projections of norm(hidden)));   q, k of length 1 a head;   beta = sigmoid(b_proj)
    alpha = exp(-exp(A_log) softplus(f_b_proj f_a_proj + dt_bias)), a vector a head
    S <- S Diag(alpha) (I - beta k k^T) + beta v k^T;   y = S q / sqrt(d_k)
    hidden + o_proj(norm(y) sigmoid(g_b_proj g_a_proj))

Source: Kimi Team, arXiv 2510.26692, section 3; parameters are named as in `transformers.models.kimi_linear`.
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.keys import KeySizes, check_key_sizes, convolved, normed_by_head
from plait.layers.mixer import Mixer
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class KDA(Mixer):
    """Holds `heads x d_k x d_v` scalars, and the last `d_conv - 1` of q, k and v.

    Attributes:
        heads: states; None for the fewest whose keys are at most 128 wide.
        d_k: keys of a head, and the rank of the two gates; None for `d_model / heads`.
        d_v: values of a head; None for `d_k`.
    """

    heads: int | None = None
    d_k: int | None = None
    d_v: int | None = None

    def __post_init__(self) -> None:
        check_key_sizes(self)

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        sizes = KeySizes.of(self, spec)
        heads, d_k, d_v, start, draft = sizes.heads, sizes.d_k, sizes.d_v, starts.normal(0.02), x.draft
        q, k, v = convolved(x, sizes, spec.d_conv)
        q, k = q.unit(groups=heads) * d_k**-0.5, k.unit(groups=heads)
        low = x.linear("mixer.forget_gate.f_a_proj", d_k, initial=start)
        step = low.linear("mixer.forget_gate.f_b_proj", heads * d_k, initial=start)
        step = step + draft.parameter("mixer.forget_gate.dt_bias", (heads * d_k,), initial=starts.step_bias())
        rate = draft.parameter(
            "mixer.forget_gate.A_log", (heads,), initial=starts.log_uniform(1.0, 16.0)
        ).exp()
        log_a = -(rate.each(d_k) * step.softplus())
        beta = x.linear("mixer.b_proj", heads, initial=start).sigmoid()
        written = k * beta.each(d_k)
        y = draft.matrix_state(
            heads=heads, d_k=d_k, q=q, w=written, v=v, log_a=log_a, e=k * log_a.exp(), f=written
        )
        gate = x.linear("mixer.g_a_proj", d_k, initial=start).linear(
            "mixer.g_b_proj", heads * d_v, initial=start
        )
        y = normed_by_head(y, heads) * gate.sigmoid()
        return y.linear("mixer.o_proj", spec.d_model, initial=start)
