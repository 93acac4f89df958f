"""Mixers made of gates, without keys: RG-LRU, the short convolution, the gated perceptron."""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.mixer import Mixer, check_flags, check_sizes, divided, fewest_heads
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class RGLRU(Mixer):
    """RG-LRU: an elementwise recurrence with gates, in the recurrent block of Griffin.

        u = conv(linear_x);   r, i = sigmoid(block-diagonal maps of u);    a = exp(-8 r softplus(recurrent_param))
        h <- a h + sqrt(1 - a^2) i u, without the root at the first token;   hidden + linear_out(h gelu(linear_y))

    Source: De et al., arXiv 2402.19427, section 2.4; parameters are named as in `transformers.models.recurrent_gemma`,
    whose maps of gates lie transposed in one tensor each. That a token is the first is a scalar of the convolution's
    tail.

    Holds `width` scalars, the last `d_conv - 1` inputs of the convolution, and one more.

    Attributes:
        width: channels; None for `d_model`.
        heads: blocks of the maps of the gates; None for the fewest that are at most 256 wide.
    """

    width: int | None = None
    heads: int | None = None

    def __post_init__(self) -> None:
        check_sizes(self, "width", "heads")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        width, draft, zeros = self.width or spec.d_model, x.draft, starts.constant(0.0)
        heads = self.heads or fewest_heads(width, widest=256)
        block = divided("width", width, heads)
        start = starts.normal(spec.d_model**-0.5)
        side = x.linear("mixer.linear_y", width, initial=start, bias=zeros).gelu()
        u = x.linear("mixer.linear_x", width, initial=start, bias=zeros)
        u = u.convolution("mixer.conv_1d", spec.d_conv, initial=starts.normal(spec.d_conv**-0.5), bias=zeros)

        def gate(name: str) -> Signal:
            parts = [
                u.part(h * block, block).linear(
                    f"mixer.rg_lru.{name}_gate.{h}", block, initial=starts.normal(block**-0.5), bias=zeros
                )
                for h in range(heads)
            ]
            return draft.concatenate(*parts).sigmoid()

        rate = draft.parameter("mixer.rg_lru.recurrent_param", (width,), initial=starts.ring(0.9, 0.999))
        log_a = gate("recurrent") * rate.softplus() * -8.0
        later = draft.constant([1.0]).shift().each(width)
        root = (1.0 - (log_a * 2.0).exp()).sqrt()
        h = draft.recurrence(log_a.exp(), u * gate("input") * (later * (root - 1.0) + 1.0))
        return (h * side).linear(
            "mixer.linear_out", spec.d_model, initial=starts.normal(width**-0.5), bias=zeros
        )


@dataclass(frozen=True, kw_only=True)
class ShortConv(Mixer):
    """Short convolution: a few taps between two gates.

        B, C, x = in_proj(norm(hidden));   hidden + out_proj(C conv(B x))

    Source: Liquid AI, "LFM2 Technical Report", arXiv 2511.23404, section 2; parameters are named as in
    `transformers.models.lfm2`.

    Holds the last `taps - 1` inputs of the convolution.

    Attributes:
        taps: of the convolution, the present token included.
    """

    taps: int = 3

    def __post_init__(self) -> None:
        check_sizes(self, "taps")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        d, start = spec.d_model, starts.normal(0.02)
        b, c, value = x.linear("mixer.in_proj", 3 * d, initial=start).split(d, d, d)
        read = (b * value).convolution("mixer.conv", self.taps, initial=starts.within(self.taps))
        return (c * read).linear("mixer.out_proj", d, initial=start)


@dataclass(frozen=True, kw_only=True)
class MLP(Mixer):
    """A perceptron as a layer of its own, so that any mixer can have one or none: `GDN-MLP`.

        hidden + down_proj(silu(gate_proj) up_proj),   or without a gate   hidden + down_proj(silu(up_proj))

    Source: Shazeer, arXiv 2002.05202 (SwiGLU); parameters are named as in `transformers.models.llama`.

    Holds nothing.

    Attributes:
        units: hidden ones; None for `d_mlp` of the config.
        gated: whether each unit is a product of two.
    """

    units: int | None = None
    gated: bool = True

    def __post_init__(self) -> None:
        check_sizes(self, "units")
        check_flags(self, "gated")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        units, start = self.units or spec.d_mlp, starts.normal(0.02)
        if units < 1:
            raise ValueError("at least one unit is needed, and d_mlp is 0")
        inside = x.linear("mixer.up_proj", units, initial=start)
        gate = x.linear("mixer.gate_proj", units, initial=start) if self.gated else inside
        inside = inside * gate.silu() if self.gated else gate.silu()
        return inside.linear("mixer.down_proj", spec.d_model, initial=start)
