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
        d_value: width of a value, if not `d_head`.
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
    d_value: int | None = None

    @property
    def block(self) -> Block:
        """The sums."""
        d_value = self.d_head if self.d_value is None else self.d_value
        inner, kv = self.n_heads * self.d_head, self.n_kv * (self.d_head + d_value)
        matrices = (self.d_in or self.d_model) * (inner + kv) + self.extra_matrices
        matrices += self.n_heads * d_value * self.d_model
        return Block(
            part="attention",
            weights=matrices + self.bias * (inner + kv) + self.out_bias * self.d_model + self.extra,
            matrices=matrices,
            kv_per_token=kv,
            window=self.window,
            score=inner + self.n_heads * d_value,
        )


@dataclass(frozen=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention (arXiv 2405.04434, section 2.1).

    The cache holds the latent vector (`kv_rank`) and the one rotated key (`d_rope`) that all heads share.

    Args:
        q_rank: rank of the query projection; None = full.
        d_nope: width of a key's part without rotation.
        window: tokens seen, the query included; None = all.
        gate: of the output: "" none, "head" one a head, "all" one a feature.
        extra: further parameters: sinks, norms of the rotated key.
    """

    d_model: int
    n_heads: int
    q_rank: int | None
    kv_rank: int
    d_rope: int
    d_nope: int
    d_value: int
    window: int | None = None
    bias: bool = False
    gate: str = ""
    extra: int = 0

    @property
    def block(self) -> Block:
        """The sums."""
        d, n, rank = self.d_model, self.n_heads, self.q_rank
        d_key = self.d_rope + self.d_nope
        matrices = d * n * d_key if rank is None else rank * (d + n * d_key)
        matrices += d * (self.kv_rank + self.d_rope) + self.kv_rank * n * (self.d_nope + self.d_value)
        matrices += n * self.d_value * d + {"": 0, "head": d * n, "all": d * n * self.d_value}[self.gate]
        norms = self.kv_rank + (rank or 0)
        return Block(
            part="attention",
            weights=matrices + norms + self.bias * (norms + self.d_rope + d) + self.extra,
            matrices=matrices,
            kv_per_token=self.kv_rank + self.d_rope,
            window=self.window,
            score=n * (d_key + self.d_value),
        )


def indexer(d_model: int, *, n_heads: int, d_head: int, d_query: int) -> Block:
    """What scores every visible token to choose those attended to; one key a token is cached (DeepSeek-V3.2).

    Args:
        d_query: width that its queries are projected from.
    """
    matrices = d_query * n_heads * d_head + d_model * (d_head + n_heads)
    return Block(
        part="attention",
        weights=matrices + 2 * d_head,
        matrices=matrices,
        kv_per_token=d_head,
        score=n_heads * d_head,
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
            # The router is left out: formats for weights leave it as it is.
            linear=self.n_experts * one.matrices + 2 * self.d_model * (self.latent or 0),
            visited=n_visited * one.weights,
            idle=(self.n_experts - n_visited) * one.weights,
        )
