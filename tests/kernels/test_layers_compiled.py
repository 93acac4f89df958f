"""The compiled layers, head and embedding against the plain ones: outputs and every gradient."""

import math

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from plait.kernels.head import embed, head_loss, plain_scores
from plait.layers import LayerSpec, MambaLayer, TransformerLayer
from plait.native import library
from plait.random import DROPOUT, Stream

pytestmark = pytest.mark.skipif(not library.available(), reason="no C++ compiler")

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}
"""Largest relative error of any output or gradient, in the 2-norm: about 200 roundings of float32."""

WIDTHS: dict[str, dict[str, object]] = {
    "d8": {},
    "odd": {"d_model": 7, "d_inner": 11, "d_state": 20, "d_conv": 1, "dt_rank": 3, "d_mlp": 5},
    "heads": {"d_model": 12, "n_heads": 3, "window": None, "d_state": 1},
    "present": {"d_model": 4, "window": 1, "d_mlp": 0},
    "released": {"d_model": 12, "rotary_odd": "released"},
    "long": {"d_model": 16, "window": 64, "d_conv": 16},
}


def layer_spec(**changes: object) -> LayerSpec:
    fields = {
        "d_model": 8, "window": 20, "d_state": 16, "d_inner": 16, "dt_rank": 1, "d_conv": 4, "n_heads": 1,
        "rotary_fraction": 0.25, "rotary_base": 10000.0, "d_mlp": 16, "dropout": 0.0, "norm_eps": 1e-5,
        "init": "paper", "index": 0,
    }  # fmt: skip
    return LayerSpec(**{**fields, **changes})  # type: ignore[arg-type]


def relative_error(got: Tensor, wanted: Tensor) -> float:
    return ((got.detach() - wanted.detach()).norm() / wanted.detach().norm().clamp(min=1e-30)).item()


class Plain(torch.nn.Module):
    def __init__(self, layer: MambaLayer | TransformerLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden: Tensor, *stream: Stream) -> Tensor:
        return self.layer.reference_forward(hidden, *stream)


