"""The numbers of a layer that is drawn, read from its graph."""

from plait.kernels.graph.signals import Graph, Node, Op
from plait.layers import LayerSpec
from plait.layers.registry import mixer_graph
from plait.memory.block import Block, Layer


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
