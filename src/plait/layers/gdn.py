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
from plait.layers.mixer import Mixer, check_sizes, fewest_heads
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
        check_sizes(self, "heads", "d_k", "d_v", "key_heads")
        if self.beta_to not in (1, 2):
            raise ValueError(f"beta_to must be 1 or 2, got {self.beta_to!r}")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        sizes = DeltaSizes.of(self, spec)
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
        y = (
            y.rms_norm("mixer.o_norm", eps=1e-5, groups=heads, shared=True, initial=starts.constant(1.0))
            * gate
        )
        return y.linear("mixer.o_proj", spec.d_model, initial=start)


@dataclass(frozen=True)
class DeltaSizes:
    """Heads and widths of a layer with keys and values, defaults worked out."""

    heads: int
    d_k: int
    d_v: int
    key_heads: int

    @staticmethod
    def of(options: GDN, spec: LayerSpec) -> "DeltaSizes":
        heads = options.heads or fewest_heads(spec.d_model, widest=128)
        if options.d_k is None and spec.d_model % heads:
            raise ValueError(f"heads must divide d_model where d_k is open, got {heads} and {spec.d_model}")
        d_k = options.d_k or spec.d_model // heads
        key_heads = options.key_heads or heads
        if heads % key_heads:
            raise ValueError(f"key_heads must divide heads, got key_heads {key_heads} and heads {heads}")
        return DeltaSizes(heads, d_k, options.d_v or 2 * d_k, key_heads)


def convolved(x: Signal, sizes: DeltaSizes, taps: int) -> list[Signal]:
    """q, k and v: projections, a short convolution, SiLU."""
    widths = (sizes.key_heads * sizes.d_k, sizes.key_heads * sizes.d_k, sizes.heads * sizes.d_v)
    parts = [
        x.linear(f"mixer.{name}_proj", width, initial=starts.normal(0.02))
        for name, width in zip("qkv", widths, strict=True)
    ]
    mixed = x.draft.concatenate(*parts)
    return mixed.convolution("mixer.conv1d", taps, initial=starts.within(taps)).silu().split(*widths)


def shared(signal: Signal, groups: int, each: int) -> Signal:
    """Each of `groups` parts `each` times."""
    if each == 1:
        return signal
    width = signal.width // groups
    parts = [signal.part(group * width, width) for group in range(groups) for _ in range(each)]
    return signal.draft.concatenate(*parts)
