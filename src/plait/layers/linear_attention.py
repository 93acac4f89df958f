"""Matrix states that forget and are added to: retention, gated linear attention, Mamba-2, mLSTM."""

import math
from dataclasses import dataclass
from typing import cast

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.keys import KeySizes, check_key_sizes, normed_by_head
from plait.layers.mixer import Mixer, check_sizes, divided, fewest_heads
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class Retention(Mixer):
    """Retention: a matrix state that forgets at a fixed rate a head, in the block of lightning attention.

        q, k, v = silu(projections of norm(hidden));    S <- gamma S + v k^T;   y = S q
        hidden + out_proj(sigmoid(output_gate) norm(y))

    Sources: Sun et al., arXiv 2307.08621 (the recurrence and its rates, `gamma = 1 - 2^(-5 - head)`; its rotary keys
    and its group norm are not here); MiniMax, arXiv 2501.08313 (the block). Parameters are named as in
    `transformers.models.minimax`, whose `qkv_proj` holds q, k and v head by head.

    Holds `heads x d_k x d_v` scalars.

    Attributes:
        heads: states; None for the fewest whose keys are at most 128 wide.
        d_k: keys of a head; None for `d_model / heads`.
        d_v: values of a head; None for `d_k`.
        decay: what a head keeps at every token, one for each; None for `1 - 2^(-5 - head)`.
    """

    heads: int | None = None
    d_k: int | None = None
    d_v: int | None = None
    decay: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_key_sizes(self)
        if self.decay is not None and not _keeps(self.decay):
            raise ValueError(f"decay must be a list of numbers above 0 and at most 1, got {self.decay!r}")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        sizes, start = KeySizes.of(self, spec), starts.normal(0.02)
        heads = sizes.heads
        decay = self.decay or tuple(1.0 - 2.0 ** (-5 - head) for head in range(heads))
        if len(decay) != heads:
            raise ValueError(f"decay must have a number for each of {heads} heads, got {len(decay)}")
        q, k, v = (
            x.linear(f"mixer.{name}_proj", width, initial=start).silu()
            for name, width in zip("qkv", sizes.widths, strict=True)
        )
        log_a = x.draft.constant([math.log(kept) for kept in decay])
        y = x.draft.matrix_state(heads=heads, d_k=sizes.d_k, q=q, w=k, v=v, log_a=log_a)
        y = y.rms_norm("mixer.norm", eps=1e-6, initial=starts.constant(1.0))
        y = y * x.linear("mixer.output_gate", heads * sizes.d_v, initial=start).sigmoid()
        return y.linear("mixer.out_proj", spec.d_model, initial=start)


def _keeps(decay: object) -> bool:
    shares = cast(tuple[object, ...], decay) if isinstance(decay, tuple) else ("",)
    return all(isinstance(share, int | float) and 0 < share <= 1 for share in shares)


DIVISOR = 16.0
"""Of the gate's logarithm, so that little is forgotten at first."""


@dataclass(frozen=True, kw_only=True)
class GLA(Mixer):
    """Gated linear attention: a matrix state that forgets at a rate of its own for each key.

        q, k, v = projections of norm(hidden);   alpha = sigmoid(gk_proj)^(1/16), of low rank, a vector a head
        S <- S Diag(alpha) + v k^T;   y = S q / sqrt(d_k);   hidden + o_proj(norm(y) silu(g_proj))

    Source: Yang, Wang, Shen, Panda and Kim, arXiv 2312.06635, section 4.4; parameters and first values are those of the
    authors' program (flash-linear-attention).

    Holds `heads x d_k x d_v` scalars.

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


@dataclass(frozen=True, kw_only=True)
class Mamba2(Mixer):
    """Mamba-2: a matrix state that forgets at one rate a head.

        z, x, B, C, dt = in_proj(norm(hidden));   x, B, C = silu(conv(x, B, C));   dt = softplus(dt + dt_bias)
        S <- exp(-dt exp(A_log)) S + (dt x) B^T;  y = S C + D x;    hidden + out_proj(norm(y silu(z)))

    Source: Dao and Gu, arXiv 2405.21060, section 7 and figure 6; parameters are named as in
    `transformers.models.mamba2`.

    Holds `d_inner x d_state` scalars, and the last `d_conv - 1` of x, B and C.

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


CAP, _EPS = 15.0, 1e-6
"""Of the gates; under what states are divided by, and in the norm. Both as `transformers.models.xlstm` has them."""


@dataclass(frozen=True, kw_only=True)
class MLSTM(Mixer):
    """mLSTM: a matrix state with exponential gates, read over what its keys add up to.

        q, k, v = projections of norm(hidden);   i, f = gates, capped at 15;  m = running maximum of log i and log f + m
        S <- f S + i v k^T;   n <- f n + i k;   y = S q / max(|n . q|, 1), with q / sqrt(d_k)
        hidden + out_proj(sigmoid(ogate_preact) norm(y))

    Sources: Beck et al., arXiv 2405.04517, equations 19 to 27, and arXiv 2503.13427, section 2 (the block, its caps and
    first values); parameters are named as in `transformers.models.xlstm`. States are held over e^m, as they are there.

    Holds `heads x (d_v + 1) x d_k` scalars, and a maximum a head.

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

        def gate(name: str, bias: starts.FirstValues) -> Signal:
            return (x.linear(f"mixer.{name}", heads, initial=zeros, bias=bias) / CAP).tanh() * CAP

        log_i, f = gate("igate_preact", starts.constant(-10.0)), gate("fgate_preact", starts.even(3.0, 6.0))
        log_a, log_i, floor = draft.stabilise(f.log_sigmoid(), log_i)
        one = draft.constant([1.0])
        rows = [part for h in range(heads) for part in (v.part(h * d_v, d_v), one)]
        values = draft.concatenate(*rows) * log_i.exp().each(d_v + 1)
        read = draft.matrix_state(heads=heads, d_k=d_k, q=q * d_k**-0.5, w=k, v=values, log_a=log_a)
        sums = draft.concatenate(*(read.part(h * (d_v + 1) + d_v, 1) for h in range(heads)))
        y = draft.concatenate(*(read.part(h * (d_v + 1), d_v) for h in range(heads)))
        y = y / (sums.abs().maximum(floor.exp()) + _EPS).each(d_v)
        y = y.layer_norm("mixer.multihead_norm", eps=_EPS, groups=heads, initial=starts.constant(1.0))
        y = y * x.linear("mixer.ogate_preact", heads * d_v, initial=start).sigmoid()
        return y.linear("mixer.out_proj", d, initial=starts.normal(2 * d**-0.5))
