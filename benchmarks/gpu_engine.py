"""The engine on a GPU: right first, then model-steps a second, memory, and where the time goes.

    python benchmarks/gpu_engine.py [--only SECTION ..] [--members 1024 4096] [--d-model 8 24]

One model-step is all that training does for one model in one step (see `engine.py`, whose loop over the blocks of
`transformers` runs here on the same GPU, as the section `baseline`). The section `kernels` times each kernel alone
under several ways of cutting up the work; `precision` tells what products of fewer bits win in speed and lose in what
is learned. Every section reports its own failure and lets the next one run; full numbers go to `gpu_engine.json` in
`$OUT` or here.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from plait import HybridConfig, Stream
from plait.kernels import adamw as plain_adamw
from plait.kernels.head import embed as embed_here
from plait.kernels.head import head_loss as head_loss_here
from plait.layers import MambaLayer, TransformerLayer
from plait.random import TRAIN
from plait.tasks import DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, sample_labelled
from plait.training import Run, Train, train
from plait.training.loop import Trainer

TASK = SelectiveCopying()
BATCH, TIME, WINDOW = 8, 100, 20
SECTIONS = ("correct", "engine", "kernels", "baseline", "precision")

CUTS: dict[str, dict[str, Any]] = {
    "auto": {},
    "tf32": {"precision": "tf32"},
    "r16w1": {"every": (16, 1), "channels": (16, 16), "chunk": 2},
    "r16w2": {"every": (16, 2), "channels": (32, 16), "chunk": 4, "keys": 32},
    "r16w4": {"every": (16, 4), "channels": (32, 16), "chunk": 1, "queries": 32},
    "r32w1": {"every": (32, 1), "channels": (32, 32), "chunk": 1, "queries": 32, "keys": 32},
    "r32w2": {"every": (32, 2), "channels": (32, 32), "chunk": 2, "parts": 1},
    "r64w4": {
        "every": (64, 4),
        "channels": (32, 8),
        "chunk": 2,
        "parts": 1,
        "queries": 64,
        "attention_warps": 4,
    },
}
"""Ways of cutting up the work that are tried on every kernel; names tell rows and warps."""

FOUND: dict[str, Any] = {}
"""What the script found, section by section."""

REPORT = Path(os.environ.get("OUT", "."), "gpu_engine.json")


def relative(got: Tensor, wanted: Tensor) -> float:
    got, wanted = got.detach().cpu().double(), wanted.detach().cpu().double()
    return float((got - wanted).norm() / wanted.norm().clamp(min=1e-30))


@contextmanager
def poisoned() -> Iterator[None]:
    """Fresh memory is NaN."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def section(name: str, work: Callable[[], object]) -> None:
    """Run one section; a failure that takes the CUDA context with it starts the script again behind this section."""
    if name in FOUND:
        return
    start = time.perf_counter()
    print(f"== {name}", flush=True)
    try:
        FOUND[name] = work()
    except Exception:
        text = traceback.format_exc()
        FOUND[name] = {"error": text}
        print(f"!! {name} failed\n{text[-1500:]}", flush=True)
    print(f"   ({time.perf_counter() - start:.0f} s)", flush=True)
    write_down()
    try:
        torch.ones(1, device="cuda").item()
    except RuntimeError:
        os.execv(sys.executable, [sys.executable, *sys.argv, "--continue"])


def write_down() -> None:
    REPORT.write_text(json.dumps(FOUND, indent=1, default=str))


# Correctness ---------------------------------------------------------------------------------------------------------


def specs(d_model: int, **changes: Any) -> tuple[Any, Any]:
    config = HybridConfig(
        TASK.vocab_size, pattern="SSM-TF", d_model=d_model, **({"window": WINDOW} | changes)
    )
    return config.layer_specs()


def random_parameters(layer: nn.Module, members: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        name: float(name.endswith("norm.weight"))
        + 0.5 * torch.randn(members, *value.shape, generator=generator, dtype=torch.float64)
        for name, value in layer.named_parameters()
    }


