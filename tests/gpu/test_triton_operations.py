"""Triton kernels of single operations against plain ones in float64, fresh memory being NaN.

They run as those of `test_triton_kernels.py` do.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from triton_cases import TOLERANCE, assert_near, draws, poisoned
from triton_device import DEVICE, MARKS

from plait import Stream
from plait.kernels.adamw import AdamWRule, adamw
from plait.kernels.head import embed, head_loss
from plait.kernels.selective_scan import gpu as scan_on_gpu
from plait.kernels.selective_scan import reference

pytestmark = MARKS


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, TOLERANCE), (torch.float64, 1e-13)])
@pytest.mark.parametrize(
    ("members", "time", "d_inner", "d_state"),
    [
        ((2,), 33, 40, 16),
        ((), 7, 5, 3),
        ((1,), 1, 16, 1),
        ((3,), 64, 17, 20),
        ((1,), 63, 33, 4),
        ((2,), 65, 8, 16),
    ],
)
def test_selective_scan(
    dtype: torch.dtype,
    tolerance: float,
    members: tuple[int, ...],
    time: int,
    d_inner: int,
    d_state: int,
):
    """The scan alone, as layers use it that the kernels of whole layers do not take."""
    draw = draws(6)
    sizes = (*members, 2, time)
    values = {
        "x": draw(*sizes, d_inner), "dt": 0.3 * draw(*sizes, d_inner).exp(),
        "A": -draw(*members, d_inner, d_state).exp(), "B": draw(*sizes, d_state), "C": draw(*sizes, d_state),
        "D": draw(*members, d_inner),
    }  # fmt: skip
    up = draw(*sizes, d_inner)

    def both(scan: Callable[..., Tensor], device: str, dtype: torch.dtype) -> list[Tensor]:
        own = {name: value.to(device, dtype).requires_grad_() for name, value in values.items()}
        y = scan(own["x"], **{name: own[name] for name in ("dt", "A", "B", "C", "D")})
        return [y, *torch.autograd.grad((y * up.to(device, dtype)).sum(), list(own.values()))]

    def strided(tensor: Tensor) -> Tensor:
        apart = tensor.repeat_interleave(2, dim=-1)[..., ::2]
        return apart.mT.contiguous().mT if tensor.ndim > 1 else apart

    def scan_of_strided(x: Tensor, **others: Tensor) -> Tensor:
        y = scan_on_gpu.selective_scan(
            strided(x), **{name: strided(tensor) for name, tensor in others.items()}
        )
        return strided(y)

    wanted = both(reference.selective_scan, "cpu", torch.float64)
    with poisoned():
        got = both(scan_of_strided, DEVICE, dtype)
    for name, one, other in zip(("output", *values), got, wanted, strict=True):
        if time == 1 and name == "A":
            assert not one.any()
        else:
            assert_near(one, other, name, tolerance)


def test_selective_scan_of_16_bits_next_to_other_columns():
    """x, B and C in bfloat16, B and C as columns of one matrix, as a wide layer has them; a row is what it is alone."""
    draw = draws(7)
    x, both = (draw(3, 21, width).to(DEVICE, torch.bfloat16) for width in (64, 40))
    dt, A = (
        (0.3 * draw(3, 21, 64).exp()).to(DEVICE, torch.float32),
        (-draw(64, 16).exp()).to(DEVICE, torch.float32),
    )
    up = draw(3, 21, 64).to(DEVICE, torch.float32)

    def of(scan: Callable[..., Tensor], dtype: torch.dtype | None, rows: slice = slice(None)) -> list[Tensor]:
        own = [t.detach().to(dtype or t.dtype).requires_grad_() for t in (x[rows], both[rows], dt[rows], A)]
        _, B, C = own[1].split((8, 16, 16), dim=-1)
        y = scan(own[0], dt=own[2], A=own[3], B=B, C=C, D=None)
        return [y, *torch.autograd.grad((y * up[rows]).sum(), own)]

    wanted = of(reference.selective_scan, torch.float64)
    with poisoned():
        got = of(scan_on_gpu.selective_scan, None)
        alone = of(scan_on_gpu.selective_scan, None, slice(1, 2))
    names = ("output", "x", "B and C", "dt", "A")
    assert [t.dtype for t in got] == [
        torch.float32,
        torch.bfloat16,
        torch.bfloat16,
        torch.float32,
        torch.float32,
    ]
    for name, one, other in zip(names, got, wanted, strict=True):
        # The interpreter cuts off what bfloat16 does not hold, where a card rounds.
        assert_near(one, other, name, 2**-8 if one.dtype == torch.bfloat16 else TOLERANCE)
    for one, among in zip(alone[:4], got, strict=False):
        assert torch.equal(one, among[1:2])


@pytest.mark.parametrize(
    ("members", "length", "d_model", "vocab"), [(3, 65, 8, 34), (1, 40, 24, 130), (2, 1, 4, 11)]
)
def test_head_and_embedding(members: int, length: int, d_model: int, vocab: int):
    from plait.kernels.head import gpu as head

    draw, generator = draws(3), torch.Generator().manual_seed(4)
    values = [draw(members, 2, length, d_model), 1 + draw(members, d_model) / 4, draw(members, d_model) / 4]
    values.append(draw(members, vocab, d_model))
    tokens = torch.randint(vocab, (members, 2, length), generator=generator)
    scored = torch.rand((members, 2, length), generator=generator) < 0.6
    scored[-1] = members == 1
    share = torch.linspace(0.5, 2, members, dtype=torch.float64)

    def both(loss: Any, look_up: Any, device: str, dtype: torch.dtype) -> list[Tensor]:
        hidden, weight, bias, table = (v.to(device, dtype).requires_grad_() for v in values)
        nats, *counts = loss(hidden, (weight, bias), table, (tokens.to(device), scored.to(device)), eps=1e-5)
        by = torch.autograd.grad((nats * share.to(device)).sum(), [hidden, weight, bias, table])
        rows = look_up(table, tokens.to(device))
        return [nats, *counts, *by, rows, *torch.autograd.grad((rows * hidden.detach()).sum(), table)]

    wanted = both(head_loss, embed, "cpu", torch.float64)
    with poisoned():
        got = both(head.head_loss, head.embed, DEVICE, torch.float32)
    names = ("loss", "correct", "scored", "hidden", "weight", "bias", "embedding", "embedded", "by embedding")
    for name, one, other in zip(names, got, wanted, strict=True):
        assert_near(one, other, name)
    assert torch.equal(got[1].cpu(), wanted[1])
    assert torch.equal(got[2].cpu(), wanted[2])


def test_equal_logits_count_by_the_first():
    from plait.kernels.head import gpu as head

    hidden = torch.ones(1, 1, 3, 4, device=DEVICE)
    norm = torch.zeros(1, 4, device=DEVICE), torch.ones(1, 4, device=DEVICE)
    table = torch.ones(1, 80, 4, device=DEVICE)
    table[0, 0] = 0.5
    targets = torch.tensor([[[0, 1, 70]]], device=DEVICE)
    scores = head.head_loss(hidden, norm, table, (targets, targets >= 0), eps=1e-5)
    assert int(scores[1]) == 1


def test_a_sure_answer_far_from_zero():
    """Logits of 16,384 with a lead of 10: loss and gradient are those of the lead, 4.5e-5."""
    from plait.kernels.head import gpu as head

    values = [torch.zeros(1, 1, 2, 4), torch.zeros(1, 4), torch.tensor([[16384.0, 1, 0, 0]])]
    values.append(torch.tensor([[[1.0, 0, 0, 0], [1, -10, 0, 0], [1, -12, 0, 0]]]))
    targets = torch.tensor([[[0, 0]]]), torch.tensor([[[True, True]]])

    def both(loss: Any, device: str, dtype: torch.dtype) -> list[Tensor]:
        hidden, weight, bias, table = (v.to(device, dtype).requires_grad_() for v in values)
        nats, *_ = loss(hidden, (weight, bias), table, [t.to(device) for t in targets], eps=1e-5)
        return [nats, *torch.autograd.grad(nats.sum(), [bias, table])]

    wanted = both(head_loss, "cpu", torch.float64)
    assert 4e-5 < wanted[0].item() < 6e-5
    for name, one, other in zip(
        ("loss", "bias", "embedding"), both(head.head_loss, DEVICE, torch.float32), wanted, strict=True
    ):
        assert_near(one, other, name, tolerance=1e-2)


@pytest.mark.parametrize("whole", [2**18, 1])
def test_adamw(whole: int, monkeypatch: pytest.MonkeyPatch):
    from plait.kernels.adamw import gpu as there

    monkeypatch.setattr(there, "_WHOLE", whole)
    monkeypatch.setattr(there, "_PART", 1)
    draw, rule = draws(5), AdamWRule()
    values = [draw(4, 1500), draw(4, 1500), draw(4, 1500) / 9, draw(4, 1500).square() / 99]
    values[1][2, 7] = float("inf")
    values[1][0] *= 1e-4
    lr = torch.tensor([0.1, 0.01, 0.1, 1.0], dtype=torch.float64)
    mine, own = ([v.clone().to(dtype) for v in values] for dtype in (torch.float32, torch.float64))
    mine = [value.to(DEVICE) for value in mine]
    active = [torch.tensor([True, True, True, False], device=device) for device in (DEVICE, "cpu")]
    there.adamw(
        mine[0], mine[1], (mine[2], mine[3]), lr=lr.to(DEVICE), active=active[0],
        rule=replace(rule, clip=1.0), step=torch.tensor(5, device=DEVICE),
    )  # fmt: skip
    adamw(own[0], own[1], (own[2], own[3]), lr=lr, active=active[1], rule=replace(rule, clip=1.0), step=5)
    assert active[0].tolist() == active[1].tolist() == [True, True, False, False]
    for name, one, other in zip(("weights", "gradients", "first", "second"), mine, own, strict=True):
        for member in (0, 1, 3):
            assert_near(one[member], other[member], f"{name} of {member}", 1e-6)


@pytest.mark.parametrize(
    ("n", "tail"), [(1, (0, 0, 0)), (803, (3, 2**32 - 1, 4)), (800, (2**32 - 1, 2**31, 2**32 - 1))]
)
def test_philox(n: int, tail: tuple[int, int, int]):
    from plait.native.philox_gpu import philox_words

    seeds = torch.tensor([0, 1, 77, 2**32, 2**63 - 1])
    wanted = Stream(seeds, tail[1], tail[2]).bits((n,), draw=tail[0])
    held = torch.tensor(tail[1], device=DEVICE)
    for step in (tail[1], held):
        assert torch.equal(philox_words(seeds.to(DEVICE), n, (tail[0], step, tail[2])).cpu(), wanted)
