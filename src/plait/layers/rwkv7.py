"""RWKV-7: a matrix state that forgets by key, and removes along one direction while it writes along another.

    each of r, w, k, v, a, g reads a mixture of this token and the one before;   kappa = k k_k, of length 1 a head
    S <- S Diag(w) - (S kappa) (a kappa)^T + v (k (1 + (a - 1) k_a))^T;     y = S r
    hidden + output((norm(y) + (r . k r_k) v) g)

Source: Peng et al., arXiv 2503.14456, section 4, without the values that later layers take over from the first. First
values are those of a first layer in the authors' program, with normal in the place of orthogonal small matrices.
"""

import math
from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.mixer import Mixer, check_sizes, divided, fewest_heads
from plait.layers.spec import LayerSpec

SHARES = {"r": 0.2, "w": 0.9, "k": 0.7, "v": 0.7, "a": 0.9, "g": 0.2}
"""How steeply channels differ in how much of the token before each reads at first."""


@dataclass(frozen=True, kw_only=True)
class RWKV7(Mixer):
    """Holds `heads x d_head x d_head` scalars, and the token before.

    Attributes:
        heads: None for the fewest that are at most 64 wide.
        rank: of the projections of w, a and g; None for the paper's, at most a quarter of `d_model`.
    """

    heads: int | None = None
    rank: int | None = None

    def __post_init__(self) -> None:
        check_sizes(self, "heads", "rank")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        d, draft = spec.d_model, x.draft
        heads = self.heads or fewest_heads(d, widest=64)
        d_head = divided("d_model", d, heads)
        before = x.shift() - x

        def mixed(name: str) -> Signal:
            return x + before * draft.parameter(f"mixer.x_{name}", (d,), initial=starts.powers(SHARES[name]))

        def low(name: str, rank: float, inside: str) -> Signal:
            chosen = self.rank or max(1, min(round(rank / 32) * 32, d // 4))
            found = mixed(name).linear(f"mixer.{name}_lora.0", chosen, initial=starts.constant(0.0))
            found = found.tanh() if inside == "tanh" else found.sigmoid() if inside == "sigmoid" else found
            return found.linear(f"mixer.{name}_lora.1", d, initial=starts.normal(0.1 * chosen**-0.5))

        def projected(name: str, bound: float) -> Signal:
            start = starts.uniform(-bound * d**-0.5, bound * d**-0.5)
            return mixed(name).linear(f"mixer.{name}_proj", d, initial=start)

        r, k, v = projected("r", 0.5), projected("k", 0.05), projected("v", 0.5)
        w = low("w", 1.8 * d**0.5, "tanh") + draft.parameter("mixer.w0", (d,), initial=starts.speeds())
        log_w = w.sigmoid() * -math.exp(-0.5)
        a = low("a", 1.8 * d**0.5, "") + draft.parameter("mixer.a0", (d,), initial=starts.constant(0.0))
        a, g = a.sigmoid(), low("g", 0.6 * d**0.8, "sigmoid")
        kappa = (k * draft.parameter("mixer.k_k", (d,), initial=starts.constant(0.85))).unit(
            groups=heads, eps=1e-12
        )
        k = k * ((a - 1.0) * draft.parameter("mixer.k_a", (d,), initial=starts.constant(1.0)) + 1.0)
        y = draft.matrix_state(heads=heads, d_k=d_head, q=r, w=k, v=v, log_a=log_w, e=kappa, f=a * kappa)
        ones, zeros = starts.constant(1.0), starts.constant(0.0)
        y = y.layer_norm("mixer.g_norm", eps=d_head * 1e-5, groups=heads, initial=ones, bias=zeros)
        bonus = (r * draft.parameter("mixer.r_k", (d,), initial=zeros)).dot(k, groups=heads)
        y = (y + bonus.each(d_head) * v) * g
        return y.linear("mixer.o_proj", d, initial=zeros)