class Through(nn.Module):
    """A layer called by another of its methods or by a function."""

    def __init__(self, layer: nn.Module, call: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.call = layer, call

    def forward(self, hidden: Tensor) -> Tensor:
        return self.call(self.layer, hidden)


def tiling_of(cut: dict[str, Any]) -> Any:
    """None, for the package's own choice, where nothing is asked for."""
    from plait.kernels.common.gpu_tilings import Tiling

    changes = dict(cut)
    every = changes.pop("every", None)
    tiling = Tiling(**changes)
    return None if not cut else tiling.every(*every) if every else tiling


def through_triton(cut: dict[str, Any]) -> Callable[[Any, Tensor], Tensor]:
    from plait.kernels.mamba import gpu as mamba
    from plait.kernels.neox import gpu as neox

    def call(layer: Any, hidden: Tensor) -> Tensor:
        eps, weights, tiling = layer.spec.norm_eps, layer.weights(), tiling_of(cut)
        if isinstance(layer, MambaLayer):
            return mamba.mamba_layer(hidden, weights, eps=eps, tiling=tiling)
        heads = layer.heads(hidden.shape[-2], hidden.device)
        return neox.neox_layer(hidden, weights, heads, eps=eps, tiling=tiling)

    return call


def layer_errors(layer: nn.Module, shape: tuple[int, int, int], cut: dict[str, Any]) -> dict[str, float]:
    """Relative errors of output and every gradient against the plain layer in float64."""
    members, batch, length = shape
    d_model = layer.spec.d_model  # type: ignore[union-attr]
    generator = torch.Generator().manual_seed(2)
    hidden, up = (
        torch.randn(members, batch, length, d_model, generator=generator, dtype=torch.float64)
        for _ in range(2)
    )
    weights = random_parameters(layer, members)

    def both(call: Any, dtype: torch.dtype, device: str) -> list[Tensor]:
        inputs = hidden.to(device, dtype).requires_grad_()
        own = {f"layer.{name}": w.to(device, dtype).requires_grad_() for name, w in weights.items()}
        out = functional_call(Through(layer, call), own, (inputs,))
        return [out, *torch.autograd.grad((out * up.to(device, dtype)).sum(), [inputs, *own.values()])]

    wanted = both(lambda module, h: module.reference_forward(h), torch.float64, "cpu")
    with poisoned():
        got = both(through_triton(cut), torch.float32, "cuda")
    return dict(zip(["out", "hidden", *weights], map(relative, got, wanted), strict=True))


def worst(errors: dict[str, float]) -> tuple[str, float]:
    name = max(errors, key=lambda key: float("inf") if errors[key] != errors[key] else errors[key])
    return name, errors[name]


MOST = {"ieee": 2e-5, "tf32x3": 2e-5, "tf32": 1e-2, "bf16": 3e-2}
"""The largest relative error that each precision of products may leave in any gradient: about twice what was seen."""


def layer_cases() -> list[tuple[str, int, tuple[int, int, int], dict[str, Any], dict[str, Any]]]:
    """Layer, d_model, (members, batch, length), changes of the config, and the cut."""
    cases: list[tuple[str, int, tuple[int, int, int], dict[str, Any], dict[str, Any]]] = []
    for name in ("SSM", "TF"):
        cases += [(name, 8, (3, 8, 100), {}, {"precision": p}) for p in MOST]
        cases += [
            (name, 24, (2, 8, 100), {}, {}),
            (name, 12, (2, 3, 65), {}, {}),
            (name, 4, (2, 2, 1), {}, {}),
        ]
        cases += [(name, 20, (1, 2, 63), {}, {}), (name, 64, (1, 1, 64), {}, {})]
    cases += [("SSM", 8, (2, 2, 64), {"d_state": n}, {}) for n in (1, 4)]
    cases += [("TF", 8, (2, 2, 100), {"window": w, "n_heads": 2}, {}) for w in (1, None)]
    return cases


def check_layer(index: int) -> tuple[str, float]:
    """The worst tensor of a case and its error."""
    name, d_model, shape, changes, cut = layer_cases()[index]
    make = MambaLayer if name == "SSM" else TransformerLayer
    return worst(layer_errors(make(specs(d_model, **changes)[name == "TF"]), shape, cut))


def correct_layers(pending: list[Future[Any]], patience: float) -> object:
    found, limit = [], time.perf_counter() + patience
    for case, future in zip(layer_cases(), pending, strict=True):
        try:
            name, error = future.result(timeout=max(1.0, limit - time.perf_counter()))
        except Exception as problem:
            name, error = f"{type(problem).__name__}: {str(problem)[:300]}", float("nan")
        most = MOST.get(case[-1].get("precision"), 2e-5)
        found.append([*case, name, error])
        print(f"   {'ok ' if error < most else 'BAD'} {case} {name} {error:.1e}", flush=True)
    return found


def correct_rest() -> object:
    errors: dict[str, Any] = {}
    generator = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    for members, length, d_model, vocab in ((3, 100, 8, 34), (2, 65, 24, 130)):
        inputs = [
            normal(members, 8, length, d_model),
            1 + normal(members, d_model) / 4,
            normal(members, d_model) / 4,
        ]
        inputs.append(normal(members, vocab, d_model))
        tokens = torch.randint(vocab, (members, 8, length), generator=generator)
        scored = torch.rand((members, 8, length), generator=generator) < 0.6
        scored[0] = False

        def head(device: str, dtype: torch.dtype) -> list[Tensor]:
            values = [v.to(device, dtype).requires_grad_() for v in inputs]  # noqa: B023
            targets = tokens.to(device), scored.to(device)  # noqa: B023
            scores = head_loss_here(values[0], (values[1], values[2]), values[3], targets, eps=1e-5)
            table = values[3].detach().requires_grad_()
            embedded = embed_here(table, targets[0])
            by_table = torch.autograd.grad((embedded * values[0].detach()).sum(), table)
            return [*scores, *torch.autograd.grad(scores.loss.sum(), values), embedded, *by_table]

        wanted = head("cpu", torch.float64)
        with poisoned():
            got = head("cuda", torch.float32)
        names = (
            "loss",
            "correct",
            "scored",
            "hidden",
            "weight",
            "bias",
            "embedding",
            "embed",
            "embed gradient",
        )
        errors[f"head {d_model} {vocab}"] = dict(zip(names, map(relative, got, wanted), strict=True))
    p, g, m, v = normal(4, 2192), normal(4, 2192), normal(4, 2192) / 9, normal(4, 2192).square() / 99
    g[2, 7] = float("inf")
    lr, rule = torch.tensor([0.1, 0.01, 0.1, 1.0], dtype=torch.float64), plain_adamw.AdamWRule()

    def update(device: str, dtype: torch.dtype, step: Any) -> list[Tensor]:
        own = [t.to(device, dtype).clone() for t in (p, g, m, v)]
        active = torch.tensor([True, True, True, False], device=device)
        plain_adamw.adamw(
            own[0], own[1], (own[2], own[3]), lr=lr.to(device), active=active, rule=rule, step=step
        )
        return [own[0], own[2], own[3], active]

    wanted, got = (
        update("cpu", torch.float64, 5),
        update("cuda", torch.float32, torch.tensor(5, device="cuda")),
    )
    errors["adamw"] = dict(
        zip(("parameters", "first", "second", "active"), map(relative, got, wanted), strict=True)
    )
    seeds = torch.tensor([0, 1, 2**62 + 5])
    for task in (TASK, SelectiveCopying(variant="adversarial"), DecodingRecall(), MultiKeyRecall(), Needle()):
        here = sample_labelled(task, Stream(seeds, 77), batch=3, seq_len=100)
        held = torch.tensor(77, device="cuda")
        there = sample_labelled(task, Stream(seeds.cuda(), held), batch=3, seq_len=100)
        flat = lambda pair: [pair[0].cpu(), pair[1].tokens.cpu(), pair[1].scored.cpu()]  # noqa: E731
        same = all(map(torch.equal, flat(here), flat(there)))
        errors[f"{type(task).__name__} equal"] = 0.0 if same else float("nan")
    for name, error in errors.items():
        key, value = worst(error) if isinstance(error, dict) else ("", error)
        print(f"   {'ok ' if value < 2e-5 else 'BAD'} {name} {key} {value:.1e}", flush=True)
    return errors


def trainer(
    d_model: int, members: int, *, steps: int = 4000, task: Any = TASK, first_seed: int = 0
) -> Trainer:
    run = Run(
        task=task,
        model=HybridConfig(pattern="SSM-TF", d_model=d_model, window=WINDOW),
        train=Train(steps=steps, batch=BATCH, seq_len=TIME, test_sequences=64, select_sequences=64),
    )
    seeds = range(first_seed, first_seed + members)
    return Trainer(run, seeds=seeds, device=torch.device("cuda"))


def correct_engine() -> object:
    """Replayed = launched, alone = among others, resumed = undisturbed, GPU near CPU."""
    found: dict[str, Any] = {}
    replayed, launched, alone = trainer(8, 5), trainer(8, 5), trainer(8, 1, first_seed=3)
    launched._replay = None
    for _ in range(30):
        for one in (replayed, launched, alone):
            one.step()
    found["replayed = launched"] = torch.equal(replayed.ensemble.parameters, launched.ensemble.parameters)
    found["alone = among others"] = torch.equal(replayed.ensemble.parameters[3:4], alone.ensemble.parameters)
    on_cpu = Trainer(replayed.spec, seeds=range(5), device=torch.device("cpu"))
    for _ in range(30):
        on_cpu.step()
    found["loss, GPU / CPU - 1"] = relative(replayed.state.loss_sum, on_cpu.state.loss_sum)
    found["parameters, GPU from CPU"] = relative(replayed.ensemble.parameters, on_cpu.ensemble.parameters)
    for task in (DecodingRecall(), MultiKeyRecall(), Needle(), SelectiveCopying(variant="repetitive")):
        one, other = trainer(8, 3, task=task), trainer(8, 3, task=task)
        other._replay = None
        for _ in range(8):
            one.step(), other.step()
        found[f"{type(task).__name__} replayed = launched"] = torch.equal(
            one.ensemble.parameters, other.ensemble.parameters
        )
    rates = [1e-2, 1e30]
    wild = Trainer(replayed.spec, seeds=[0], lrs=rates, device=torch.device("cuda"))
    calm = Trainer(replayed.spec, seeds=[0], lrs=rates[:1], device=torch.device("cuda"))
    for _ in range(10):
        wild.step(), calm.step()
    found["beside a diverged one"] = torch.equal(wild.ensemble.parameters[:1], calm.ensemble.parameters)
    found["diverged at"] = wild.state.diverged_at.tolist()
    for name, value in found.items():
        print(f"   {'BAD' if value is False else 'ok '} {name}: {value}", flush=True)
    return found


# Speed ---------------------------------------------------------------------------------------------------------------


def seconds_a_step(step: Callable[[], object], *, rounds: int = 5, seconds: float = 0.6) -> float:
    """Median over rounds of the time a step takes, by device events around many steps."""
    for _ in range(6):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    count = max(3, int(seconds / max((time.perf_counter() - start) / 3, 1e-5)))
    times = []
    for _ in range(rounds):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(count):
            step()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / count / 1e3)
    return statistics.median(times)


