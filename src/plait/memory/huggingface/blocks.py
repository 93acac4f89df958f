"""Attention, feed-forward and expert parts of Hugging Face models, as numbers.

Every count equals that of the class of `transformers` 5.24 that the family using it names; tests/memory run
tiny instances of each.
"""

from dataclasses import dataclass

from plait.memory.block import Block


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Softmax attention with grouped heads.

    Args:
        n_heads: query heads.
        n_kv: heads of keys and values.
        window: tokens seen, the query included; None = all.
        bias: of the query, key and value projections.
        out_bias: of the output projection.
        extra: further parameters: norms of queries and keys, sinks.
        extra_matrices: further matrix entries: gates.
        d_in: width of what is projected to queries, keys and values, if not `d_model`.
    """

    d_model: int
    n_heads: int
    n_kv: int
    d_head: int
    window: int | None = None
    bias: bool = False
    out_bias: bool = False
    extra: int = 0
    extra_matrices: int = 0
    d_in: int | None = None

    @property
    def block(self) -> Block:
        """The sums."""
        inner, kv = self.n_heads * self.d_head, self.n_kv * self.d_head
        matrices = (self.d_in or self.d_model) * (inner + 2 * kv) + inner * self.d_model + self.extra_matrices
        return Block(
            part="attention",
            weights=matrices + self.bias * (inner + 2 * kv) + self.out_bias * self.d_model + self.extra,
            matrices=matrices,
            kv_per_token=2 * kv,
            window=self.window,
            score=2 * inner,
        )


@dataclass(frozen=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention (arXiv 2405.04434, section 2.1).

    The cache holds the latent vector (`kv_rank`) and the one rotated key (`d_rope`) that all heads share.

    Args:
        q_rank: rank of the query projection; None = full.
        d_nope: width of a key's part without rotation.
        gate: one sigmoid gate for each head.
    """

    d_model: int
    n_heads: int
    q_rank: int | None
    kv_rank: int
    d_rope: int
    d_nope: int
    d_value: int
    bias: bool = False
    gate: bool = False

    @property
    def block(self) -> Block:
        """The sums."""
        d, n, rank = self.d_model, self.n_heads, self.q_rank
        d_key = self.d_rope + self.d_nope
        matrices = d * n * d_key if rank is None else rank * (d + n * d_key)
        matrices += d * (self.kv_rank + self.d_rope) + self.kv_rank * n * (self.d_nope + self.d_value)
        matrices += n * self.d_value * d + self.gate * d * n
        norms = self.kv_rank + (rank or 0)
        return Block(
            part="attention",
            weights=matrices + norms + self.bias * (norms + self.d_rope + d),
            matrices=matrices,
            kv_per_token=self.kv_rank + self.d_rope,
            score=n * (d_key + self.d_value),
        )


def mlp(d_model: int, d_mlp: int, *, gated: bool = True, bias: bool = False) -> Block:
    """A feed-forward part of `d_mlp` units, with a multiplicative gate or without."""
    n_up = 2 if gated else 1
    matrices = (n_up + 1) * d_model * d_mlp
    return Block(part="mlp", weights=matrices + bias * (n_up * d_mlp + d_model), matrices=matrices)


@dataclass(frozen=True, kw_only=True)
class Experts:
    """`n_experts` feed-forward parts, `per_token` of which a token visits, and the router that picks them.

    Args:
        d_mlp: units of one expert.
        gated: with a multiplicative gate.
        latent: the experts work at this width, between two projections; None = `d_model`.
    """

    d_model: int
    n_experts: int
    per_token: int
    d_mlp: int
    gated: bool = True
    bias: bool = False
    router_bias: bool = False
    latent: int | None = None

    @property
    def block(self) -> Block:
        """The sums."""
        one = mlp(self.latent or self.d_model, self.d_mlp, gated=self.gated, bias=self.bias)
        around = self.d_model * (self.n_experts + 2 * (self.latent or 0))
        n_visited = min(self.per_token, self.n_experts)
        return Block(
            part="experts",
            weights=self.n_experts * one.weights + around + self.router_bias * self.n_experts,
            matrices=n_visited * one.matrices + around,
            visited=n_visited * one.weights,
            idle=(self.n_experts - n_visited) * one.weights,
        )
