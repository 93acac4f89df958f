"""A model of SSM and TF layers over many tokens a call, from state to state, by PyTorch's products.

For few sequences of wide models on a CPU, where the compiled layers fill a tile with sequences and this fills products
with tokens, and for all on a GPU, where a call for each token leaves it idle. A TF layer carries its last
`window - 1` inputs and reads them again.
"""

from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.kernels.common.plain import linear
from plait.kernels.mamba.wide import ChunkState, empty_state, mamba_chunk
from plait.kernels.neox import wide as neox
from plait.layers import MambaLayer, TransformerLayer
from plait.model.hybrid import HybridLM

ChunkedState: TypeAlias = tuple[tuple[Tensor, ...], ...]
"""What each layer carries."""


def can_chunk(model: HybridLM) -> bool:
    """Whether every layer is an SSM or a TF layer with a window, in float32 or float64."""
    weight = model.embedding.weight
    return (
        weight.ndim == 2
        and weight.dtype in (torch.float32, torch.float64)
        and all(
            type(layer) is MambaLayer or (type(layer) is TransformerLayer and layer.spec.window is not None)
            for layer in model.layers
        )
    )


class ChunkedModel:
    """`model` read in pieces; changes made to its weights in place are seen."""

    def __init__(self, model: HybridLM) -> None:
        self._model = model

    @property
    def read_again(self) -> int:
        """Tokens of a sequence that some layer reads again in a call, at most."""
        windows = (layer.spec.window for layer in self._model.layers if isinstance(layer, TransformerLayer))
        return max((window - 1 for window in windows if window is not None), default=0)

    def start(self, batch: int) -> ChunkedState:
        """The state before the first token of `batch` sequences."""
        d_model = self._model.config.d_model
        return tuple(
            empty_state(layer.weights(), batch)
            if isinstance(layer, MambaLayer)
            else (self._model.embedding.weight.new_zeros(batch, 0, d_model), torch.tensor(0))
            for layer in self._model.layers
        )

    @torch.no_grad()
    def advance(
        self, tokens: Int[Tensor, "batch time"], state: ChunkedState
    ) -> tuple[Float[Tensor, "batch time vocab"], ChunkedState]:
        """Logits after each token, and the state after the last."""
        model = self._model
        hidden = nn.functional.embedding(tokens.long(), model.embedding.weight)
        after: list[tuple[Tensor, ...]] = []
        for layer, held in zip(model.layers, state, strict=True):
            if isinstance(layer, MambaLayer):
                hidden, kept = mamba_chunk(
                    hidden, layer.weights(), ChunkState(*held), eps=layer.spec.norm_eps
                )
            else:
                assert isinstance(layer, TransformerLayer)
                hidden, kept = _attend(layer, hidden, *held)
            after.append(kept)
        return linear(model.final_norm(hidden), model.embedding.weight), tuple(after)


def _attend(
    layer: TransformerLayer, hidden: Tensor, before: Tensor, read: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The layer on what it still sees and on `hidden`, after `read` tokens."""
    seen, kept = torch.cat((before, hidden), dim=1), before.shape[1]
    first = int(read) - kept
    heads = layer.heads(first, first + seen.shape[1], seen.device)
    made = neox.neox_layer(seen, layer.weights(), heads, eps=layer.spec.norm_eps, products=None, drops=None)
    window = layer.spec.window
    assert window is not None
    tail = seen[:, max(0, seen.shape[1] - window + 1) :].clone()
    return made[:, kept:], (tail, read + hidden.shape[1])