def engine_speed(widths: list[int], counts: list[int], compiling: list[Future[Any]]) -> object:
    rows = []
    for future in compiling:
        with suppress(Exception):
            future.result(timeout=120)
    print(
        "   d_model members   replayed: ms  model-steps/s   launched: ms  model-steps/s   peak GiB   MiB/member"
    )
    for d_model in widths:
        for members in counts:
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            one = trainer(d_model, members, steps=100_000)
            replayed = seconds_a_step(one.step, rounds=3, seconds=0.5)
            peak = torch.cuda.max_memory_reserved() / 2**30
            one._replay = None
            launched = seconds_a_step(one.step, rounds=1, seconds=0.5)
            del one
            rows.append([d_model, members, replayed, members / replayed, launched, members / launched, peak])
            print(
                f"   {d_model:7} {members:7} {1e3 * replayed:14.3f} {members / replayed:14.0f} {1e3 * launched:14.3f} "
                f"{members / launched:14.0f} {peak:10.2f} {1024 * peak / members:10.2f}",
                flush=True,
            )
    return rows


def step_profile(d_model: int, members: int) -> object:
    from torch.profiler import ProfilerActivity, profile

    one = trainer(d_model, members)
    one._replay = None
    for _ in range(5):
        one.step()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as report:
        for _ in range(3):
            one.step()
        torch.cuda.synchronize()
    rows = sorted(
        ((e.key, e.self_device_time_total / 3e3, e.count / 3) for e in report.key_averages()),
        key=lambda r: -r[1],
    )
    total = sum(row[1] for row in rows)
    print(f"   d_model {d_model}, {members} members: {total:.3f} ms in kernels")
    for key, spent, count in rows[:14]:
        print(f"   {spent:9.3f} ms {100 * spent / total:5.1f}%  x{count:4.1f}  {key[:70]}")
    return rows


