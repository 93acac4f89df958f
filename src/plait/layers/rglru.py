"""RG-LRU: an elementwise recurrence with gates, in the recurrent block of Griffin.

    u = conv(linear_x);   r, i = sigmoid(block-diagonal maps of u);    a = exp(-8 r softplus(recurrent_param))
    h <- a h + sqrt(1 - a^2) i u, without the root at the first token;   hidden + linear_out(h gelu(linear_y))

Source: De et al., arXiv 2402.19427, section 2.4; parameters are named as in `transformers.models.recurrent_gemma`,
whose maps of gates lie transposed in one tensor each. That a token is the first is a scalar of the convolution's tail.
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.mixer import Mixer, check_sizes, divided, fewest_heads
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class RGLRU(Mixer):
    """Holds `width` scalars, the last `d_conv - 1` inputs of the convolution, and one more.

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
