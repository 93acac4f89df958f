"""What a family's reader returns, and the pieces that most families share."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention
from plait.memory.huggingface.fields import Fields, shown


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
