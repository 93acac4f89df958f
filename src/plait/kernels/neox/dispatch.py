"""A whole GPT-NeoX layer in one call, by whichever kernels the device has."""

from jaxtyping import Float
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.dropout import Drops
from plait.kernels.neox import cpu
from plait.kernels.neox.reference import Heads, NeoXWeights
from plait.native import gpu as device


def usable(hidden: Tensor, weights: NeoXWeights) -> bool:
    """Whether `neox_layer` can take these tensors: their type, device and sizes."""
    if hidden.ndim not in (3, 4):
        return False
    if hidden.is_cuda:
        widest = max(hidden.shape[-1], weights.d_mlp)
        return widest <= call.WIDEST_ON_GPU and device.usable(hidden, *weights)
    return call.usable(hidden, *weights)


def neox_layer(
    hidden: Float[Tensor, "members batch time d_model"],
    weights: NeoXWeights,
    heads: Heads,
    *,
    eps: float,
    drops: Drops | None = None,
) -> Float[Tensor, "members batch time d_model"]:
    """LayerNorms, rotary sliding-window attention, SiLU MLP and residual, in parallel as GPT-NeoX has them.

    Args:
        eps: of the LayerNorms.
        drops: dropout of attention weights (by its draw), of what attention gives (the next draw), and of what the
            MLP gives (the one after).
    """
    if hidden.is_cuda:
        from plait.kernels.neox import gpu

        return gpu.neox_layer(hidden, weights, heads, eps=eps, drops=drops)
    return cpu.neox_layer(hidden, weights, heads, eps=eps, drops=drops)
