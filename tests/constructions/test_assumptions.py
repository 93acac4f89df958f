"""What the proofs assume of the engine (docs/theory-constructions.md, 6.6, A1 to A6), seen in the compiled kernels.

A2 is tried on the kernels' own functions, compiled from their header, and on PyTorch's; A3 and A4 on whole layers.
"""

import ctypes
import math
import os
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from construction_cases import RECALL, sampled
from torch import Tensor

import plait
from plait.constructions import copying_plan, recall_plan, smallest_plan
from plait.constructions.rounding import FUNCTION, UNITS
from plait.constructions.trace import trace
from plait.layers import rope
from plait.model import HybridConfig, HybridLM
from plait.native import library
from plait.tasks import DecodingRecall, SelectiveCopying

FUNCTIONS = ("exp", "silu", "softplus")

PROGRAM = """
#include "kernels/common/lanes.hpp"
using namespace plait;
template <class T> Lanes<T> silu(Lanes<T> x) { return x * sigmoid<T>(x); }
#define EACH(T, suffix, name)                                                             \\
  extern "C" void name##_##suffix(const T* in, T* out, long count) {                       \\
    for (long i = 0; i < count; i += kLanes) store(out + i, name<T>(load(in + i)));         \\
  }
EACH(float, float32, exp) EACH(float, float32, silu) EACH(float, float32, softplus)
EACH(double, float64, exp) EACH(double, float64, silu) EACH(double, float64, softplus)
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernels' functions over arrays, compiled with the flags that the kernels have."""
    if library.load_library() is None:
        pytest.skip("no compiled kernels here: the proofs are about them")
    from plait.native import build

    folder = tmp_path_factory.mktemp("functions")
    (folder / "functions.cpp").write_text(PROGRAM)
    target, root = folder / "functions.so", Path(plait.__file__).parent
    command = shlex.split(os.environ.get("CXX", "g++"))
    flags = [
        "-std=c++17",
        "-O3",
        "-march=native",
        "-fPIC",
        "-shared",
        "-fno-math-errno",
        "-fno-trapping-math",
    ]
    assert set(flags) - {"-march=native"} <= set(build._FLAGS), "the kernels are compiled otherwise now"
    subprocess.run(
        [*command, *flags, f"-I{root}", str(folder / "functions.cpp"), "-o", str(target)], check=True
    )
    return ctypes.CDLL(str(target))


def arguments(dtype: torch.dtype) -> Tensor:
    """Everywhere from -90 to 88, densely about 0 and at the ends, in a multiple of sixteen."""
    parts = [torch.linspace(-87, 88, 160_000, dtype=torch.float64)]
    parts += [sign * torch.logspace(-30, 1.5, 40_000, dtype=torch.float64) for sign in (1.0, -1.0)]
    return torch.cat(parts).to(dtype)


def exact(name: str, z: Tensor) -> np.ndarray:
    """The function of what was rounded, in numbers longer than either type."""
    wide = z.double().numpy().astype(np.longdouble)
    if name == "exp":
        return np.exp(wide)
    if name == "silu":
        return wide / (1 + np.exp(-wide))
    return np.log1p(np.exp(-np.abs(wide))) + np.maximum(wide, 0)


def functions(compiled: ctypes.CDLL, name: str, z: Tensor) -> dict[str, Tensor]:
    """By engine."""
    out = torch.full_like(z, float("nan"))
    call = getattr(compiled, f"{name}_{str(z.dtype)[6:]}")
    call(ctypes.c_void_p(z.data_ptr()), ctypes.c_void_p(out.data_ptr()), ctypes.c_long(len(z)))
    torch_softplus = torch.nn.functional.softplus(z, threshold=40.0)  # as MambaMixer has it
    theirs = {"exp": z.exp(), "silu": torch.nn.functional.silu(z), "softplus": torch_softplus}
    return {"kernels": out, "torch": theirs[name]}


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="no longer type to compare with")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_err_by_five_units_in_the_last_place(
    compiled: ctypes.CDLL, name: str, dtype: torch.dtype
) -> None:
    """A2, wherever it matters: results that are not next to nothing."""
    z = arguments(dtype)
    right = exact(name, z)
    for engine, found in functions(compiled, name, z).items():
        error = np.abs(found.double().numpy().astype(np.longdouble) - right)
        matters = np.abs(right) > 2.0**-100
        units = error[matters] / np.abs(right[matters]) / UNITS[dtype]
        assert float(units.max()) <= FUNCTION, (engine, float(units.max()))
        assert float(error[~matters].max(initial=0.0)) <= 2.0**-99, engine


