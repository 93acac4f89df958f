"""Triton's kernels of whole layers against the plain layers in float64, fresh memory being NaN.

On a CUDA device they run as they are; without one, `TRITON_INTERPRET=1 pytest tests/gpu/test_triton_kernels.py` runs
them in Triton's interpreter, where Triton is installed.
"""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from triton_cases import TOLERANCE, assert_near, draws, poisoned
from triton_device import DEVICE, INTERPRETED, MARKS

from plait import HybridConfig, Stream
from plait.kernels.dropout import Drops
from plait.layers import MambaLayer, TransformerLayer
from plait.layers.parts import dropout
from plait.random import DROPOUT

pytestmark = MARKS


class Through(nn.Module):
    def __init__(self, layer: nn.Module, call: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.call = layer, call

    def forward(self, hidden: Tensor) -> Tensor:
        return self.call(self.layer, hidden)


def fast(layer: Any, hidden: Tensor, tiling: Any = None, drops: Drops | None = None) -> Tensor:
    from plait.kernels.mamba import gpu as mamba
    from plait.kernels.neox import gpu as neox

    eps, weights = layer.spec.norm_eps, layer.weights()
    if isinstance(layer, MambaLayer):
        return mamba.mamba_layer(hidden, weights, eps=eps, tiling=tiling)
    heads = layer.heads(0, hidden.shape[-2], hidden.device)
    return neox.neox_layer(hidden, weights, heads, eps=eps, drops=drops, tiling=tiling)


def layer_of(make: type[nn.Module], d_model: int, changes: dict[str, Any]) -> nn.Module:
    config = HybridConfig(5, pattern="SSM-TF", d_model=d_model, **changes)
    return make(config.layer_specs()[0 if make is MambaLayer else 1])


def weights_of(layer: nn.Module, members: int) -> dict[str, Tensor]:
    draw = draws(0)
    return {
        name: float(name.endswith("norm.weight")) + 0.5 * draw(members, *value.shape)
        for name, value in layer.named_parameters()
    }


def run(
    layer: nn.Module, call: Callable[[Any, Tensor], Tensor], inputs: tuple[Tensor, Tensor, dict[str, Tensor]]
) -> list[Tensor]:
    """Output, and the gradients of hidden states and weights."""
    hidden, up, weights = inputs
    own = {f"layer.{name}": value.detach().requires_grad_() for name, value in weights.items()}
    hidden = hidden.detach().requires_grad_()
    out = functional_call(Through(layer, call), own, (hidden,))
    return [out, *torch.autograd.grad((out * up).sum(), [hidden, *own.values()])]


CASES = [
    (MambaLayer, 8, (2, 2, 100), {}),
    (MambaLayer, 4, (2, 3, 1), {}),
    (MambaLayer, 12, (1, 2, 63), {}),
    (MambaLayer, 20, (1, 1, 64), {}),
    (MambaLayer, 24, (1, 1, 65), {}),
    (MambaLayer, 8, (2, 1, 33), {"d_state": 1}),
    (MambaLayer, 8, (2, 1, 18), {"d_state": 4, "d_conv": 2, "dt_rank": 3}),
    (MambaLayer, 8, (1, 2, 10), {"d_conv": 1, "d_inner": 5, "d_state": 3}),
    (TransformerLayer, 8, (2, 2, 100), {"window": 20}),
    (TransformerLayer, 4, (2, 3, 1), {}),
    (TransformerLayer, 12, (1, 2, 63), {"n_heads": 3}),
    (TransformerLayer, 20, (1, 1, 64), {"window": 1}),
    (TransformerLayer, 24, (1, 1, 65), {"n_heads": 2, "window": 20}),
    (TransformerLayer, 8, (1, 2, 40), {"rotary_fraction": 1.0, "window": 1000}),
    (TransformerLayer, 8, (1, 2, 40), {"rotary_fraction": 0.0, "d_mlp": 0}),
    (TransformerLayer, 4, (2, 1, 30), {"rotary_odd": "released"}),
    (TransformerLayer, 12, (1, 2, 40), {"rotary_odd": "released", "window": 20}),
    (TransformerLayer, 20, (1, 1, 33), {"rotary_odd": "released"}),
    (TransformerLayer, 30, (1, 1, 17), {"rotary_odd": "released", "n_heads": 2}),
]


@pytest.mark.parametrize(("make", "d_model", "shape", "changes"), CASES)
def test_layer(make: type[nn.Module], d_model: int, shape: tuple[int, int, int], changes: dict[str, Any]):
    layer, draw = layer_of(make, d_model, changes), draws(1)
    weights = weights_of(layer, shape[0])
    hidden, up = draw(*shape, d_model), draw(*shape, d_model)
    wanted = run(layer, lambda module, h: module.reference_forward(h), (hidden, up, weights))
    there = {name: value.to(DEVICE, torch.float32) for name, value in weights.items()}
    with poisoned():
        got = run(layer, fast, (hidden.to(DEVICE, torch.float32), up.to(DEVICE, torch.float32), there))
    for name, one, other in zip(("output", "hidden", *weights), got, wanted, strict=True):
        assert_near(one, other, name)


@pytest.mark.parametrize("held", [False, True])
def test_dropout_falls_where_it_falls_on_a_cpu(held: bool):
    """The same bits, the step read on the host or where it lies."""
    from plait.kernels.dropout import gpu as there

    hidden, seeds = draws(2)(3, 2, 7, 5).float(), torch.tensor([1, 2, 2**40])
    wanted = dropout(hidden, rate=0.3, stream=Stream(seeds, 9, DROPOUT), draw=2)
    step = torch.tensor(9, device=DEVICE) if held else 9
    with poisoned():
        out = there.drop(hidden.to(DEVICE), Drops(0.3, Stream(seeds.to(DEVICE), step, DROPOUT), 2))
    assert torch.equal(out.cpu(), wanted)
    assert 0.1 < float((wanted == 0).float().mean()) < 0.5


@pytest.mark.parametrize(
    ("d_model", "shape", "changes", "step", "held"),
    [
        (8, (2, 3, 40), {"window": 20}, 1, False),
        (8, (2, 3, 40), {"window": 20}, 1, True),
        (4, (2, 3, 1), {}, 2**32 - 1, True),
        (12, (1, 2, 63), {"n_heads": 3}, 16, False),
        (24, (1, 2, 34), {"n_heads": 2, "window": 20}, 7, True),
        (7, (1, 2, 17), {"rotary_fraction": 0.0, "d_mlp": 0, "window": 1}, 3, False),
    ],
)
def test_layer_with_dropout(
    d_model: int, shape: tuple[int, int, int], changes: dict[str, Any], step: int, held: bool
):
    """Attention weights and what attention and MLP give: the entries that fall on the plain path, in every sum.

    Lengths and widths that four divides and that it does not; the step known to the host, and on the device alone.
    """
    layer, draw = layer_of(TransformerLayer, d_model, {"dropout": 0.3, **changes}), draws(1)
    seeds = torch.tensor([3, 2**40 + 1])[: shape[0]]
    weights = weights_of(layer, shape[0])
    hidden, up = draw(*shape, d_model), draw(*shape, d_model)
    stream = Stream(seeds, step, DROPOUT)
    wanted = run(layer, lambda module, h: module.reference_forward(h, stream), (hidden, up, weights))
    there = {name: value.to(DEVICE, torch.float32) for name, value in weights.items()}
    clock = torch.tensor(step, device=DEVICE) if held else step
    drops = Drops(0.3, Stream(seeds.to(DEVICE), clock, DROPOUT), 4)
    call = functools.partial(fast, drops=drops)
    with poisoned():
        got = run(layer, call, (hidden.to(DEVICE, torch.float32), up.to(DEVICE, torch.float32), there))
    largest = max(float(tensor.detach().norm()) for tensor in wanted)
    for name, one, other in zip(("output", "hidden", *weights), got, wanted, strict=True):
        if float(other.detach().norm()) > 1e-9 * largest:
            assert_near(one, other, name)
        else:
            assert float(one.detach().norm()) < TOLERANCE * largest, name


@pytest.mark.skipif(INTERPRETED, reason="too large for the interpreter, which has the other cases")
@pytest.mark.parametrize("make", [MambaLayer, TransformerLayer])
@pytest.mark.parametrize(("d_model", "shape"), [(8, (3, 8, 100)), (24, (2, 8, 100)), (64, (1, 2, 64))])
def test_layer_as_it_is_trained(make: type[nn.Module], d_model: int, shape: tuple[int, int, int]):
    test_layer(make, d_model, shape, {"window": 20})


CUTS: tuple[dict[str, Any], ...] = (
    {"every": (16, 2), "channels": (32, 16), "chunk": 4, "keys": 32},
    {"every": (64, 4), "channels": (32, 8), "chunk": 2, "parts": 1, "queries": 64, "attention_warps": 4},
)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("make", [MambaLayer, TransformerLayer])
def test_every_cut_computes_the_same(make: type[nn.Module], cut: dict[str, Any]):
    from plait.kernels.common.gpu_tiles import Tiling

    layer, draw = layer_of(make, 8, {"window": 20}), draws(1)
    weights = weights_of(layer, 2)
    hidden, up = draw(2, 2, 70, 8), draw(2, 2, 70, 8)
    wanted = run(layer, lambda module, h: module.reference_forward(h), (hidden, up, weights))
    there = {name: value.to(DEVICE, torch.float32) for name, value in weights.items()}
    changes = dict(cut)
    rows, warps = changes.pop("every")
    call = functools.partial(fast, tiling=Tiling(**changes).every(rows, warps))
    with poisoned():
        got = run(layer, call, (hidden.to(DEVICE, torch.float32), up.to(DEVICE, torch.float32), there))
    for name, one, other in zip(("output", "hidden", *weights), got, wanted, strict=True):
        assert_near(one, other, name)


@pytest.mark.skipif(INTERPRETED, reason="the interpreter multiplies the bits of bfloat16 as they lie")
@pytest.mark.parametrize("make", [MambaLayer, TransformerLayer])
def test_products_of_fewer_bits(make: type[nn.Module]):
    """Off by about as many bits as they leave out, and by no more."""
    from plait.kernels.common import gpu_tiles as tilings

    layer, draw = layer_of(make, 8, {"window": 20}), draws(1)
    weights = weights_of(layer, 2)
    hidden, up = draw(2, 2, 100, 8), draw(2, 2, 100, 8)
    wanted = run(layer, lambda module, h: module.reference_forward(h), (hidden, up, weights))
    there = {name: value.to(DEVICE, torch.float32) for name, value in weights.items()}
    for precision, tolerance in (("ieee", TOLERANCE), ("tf32", 1e-2), ("bf16", 3e-2)):
        call = functools.partial(fast, tiling=tilings.Tiling(precision=precision))
        got = run(layer, call, (hidden.to(DEVICE).float(), up.to(DEVICE).float(), there))
        for name, one, other in zip(("output", "hidden", *weights), got, wanted, strict=True):
            assert_near(one, other, f"{precision} {name}", tolerance)


def test_saturated_attention():
    """Where every weight is 0 or 1 a gradient is 0, though keys and queries are large: nothing may be left of a sum."""
    layer, draw = layer_of(TransformerLayer, 8, {"d_mlp": 0}), draws(5)
    weights = weights_of(layer, 2)
    weights["attention.query_key_value.weight"][:, :16] *= 3_000
    hidden, up = draw(2, 2, 50, 8), draw(2, 2, 50, 8)
    wanted = run(layer, lambda module, h: module.reference_forward(h), (hidden, up, weights))
    there = {name: value.to(DEVICE, torch.float32) for name, value in weights.items()}
    got = run(layer, fast, (hidden.to(DEVICE, torch.float32), up.to(DEVICE, torch.float32), there))
    for name, one, other in zip(("output", "hidden", *weights), got, wanted, strict=True):
        assert_near(one, other, name, tolerance=1e-4)


def test_equal_scores_far_from_zero():
    """Scores of 5,793, all equal: a weight is one over the number of keys, to as many digits as near zero."""
    layer, draw = layer_of(TransformerLayer, 8, {"d_mlp": 0, "rotary_fraction": 0.0}), draws(7)
    weights = weights_of(layer, 2)
    weights["attention.query_key_value.weight"][:, :16] = 0.0
    weights["attention.query_key_value.bias"][:, :16] = 0.0
    weights["attention.query_key_value.bias"][:, [0, 8]] = 128.0
    hidden, up = draw(2, 2, 50, 8), draw(2, 2, 50, 8)
    wanted = run(layer, lambda module, h: module.reference_forward(h), (hidden, up, weights))
    there = {name: value.to(DEVICE, torch.float32) for name, value in weights.items()}
    got = run(layer, fast, (hidden.to(DEVICE, torch.float32), up.to(DEVICE, torch.float32), there))
    for name, one, other in zip(("output", "hidden", *weights), got, wanted, strict=True):
        if "query_key_value" in name:
            # Those of queries and keys are zero but for rounding.
            one, other = one[:, 16:], other[:, 16:]
        assert_near(one, other, name)


@pytest.mark.parametrize("make", [MambaLayer, TransformerLayer])
def test_strides_and_neighbours(make: type[nn.Module]):
    """The same bits from weights that lie apart, hidden states with strides, and a member on its own."""
    layer, draw = layer_of(make, 8, {"window": 5}), draws(2)
    weights = {name: value.to(DEVICE, torch.float32) for name, value in weights_of(layer, 3).items()}
    hidden, up = draw(3, 2, 20, 8).to(DEVICE, torch.float32), draw(3, 2, 20, 8).to(DEVICE, torch.float32)
    wanted = run(layer, fast, (hidden, up, weights))
    flat = torch.cat([value.flatten(1) for value in weights.values()], dim=1)
    sizes = [value[0].numel() for value in weights.values()]
    views = {
        name: part.view(value.shape)
        for (name, value), part in zip(weights.items(), flat.split(sizes, dim=1), strict=True)
    }
    strided = hidden.transpose(1, 3).contiguous().transpose(1, 3)
    assert not strided.is_contiguous()
    for got, expected in zip(run(layer, fast, (strided, up, views)), wanted, strict=True):
        assert torch.equal(got, expected)
    alone = run(layer, fast, (hidden[1:2], up[1:2], {name: value[1:2] for name, value in weights.items()}))
    for got, expected in zip(alone, wanted, strict=True):
        assert torch.equal(got, expected[1:2])
