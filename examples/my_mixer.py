"""A linear mixer of your own at built-in speed, in a pattern as `my_mixer:ForgettingAttention-TF`.

    S <- S Diag(a) - (S e) f^T + v w^T        y = S q

Copy this file, put it where Python finds it, and change the projections and which vectors they give: `e` and `f` erase,
`log_a` forgets. Parallel pass, step, state, members axis and compiled code follow from the drawing.
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import LayerSpec, Mixer, starts
from plait.layers.mixer import divided


@dataclass(frozen=True, kw_only=True)
class ForgettingAttention(Mixer):
    """Linear attention whose heads forget, each at a rate that the token chooses."""

    heads: int = 2

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        d_k, start = divided("d_model", spec.d_model, self.heads), starts.normal(0.02)
        q, k, v = (x.linear(f"{name}_proj", spec.d_model, initial=start) for name in "qkv")
        keep = x.linear("gate", self.heads, initial=start, bias=starts.constant(3.0)).log_sigmoid()
        read = x.draft.matrix_state(
            heads=self.heads,
            d_k=d_k,
            q=q.unit(groups=self.heads),
            w=k.unit(groups=self.heads),
            v=v,
            log_a=keep,
        )
        return read.linear("o_proj", spec.d_model, initial=start)
