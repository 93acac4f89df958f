"""The kernels of wide models' matrix states against the loop over tokens in float64, forward and every gradient.

On a CUDA device they run as they are; without one, `TRITON_INTERPRET=1` runs them in Triton's interpreter.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from triton_device import DEVICE, INTERPRETED, MARKS

from plait.kernels.matrix_state.reference import Vectors, recurrent

pytestmark = MARKS

TOLERANCE = {torch.float32: 1e-5, torch.float16: 2e-3} | ({} if INTERPRETED else {torch.bfloat16: 5 * 2**-8})
"""Norm of the difference over norm; the interpreter does not multiply in bfloat16.

There one token's gradient by beta is rounded five times by up to 2^-8: the values, the output's gradient, their
product, the query and the result; with more tokens roundings partly cancel.
"""

Given = tuple[Tensor | None, Tensor, Tensor, Tensor, Tensor]


@pytest.fixture
def poisoned():
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


def drawn(batch: int, time: int, heads: int, d_k: int, d_v: int, *, decays: bool) -> tuple[Given, Tensor]:
    """log a, the key, beta, v and q; and what the output's gradient is."""
    generator = torch.Generator().manual_seed(0)

    def draw(width: int) -> Tensor:
        return torch.randn(batch, time, heads, width, generator=generator, dtype=torch.float64)

    key = torch.nn.functional.normalize(draw(d_k), dim=-1)
    log_a = -(draw(1).squeeze(-1) - 2).exp() if decays else None
    return (log_a, key, draw(1).sigmoid(), draw(d_v), draw(d_k) * d_k**-0.5), draw(d_v)


def both_ways(read: Callable[[Vectors], Tensor], given: Given, up: Tensor) -> list[Tensor]:
    """As the gated delta rule has it: e is a k, and w and f are beta k."""
    log_a, key, beta, v, q = given
    leaves = [t.requires_grad_() for t in given if t is not None]
    written = key * beta
    e = key if log_a is None else key * log_a.exp().unsqueeze(-1)
    y = read(Vectors(log_a, e, written, written, v, q))
    return [y.detach(), *torch.autograd.grad((y * up).sum(), leaves)]


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("products", TOLERANCE, ids=str)
@pytest.mark.parametrize(
    ("sizes", "decays"),
    [
        ((1, 1, 1, 3, 5), True),
        ((2, 63, 1, 16, 16), True),
        ((1, 65, 2, 20, 40), False),
        ((1, 130, 1, 40, 70), True),
    ],
)
def test_as_the_loop(sizes: tuple[int, int, int, int, int], decays: bool, products: torch.dtype) -> None:
    from plait.kernels.matrix_state.wide_gpu import Cut, delta_states

    given, up = drawn(*sizes, decays=decays)

    def loop(vectors: Vectors) -> Tensor:
        v, w = vectors.v, vectors.w
        return recurrent(vectors, v.new_zeros(len(v), v.shape[2], v.shape[-1], w.shape[-1]))[0]

    wanted = both_ways(loop, given, up)
    log_a, *others = (None if t is None else t.detach().to(DEVICE, torch.float32) for t in given)
    there: Any = (log_a, *others)

    def run(vectors: Vectors) -> Tensor:
        return delta_states(vectors, products=products, cut=Cut(keys=32, values=32))

    got, again = (both_ways(run, there, up.to(DEVICE, torch.float32)) for _ in range(2))
    names = ["y", *(("log_a",) if decays else ()), "key", "beta", "v", "q"]
    for name, one, other, same in zip(names, got, wanted, again, strict=True):
        assert torch.equal(one, same)
        error = float((one.cpu().double() - other).norm() / other.norm().clamp(min=1e-3))
        assert error < TOLERANCE[products], f"{name}: {error:.1e}"


def test_the_operation_is_as_the_compiler_takes_it() -> None:
    from plait.kernels.matrix_state import wide_gpu

    (log_a, key, beta, v, q), _ = drawn(1, 5, 2, 3, 4, decays=True)
    vectors = (q, key * beta, key, v, log_a)
    own = [t.float().to(DEVICE).detach().requires_grad_() for t in vectors if t is not None]
    torch.library.opcheck(wide_gpu._read, (*own, 64, 64, [4, 4, 4, 4]))  # pyright: ignore[reportPrivateUsage]


@pytest.mark.skipif(INTERPRETED, reason="the interpreter compiles nothing")
def test_products_wait_for_their_factors() -> None:
    """Compiled for Hopper no product is asynchronous; without the word to Triton they are (needs no card)."""
    import triton  # pyright: ignore[reportMissingImports]
    from triton.backends.compiler import GPUTarget  # pyright: ignore[reportMissingImports]
    from triton.compiler import ASTSource  # pyright: ignore[reportMissingImports]

    from plait.kernels.matrix_state import wide_kernels
    from plait.kernels.matrix_state.wide_gpu import synchronous_products

    walk: Any = wide_kernels.walk
    fixed = {"CHUNK": 64, "K_PAD": 16, "V_BLOCK": 16, "PRECISION": "ieee"}
    tensors = walk.arg_names[: walk.arg_names.index("time")]
    kinds = dict.fromkeys(tensors, "*fp16") | {"log_a": "*fp32"}
    signature = {p: "constexpr" if p in fixed else kinds.get(p, "i32") for p in walk.arg_names}

    def code() -> str:
        source = ASTSource(fn=walk, signature=signature, constexprs=fixed)
        return triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]

    with synchronous_products():
        waiting = code()
    assert "mma.sync" in waiting
    assert "wgmma" not in waiting
    assert "wgmma" in code()
