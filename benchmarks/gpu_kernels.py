"""Each Triton kernel alone, under several ways of cutting up the work; and what products of fewer bits win and lose.

    python benchmarks/gpu_kernels.py [--only cuts precision] [--members 1024] [--d-model 8 24] [--cuts auto r16w1 ..]

    cuts        microseconds of each kernel in a forward and a backward pass of both layers, embedding and head
    precision   model-steps a second, and accuracies after whole trainings, with products of fewer bits

What is compiled is compiled first, in processes of its own, several at a time. All numbers go to `gpu_kernels.json` in
`$OUT` or here.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gpu_engine import BATCH, TASK, TIME, WINDOW, seconds_a_step, trainer
from plait import HybridConfig, Stream
from plait.kernels.common import gpu_tiles
from plait.kernels.common.gpu_tiles import Tiling
from plait.layers import MambaLayer, TransformerLayer
from plait.random import TRAIN
from plait.tasks import sample_labelled
from plait.training import Run, Train, train

CUTS: dict[str, Tiling | None] = {
    "auto": None,
    "tf32": Tiling(precision="tf32"),
    "r16w1": Tiling(channels=(16, 16), chunk=2).every(16, 1),
    "r16w2": Tiling(channels=(32, 16), chunk=4, keys=32).every(16, 2),
    "r16w4": Tiling(channels=(32, 16), chunk=1, queries=32).every(16, 4),
    "r32w1": Tiling(channels=(32, 32), chunk=1, queries=32, keys=32).every(32, 1),
    "r32w2": Tiling(channels=(32, 32), chunk=2, parts=1).every(32, 2),
    "r64w4": Tiling(channels=(32, 8), chunk=2, parts=1, queries=64, attention_warps=4).every(64, 4),
}
"""Names tell rows and warps; "auto" is the package's own."""

LEARNED = (("SSM-TF", 8, (1e-2, 3.16e-2)), ("TF-TF", 24, (1e-3, 3.16e-3)), ("SSM-SSM", 16, (1e-2,)))
"""Pattern, width and learning rates of what `precision` trains."""


class KernelTimer:
    """Every Triton launch, done several times over behind a sleeping GPU and timed by events."""

    def __init__(self) -> None:
        from triton.runtime.jit import JITFunction

        self.kind, self.real = JITFunction, JITFunction.run
        self.times: dict[str, list[tuple[torch.cuda.Event, torch.cuda.Event]]] = {}

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

    def microseconds(self) -> dict[str, float]:
        return {
            name: sum(1e3 * begin.elapsed_time(end) / 4 for begin, end in pairs)
            for name, pairs in self.times.items()
        }


def model_pass(d_model: int, members: int, tiling: Tiling | None) -> Callable[[], None]:
    """Forward and backward of both layers, embedding and head under a cut."""
    from plait.kernels.head import gpu as head
    from plait.kernels.mamba import gpu as mamba
    from plait.kernels.neox import gpu as neox

    config = HybridConfig(TASK.vocab_size, pattern="SSM-TF", d_model=d_model, window=WINDOW)
    specs = config.layer_specs()
    ssm, tf = MambaLayer(specs[0]), TransformerLayer(specs[1])
    generator = torch.Generator().manual_seed(1)

    def filled(*shape: int) -> torch.Tensor:
        return torch.randn(members, *shape, generator=generator).div_(2).cuda().requires_grad_()

    ssm_weights, tf_weights = (
        type(layer.weights())(*(filled(*weight.shape) for weight in layer.weights())) for layer in (ssm, tf)
    )
    heads = tf.heads(0, TIME, torch.device("cuda"))
    table, norm = filled(TASK.vocab_size, d_model), (filled(d_model), filled(d_model))
    stream = Stream(torch.arange(members, device="cuda"), 1, TRAIN)
    tokens, targets = sample_labelled(TASK, stream, batch=BATCH, seq_len=TIME)

    def once() -> None:
        hidden = head.embed(table, tokens, tiling=tiling)
        hidden = mamba.mamba_layer(hidden, ssm_weights, eps=config.norm_eps, tiling=tiling)
        hidden = neox.neox_layer(hidden, tf_weights, heads, eps=config.norm_eps, tiling=tiling)
        loss = head.head_loss(hidden, norm, table, targets, eps=config.norm_eps, tiling=tiling).loss
        torch.autograd.grad(loss.sum(), [table, *norm, *ssm_weights, *tf_weights])

    return once


