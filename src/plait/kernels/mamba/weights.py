"""The weights of a Mamba-1 layer, in the one order in which every kernel takes them (`weights.hpp`)."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class MambaWeights(NamedTuple):
    """Each with a leading members axis, or, for a stream, each without."""

    norm: Float[Tensor, "*members d_model"]
    in_proj: Float[Tensor, "*members two_d_inner d_model"]
    conv: Float[Tensor, "*members d_inner 1 d_conv"]
    conv_bias: Float[Tensor, "*members d_inner"]
    x_proj: Float[Tensor, "*members dt_rank_and_two_d_state d_inner"]
    dt_proj: Float[Tensor, "*members d_inner dt_rank"]
    dt_bias: Float[Tensor, "*members d_inner"]
    A_log: Float[Tensor, "*members d_inner d_state"]
    D: Float[Tensor, "*members d_inner"]
    out_proj: Float[Tensor, "*members d_model d_inner"]

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """d_inner, d_state, d_conv and dt_rank."""
        d_inner, d_state = self.A_log.shape[-2:]
        return d_inner, d_state, self.conv.shape[-1], self.dt_proj.shape[-1]
