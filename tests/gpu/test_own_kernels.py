"""Mixers of wide models with kernels of their own, beside PyTorch's operations: compiled or not, output and gradients.

On a CUDA device as wide models are trained; without one, `TRITON_INTERPRET=1` runs them in Triton's interpreter.
"""

import pytest
import torch
from torch import Tensor
from triton_device import DEVICE, INTERPRETED, MARKS

from plait.kernels.common import compiled
from plait.kernels.graph import wide as graphs
from plait.kernels.graph.signals import Graph
from plait.kernels.mamba import wide as mamba
from plait.kernels.matrix_state import wide_gpu
from plait.kernels.matrix_state.reference import Vectors
from plait.kernels.short_convolution import gpu as convolutions
from plait.layers import DrawnLayer, MambaLayer, layer_class
from plait.model import HybridConfig
from plait.random import Stream

PRODUCTS = torch.float16 if INTERPRETED else torch.bfloat16
"""The interpreter does not multiply in bfloat16."""


pytestmark = MARKS

ALL = graphs.OwnKernels(convolution=True, states=True, joined=True)


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each kernel was called for; in the interpreter they are taken on the CPU."""
    calls = {"convolution": 0, "states": 0}

    def convolution(x: Tensor, weight: Tensor) -> bool:
        calls["convolution"] += 1
        return weight.shape[-1] <= 4

    def states(vectors: Vectors, products: torch.dtype | None) -> bool:
        taken = vectors.e is not None and vectors.f is vectors.w
        calls["states"] += taken
        return taken

    if INTERPRETED:
        monkeypatch.setattr(convolutions, "usable", convolution)
        monkeypatch.setattr(wide_gpu, "usable", states)
        monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    return calls


def layer_of(name: str, options: dict[str, object], width: int) -> DrawnLayer | MambaLayer:
    config = HybridConfig(5, pattern=name, d_model=width, options={name: options} if options else None)
    layer = layer_class(name)(config.layer_specs()[0])
    layer.reset_parameters(Stream(3, 0, 0))  # pyright: ignore
    assert isinstance(layer, DrawnLayer | MambaLayer)
    return layer


def both_ways(
    layer: DrawnLayer, own: graphs.OwnKernels, *, fuse: bool = False, products: torch.dtype = PRODUCTS
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    graph: Graph = layer.graph
    time = 5 if INTERPRETED else 150
    hidden, up = (torch.randn(2, time, graph.widths[0], generator=generator).to(DEVICE) for _ in range(2))
    leaves = [hidden, *(w.detach().to(DEVICE) for w in layer.weights())]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    y = graphs.forward(graph, leaves[1:], leaves[0], products=products, fuse=fuse, own=own)
    return [y.detach(), *torch.autograd.grad(y, leaves, up)]


@pytest.mark.filterwarnings("error:.* runs as it is written")
@pytest.mark.parametrize("fuse", [False, True], ids=("plain", "compiled"))
@pytest.mark.parametrize(
    ("name", "options"),
    [("GDN", {"heads": 2, "d_k": 8, "d_v": 12}), ("DeltaNet", {"heads": 2}), ("Mamba2", {"heads": 2})],
)
def test_mixers(name: str, options: dict[str, object], fuse: bool, taken: dict[str, int]) -> None:
    """No further from products in float32 than three times PyTorch's operations in 16 bits are, each tensor."""
    if fuse and name == "Mamba2" and not INTERPRETED:
        pytest.skip("compiled on a GPU its gradient is off by itself")
    layer = layer_of(name, options, 16)
    assert isinstance(layer, DrawnLayer)
    wanted = both_ways(layer, graphs.PYTORCH_ALONE, products=torch.float32)
    plain = both_ways(layer, graphs.PYTORCH_ALONE)
    got = both_ways(layer, ALL, fuse=fuse)
    if INTERPRETED:
        assert taken["convolution"] > 0
        assert (taken["states"] > 0) == (name != "Mamba2")
    for place, (one, other, usual) in enumerate(zip(got, wanted, plain, strict=True)):
        size = other.norm().clamp(min=1e-6)
        error, allowed = float((one - other).norm() / size), 3 * float((usual - other).norm() / size)
        assert error < max(allowed, 1e-3 if INTERPRETED else 1e-2), f"tensor {place}: {error:.1e}"


def test_the_mamba_layer(taken: dict[str, int]) -> None:
    layer = layer_of("SSM", {}, 16)
    assert isinstance(layer, MambaLayer)
    layer = layer.to(DEVICE)
    hidden = torch.randn(2, 9, 16, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    found: list[list[Tensor]] = []
    for own in (False, True):
        y = mamba.mamba_layer(hidden, layer.weights(), eps=1e-5, own_convolution=own)
        found.append([y.detach(), *torch.autograd.grad(y.sin().sum(), list(layer.parameters()))])
    if INTERPRETED:
        assert taken["convolution"] == 1
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