def cuts(options: argparse.Namespace) -> dict[int, dict[str, dict[str, float]]]:
    """Microseconds by width, cut and kernel; a cut that does not compile is left out and said."""
    compile_all([(d_model, name) for d_model in options.d_model for name in options.cuts])
    found: dict[int, dict[str, dict[str, float]]] = {}
    for d_model in options.d_model:
        by_cut = found.setdefault(d_model, {})
        for name in options.cuts:
            once = model_pass(d_model, options.members, CUTS[name])
            try:
                once()
            except Exception as problem:
                print(f"   {d_model} {name}: {type(problem).__name__} {str(problem)[:300]}", flush=True)
                continue
            with KernelTimer() as timer:
                once()
            by_cut[name] = timer.microseconds()
            del once
            torch.cuda.empty_cache()
        print(f"   microseconds a kernel, d_model {d_model}, {options.members} members")
        print(f"   {'':25}" + "".join(f"{name:>8}" for name in by_cut))
        for kernel in dict.fromkeys(kernel for times in by_cut.values() for kernel in times):
            line = "".join(f"{times.get(kernel, float('nan')):8.0f}" for times in by_cut.values())
            print(f"   {kernel[:24]:25}{line}", flush=True)
        print(f"   {'sum':25}" + "".join(f"{sum(times.values()):8.0f}" for times in by_cut.values()))
    return found


def compile_all(wanted: list[tuple[int, str]]) -> None:
    """Fill Triton's cache: one small pass of each, in processes beside each other; what fails, fails again later."""

    def compile_one(task: tuple[int, str]) -> None:
        command = [sys.executable, __file__, "--compile", *map(str, task)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, env=environment, capture_output=True, timeout=400, check=False)

    with ThreadPoolExecutor(max(2, (os.cpu_count() or 4) - 2)) as pool:
        list(pool.map(compile_one, wanted))


@contextmanager
def products(precision: str) -> Iterator[None]:
    """The package's own cuts with their products in another precision."""
    own = {name: cut for name, cut in vars(gpu_tiles).items() if isinstance(cut, Tiling)}
    vars(gpu_tiles).update({name: replace(cut, precision=precision) for name, cut in own.items()})
    try:
        yield
    finally:
        vars(gpu_tiles).update(own)


def precision(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Speed of each width, and right answers of each trained seed."""
    rows: list[dict[str, Any]] = []
    for name in ("tf32x3", "tf32", "bf16"):
        with products(name):
            for d_model in options.d_model:
                spent = seconds_a_step(trainer(d_model, options.members).step, rounds=3, seconds=0.5)
                rows.append({"precision": name, "d_model": d_model, "seconds": spent})
                print(
                    f"   {name:7} d_model {d_model:2}: {spent.rate(options.members)} model-steps/s",
                    flush=True,
                )
            for pattern, d_model, rates in LEARNED:
                rows += [learned(name, pattern, d_model, rate) for rate in rates]
    return rows


def learned(name: str, pattern: str, d_model: int, rate: float, *, seeds: int = 32) -> dict[str, Any]:
    model = HybridConfig(pattern=pattern, d_model=d_model, window=WINDOW)
    run = Run(task=TASK, model=model, train=Train(batch=BATCH, seq_len=TIME))
    members = train(run, lrs=[rate], seeds=range(seeds), device="cuda").members
    right = [member.accuracy for member in members]
    lost = sum(member.diverged_at is not None for member in members)
    print(
        f"   {name:7} {pattern} d_model {d_model:2} lr {rate:<7}: {statistics.mean(right):.4f} "
        f"(sd {statistics.stdev(right):.4f}, {len(right)} seeds, {lost} diverged)",
        flush=True,
    )
    return {
        "precision": name,
        "pattern": pattern,
        "d_model": d_model,
        "lr": rate,
        "right": right,
        "lost": lost,
    }


SECTIONS: dict[str, Callable[[argparse.Namespace], object]] = {"cuts": cuts, "precision": precision}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=["cuts"])
    parser.add_argument("--members", type=int, default=1024)
    parser.add_argument("--d-model", nargs="+", type=int, default=[8, 24])
    parser.add_argument("--cuts", nargs="+", choices=CUTS, default=list(CUTS))
    parser.add_argument("--compile", nargs=2, metavar=("D_MODEL", "CUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.compile:
        d_model, name = options.compile
        model_pass(int(d_model), 2, CUTS[name])()
        torch.cuda.synchronize()
        return
    report = Path(os.environ.get("OUT", "."), "gpu_kernels.json")
    found: dict[str, object] = {}
    for name in options.only:
        print(f"== {name}", flush=True)
        found[name] = SECTIONS[name](options)
        report.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
