"""The matrix-state recurrence: chunks equal the loop over tokens, whatever the six vectors are."""

import itertools

import pytest
import torch
from torch import Tensor

from plait.kernels.matrix_state.reference import Vectors, chunked, recurrent
from plait.kernels.matrix_state.wide import products_together

LENGTHS = (1, 63, 64, 65)


def vectors(time: int, *, decay: str, erases: bool) -> tuple[Vectors, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(2, *shape, generator=generator, dtype=torch.float64)

    heads, d_k, d_v = 2, 3, 4
    key = torch.nn.functional.normalize(draw(time, heads, d_k), dim=-1)
    width = {"none": None, "head": (time, heads), "key": (time, heads, d_k)}[decay]
    log_a = None if width is None else -draw(*width).exp()
    given = Vectors(
        log_a,
        key if erases else None,
        key * draw(time, heads, 1).sigmoid() * 1.8 if erases else None,
        key if erases else draw(time, heads, d_k),
        draw(time, heads, d_v),
        draw(time, heads, d_k),
    )
    return given, draw(heads, d_v, d_k)


KINDS = list(itertools.product(("none", "head", "key"), (False, True)))


@pytest.mark.parametrize(("decay", "erases"), KINDS)
@pytest.mark.parametrize("time", LENGTHS)
@pytest.mark.parametrize("chunk", [1, 16, 64])
def test_chunks_equal_the_loop(decay: str, erases: bool, time: int, chunk: int):
    given, state = vectors(time, decay=decay, erases=erases)
    tensors = [t.requires_grad_() for t in (*given, state) if t is not None]
    results = [recurrent(given, state), chunked(given, state, chunk=chunk)]
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    expected, found = (torch.autograd.grad(y.sin().sum() + s.sin().sum(), tensors) for y, s in results)
    for ours, loop in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, loop, rtol=1e-9, atol=1e-9)


def test_a_steep_decay_divides_by_nothing_small():
    """Factors of e^-200 a token, where quotients of their products would be 0 / 0."""
    given, state = vectors(40, decay="key", erases=True)
    given = given._replace(log_a=torch.full_like(given.w, -200.0))
    (expected, _), (found, _) = recurrent(given, state), chunked(given, state)
    assert bool(found.isfinite().all())
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_a_chunk_below_1():
    given, state = vectors(3, decay="none", erases=False)
    with pytest.raises(ValueError, match="at least 1 token, got 0"):
        chunked(given, state, chunk=0)


@pytest.mark.parametrize("decay", ["none", "head"])
@pytest.mark.parametrize("erases", ["nothing", "by f", "by w"])
@pytest.mark.parametrize("time", [*LENGTHS, 200])
@pytest.mark.parametrize("chunk", [1, 5, 33, 64])
def test_all_chunks_together_equal_the_loop(decay: str, erases: str, time: int, chunk: int):
    given, state = vectors(time, decay=decay, erases=erases != "nothing")
    if erases == "by w":
        assert given.f is not None
        given = given._replace(w=given.f)
    tensors = list({id(t): t.requires_grad_() for t in given if t is not None}.values())
    results = [recurrent(given, torch.zeros_like(state))[0], products_together(given, chunk=chunk)]
    torch.testing.assert_close(results[1], results[0], rtol=1e-10, atol=1e-10)
    expected, found = (torch.autograd.grad(y.sin().sum(), tensors, materialize_grads=True) for y in results)
    for ours, loop in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, loop, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("erases", ["by f", "by w"])
def test_products_in_16_bits_stay_near_the_loop(erases: str):
    given, state = vectors(100, decay="head", erases=True)
    given = given if erases == "by f" else given._replace(w=given.f)  # pyright: ignore[reportArgumentType]
    expected, _ = recurrent(given, torch.zeros_like(state))
    given = Vectors(*(None if t is None else t.float() for t in given))  # pyright: ignore[reportArgumentType]
    given = given if erases == "by f" else given._replace(f=given.w)
    found = products_together(given, chunk=16, products=torch.bfloat16).double()
    gap = float((found - expected).norm() / expected.norm())
    assert 1e-4 < gap < 1e-2