def assert_as_plain(
    layer: MambaLayer | TransformerLayer, time: int, dtype: torch.dtype, *stream: Stream
) -> None:
    """Output and every gradient of two members with nine sequences each."""
    torch.manual_seed(time)
    layer = layer.to(dtype)
    weights = {
        name: (torch.randn(2, *p.shape, dtype=dtype) * 0.4).requires_grad_()
        for name, p in layer.named_parameters()
    }
    hidden = torch.randn(2, 9, time, layer.spec.d_model, dtype=dtype, requires_grad=True)
    wanted = functional_call(Plain(layer), {f"layer.{n}": w for n, w in weights.items()}, (hidden, *stream))
    got = functional_call(layer, weights, (hidden, *stream))
    assert "LayerBackward" in str(got.grad_fn)
    assert relative_error(got, wanted) < TOLERANCE[dtype]
    pull = torch.randn_like(wanted)
    inputs = {"hidden": hidden, **weights}
    gradients = [
        torch.autograd.grad((y * pull).sum(), list(inputs.values()), materialize_grads=True)
        for y in (got, wanted)
    ]
    scale = max(g.norm().item() for g in gradients[1])
    for name, mine, plain in zip(inputs, *gradients, strict=True):
        if plain.norm() > 1e-9 * scale:
            assert relative_error(mine, plain) < TOLERANCE[dtype], name
        else:
            assert (mine - plain).norm() < TOLERANCE[dtype] * scale, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("time", [1, 63, 64, 65])
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("kind", [MambaLayer, TransformerLayer])
def test_layer(
    kind: type[MambaLayer] | type[TransformerLayer], widths: str, time: int, dtype: torch.dtype
) -> None:
    assert_as_plain(kind(layer_spec(**WIDTHS[widths])), time, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("time", [1, 2, 63, 64, 65])
@pytest.mark.parametrize("widths", WIDTHS)
def test_dropout_falls_where_it_falls_on_the_plain_path(widths: str, time: int, dtype: torch.dtype) -> None:
    """Attention weights, outputs of attention and MLP; one other entry dropped would be an error of a third."""
    layer = TransformerLayer(layer_spec(**WIDTHS[widths], dropout=0.3, index=2))
    assert_as_plain(layer, time, dtype, Stream(torch.tensor([5, 2**62 + 9]), 2**32 - 1, DROPOUT))


def test_dropout_of_a_member_depends_on_nothing_beside_it() -> None:
    """The same bits alone, on one thread, on three, and with weights that lie apart."""
    torch.manual_seed(0)
    layer = TransformerLayer(layer_spec(n_heads=2, dropout=0.2))
    weights = {name: torch.randn(5, *p.shape) * 0.4 for name, p in layer.named_parameters()}
    hidden, pull = torch.randn(5, 17, 33, 8), torch.randn(5, 17, 33, 8)

    def run(members: slice) -> list[Tensor]:
        own = {name: value[members].requires_grad_() for name, value in weights.items()}
        inputs = hidden[members].clone().requires_grad_()
        out = functional_call(layer, own, (inputs, Stream(torch.arange(5)[members], 3, DROPOUT)))
        return [out, *torch.autograd.grad((out * pull[members]).sum(), [inputs, *own.values()])]

    before, together = torch.get_num_threads(), run(slice(None))
    try:
        torch.set_num_threads(3 if before == 1 else 1)
        for mine, other in zip(run(slice(None)), together, strict=True):
            assert torch.equal(mine, other)
        for mine, other in zip(run(slice(1, 4, 2)), together, strict=True):
            assert torch.equal(mine, other[1:4:2])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("kind", [MambaLayer, TransformerLayer])
def test_gradcheck_in_float64(kind: type[MambaLayer] | type[TransformerLayer]) -> None:
    torch.manual_seed(0)
    layer = kind(layer_spec(d_model=2, d_inner=3, d_state=2, window=3, d_mlp=2)).to(torch.float64)
    names = [name for name, _ in layer.named_parameters()]
    weights = [torch.randn(p.shape, dtype=torch.float64, requires_grad=True) for p in layer.parameters()]
    hidden = torch.randn(2, 5, 2, dtype=torch.float64, requires_grad=True)

    def run(hidden: Tensor, *values: Tensor) -> Tensor:
        return functional_call(layer, dict(zip(names, values, strict=True)), (hidden,))

    assert torch.autograd.gradcheck(run, (hidden, *weights))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_head_loss(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    members, batch, time, d_model, vocab = 3, 4, 21, 6, 11
    hidden = torch.randn(members, batch, time, d_model, dtype=dtype, requires_grad=True)
    norm = tuple(torch.randn(members, d_model, dtype=dtype, requires_grad=True) for _ in range(2))
    table = torch.randn(members, vocab, d_model, dtype=dtype, requires_grad=True)
    targets = torch.randint(vocab, (members, batch, time))
    scored = torch.rand(members, batch, time) < 0.7
    scored[2] = False
    got = head_loss(hidden, norm, table, (targets, scored), eps=1e-5)  # type: ignore[arg-type]
    normed = torch.nn.functional.layer_norm(hidden, (d_model,), eps=1e-5)
    normed = normed * norm[0][:, None, None] + norm[1][:, None, None]
    logits = torch.einsum("mbtd,mvd->mbtv", normed, table)
    nats = torch.nn.functional.cross_entropy(logits.movedim(-1, 1), targets, reduction="none") * scored
    losses = nats.sum((1, 2)) / scored.sum((1, 2)).clamp(min=1)
    assert torch.equal(got.scored, scored.sum((1, 2)))
    assert torch.equal(got.correct, ((logits.argmax(-1) == targets) & scored).sum((1, 2)))
    assert relative_error(got.loss, losses.double()) < TOLERANCE[dtype]
    pull = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    inputs = [hidden, *norm, table]
    mine = torch.autograd.grad((got.loss * pull).sum(), inputs)
    plain = torch.autograd.grad((losses * pull).sum(), inputs)
    for a, b in zip(mine, plain, strict=True):
        assert relative_error(a, b) < TOLERANCE[dtype]
    assert not mine[0][2].any()


def test_head_counts_the_first_of_equal_logits_and_no_nan() -> None:
    table = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    hidden = torch.tensor([[[[1.0, -1.0], [1.0, -1.0], [float("nan"), 0.0]]]])
    norm = (torch.ones(1, 2), torch.zeros(1, 2))
    targets = torch.tensor([[[0, 1, 0]]])
    scores = head_loss(hidden, norm, table, (targets, torch.ones_like(targets).bool()), eps=1e-5)
    assert (int(scores.correct), int(scores.scored)) == (1, 3)
    assert not scores.loss.isfinite().any()
    plain = plain_scores(hidden @ table[0].T, targets, torch.ones_like(targets).bool())
    assert int(plain.correct) == 1


def test_a_sure_answer_far_from_zero() -> None:
    """Logits of 16,384 with a lead of 10: the loss is that of the lead, 5e-5."""
    table = torch.tensor([[[1.0, 0.0], [1.0, -10.0], [1.0, -12.0]]])
    norm = torch.zeros(1, 2), torch.tensor([[16384.0, 1.0]])
    targets = torch.zeros(1, 1, 2, dtype=torch.long), torch.ones(1, 1, 2, dtype=torch.bool)
    scores = head_loss(torch.zeros(1, 1, 2, 2), norm, table, targets, eps=1e-5)
    assert scores.loss.item() == pytest.approx(math.log1p(math.exp(-10) + math.exp(-12)), rel=1e-2)


def test_embed_gives_rows_and_sums_their_gradients() -> None:
    table = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    tokens = torch.tensor([[[0, 4, 4]], [[1, 1, 1]]])
    got = embed(table, tokens)
    wanted = torch.stack([table[m][tokens[m]] for m in range(2)])
    assert torch.equal(got, wanted)
    pull = torch.randn_like(got)
    mine, plain = (torch.autograd.grad((y * pull).sum(), table)[0] for y in (got, wanted))
    assert torch.allclose(mine, plain, rtol=0, atol=1e-14)
