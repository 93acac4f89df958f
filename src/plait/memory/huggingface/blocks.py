"""What a family's reader returns, and the parts that families share: attention, feed-forward, experts, as numbers.

Every count equals that of the class of `transformers` 5.24 that the family using it names; tests/memory run
tiny instances of each.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.fields import Fields, shown


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


@dataclass(frozen=True, kw_only=True)
class Body:
    """Layers and the parts outside them, as a family's reader found them.

    Args:
        notes: what a reader of the figures must know.
        doubts: why they are not those of a tested class.
    """

    d_model: int
    vocab_size: int
    layers: tuple[Layer, ...]
    outside: tuple[Block, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def around(
    d_model: int, vocab_size: int, *, tied: bool, norm_bias: bool = False, extra: int = 0
) -> tuple[Block, ...]:
    """Embedding, last norm and unembedding; `extra` counts further parameters beside them."""
    table = d_model * vocab_size
    return (
        Block(part="embedding", weights=table, lookup=d_model),
        norm(d_model, bias=norm_bias),
        Block(part="norm", weights=extra),
        Block(part="unembedding", weights=0 if tied else table, matrices=table),
    )


def decoder(
    f: Fields, layers: tuple[Layer, ...], *, d_model: int, vocab_size: int, tied: bool | None = False
) -> Body:
    """The usual body: table, RMSNorm, unembedding.

    Args:
        tied: default of tie_word_embeddings; None = the class never ties, whatever the file says.
    """
    n = f.integer("vocab_size", default=vocab_size)
    tied = False if tied is None else f.flag("tie_word_embeddings", default=tied)
    return Body(d_model=d_model, vocab_size=n, layers=layers, outside=around(d_model, n, tied=tied))


def window_of(f: Fields, kind: str, *, default: int | None) -> int | None:
    """sliding_window for a layer of a sliding kind, attention_chunk_size for one that attends in chunks, else None.

    Raises:
        ValueError: a sliding layer in a file without a window.
    """
    names = {"sliding_attention": "sliding_window", "hybrid_sliding": "sliding_window"}
    name = names.get(kind, "attention_chunk_size" if kind == "chunked_attention" else None)
    if name is None:
        return None
    window = f.optional(name, default=default)
    if window is None:
        raise f.refuse(f"{name} must be an integer of at least 1 where a layer slides, got None")
    return window


def attention_of(
    f: Fields, d_model: int, *, n_heads: int, n_kv: int | None = None, d_head: int | None = None
) -> Attention:
    """The file's heads without window or bias.

    Args:
        n_heads: default of num_attention_heads.
        n_kv: default of num_key_value_heads; None = as many as query heads.
        d_head: default of head_dim; None = hidden_size / num_attention_heads, as for null in a file.
    """
    n, kv = f.heads(default=n_heads, default_kv=n_kv)
    width = f.d_head(d_model, n, default=d_head)
    return Attention(d_model=d_model, n_heads=n, n_kv=kv, d_head=width)


def slides_if_set(f: Fields, default: int | None) -> Callable[[int], str]:
    """The cache's own rule for a file without layer_types: a sliding_window makes every layer slide."""
    window = f.optional("sliding_window", default=default)
    return lambda _: "full_attention" if window is None else "sliding_attention"


ATTENTION_KINDS = ("full_attention", "sliding_attention", "chunked_attention")


def only(f: Fields, kinds: tuple[str, ...], known: tuple[str, ...], *, name: str = "layer_types") -> None:
    """Refuse layer types that this family does not have.

    Raises:
        ValueError: one of them.
    """
    if unknown := sorted(set(kinds) - set(known)):
        raise f.refuse(f"{name} must use {', '.join(known)}, got {shown(unknown[0])}")


def attention_stack(
    f: Fields,
    kinds: tuple[str, ...],
    attention: Attention,
    *,
    window: int | None,
    others: Callable[[int], tuple[Block, ...]],
) -> tuple[Layer, ...]:
    """One layer a kind: the attention with that kind's window, and the blocks beside it.

    Raises:
        ValueError: a kind that is no attention.
    """
    only(f, kinds, ATTENTION_KINDS)
    return tuple(
        Layer(
            kind=kind,
            blocks=(replace(attention, window=window_of(f, kind, default=window)).block, *others(i)),
        )
        for i, kind in enumerate(kinds)
    )
