"""Short convolution: a few taps between two gates.

    B, C, x = in_proj(norm(hidden));   hidden + out_proj(C conv(B x))

Source: Liquid AI, "LFM2 Technical Report", arXiv 2511.23404, section 2; parameters are named as in
`transformers.models.lfm2`.
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.mixer import Mixer, check_sizes
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class ShortConv(Mixer):
    """Holds the last `taps - 1` inputs of the convolution.

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
