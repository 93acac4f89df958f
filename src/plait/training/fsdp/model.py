"""A wide model whose weights FSDP2 cuts into parts: layer by layer they are gathered, used, and let go.

Source: arXiv 2304.11277; `torch.distributed.fsdp.fully_shard`.
"""

import re
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from plait.kernels.common.plain import linear
from plait.layers.parts import dropout
from plait.model import HybridLM
from plait.random import Stream
from plait.training.fsdp.processes import Processes
from plait.training.wide import wide_layer


class _PartedLayer(nn.Module):
    """A layer as the wide engine computes it, as a module of its own, which is what FSDP2 gathers the weights of."""

    def __init__(self, layer: nn.Module, products: torch.dtype | None) -> None:
        super().__init__()
        self.layer, self.products = layer, products

    def forward(self, hidden: Tensor, stream: Stream | None, fuse: bool) -> Tensor:
        return wide_layer(self.layer, hidden, stream, products=self.products, fuse=fuse)


class PartedModel(nn.Module):
    """`model` over processes: every weight, gradient and moment lies on one of them.

    Args:
        model: the whole, at its initial weights; used up.
        products: the type that products are taken in; None for that of the weights.
    """

    def __init__(self, model: HybridLM, processes: Processes, *, products: torch.dtype | None) -> None:
        super().__init__()
        self.config = model.config
        self.embedding, self.final_norm = model.embedding, model.final_norm
        self.layers = nn.ModuleList(_PartedLayer(layer, products) for layer in model.layers)
        for layer in self.layers:
            fully_shard(layer, mesh=processes.mesh)
        fully_shard(self, mesh=processes.mesh)

    def forward(
        self, tokens: Int[Tensor, "batch time"], rows: slice, batch: int, stream: Stream | None
    ) -> Float[Tensor, "some time vocab"]:
        """Logits of `rows` of the step's `batch`; what drops of them is what would drop of them among all."""
        own = tokens[rows]
        hidden = nn.functional.embedding(own, self.embedding.weight)
        if stream is not None:
            kept = torch.ones(1, batch, *hidden.shape[1:], dtype=hidden.dtype, device=hidden.device)
            hidden = hidden * dropout(kept, rate=self.config.dropout, stream=stream, draw=0)[0, rows]
        fuse = hidden.is_cuda and torch.is_grad_enabled()
        for layer in self.layers:
            hidden = layer(hidden, stream, fuse)
        return linear(self.final_norm(hidden), self.embedding.weight)

    def parts(self) -> Iterator[tuple[str, DTensor]]:
        """Every weight by its name in the whole model, and its part here."""
        for name, weight in self.named_parameters():
            assert isinstance(weight, DTensor)
            yield re.sub(r"^(layers\.\d+)\.layer\.", r"\1.", name), weight
