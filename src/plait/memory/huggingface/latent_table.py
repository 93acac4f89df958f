"""Families of multi-head latent attention, as rows, with indexers, experts and mixed residual streams."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Body, LatentAttention, decoder, indexer, mlp, only
from plait.memory.huggingface.fields import MLP_BIAS, OFF, Fields, Flag, shown
from plait.memory.huggingface.recipe_experts import (
    N_SHARED,
    N_SHARED_2,
    ROUTED,
    ROUTED_ANY,
    ROUTED_NUM,
    SHARED_ANY,
    Sparse,
    first_layers,
)

SCORES = (
    "scores are counted for every visible token, as the class computes them, not for the indexed ones alone"
)
INDEXED = "indexed_attention"


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """Defaults of index_n_heads and index_head_dim.

    Args:
        default: which layers have an indexer in a file without indexer_types; None = all, and the file cannot say.
    """

    heads: int
    width: int
    default: Callable[[Fields, int], list[bool]] | None = None


@dataclass(frozen=True, kw_only=True)
class LatentRecipe:
    """One family; sizes are defaults of the fields of their names, as in `Recipe`.

    Args:
        q_lora_rank: None = full queries.
        rope_names: fields of the rotated part's width.
        mlp_bias: of the plain feed-forward part.
        nullable: a file may say null for q_lora_rank.
        gate: as in `LatentAttention`.
        sinks: parameters for each head.
        streams: default of hc_mult: residual streams that are mixed.
    """

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    vocab_size: int
    q_lora_rank: int | None
    kv_lora_rank: int
    qk_rope_head_dim: int
    qk_nope_head_dim: int
    v_head_dim: int
    rope_names: tuple[str, ...] = ("qk_rope_head_dim",)
    mlp_bias: Flag = OFF
    tied: bool = False
    nullable: bool = True
    gate: str = ""
    sinks: bool = False
    indexed: Indexed | None = None
    experts: Sparse | None = None
    streams: int = 0

    def __call__(self, f: Fields) -> Body:
        """Read a file."""
        d, n = f.integer("hidden_size", default=self.hidden_size), f.n_layers(self.num_hidden_layers)
        f.ignore("num_key_value_heads", "qk_head_dim", "head_dim", "mlp_bias")
        f.accept("moe_layer_freq", 1)
        usual = "full_attention" if self.indexed is None else INDEXED
        kinds = f.layer_types(default_layers=n, default=lambda _: usual)
        only(f, kinds, (usual,) if self.indexed is None else (INDEXED,))
        attention, feeds = self._attention(f, d), self._feeds(f, d, n)
        indexers = self._indexers(f, d, n)
        mixed = self._streams(f, d)
        layers = tuple(
            Layer(kind=kind, blocks=(attention, *indexers[i], *feeds(i), norm(d, 2), *mixed))
            for i, kind in enumerate(kinds)
        )
        body = decoder(f, layers, d_model=d, vocab_size=self.vocab_size, tied=self.tied)
        return replace(
            body,
            outside=(*body.outside, *self._stream_head(f, d)),
            notes=(SCORES,) if self.indexed else (),
        )

    def _attention(self, f: Fields, d: int) -> Block:
        n = f.integer("num_attention_heads", default=self.num_attention_heads)
        rank = f.optional("q_lora_rank", default=self.q_lora_rank)
        if rank is None and not self.nullable:
            raise f.refuse("q_lora_rank must be an integer of at least 1, got None")
        return LatentAttention(
            d_model=d,
            n_heads=n,
            q_rank=rank,
            kv_rank=f.integer("kv_lora_rank", default=self.kv_lora_rank),
            d_rope=f.integer(*self.rope_names, default=self.qk_rope_head_dim),
            d_nope=f.integer("qk_nope_head_dim", default=self.qk_nope_head_dim),
            d_value=f.integer("v_head_dim", default=self.v_head_dim),
            bias=f.flag("attention_bias", default=False),
            gate=self.gate,
            extra=n * self.sinks,
        ).block

    def _indexers(self, f: Fields, d: int, n: int) -> list[tuple[Block, ...]]:
        """The indexer of each layer that has one."""
        if self.indexed is None:
            return [()] * n
        f.ignore("index_topk")
        block = indexer(
            d,
            n_heads=f.integer("index_n_heads", default=self.indexed.heads),
            d_head=f.integer("index_head_dim", default=self.indexed.width),
            d_query=f.integer("q_lora_rank", default=self.q_lora_rank or d),
        )
        chooses = [True] * n if self.indexed.default is None else choosing(f, n, self.indexed.default)
        return [(block,) if own else () for own in chooses]

    def _feeds(self, f: Fields, d: int, n: int) -> Callable[[int], tuple[Block, ...]]:
        units = f.integer("intermediate_size", default=self.intermediate_size)
        plain: tuple[Block, ...] = (mlp(d, units, bias=self.mlp_bias.of(f)),)
        if self.experts is None:
            return lambda i: plain
        sparse, dense = self.experts.blocks(f, d, units), self.experts.dense(f, n)
        return lambda i: plain if dense(i) else sparse

    def _streams(self, f: Fields, d: int) -> tuple[Block, ...]:
        """What mixes the residual streams around attention and around the feed-forward part."""
        if not self.streams:
            return ()
        n = f.integer("hc_mult", default=self.streams)
        mixed = Block(part="norm", weights=2 * n * n * d + 2 * n + 2, matrices=2 * n * n * d)
        return mixed, mixed

    def _stream_head(self, f: Fields, d: int) -> tuple[Block, ...]:
        if not self.streams:
            return ()
        n = f.integer("hc_mult", default=self.streams)
        return (Block(part="norm", weights=n * n * d + n + 1, matrices=n * n * d),)


def choosing(f: Fields, n: int, default: Callable[[Fields, int], list[bool]]) -> list[bool]:
    """Which layers have an indexer of their own: indexer_types, a pattern of F and S, or the family's rhythm."""
    named, pattern = f.get("indexer_types"), f.get("index_topk_pattern")
    rhythm = default(f, n)
    if named is None and isinstance(pattern, str):
        named = [{"F": "full", "S": "shared"}.get(letter, letter) for letter in pattern]
    elif named is None:
        named = pattern
    if named is None:
        return rhythm
    if not isinstance(named, list) or len(named) != n or set(map(str, named)) - {"full", "shared"}:
        raise f.refuse(f"indexer_types must name {n} layers full or shared, got {shown(named)}")
    return [kind == "full" for kind in named]


