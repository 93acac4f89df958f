"""The two-layer perceptron of a TF layer, with SiLU as in the paper's released code."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from plait.layers.linear import Linear


class MLP(nn.Module):
    """`d_mlp` hidden units; with none of them the output is the last bias."""

    def __init__(self, d_model: int, d_mlp: int) -> None:
        super().__init__()
        self.dense_h_to_4h = Linear(d_model, d_mlp, bias=True)
        self.dense_4h_to_h = Linear(d_mlp, d_model, bias=True)

    def forward(self, hidden: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        return self.dense_4h_to_h(F.silu(self.dense_h_to_4h(hidden)))