def test_what_the_text_says_was_measured(compiled: ctypes.CDLL) -> None:
    """The worst of all functions, softplus of the kernels, on every float32 of the stretch where it errs most."""
    text = Path("docs/theory-constructions.md").read_text()
    (said,) = re.findall(r"\(measured: at most (\d\.\d), of", text)
    ends = np.array([-5.0, -4.5], dtype=np.float32).view(np.uint32)
    z = torch.from_numpy(np.arange(ends[1], ends[0], dtype=np.uint32).view(np.float32))
    found = functions(compiled, "softplus", z[: len(z) // 16 * 16])["kernels"].double()
    right = torch.log1p(z[: len(found)].double().exp())
    assert f"{math.ceil(10.0 * float(((found - right).abs() / right).max()) * 2.0**24) / 10.0:.1f}" == said


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_functions_are_exact_where_the_proofs_need_it(compiled: ctypes.CDLL, dtype: torch.dtype) -> None:
    """A2 at its ends: holds to the last bit, passes to the last bit, and closed gates."""
    tiny = torch.cat([sign * torch.logspace(-300 if dtype == torch.float64 else -37, -18.1, 800).to(dtype)
                      for sign in (1.0, -1.0)])  # fmt: skip
    tiny = torch.cat([tiny, torch.zeros(16, dtype=dtype)])
    large = torch.linspace(40.0, 88.0, 16_000, dtype=torch.float64).to(dtype)
    for engine, found in functions(compiled, "exp", tiny).items():
        assert (found == 1.0).all(), engine
    for name in ("silu", "softplus"):
        for engine, found in functions(compiled, name, large).items():
            assert (found == large).all(), (name, engine)
        for engine, found in functions(compiled, name, -large).items():
            assert (found.abs() <= 100.0 * torch.exp(-large)).all(), (name, engine)


def model_of(dtype: torch.dtype, *, d_mlp: int) -> HybridLM:
    config = HybridConfig(8, pattern="TF", d_model=4, window=1, d_mlp=d_mlp)
    return HybridLM(config, seed=0, dtype=dtype).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_an_mlp_is_summed_in_the_order_of_its_units(dtype: torch.dtype) -> None:
    """A3: large values that are added and taken away at once leave little; in another order they would leave much."""
    if library.load_library() is None:
        pytest.skip("no compiled kernels here: the proofs are about them")
    steps, size = 64, 2.0**20
    model = model_of(dtype, d_mlp=2 * steps)
    layer = model.layers[0]
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        heights = torch.rand(steps, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
        layer.mlp.dense_h_to_4h.bias.copy_(torch.tensor([size + 1.0, size] * steps, dtype=dtype))
        layer.mlp.dense_4h_to_h.weight[0].copy_(torch.stack((heights, -heights), dim=-1).flatten())
    hidden = torch.zeros(1, 21, 4, dtype=dtype)
    with torch.no_grad():
        out = layer(hidden)[0, :, 0].double()
    right = float(heights.double().sum())
    assert (out - right).abs().max() <= 2.0 * steps * UNITS[dtype] * (size + steps)
    assert (out == out[0]).all()
    number = np.float32 if dtype == torch.float32 else np.float64
    total = number(0.0)
    for height, value in [(h, size + 1.0) for h in heights] + [(-h, size) for h in heights]:
        total = number(total + number(float(height)) * number(value))
    assert abs(float(total) - right) > 4.0 * float((out - right).abs().max()), "what another order leaves"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("length", [17, 33, 100])
def test_a_position_gets_a_function_of_its_inputs(dtype: torch.dtype, length: int) -> None:
    """A4: after Mamba a stream vector depends, to the last bit, on the token, the one before, and what is held."""
    if library.load_library() is None:
        pytest.skip("no compiled kernels here: the proofs are about them")
    copying, words = SelectiveCopying(n_words=3, numbers=(1, 2)), DecodingRecall(p_bit=0.0)
    cases = (
        (copying_plan(copying, 100, dtype=dtype), sampled(copying, batch=6, seq_len=length)),
        (smallest_plan(copying, 100, dtype=dtype), sampled(copying, batch=6, seq_len=length)),
        (
            recall_plan(RECALL, 100, pattern="SSM-TF", dtype=dtype),
            sampled(words, batch=6, seq_len=length) % 4,
        ),
    )
    for plan, tokens in cases:
        after = trace(plan.build(), tokens).hidden[1]
        held, _ = plan.task.control(tokens)  # type: ignore[attr-defined]
        previous = torch.nn.functional.pad(tokens, (1, 0), value=-1)[:, :-1]
        keys = torch.stack((tokens, previous, held), dim=-1).flatten(0, 1).tolist()
        seen: dict[tuple[int, ...], Tensor] = {}
        for key, vector in zip(map(tuple, keys), after.flatten(0, 1), strict=True):
            assert torch.equal(vector, seen.setdefault(key, vector)), (plan.name, key)
        assert len(seen) < 0.8 * len(keys)


def test_angles_are_those_of_float64() -> None:
    """A5: rounded once, whatever the length."""
    turn = rope.angles(torch.tensor([0.0, 3.0, 1e6], dtype=torch.float64), d_rotary=4, base=100.0)
    assert turn.dtype == torch.float64
    cos, _ = rope.distances(100, d_rotary=4, base=100.0, dtype=torch.float32)
    assert torch.equal(cos[1, :100], torch.cos(torch.arange(100, dtype=torch.float64) * 100.0**-0.5).float())
