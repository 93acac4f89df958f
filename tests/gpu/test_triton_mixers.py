"""The mixers' Triton kernels against their plain versions in float64, fresh memory being NaN; members by themselves.

On a CUDA device they run as they are; without one, `TRITON_INTERPRET=1 pytest tests/gpu/test_triton_mixers.py` runs
them in Triton's interpreter, where Triton is installed.
"""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from triton_device import DEVICE, INTERPRETED, MARKS

from plait import HybridConfig
from plait.kernels.graph import Graph, reference
from plait.kernels.matrix_state.reference import Vectors, chunked
from plait.layers import DrawnLayer, layer_class
from plait.layers.registry import MIXERS
from plait.tasks import MQAR
from plait.training import Run, Train
from plait.training.trainer import Trainer

LENGTHS = (9,) if INTERPRETED else (1, 65, 100)


pytestmark = MARKS

on_a_card = pytest.mark.skipif(INTERPRETED, reason="needs the card: PyTorch's own operations, and speed")

CASES: list[tuple[str, dict[str, Any], int]] = [
    ("Mamba2", {}, 16),
    ("Mamba2", {"heads": 4, "groups": 2}, 8),
    ("GDN", {}, 24),
    ("GDN", {"heads": 4, "key_heads": 2, "d_k": 3, "d_v": 5, "beta_to": 2}, 6),
    ("DeltaNet", {"heads": 3, "d_v": 5, "output_gate": True}, 6),
    ("KDA", {"heads": 2, "d_k": 3, "d_v": 5}, 7),
    ("GLA", {}, 8),
    ("Retention", {"heads": 2}, 8),
    ("RWKV7", {"heads": 2}, 6),
    ("MLSTM", {"heads": 2, "d_k": 3, "d_v": 5}, 7),
    ("RGLRU", {"width": 12, "heads": 3}, 7),
    ("ShortConv", {}, 8),
    ("MLP", {}, 8),
    ("Attention", {"heads": 4, "kv_heads": 2, "qk_norm": True, "output_gate": True}, 16),
    ("Attention", {"heads": 4, "positions": "hard-alibi"}, 8),
]

assert {name for name, _, _ in CASES} == set(MIXERS), "every mixer has a case"

KINDS = list(itertools.product(("none", "head", "key"), (False, True)))

TOLERANCE = {"MLSTM": 2e-4}
"""Norm of the difference over norm; the gradient of mLSTM's input gates nearly cancels."""


def drawn(name: str, options: dict[str, Any], d_model: int) -> Graph:
    config = HybridConfig(5, pattern=name, d_model=d_model, options={name: options}, rotary_fraction=0.5)
    layer = layer_class(name)(config.layer_specs()[0])
    assert isinstance(layer, DrawnLayer)
    return layer.graph


