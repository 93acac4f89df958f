"""What mixers with keys and values share: heads and widths, the short convolution before them, the norm behind."""

from dataclasses import dataclass
from typing import Protocol

from plait.checks import check_integer
from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.mixer import LARGEST, fewest_heads
from plait.layers.spec import LayerSpec


class KeyOptions(Protocol):
    """Options that say heads and widths; None where the default is."""

    @property
    def heads(self) -> int | None: ...
    @property
    def d_k(self) -> int | None: ...
    @property
    def d_v(self) -> int | None: ...


def check_key_sizes(options: KeyOptions) -> None:
    """Raises:
    ValueError: a size that is neither None nor a whole number of at least 1.
    """
    for name in ("heads", "d_k", "d_v", "key_heads"):
        if (value := getattr(options, name, None)) is not None:
            check_integer(name, value, least=1, most=LARGEST)


@dataclass(frozen=True)
class KeySizes:
    """Heads and widths of a layer with keys and values, defaults worked out.

    Attributes:
        key_heads: pairs of q and k, each shared by `each` consecutive heads.
    """

    heads: int
    d_k: int
    d_v: int
    key_heads: int

    @property
    def each(self) -> int:
        return self.heads // self.key_heads

    @staticmethod
    def of(options: KeyOptions, spec: LayerSpec, *, values: int = 1, widest: int = 128) -> "KeySizes":
        """With `d_k` open, all keys are `d_model` wide together; with `d_v` open, a value is `values` keys wide.

        Raises:
            ValueError: heads that do not divide what they must.
        """
        heads = options.heads or fewest_heads(spec.d_model, widest=widest)
        if options.d_k is None and spec.d_model % heads:
            raise ValueError(f"heads must divide d_model where d_k is open, got {heads} and {spec.d_model}")
        d_k = options.d_k or spec.d_model // heads
        key_heads = getattr(options, "key_heads", None) or heads
        if heads % key_heads:
            raise ValueError(f"key_heads must divide heads, got key_heads {key_heads} and heads {heads}")
        return KeySizes(heads, d_k, options.d_v or values * d_k, key_heads)

    @property
    def widths(self) -> tuple[int, int, int]:
        """Of q, k and v, all heads together."""
        return self.key_heads * self.d_k, self.key_heads * self.d_k, self.heads * self.d_v


def convolved(x: Signal, sizes: KeySizes, taps: int) -> list[Signal]:
    """q, k and v: projections, a short convolution, SiLU."""
    parts = [
        x.linear(f"mixer.{name}_proj", width, initial=starts.normal(0.02))
        for name, width in zip("qkv", sizes.widths, strict=True)
    ]
    mixed = x.draft.concatenate(*parts)
    return mixed.convolution("mixer.conv1d", taps, initial=starts.within(taps)).silu().split(*sizes.widths)


def shared(signal: Signal, groups: int, each: int) -> Signal:
    """Each of `groups` parts `each` times."""
    if each == 1:
        return signal
    width = signal.width // groups
    parts = [signal.part(group * width, width) for group in range(groups) for _ in range(each)]
    return signal.draft.concatenate(*parts)


def normed_by_head(y: Signal, heads: int, *, eps: float = 1e-5) -> Signal:
    """The RMSNorm of each head, with one weight for all of them."""
    return y.rms_norm("mixer.o_norm", eps=eps, groups=heads, shared=True, initial=starts.constant(1.0))