class KernelTimer:
    """Every Triton launch, done several times over behind a sleeping GPU and timed by events."""

    def __init__(self) -> None:
        from triton.runtime.jit import JITFunction

        self.kind, self.real, self.times = JITFunction, JITFunction.run, {}

    def __enter__(self) -> "KernelTimer":
        timer = self

        def run(self: Any, *args: Any, **kwargs: Any) -> Any:
            timer.real(self, *args, **kwargs)
            torch.cuda._sleep(1_500_000)
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            for _ in range(4):
                result = timer.real(self, *args, **kwargs)
            end.record()
            timer.times.setdefault(self.__name__, []).append((begin, end))
            return result

        self.kind.run = run
        return self

    def __exit__(self, *_: object) -> None:
        self.kind.run = self.real
        torch.cuda.synchronize()

    def milliseconds(self) -> dict[str, float]:
        return {
            name: sum(begin.elapsed_time(end) / 4 for begin, end in pairs)
            for name, pairs in self.times.items()
        }


def model_pass(d_model: int, members: int, cut: dict[str, Any]) -> Callable[[], None]:
    """Forward and backward of both layers, embedding and head under a cut."""
    from plait.kernels.head import gpu as head

    layers = [make(spec) for make, spec in zip((MambaLayer, TransformerLayer), specs(d_model), strict=True)]
    weights = [
        {
            f"layer.{name}": (0.5 * value.float().cuda())
            .repeat(members, *(1,) * (value.ndim - 1))
            .requires_grad_()
            for name, value in random_parameters(layer, 1).items()
        }
        for layer in layers
    ]
    table = torch.randn(members, TASK.vocab_size, d_model, device="cuda", requires_grad=True)
    norm = tuple(torch.randn(members, d_model, device="cuda", requires_grad=True) for _ in range(2))
    seeds = torch.arange(members, device="cuda")
    tokens, targets = sample_labelled(TASK, Stream(seeds, 1, TRAIN), batch=BATCH, seq_len=TIME)
    call, tiling = through_triton(cut), tiling_of(cut)

    def once() -> None:
        hidden = head.embed(table, tokens, tiling=tiling)
        for layer, own in zip(layers, weights, strict=True):
            hidden = functional_call(Through(layer, call), own, (hidden,))
        loss = head.head_loss(hidden, norm, table, targets, eps=1e-5, tiling=tiling)[0]
        leaves = [table, *norm, *(w for own in weights for w in own.values())]
        torch.autograd.grad(loss.sum(), leaves)

    return once


