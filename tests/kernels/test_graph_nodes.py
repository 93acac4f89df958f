"""Every operation of a graph: compiled code equals plain operations, forward and backward; derivatives are true."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from plait.kernels.graph import Draft, Graph, Signal, dispatch, reference
from plait.kernels.graph.signals import Op

WIDTH = 12
LENGTHS = (1, 15, 16, 17, 63, 64, 65)


def start(stream: object, shape: tuple[int, ...], draw: int) -> Tensor:
    raise AssertionError("weights are set below")


def positive(x: Signal) -> Signal:
    return x.softplus() + 0.1


def state(decay: int, erases: bool, parts: int = 2) -> Callable[[Draft, Signal], Signal]:
    """Two heads of three keys; `parts` pairs of q and w."""

    def drawn(draft: Draft, x: Signal) -> Signal:
        own = {
            name: x.linear(name, 3 * parts, initial=start).unit(groups=parts)
            for name in ("q", "w", *("ef" if erases else ""))
        }
        log_a = -x.linear("a", decay, initial=start).softplus() if decay else None
        return draft.matrix_state(heads=2, d_k=3, v=x.part(0, 10), log_a=log_a, **own)

    return drawn


def attention(heads: int, kv_heads: int, **more: object) -> Callable[[Draft, Signal], Signal]:
    def drawn(draft: Draft, x: Signal) -> Signal:
        width = 4 * heads
        q, k, v = (
            x.linear(name, own, initial=start)
            for name, own in (("q", width), ("k", 4 * kv_heads), ("v", 4 * kv_heads))
        )
        return draft.attention(q, k, v, heads=heads, kv_heads=kv_heads, **({"window": None} | more))  # type: ignore[arg-type]

    return drawn


OPERATIONS: dict[str, Callable[[Draft, Signal], Signal]] = {
    "linear": lambda d, x: x.linear("a", 5, initial=start),
    "linear with bias": lambda d, x: x.linear("a", 21, initial=start, bias=start),
    "convolution": lambda d, x: x.convolution("a", 4, initial=start, bias=start),
    "one tap": lambda d, x: x.convolution("a", 1, initial=start),
    "shift": lambda d, x: x.shift(),
    "parameter": lambda d, x: x * d.parameter("a", (WIDTH,), initial=start),
    "constant": lambda d, x: x * d.constant(range(WIDTH)),
    "silu": lambda d, x: x.silu(),
    "sigmoid": lambda d, x: x.sigmoid(),
    "softplus": lambda d, x: x.softplus(),
    "log_sigmoid": lambda d, x: x.log_sigmoid(),
    "exp": lambda d, x: x.exp(),
    "tanh": lambda d, x: x.tanh(),
    "relu": lambda d, x: x.relu(),
    "gelu": lambda d, x: x.gelu(),
    "abs": lambda d, x: x.abs(),
    "sqrt": lambda d, x: positive(x).sqrt(),
    "affine": lambda d, x: 3.0 - 2.0 * x / 5.0,
    "add": lambda d, x: x + x.tanh(),
    "subtract": lambda d, x: x.tanh() - x,
    "multiply": lambda d, x: x * x,
    "divide": lambda d, x: x / positive(x),
    "maximum": lambda d, x: x.maximum(x.tanh() * 2.0),
    "each": lambda d, x: x.part(0, 4).each(3),
    "tile": lambda d, x: x.part(2, 4).tile(3),
    "concatenate": lambda d, x: d.concatenate(x.tanh(), x.part(3, 2), x.sigmoid()),
    "split": lambda d, x: d.concatenate(*reversed(x.silu().split(5, 7))),
    "rms_norm": lambda d, x: x.rms_norm("a", eps=1e-5, initial=start),
    "rms_norm of groups": lambda d, x: x.rms_norm("a", eps=1e-5, groups=3, initial=start),
    "rms_norm, shared": lambda d, x: x.rms_norm("a", eps=1e-5, groups=3, shared=True, initial=start),
    "layer_norm": lambda d, x: x.layer_norm("a", eps=1e-5, groups=2, initial=start, bias=start),
    "layer_norm, bare": lambda d, x: x.layer_norm(None, eps=1e-5),
    "unit": lambda d, x: x.unit(groups=3),
    "dot": lambda d, x: x.dot(x.tanh(), groups=3),
    "state": state(0, False),
    "state, decay a head": state(2, False),
    "state, decay a key": state(6, False),
    "state, erasing": state(0, True),
    "state, decay a head, erasing": state(2, True),
    "state, decay a key, erasing": state(6, True),
    "state, shared keys": state(2, True, parts=1),
    "recurrence": lambda d, x: d.recurrence(x.sigmoid(), x.tanh()),
    "stabilise": lambda d, x: d.concatenate(*d.stabilise(x.part(0, 3).log_sigmoid(), x.part(3, 3))),
    "attention": attention(3, 3),
    "attention, shared": attention(4, 2, window=7),
    "attention, turned": attention(2, 1, d_rotary=2, base=100.0),
    "attention, slopes": attention(2, 2, slopes=(0.5, 0.0), window=20),
    "attention, reaches": attention(2, 2, reaches=(3, None), window=20),
}


def drawn(name: str) -> Graph:
    draft = Draft(WIDTH)
    made = OPERATIONS[name](draft, draft.input)
    return draft.finish(made.linear("out", WIDTH, initial=start))


def weights(graph: Graph, members: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(members, *w.shape, generator=generator, dtype=torch.float64).requires_grad_()
        for w in graph.weights
    ]


def inputs(members: int, batch: int, time: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    shape = (members, batch, time, WIDTH)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


def test_every_operation_is_drawn():
    assert {node.op for name in OPERATIONS for node in drawn(name).nodes} == set(Op)


@pytest.mark.parametrize("name", OPERATIONS)
def test_compiled_equals_plain(name: str):
    graph = drawn(name)
    own = weights(graph, 2)
    for time in LENGTHS:
        hidden = inputs(2, 3, time)
        assert dispatch.usable(graph, own, hidden)
        found, expected = dispatch.run_compiled(graph, own, hidden), reference.forward(graph, own, hidden)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
        both = (torch.autograd.grad(y.sin().sum(), [hidden, *own]) for y in (found, expected))
        for ours, plain in zip(*both, strict=True):
            torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-9 * max(1.0, plain.abs().max().item()))


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ("maximum", "relu", "abs")])
def test_plain_steps_equal_plain_passes(name: str):
    graph = drawn(name)
    own, hidden = weights(graph, 2), inputs(2, 3, 9)
    with torch.no_grad():
        whole = reference.forward(graph, own, hidden)
        carried = reference.start(graph, (2, 3), hidden)
        for cut in (slice(0, 1), slice(1, 2), slice(2, 7), slice(7, 9)):
            found, carried = reference.advance(graph, own, hidden[..., cut, :], carried)
            torch.testing.assert_close(found, whole[..., cut, :], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "name", ["state, decay a key, erasing", "recurrence", "layer_norm", "attention, slopes"]
)
def test_derivatives_are_true(name: str):
    graph = drawn(name)
    own = weights(graph, 1)
    hidden = inputs(1, 1, 5)
    assert torch.autograd.gradcheck(lambda h, *w: dispatch.run_compiled(graph, w, h), (hidden, *own))


def test_members_lie_where_they_like():
    """Weights that are parts of one flat tensor, as an ensemble has them."""
    graph = drawn("state, decay a head, erasing")
    own, hidden = weights(graph, 3), inputs(3, 2, 20)
    flat = torch.cat([weight.flatten(1) for weight in own], dim=1)
    parts = flat.split([weight[0].numel() for weight in own], dim=1)
    views = [part.view(weight.shape) for part, weight in zip(parts, own, strict=True)]
    assert torch.equal(dispatch.run_compiled(graph, views, hidden), dispatch.run_compiled(graph, own, hidden))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda d, x: x.split(5, 5), "a signal of width 12 cannot be split into"),
        (lambda d, x: x.unit(groups=5), "5 equal parts of a signal of width 12"),
        (lambda d, x: x + x.part(0, 3), "equally wide, got 12 and 3"),
        (lambda d, x: x.linear("a", 0, initial=start), "at least 1 wide, got 0"),
        (lambda d, x: [x.linear("a", 3, initial=start) for _ in range(2)], "two weights are called a.weight"),
        (lambda d, x: d.matrix_state(heads=5, d_k=3, q=x, w=x, v=x), "5 heads do not divide values of width 12"),
        (lambda d, x: d.matrix_state(heads=2, d_k=5, q=x, w=x, v=x), "q of width 12 does not fit 2 heads of 5"),
        (lambda d, x: d.matrix_state(heads=4, d_k=3, q=x, w=x, v=x, e=x), "an erasure needs both e and f"),
        (lambda d, x: d.matrix_state(heads=4, d_k=3, q=x, w=x, v=x, log_a=x.part(0, 3)), "log_a must be 4 or 12 wide"),
        (lambda d, x: d.recurrence(x, x.part(0, 3)), "a and b must be equally wide"),
        (lambda d, x: d.attention(x, x, x, heads=3, kv_heads=2, window=None), "2 heads of keys and values do not fit"),
    ],
)  # fmt: skip
def test_refused(draw: Callable[[Draft, Signal], object], message: str):
    draft = Draft(WIDTH)
    with pytest.raises(ValueError, match=message):
        draw(draft, draft.input)
