"""What a plait config holds: closed forms, equal byte for byte to the streaming state of `HybridLM`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from plait.deferred import deferred
from plait.kernels.graph.signals import Graph, Node, Op
from plait.layers import LayerSpec, layer_class
from plait.layers.registry import MIXERS, mixer_graph
from plait.layers.spec import is_side_by_side, sides_of
from plait.memory.architecture import Architecture
from plait.memory.block import PLAIT, AnyLayer, Block, Cached, Layer, norm
from plait.memory.formats import OWN
from plait.memory.report import LayerMemory, MemoryReport, check_count
from plait.model import HybridConfig

if TYPE_CHECKING:
    import torch
    from torch import nn

    from plait.layers import Layer as LayerModule
else:
    torch = deferred("torch")


def drawn_layer(name: str, spec: LayerSpec) -> Layer:
    """A built-in mixer with its norms; what it mixes tokens with says which part it is."""
    graph = mixer_graph(name, spec)
    norms = sum(weight.size for weight in graph.weights if not weight.name.startswith("mixer."))
    state, conv = graph.state_size("ssm_state", 1), graph.state_size("conv_tail", 1)
    caches = [slot for slot in graph.slots if slot.per_token]
    per_token = sum(slot.shape[0] for slot in caches)
    block = Block(
        part="recurrent" if state else "attention" if caches else "convolution" if conv else "mlp",
        weights=sum(weight.size for weight in graph.weights) - norms,
        matrices=sum(weight.size for weight in graph.weights if weight.matrix),
        recurrence=sum(operations(graph, node) for node in graph.nodes),
        recurrent=state,
        conv=conv,
        conv_reach=sum(slot.shape[0] for slot in graph.slots if slot.kind == "conv_tail"),
        kv_per_token=per_token,
        window=caches[0].window if caches else None,
        score=sum(2 * node.ints[0] * node.ints[2] for node in graph.nodes if node.op == Op.ATTENTION),
    )
    return Layer(kind=name, blocks=(Block(part="norm", weights=norms), block))


def operations(graph: Graph, node: Node) -> int:
    """Floating-point operations of one token in a node that carries a state or a tail.

    An entry of a matrix state is written (product, sum) and read (product, sum), decays (product), and where something
    is erased is read once more and lessened (two products, two sums); a tap is a product and a sum, a channel of an
    elementwise recurrence too.
    """
    match node.op:
        case Op.MATRIX_STATE:
            heads, d_k, d_v, _ = node.ints
            decays, erases = node.inputs[0] >= 0, node.inputs[1] >= 0
            return heads * d_k * d_v * (4 + decays + 4 * erases)
        case Op.CONVOLUTION:
            return 2 * node.ints[0] * graph.widths[node.output]
        case Op.RECURRENCE:
            return 2 * graph.widths[node.output]
        case _:
            return 0


_STATE_KINDS = ("ssm_state", "conv_tail", "kv_cache")


def count(config: HybridConfig, seq_len: int, dtype: object = "float32") -> MemoryReport:
    """Parameters and working memory of `HybridLM(config)` after `seq_len` streamed tokens, for one sequence.

    Args:
        config: with a vocabulary; a user's own layer answers through its `state_size`.
        dtype: of the weights, a `torch.dtype` or its name; the recurrent state is float32 at least.

    Raises:
        ValueError: no vocab_size, a length below 1, an unknown dtype, a layer that cannot be imported.
    """
    return architecture_of(config).memory(seq_len, dtype=dtype)


def architecture_of(config: HybridConfig) -> Architecture:
    """The numbers of `HybridLM(config)`.

    Raises:
        ValueError: no vocab_size, a layer that cannot be imported.
    """
    if config.vocab_size is None:
        raise ValueError(
            "a memory count needs vocab_size, and this config leaves it open (a task fills it in)"
        )
    table = config.vocab_size * config.d_model
    return Architecture(
        model_type="plait",
        title=config.pattern,
        convention=PLAIT,
        verified=True,
        d_model=config.d_model,
        vocab_size=config.vocab_size,
        dtype="float32",
        layers=tuple(
            plait_layer(name, spec) for name, spec in zip(config.layers, config.layer_specs(), strict=True)
        ),
        outside=(
            Block(part="embedding", weights=table, lookup=config.d_model),
            norm(config.d_model, bias=True),
            Block(part="unembedding", weights=0, matrices=table),
        ),
    )


def plait_layer(name: str, spec: LayerSpec) -> AnyLayer:
    """The layer of that name in a pattern."""
    match name:
        case "SSM":
            return Layer(kind=name, blocks=(norm(spec.d_model), mamba_block(spec)))
        case "TF":
            blocks = (norm(spec.d_model, 2, bias=True), attention_block(spec), mlp_block(spec))
            return Layer(kind=name, blocks=blocks)
        case _ if name in MIXERS:
            return drawn_layer(name, spec)
        case _ if is_side_by_side(name):
            return _side_by_side(name, tuple(plait_layer(s.name, s.spec) for s in sides_of(name, spec)))
        case _:
            return _OwnLayer(kind=name, spec=spec)


def _side_by_side(name: str, layers: tuple[AnyLayer, ...]) -> AnyLayer:
    """Layers that stand side by side: one layer of all their parts, where each has formulas."""
    if not all(isinstance(layer, Layer) for layer in layers):
        from plait.memory.block import SideBySide

        return SideBySide(kind=name, sides=layers)
    blocks = (replace(block, side=place) for place, layer in enumerate(layers) for block in layer.blocks)
    return Layer(kind=name, blocks=tuple(blocks))


def mamba_block(spec: LayerSpec) -> Block:
    """Mamba-1; its convolution keeps `d_conv - 1` inputs.

    One token's recurrence, as in arXiv 2312.00752, algorithm 2: for each state, the decay (product and
    exponential), the input (product), the update (product, sum), the read-out (product, sum); for each
    channel dt x, the skip (product, sum), and a product and a sum for each tap of the convolution.
    """
    d, inner, n, k, rank = spec.d_model, spec.d_inner, spec.d_state, spec.d_conv, spec.dt_rank
    matrices = 3 * d * inner + inner * (rank + 2 * n) + rank * inner
    return Block(
        part="ssm",
        weights=matrices + inner * (k + 1) + inner * n + 2 * inner,
        matrices=matrices,
        recurrence=inner * (7 * n + 3 + 2 * k),
        recurrent=inner * n,
        conv=inner * (k - 1),
        conv_reach=k - 1,
    )


def attention_block(spec: LayerSpec) -> Block:
    """GPT-NeoX attention: a key and a value of all heads for every token held."""
    d = spec.d_model
    return Block(
        part="attention",
        weights=4 * d * (d + 1),
        matrices=4 * d * d,
        kv_per_token=2 * d,
        window=spec.window,
        score=2 * d,
    )


def mlp_block(spec: LayerSpec) -> Block:
    """Two linear maps with biases; the second bias stays when there are no units."""
    d, units = spec.d_model, spec.d_mlp
    return Block(part="mlp", weights=2 * d * units + units + d, matrices=2 * d * units)


@dataclass(frozen=True, kw_only=True)
class _OwnLayer:
    """A user's layer, which is asked: sizes from `state_size`, dtypes from `init_state`, on no real memory."""

    kind: str
    spec: LayerSpec

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (Block(part=self.kind, weights=sum(p.numel() for p in self._module().parameters())),)

    def memory(self, index: int, *, cached: Cached, dtype: str) -> LayerMemory:
        if cached.storage != OWN:
            raise ValueError(
                f"layer {index} is {self.kind}, of its author: it holds what it says, and no format can be asked for"
            )
        layer = cast("LayerModule", self._module())
        sizes = layer.state_size(cached.seq_len)
        for name, n in sizes.items():
            if name not in _STATE_KINDS:
                raise ValueError(
                    f"state_size of {self.kind} must use {', '.join(_STATE_KINDS)}, got {name!r}"
                )
            check_count(f"{name} of {self.kind}", n, least=0)
        held = layer.init_state(1, dtype=getattr(torch, dtype), device=torch.device("meta"))
        by_kind = {
            name: n * (held[name].dtype if name in held else getattr(torch, dtype)).itemsize
            for name, n in sizes.items()
        }
        n_bytes = sum(by_kind.values())
        return LayerMemory(
            index=index,
            kind=self.kind,
            parameters=self.blocks[0].weights,
            ssm_state=sizes.get("ssm_state", 0),
            conv_tail=sizes.get("conv_tail", 0),
            kv_cache=sizes.get("kv_cache", 0),
            state_bytes=n_bytes,
            kv_bytes=by_kind.get("kv_cache", 0),
            stored_bytes=n_bytes,
        )

    def _module(self) -> nn.Module:
        with torch.device("meta"):
            return layer_class(self.kind)(self.spec)
