"""Matrix states that overwrite what stood under a key: DeltaNet, gated DeltaNet, Kimi Delta Attention, RWKV-7."""

import math
from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.keys import KeySizes, check_key_sizes, convolved, normed_by_head, shared
from plait.layers.mixer import Mixer, check_flags, check_sizes, divided, fewest_heads
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class DeltaNet(Mixer):
    """DeltaNet: a matrix state that overwrites what stood under a key, and forgets nothing else.

        q, k, v = silu(conv(projections of norm(hidden)));   q, k of length 1 a head;   beta = sigmoid(b_proj)
        S <- S (I - beta k k^T) + beta v k^T;   y = S q / sqrt(d_k);   hidden + o_proj(norm(y))

    Source: Yang, Wang, Zhang, Shen and Kim, arXiv 2406.06484; its first values are those of the authors' program
    (flash-linear-attention). Parameters are named as those of gated DeltaNet in `transformers.models.olmo_hybrid`.

    Holds `heads x d_k x d_v` scalars, and the last `d_conv - 1` of q, k and v.

    Attributes:
        heads: states; None for the fewest whose keys are at most 128 wide.
        d_k: keys of a head; None for `d_model / heads`.
        d_v: values of a head; None for `d_k`.
        beta_to: the largest beta: with 2 a state can change signs (arXiv 2411.12537).
        output_gate: whether `silu(g_proj)` multiplies what is read.
    """

    heads: int | None = None
    d_k: int | None = None
    d_v: int | None = None
    beta_to: int = 1
    output_gate: bool = False

    def __post_init__(self) -> None:
        check_key_sizes(self)
        if self.beta_to not in (1, 2):
            raise ValueError(f"beta_to must be 1 or 2, got {self.beta_to!r}")
        check_flags(self, "output_gate")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        sizes = KeySizes.of(self, spec)
        heads, d_k, start = sizes.heads, sizes.d_k, starts.normal(0.02)
        q, k, v = convolved(x, sizes, spec.d_conv)
        q, k = q.unit(groups=heads) * d_k**-0.5, k.unit(groups=heads)
        beta = x.linear("mixer.b_proj", heads, initial=start).sigmoid() * float(self.beta_to)
        written = k * beta.each(d_k)
        y = x.draft.matrix_state(heads=heads, d_k=d_k, q=q, w=written, v=v, e=k, f=written)
        y = normed_by_head(y, heads)
        if self.output_gate:
            y = y * x.linear("mixer.g_proj", heads * sizes.d_v, initial=start).silu()
        return y.linear("mixer.o_proj", spec.d_model, initial=start)


@dataclass(frozen=True, kw_only=True)
class GDN(Mixer):
    """Gated DeltaNet: a matrix state that forgets, and overwrites what stood under a key.

        q, k, v = silu(conv(projections of norm(hidden)));   q, k of length 1 a head;   q / sqrt(d_k)
        alpha = exp(-exp(A_log) softplus(a_proj + dt_bias));    beta = sigmoid(b_proj)
        S <- alpha S (I - beta k k^T) + beta v k^T;   y = S q;   hidden + o_proj(norm(y) silu(g_proj))

    Source: Yang, Kautz and Hatamizadeh, arXiv 2412.06464, section 3; its first values are those of the authors' program
    (flash-linear-attention). Parameters are named as in `transformers.models.olmo_hybrid`.

    Holds `heads x d_k x d_v` scalars, and the last `d_conv - 1` of q, k and v.

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
        check_key_sizes(self)
        if self.beta_to not in (1, 2):
            raise ValueError(f"beta_to must be 1 or 2, got {self.beta_to!r}")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        sizes = KeySizes.of(self, spec, values=2)
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
        return (normed_by_head(y, heads) * gate).linear("mixer.o_proj", spec.d_model, initial=start)


@dataclass(frozen=True, kw_only=True)
class KDA(Mixer):
    """Kimi Delta Attention: gated DeltaNet whose state forgets at a rate of its own for each key.

        q, k, v = silu(conv(projections of norm(hidden)));   q, k of length 1 a head;   beta = sigmoid(b_proj)
        alpha = exp(-exp(A_log) softplus(f_b_proj f_a_proj + dt_bias)), a vector a head
        S <- S Diag(alpha) (I - beta k k^T) + beta v k^T;   y = S q / sqrt(d_k)
        hidden + o_proj(norm(y) sigmoid(g_b_proj g_a_proj))

    Source: Kimi Team, arXiv 2510.26692, section 3; parameters are named as in `transformers.models.kimi_linear`.

    Holds `heads x d_k x d_v` scalars, and the last `d_conv - 1` of q, k and v.

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


_SHARES = {"r": 0.2, "w": 0.9, "k": 0.7, "v": 0.7, "a": 0.9, "g": 0.2}
"""How steeply channels differ in how much of the token before each reads at first."""


@dataclass(frozen=True, kw_only=True)
class RWKV7(Mixer):
    """RWKV-7: a matrix state that forgets by key, and removes along one direction while it writes along another.

        each of r, w, k, v, a, g reads a mixture of this token and the one before;   kappa = k k_k, of length 1 a head
        S <- S Diag(w) - (S kappa) (a kappa)^T + v (k (1 + (a - 1) k_a))^T;     y = S r
        hidden + output((norm(y) + (r . k r_k) v) g)

    Source: Peng et al., arXiv 2503.14456, section 4, without the values that later layers take over from the first.
    First values are those of a first layer in the authors' program, with normal in the place of orthogonal small
    matrices.

    Holds `heads x d_head x d_head` scalars, and the token before.

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
            return x + before * draft.parameter(f"mixer.x_{name}", (d,), initial=starts.powers(_SHARES[name]))

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
