"""Retention: a matrix state that forgets at a fixed rate a head, in the block of lightning attention.

    q, k, v = silu(projections of norm(hidden));    S <- gamma S + v k^T;   y = S q
    hidden + out_proj(sigmoid(output_gate) norm(y))

Sources: Sun et al., arXiv 2307.08621 (the recurrence and its rates, `gamma = 1 - 2^(-5 - head)`; its rotary keys and
its group norm are not here); MiniMax, arXiv 2501.08313 (the block). Parameters are named as in
`transformers.models.minimax`, whose `qkv_proj` holds q, k and v head by head.
"""

import math
from dataclasses import dataclass
from typing import cast

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.keys import KeySizes, check_key_sizes
from plait.layers.mixer import Mixer
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class Retention(Mixer):
    """Holds `heads x d_k x d_v` scalars.

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
