"""The compiled scan against the plain one: outputs, every gradient, lengths around the lane width, strides."""

import pytest
import torch
from torch import Tensor

from plait.kernels.mamba.wide import _scan_from
from plait.kernels.selective_scan import dispatch as chosen
from plait.kernels.selective_scan import gpu, reference
from plait.native import library

pytestmark = pytest.mark.skipif(not library.available(), reason="no C++ compiler")

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}
"""Largest relative error of any output or gradient, in the 2-norm: about 200 roundings of float32."""


def scan_inputs(
    time: int, *, dtype: torch.dtype, members: int = 2, d_inner: int = 5, d_state: int = 16
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype, generator=generator)

    inputs = {
        "x": normal(members, 3, time, d_inner),
        "dt": normal(members, 3, time, d_inner).exp() * 0.3,
        "A": -normal(members, d_inner, d_state).exp(),
        "B": normal(members, 3, time, d_state),
        "C": normal(members, 3, time, d_state),
        "D": normal(members, d_inner),
    }
    return {name: tensor.requires_grad_() for name, tensor in inputs.items()}


def relative_error(got: Tensor, wanted: Tensor) -> float:
    return ((got.detach() - wanted.detach()).norm() / wanted.detach().norm().clamp(min=1e-30)).item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("time", [1, 15, 16, 17, 63, 64, 65])
@pytest.mark.parametrize("d_state", [1, 16, 20])
def test_equals_the_reference_forward_and_backward(dtype: torch.dtype, time: int, d_state: int) -> None:
    inputs = scan_inputs(time, dtype=dtype, d_state=d_state)
    x = inputs.pop("x")
    outputs = [scan(x, **inputs) for scan in (reference.selective_scan, chosen.compiled_scan)]
    weights = torch.randn_like(outputs[0])
    wanted, got = (torch.autograd.grad((y * weights).sum(), [x, *inputs.values()]) for y in outputs)
    assert relative_error(outputs[1], outputs[0]) < TOLERANCE[dtype]
    for name, a, b in zip(("x", *inputs), got, wanted, strict=True):
        if time == 1 and name == "A":
            assert not a.any()
        else:
            assert relative_error(a, b) < TOLERANCE[dtype], name


def test_gradcheck_in_float64() -> None:
    inputs = scan_inputs(6, dtype=torch.float64, members=1, d_inner=2, d_state=3)
    names = tuple(inputs)

    def scan(*tensors: Tensor) -> Tensor:
        named = dict(zip(names, tensors, strict=True))
        return chosen.compiled_scan(named.pop("x"), **named)

    assert torch.autograd.gradcheck(scan, tuple(inputs.values()), fast_mode=False)


def test_members_may_have_several_batch_axes() -> None:
    inputs = scan_inputs(9, dtype=torch.float64)
    wanted = reference.selective_scan(
        inputs["x"], **{name: inputs[name] for name in ["dt", "A", "B", "C", "D"]}
    )
    axes = {name: t.unsqueeze(2) if name not in "AD" else t for name, t in inputs.items()}
    for scan in (reference.selective_scan, chosen.compiled_scan):
        got = scan(axes["x"], **{name: axes[name] for name in ["dt", "A", "B", "C", "D"]})
        assert relative_error(got.squeeze(2), wanted) < 1e-12


def test_each_tensor_goes_to_the_scan_that_can_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU to Triton's, elsewhere to the compiled one, and to the plain one where there is nothing to scan."""
    inputs = scan_inputs(5, dtype=torch.float32)
    x, rest = inputs["x"], {name: inputs[name] for name in ["dt", "A", "B", "C", "D"]}
    asked: list[str] = []
    for name, module in (("compiled_scan", chosen), ("gpu", gpu), ("reference", reference)):
        attribute = name if module is chosen else "selective_scan"
        monkeypatch.setattr(module, attribute, lambda x, name=name, **_: asked.append(name) or x)
    chosen.selective_scan(x, **rest)
    monkeypatch.setattr(chosen.call, "usable", lambda *_: False)
    chosen.selective_scan(x, **rest)
    monkeypatch.setattr(gpu, "usable", lambda *tensors: len(tensors) == 6)
    chosen.selective_scan(x, **rest)
    chosen.selective_scan(x[:, :, :0], **rest)
    assert asked == ["compiled_scan", "reference", "gpu", "reference"]


def test_what_the_gpu_scan_takes() -> None:
    """Not what lies on a CPU; and no sequence or state that its kernels could not address."""
    meta = {name: tensor.detach().to("meta") for name, tensor in scan_inputs(5, dtype=torch.float32).items()}
    assert not gpu.usable(*meta.values())
    assert not gpu.usable(*scan_inputs(5, dtype=torch.float32).values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("d_state", [5, 16, 20])
def test_goes_on_from_a_state_as_from_the_tokens_before(dtype: torch.dtype, d_state: int) -> None:
    """In any pieces to the last bit; and as by PyTorch's operations, to rounding."""
    given = {name: tensor.detach() for name, tensor in scan_inputs(50, dtype=dtype, d_state=d_state).items()}
    x, dt, B, C = (given[name][0] for name in ("x", "dt", "B", "C"))
    A, start = given["A"][0], torch.zeros(3, 5, d_state, dtype=dtype)
    whole, last = chosen.scan_from(start, x, dt=dt, A=A, B=B, C=C)
    assert torch.equal(whole, chosen.compiled_scan(x, dt=dt, A=A, B=B, C=C, D=None))
    for scan, tolerance in ((chosen.scan_from, 0.0), (_scan_from, TOLERANCE[dtype])):
        state, parts = start, []
        for first, end in ((0, 7), (7, 8), (8, 50)):
            piece = [tensor[:, first:end] for tensor in (x, dt, B, C)]
            y, state = scan(state, piece[0], dt=piece[1], A=A, B=piece[2], C=piece[3])
            parts.append(y)
        assert relative_error(torch.cat(parts, dim=1), whole) <= tolerance
        assert relative_error(state, last) <= tolerance


def test_takes_strided_inputs() -> None:
    inputs = scan_inputs(33, dtype=torch.float64)
    strided = {
        name: tensor.detach().repeat_interleave(2, dim=-1)[..., ::2].mT.contiguous().mT
        for name, tensor in inputs.items()
    }
    assert not strided["x"].is_contiguous()
    got = chosen.compiled_scan(strided.pop("x"), **strided)
    wanted = reference.selective_scan(inputs.pop("x"), **inputs)
    assert relative_error(got, wanted) < 1e-12


def test_carries_a_value_over_ten_thousand_steps_unchanged() -> None:
    time = 10_000
    x = torch.zeros(1, 1, time, 1)
    x[0, 0, 0] = 0.7
    dt = torch.zeros_like(x)
    dt[0, 0, 0] = 1.0
    ones = torch.ones(1, 1, time, 1)
    y = chosen.compiled_scan(x, dt=dt, A=-torch.ones(1, 1, 1), B=ones, C=ones, D=torch.zeros(1, 1))
    assert torch.equal(y, torch.full_like(y, 0.7))