def values(graph: Graph, *axes: int) -> tuple[list[Tensor], Tensor, Tensor]:
    """Weights, input, and what the output's gradient is."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    weights = [float("norm" in w.name) + 0.5 * draw(axes[0], *w.shape) for w in graph.weights]
    return weights, draw(*axes, graph.widths[0]), draw(*axes, graph.widths[graph.output])


def both_ways(
    run: Callable[..., Tensor], graph: Graph, given: tuple[list[Tensor], Tensor, Tensor], dtype: torch.dtype
) -> list[Tensor]:
    """The output, and the gradients by input and weights."""
    weights, hidden, up = given
    device = DEVICE if dtype == torch.float32 else "cpu"
    own = [w.to(device, dtype).requires_grad_() for w in (hidden, *weights)]
    out = run(graph, own[1:], own[0])
    by = torch.autograd.grad((out * up.to(device, dtype)).sum(), own, allow_unused=True)
    return [out.detach(), *(torch.zeros_like(w) if g is None else g for g, w in zip(by, own, strict=True))]


def assert_near(
    got: Tensor, wanted: Tensor, name: str, tolerance: float, plain: Tensor | None = None
) -> None:
    """Within the tolerance, or within ten times what `plain`, the same in PyTorch's float32, is away.

    The latter is for what nearly cancels: behind a norm, a single token's read has next to no gradient by its query.
    """
    error, size = float((got.cpu().double() - wanted).norm()), max(float(wanted.norm()), 1e-9)
    lost = 0.0 if plain is None else float((plain.cpu().double() - wanted).norm())
    assert error <= max(tolerance * size, 10 * lost), f"{name}: {error / size:.1e}"


@pytest.fixture
def poisoned():
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("name", "options", "d_model"), CASES)
def test_layers(name: str, options: dict[str, Any], d_model: int):
    from plait.kernels.graph import gpu as there

    graph = drawn(name, options, d_model)
    names = ["output", "input", *(weight.name for weight in graph.weights)]
    for time in LENGTHS:
        given = values(graph, 2, 2, time)
        wanted = both_ways(reference.forward, graph, given, torch.float64)
        plain = both_ways(reference.forward, graph, given, torch.float32)
        got = both_ways(there.run, graph, given, torch.float32)
        for what, one, other, lost in zip(names, got, wanted, plain, strict=True):
            assert_near(one, other, f"{what} at {time}", TOLERANCE.get(name, 3e-5), lost)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("decay", "erases"), KINDS)
@pytest.mark.parametrize(("heads", "keys", "d_v"), [(2, 3, 5), (1, 40, 70)])
def test_matrix_state(decay: str, erases: bool, heads: int, keys: int, d_v: int):
    """Also where a state is more than a program holds, and where keys are parts of a wider signal."""
    from plait.kernels.matrix_state.gpu import matrix_state

    generator = torch.Generator().manual_seed(0)
    time = 6 if INTERPRETED else 65

    def draw(width: int) -> Tensor:
        return torch.randn(2, 2, time, width, generator=generator, dtype=torch.float64)

    wide = torch.nn.functional.normalize(draw(3 * heads * keys).unflatten(-1, (-1, keys)), dim=-1).flatten(-2)
    log_a = {"none": None, "head": -draw(heads).exp(), "key": -draw(heads * keys).exp()}[decay]
    v, up = draw(heads * d_v), draw(heads * d_v)

    def run(dtype: torch.dtype, device: str, read: Callable[..., Tensor]) -> list[Tensor]:
        given = [None if t is None else t.to(device, dtype).requires_grad_() for t in (log_a, wide, v)]
        k, f, q = given[1].split(heads * keys, dim=-1)
        erased = (k, f) if erases else (None, None)
        y = read(given[0], *erased, f, given[2], q)
        leaves = [t for t in given if t is not None]
        return [y.detach(), *torch.autograd.grad((y * up.to(device, dtype)).sum(), leaves)]

    def plain(log_a: Tensor | None, *signals: Tensor | None) -> Tensor:
        a = log_a if log_a is None or decay == "head" else log_a.unflatten(-1, (heads, keys))
        vectors = Vectors(a, *(None if s is None else s.unflatten(-1, (heads, -1)) for s in signals))
        return chunked(vectors, signals[3].new_zeros(2, 2, heads, d_v, keys))[0].flatten(-2)

    wanted = run(torch.float64, "cpu", plain)
    got = run(torch.float32, DEVICE, lambda *signals: matrix_state(*signals, heads=heads))
    for place, (one, other) in enumerate(zip(got, wanted, strict=True)):
        assert_near(one, other, f"tensor {place}", 1e-5)


@on_a_card
@pytest.mark.parametrize("name", [name for name in MIXERS if name != "Attention"])
def test_a_member_alone_is_the_same_to_the_bit(name: str):
    from plait.kernels.graph import gpu as there

    members, alone = 300, slice(170, 171)
    graph = drawn(name, {}, 16)
    weights, hidden, up = values(graph, members, 2, 100)
    among = both_ways(there.run, graph, (weights, hidden, up), torch.float32)
    part = [w[alone] for w in weights], hidden[alone], up[alone]
    for one, all_of_them in zip(both_ways(there.run, graph, part, torch.float32), among, strict=True):
        assert torch.equal(one, all_of_them[alone])


@on_a_card
@pytest.mark.parametrize("name", MIXERS)
def test_a_step_is_captured_and_learns_as_on_the_cpu(name: str):
    run = Run(
        task=MQAR(), model=HybridConfig(pattern=f"{name}-TF", d_model=16),
        train=Train(steps=40, batch=4, seq_len=50, lr=3e-3, warmup=2),
    )  # fmt: skip
    here, there, launched = (
        Trainer(run, seeds=range(3), device=torch.device(device)) for device in ("cpu", "cuda", "cuda")
    )
    assert there.ensemble.engine == "triton"
    assert there._replay is not None
    launched._replay = None
    for _ in range(8):
        for trainer in (here, there, launched):
            trainer.step()
    assert torch.equal(there.ensemble.parameters, launched.ensemble.parameters)
    torch.testing.assert_close(there.state.loss_sum.cpu(), here.state.loss_sum, rtol=1e-3, atol=0.0)
