"""The weights of a GPT-NeoX layer, in the one order in which every kernel takes them (`weights.hpp`)."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class NeoXWeights(NamedTuple):
    """Each with a leading members axis, or, for a stream, each without; `qkv` has query, key, value head by head."""

    norm1: Float[Tensor, "*members d_model"]
    norm1_bias: Float[Tensor, "*members d_model"]
    norm2: Float[Tensor, "*members d_model"]
    norm2_bias: Float[Tensor, "*members d_model"]
    qkv: Float[Tensor, "*members three_d_model d_model"]
    qkv_bias: Float[Tensor, "*members three_d_model"]
    dense: Float[Tensor, "*members d_model d_model"]
    dense_bias: Float[Tensor, "*members d_model"]
    up: Float[Tensor, "*members d_mlp d_model"]
    up_bias: Float[Tensor, "*members d_mlp"]
    down: Float[Tensor, "*members d_model d_mlp"]
    down_bias: Float[Tensor, "*members d_model"]

    @property
    def d_mlp(self) -> int:
        return self.up_bias.shape[-1]