def by_frequency(f: Fields, n: int) -> list[bool]:
    """Every index_topk_freq-th layer, and those before index_skip_topk_offset."""
    every = max(f.integer("index_topk_freq", default=1, least=0), 1)
    offset = f.integer("index_skip_topk_offset", default=2, least=0)
    return [max(i - offset + 1, 0) % every == 0 for i in range(n)]


def _fourth(f: Fields, n: int) -> list[bool]:
    return [i == 0 or i % 4 == 1 for i in range(n)]


DEEPSEEK_V2 = LatentRecipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=102400,
    q_lora_rank=1536, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=128, v_head_dim=128, mlp_bias=MLP_BIAS,
    experts=Sparse(
        experts=64, per_token=6, names=ROUTED_NUM, units=1407, dense=first_layers(0, "first_k_dense_replace"),
        shared=N_SHARED_2, shared_bias=MLP_BIAS,
    ),
)  # fmt: skip
DEEPSEEK_V3 = LatentRecipe(
    hidden_size=7168, num_hidden_layers=61, num_attention_heads=128, intermediate_size=18432, vocab_size=129280,
    q_lora_rank=1536, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=128, v_head_dim=128,
    experts=Sparse(
        experts=256, per_token=8, names=ROUTED, units=2048, dense=first_layers(3, "first_k_dense_replace"),
        shared=N_SHARED,
    ),
)  # fmt: skip
DEEPSEEK_V32 = replace(
    DEEPSEEK_V3, nullable=False, indexed=Indexed(heads=64, width=128),
    experts=Sparse(
        experts=256, per_token=8, names=ROUTED_ANY, units=2048,
        dense=first_layers(3, "first_k_dense_replace"),
        shared=N_SHARED,
    ),
)  # fmt: skip
SARVAM_MLA = LatentRecipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=64, intermediate_size=16384, vocab_size=262144,
    q_lora_rank=None, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=128, v_head_dim=128,
    experts=Sparse(
        experts=128, per_token=8, names=ROUTED_ANY, units=2048, dense=first_layers(1, "first_k_dense_replace"),
        shared=SHARED_ANY,
    ),
)  # fmt: skip
GLM_MOE_DSA = LatentRecipe(
    hidden_size=6144, num_hidden_layers=78, num_attention_heads=64, intermediate_size=12288, vocab_size=154880,
    q_lora_rank=2048, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=192, v_head_dim=256, nullable=False,
    indexed=Indexed(heads=32, width=128, default=by_frequency),
    experts=Sparse(
        experts=256, per_token=8, names=ROUTED_ANY, units=2048, dense=first_layers(3, "first_k_dense_replace"),
        shared=N_SHARED,
    ),
)  # fmt: skip
GLM4_MOE_LITE = LatentRecipe(
    hidden_size=2048, num_hidden_layers=47, num_attention_heads=20, intermediate_size=10240, vocab_size=154880,
    q_lora_rank=768, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=192, v_head_dim=256,
    rope_names=("head_dim", "qk_rope_head_dim"),
    experts=Sparse(experts=64, per_token=4, names=ROUTED, units=1536, dense=first_layers(1), shared=N_SHARED),
)  # fmt: skip
AXK1 = LatentRecipe(
    hidden_size=7168, num_hidden_layers=61, num_attention_heads=64, intermediate_size=18432, vocab_size=163840,
    q_lora_rank=1536, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=128, v_head_dim=128,
    experts=Sparse(
        experts=192, per_token=8, names=ROUTED, units=2048, dense=first_layers(1, "first_k_dense_replace"),
        shared=N_SHARED,
        norms=1,
    ),
)  # fmt: skip
HY_V4 = LatentRecipe(
    hidden_size=2816, num_hidden_layers=34, num_attention_heads=32, intermediate_size=6912, vocab_size=120832,
    q_lora_rank=1536, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=192, v_head_dim=256, nullable=False,
    gate="all", sinks=True, streams=4, indexed=Indexed(heads=16, width=128, default=_fourth),
    experts=Sparse(experts=256, per_token=8, names=ROUTED, units=768, dense=first_layers(1), shared=N_SHARED),
)  # fmt: skip
HY_V4_VL = replace(
    HY_V4, hidden_size=6144, num_hidden_layers=78, num_attention_heads=64, intermediate_size=18432, q_lora_rank=2048,
    indexed=Indexed(heads=32, width=128, default=_fourth),
    experts=Sparse(experts=256, per_token=8, names=ROUTED, units=2048, dense=first_layers(1), shared=N_SHARED),
)  # fmt: skip
MISTRAL4 = LatentRecipe(
    hidden_size=4096, num_hidden_layers=36, num_attention_heads=32, intermediate_size=12288, vocab_size=131072,
    q_lora_rank=1024, kv_lora_rank=256, qk_rope_head_dim=64, qk_nope_head_dim=64, v_head_dim=128,
    experts=Sparse(
        experts=128, per_token=4, names=ROUTED, units=2048, dense=first_layers(0, "first_k_dense_replace"),
        shared=N_SHARED,
    ),
)  # fmt: skip
YOUTU = LatentRecipe(
    hidden_size=2048, num_hidden_layers=32, num_attention_heads=16, intermediate_size=6144, vocab_size=128256,
    q_lora_rank=1536, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=128, v_head_dim=128, tied=True,
)  # fmt: skip
MINICPM3 = LatentRecipe(
    hidden_size=2560, num_hidden_layers=62, num_attention_heads=40, intermediate_size=6400, vocab_size=73448,
    q_lora_rank=768, kv_lora_rank=256, qk_rope_head_dim=32, qk_nope_head_dim=64, v_head_dim=64, tied=True,
    mlp_bias=MLP_BIAS,
)  # fmt: skip