def compile_cut(d_model: int, name: str) -> None:
    model_pass(d_model, 2, CUTS[name])()
    torch.cuda.synchronize()


def compile_step(d_model: int) -> None:
    """What a training step starts; strides and alignment, on which compiled code depends, are those of any ensemble."""
    one = trainer(d_model, 16)
    one._replay = None
    one.step()
    torch.cuda.synchronize()


def in_process(*task: object, limit: float = 400.0) -> Any:
    """`worker(*task)` in a process of its own: what it does to its CUDA context harms no other."""
    command = [sys.executable, __file__, "--worker", json.dumps(task)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=limit, check=False
    )
    if done.returncode:
        raise RuntimeError(" | ".join(done.stderr.strip().splitlines()[-3:]))
    return json.loads(done.stdout.strip().splitlines()[-1])


def worker(kind: str, *task: Any) -> object:
    if kind == "case":
        return check_layer(*task)
    if kind == "step":
        return compile_step(*task)
    return compile_cut(*task)


def kernel_times(compiling: dict[tuple[int, str], Future[Any]], members: int, patience: float) -> object:
    """Milliseconds of each kernel in one forward and backward pass, for each width and cut."""
    limit = time.perf_counter() + patience
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (d_model, name), future in compiling.items():
        try:
            future.result(timeout=max(1.0, limit - time.perf_counter()))
            once = model_pass(d_model, members, CUTS[name])
            once()
            with KernelTimer() as timer:
                once()
            found.setdefault(str(d_model), {})[name] = timer.milliseconds()
            del once
            torch.cuda.empty_cache()
        except Exception as problem:
            print(f"   {d_model} {name}: {type(problem).__name__} {str(problem)[:300]}", flush=True)
    for d_model, by_cut in found.items():
        print(f"   microseconds a kernel, d_model {d_model}, {members} members")
        print(f"   {'':25}" + "".join(f"{name:>8}" for name in by_cut))
        kernels = dict.fromkeys(kernel for times in by_cut.values() for kernel in times)
        for kernel in kernels:
            line = "".join(f"{1e3 * times.get(kernel, float('nan')):8.0f}" for times in by_cut.values())
            print(f"   {kernel[:24]:25}{line}", flush=True)
        print(f"   {'sum':25}" + "".join(f"{1e3 * sum(times.values()):8.0f}" for times in by_cut.values()))
    return found


