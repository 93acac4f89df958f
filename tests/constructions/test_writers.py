"""The language of the proofs: bases, codes, frequencies and steps do what their names say."""

import math

import pytest
import torch
import torch.nn.functional as F

from plait.constructions.codes import DigitCode, least_base
from plait.constructions.mamba_writer import SILU_ONE, MambaWriter
from plait.constructions.residual import QUIET, Residual
from plait.constructions.rotary import frequencies
from plait.constructions.transformer_writer import SETTLED, TransformerWriter
from plait.layers import MambaLayer, TransformerLayer
from plait.model import HybridConfig

STREAM = Residual(subspaces=(("left", 2), ("right", 3)), amplitude=0.25)


@pytest.mark.parametrize("width", [1, 2, 3, 8, 31])
def test_the_basis_is_orthonormal_beside_the_ones(width: int) -> None:
    basis = Residual(subspaces=(("all", width),)).basis()
    assert torch.allclose(basis @ basis.T, torch.eye(width, dtype=torch.float64), atol=1e-14)
    assert float(basis.sum(-1).abs().max()) < 1e-14


def test_signals_are_read_as_they_were_embedded() -> None:
    signals = {"left": torch.randn(7, 2).double(), "right": torch.randn(7, 3).double()}
    hidden = STREAM.embed(signals)
    for name, values in signals.items():
        assert torch.allclose(STREAM.read(hidden, name), values, atol=1e-14)
    assert torch.allclose(hidden @ STREAM.constant_row(), torch.tensor(0.25 * STREAM.bias).double())
    with pytest.raises(ValueError, match="no subspace 'middle'; there are left, right"):
        STREAM.rows("middle")


@pytest.mark.parametrize("amplitude", [QUIET, 0.01, 1.0])
def test_norms_multiply_by_the_factors(amplitude: float) -> None:
    residual = Residual(subspaces=(("all", 5),), amplitude=amplitude)
    signals = torch.randn(1, 5).double()
    hidden, square = residual.embed({"all": signals}), float(signals.square().sum())
    rms = F.rms_norm(hidden, (6,), eps=1e-5)
    layer = F.layer_norm(hidden, (6,), eps=1e-5)
    rows = residual.rows("all").T
    assert torch.allclose(rms @ rows, residual.rms_factor(square, eps=1e-5) * signals, rtol=1e-9)
    assert torch.allclose(layer @ rows, residual.layer_factor(square, eps=1e-5) * signals, rtol=1e-9)


@pytest.mark.parametrize("base", [2, 3, 7, 40])
@pytest.mark.parametrize("n_points", [1, 2, 26, 40])
def test_codes(n_points: int, base: int) -> None:
    code = DigitCode(n_points=n_points, base=base)
    points = code.points()
    assert points.shape == (n_points, code.width)
    assert torch.allclose(points.square().sum(-1), torch.tensor(float(code.n_digits)).double())
    if n_points > 1:
        distances = torch.cdist(points, points) + 9.0 * torch.eye(n_points)
        assert float(distances.min()) >= code.chord - 1e-12
    with pytest.raises(ValueError, match="needs base >= 2"):
        DigitCode(n_points=3, base=1)


def test_least_bases() -> None:
    for n_points in (1, 2, 26, 1000, 1024):
        for digits in (1, 2, 3, 10):
            base = least_base(n_points, digits)
            assert base >= 2
            assert base**digits >= n_points
            assert base == 2 or (base - 1) ** digits < n_points


def test_silu_exactly() -> None:
    assert float(F.silu(torch.tensor(SILU_ONE, dtype=torch.float64))) == pytest.approx(1.0, abs=4e-16)
    z = torch.linspace(-50, 50, 1001).double()
    assert torch.allclose(F.silu(z) - F.silu(-z), z, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 4, 8])
@pytest.mark.parametrize("period", [2, 10, 65, 1000])
def test_frequencies_single_out_the_distance(n: int, period: int) -> None:
    turns = frequencies(n, period=float(period))
    margin = turns.margin(range(-(period - 1), period - 1))
    assert margin > 0
    assert int(turns.fraction(20) * 20) == 2 * turns.n_pairs
    if n == 1:
        assert turns.values[0] == pytest.approx(2 * math.pi / period)
        assert margin == pytest.approx(1 - math.cos(2 * math.pi / period))


def test_a_period_beyond_every_base() -> None:
    with pytest.raises(ValueError, match="rotary base"):
        frequencies(1, period=1e6)


def test_a_step_in_a_real_block() -> None:
    residual = Residual(subspaces=(("number", 1), ("answer", 1), ("other", 3)), amplitude=QUIET)
    writer = TransformerWriter(residual, factor=residual.layer_factor(0.0, eps=1e-5), n_pairs=1)
    number, answer = residual.rows("number")[0], residual.rows("answer")[0]
    writer.step(number, low=0.2, high=0.3, into=2.0 * answer)
    writer.step(number, low=0.6, high=0.7, into=-5.0 * answer)
    config = HybridConfig(5, pattern="TF", d_model=6, d_mlp=4, rotary_fraction=0.34)
    layer = TransformerLayer(config.layer_specs()[0]).double()
    layer.load_state_dict(writer.tensors())
    numbers = torch.tensor([-3.0, 0.2, 0.3, 0.6, 0.7, 9.0]).double().unsqueeze(-1)
    with torch.no_grad():
        hidden = layer(residual.embed({"number": numbers}).unsqueeze(1))
    after = residual.read(hidden, "answer")[:, 0, 0]
    wanted = torch.tensor([0.0, 0.0, 2.0, 2.0, -3.0, -3.0]).double()
    assert float((after - wanted).abs().max()) < 20 * SETTLED * math.exp(-SETTLED)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_hold_and_reset_in_a_real_block(dtype: torch.dtype) -> None:
    residual = Residual(subspaces=(("flag", 1), ("value", 1), ("out", 1)), amplitude=QUIET)
    writer = MambaWriter(residual, factor=residual.rms_factor(0.0, eps=1e-5))
    one, flag = writer.constant(), writer.channel(64.0 * residual.rows("flag")[0])
    value = writer.channel(residual.rows("value")[0])
    writer.step_by(flag, 1.0)
    writer.take_by(one, 1.0 / 128.0)
    writer.give_by(one, 1.0)
    writer.steps(value, weight=4.0, bias=-128.0)
    writer.write(value, residual.rows("out")[0])
    config = HybridConfig(5, pattern="SSM", d_model=4, d_inner=3, d_state=1, dt_rank=1, d_conv=1)
    layer = MambaLayer(config.layer_specs()[0])
    layer.load_state_dict(writer.tensors())
    layer.to(dtype)
    flags = torch.tensor([-1.0, 1.0, -1.0, -1.0, 1.0, -1.0])
    values = torch.tensor([5.0, 2.0, 7.0, -3.0, 3.0, 4.0])
    hidden = residual.embed({"flag": flags.unsqueeze(-1), "value": values.unsqueeze(-1)}).to(dtype)
    out = residual.read(layer(hidden.unsqueeze(0)), "out")[0, :, 0]
    held = F.silu(torch.tensor([0.0, 2.0, 2.0, 2.0, 3.0, 3.0], dtype=torch.float64))
    assert torch.allclose(out, held, atol=1e-4 if dtype == torch.float32 else 1e-12)