def baseline(widths: list[int]) -> object:
    """The loop of `engine.py` over the blocks of `transformers`, moved to the GPU."""
    from engine import TransformersLoop

    rows = []
    for d_model in widths:
        loop = TransformersLoop(d_model)
        for module in (loop.embedding, loop.mamba, loop.attention, loop.rotary, loop.norm):
            module.cuda()
        loop.mask, loop.positions = loop.mask.cuda(), loop.positions.cuda()
        seeds = torch.tensor([0], device="cuda")

        def step(loop: Any = loop, seeds: Tensor = seeds) -> None:
            tokens, targets = sample_labelled(
                TASK, Stream(seeds, loop.count, TRAIN), batch=BATCH, seq_len=TIME
            )
            logits = loop.logits(tokens[0])[targets.scored[0]]
            loss = nn.functional.cross_entropy(logits, targets.tokens[0][targets.scored[0]])
            loop.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(loop.weights, 1.0)
            loop.optimiser.step()
            loop.count += 1

        spent = seconds_a_step(step, rounds=3, seconds=2.0)
        rows.append([d_model, 1 / spent])
        print(f"   d_model {d_model}: {1 / spent:.1f} model-steps/s", flush=True)
    return rows


@contextmanager
def products(precision: str) -> Iterator[None]:
    """The package's own cuts with their products in another precision."""
    from plait.kernels.common import gpu_tilings as tilings

    cuts = {name: cut for name, cut in vars(tilings).items() if isinstance(cut, tilings.Tiling)}
    vars(tilings).update({name: replace(cut, precision=precision) for name, cut in cuts.items()})
    try:
        yield
    finally:
        vars(tilings).update(cuts)


LEARNED = (("SSM-TF", 8, (1e-2, 3.16e-2)), ("TF-TF", 24, (1e-3, 3.16e-3)), ("SSM-SSM", 16, (1e-2,)))
"""Pattern, width and learning rates of what `precision` trains."""


def precisions(widths: list[int], seeds: int = 32) -> object:
    """Model-steps a second, and accuracies after the whole training, with products of fewer bits."""
    rows: list[list[Any]] = []
    for name in ("tf32x3", "tf32", "bf16"):
        with products(name):
            for d_model in widths:
                spent = seconds_a_step(trainer(d_model, 1024).step, rounds=3, seconds=0.5)
                rows.append([name, d_model, 1024 / spent])
                print(f"   {name:7} d_model {d_model:2}: {1024 / spent:9.0f} model-steps/s", flush=True)
            for pattern, d_model, rates in LEARNED:
                model = HybridConfig(pattern=pattern, d_model=d_model, window=WINDOW)
                run = Run(task=TASK, model=model, train=Train(batch=BATCH, seq_len=TIME))
                members = train(run, lrs=rates, seeds=range(seeds), device="cuda").members
                for rate in rates:
                    right = [m.accuracy for m in members if m.lr == rate]
                    lost = sum(m.diverged_at is not None for m in members if m.lr == rate)
                    rows.append([name, pattern, d_model, rate, right, lost])
                    print(
                        f"   {name:7} {pattern} d_model {d_model:2} lr {rate:<7}: {statistics.mean(right):.4f} "
                        f"(sd {statistics.stdev(right):.4f}, {len(right)} seeds, {lost} diverged)",
                        flush=True,
                    )
    return rows


def ceilings() -> object:
    """Bytes a second of a large copy, both directions counted; float32 products a second of a large matmul."""
    source = torch.randn(2**29, device="cuda")
    target = torch.empty_like(source)
    copy = 2 * source.nbytes / seconds_a_step(lambda: target.copy_(source), rounds=3, seconds=0.2)
    del source, target
    a, b = (torch.randn(8192, 8192, device="cuda") for _ in range(2))
    product = 2 * 8192**3 / seconds_a_step(lambda: a @ b, rounds=3, seconds=0.2)
    print(
        f"   {torch.cuda.get_device_name()}: copy {copy / 1e12:.2f} TB/s, float32 {product / 1e12:.0f} TFLOP/s"
    )
    return {"copy": copy, "float32": product}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS[:-1])
    parser.add_argument("--members", nargs="+", type=int, default=[1024, 4096])
    parser.add_argument("--d-model", nargs="+", type=int, default=[8, 24])
    parser.add_argument(
        "--patience", type=float, default=200.0, help="seconds to wait for kernels to compile"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--continue", action="store_true", dest="again", help="leave out what the report has")
    chosen = parser.parse_args()
    if chosen.worker:
        print(json.dumps(worker(*json.loads(chosen.worker))))
        return
    if chosen.again:
        FOUND.update(json.loads(REPORT.read_text()))
    pool = ThreadPoolExecutor(max(2, (os.cpu_count() or 4) - 2))
    stepping = [pool.submit(in_process, "step", d) for d in chosen.d_model if "engine" in chosen.only]
    count = len(layer_cases()) if "correct" in chosen.only else 0
    cases = [pool.submit(in_process, "case", index) for index in range(count)]
    widths = chosen.d_model if "kernels" in chosen.only else ()
    compiling = {
        (d_model, name): pool.submit(in_process, "cut", d_model, name) for d_model in widths for name in CUTS
    }
    section("ceilings", ceilings)
    if "correct" in chosen.only:
        section("correct: head, embedding, AdamW, data", correct_rest)
        section("correct: engine", correct_engine)
    if "engine" in chosen.only:
        section("engine", lambda: engine_speed(chosen.d_model, chosen.members, stepping))
        for d_model in chosen.d_model:
            section(f"profile {d_model}", lambda d_model=d_model: step_profile(d_model, 1024))
    if "correct" in chosen.only:
        section("correct: layers", lambda: correct_layers(cases, chosen.patience))
    if "baseline" in chosen.only:
        section("baseline: transformers blocks", lambda: baseline(chosen.d_model))
    if "precision" in chosen.only:
        section("precision", lambda: precisions(chosen.d_model))
    if "kernels" in chosen.only:
        section("kernels", lambda: kernel_times(compiling, 1024, chosen.patience))
    sys.stdout.flush()
    os._exit(0)  # processes that still compile are not waited for


if __name__ == "__main__":
    main()
