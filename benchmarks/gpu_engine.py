"""The engine on a GPU: model-steps a second and memory, beside what the card can do and a plain loop on it.

    python benchmarks/gpu_engine.py [--only SECTION ..] [--members 1024 4096] [--d-model 8 24]

One model-step is all that training does for one model in one step: fresh data and targets, forward, backward, gradient
clipping, AdamW; batch 8, length 100, window 20, float32, SSM-TF on selective copying.

    ceilings   bytes a second of a large copy, float32 products a second
    engine     ensembles: steps replayed from a CUDA graph, and launched one by one
    profile    where a step's time goes, kernel by kernel
    baseline   the loop of `engine.py` over the blocks of `transformers`, on this GPU

Times are medians over rounds, by device events around many steps, with their range. All numbers go to
`gpu_engine.json` in `$OUT` or here. Whether the kernels are right is for tests/gpu to say, where the time of each under
other cuts goes for `gpu_kernels.py`.
"""

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from plait import HybridConfig, Stream
from plait.random import TRAIN
from plait.tasks import SelectiveCopying, sample_labelled
from plait.training import Run, Train
from plait.training.trainer import Trainer

TASK = SelectiveCopying()
BATCH, TIME, WINDOW = 8, 100, 20


class Spent(NamedTuple):
    """Seconds a step: the median of the rounds, the least and the most."""

    median: float
    least: float
    most: float

    def rate(self, models: int = 1) -> str:
        """Model-steps a second, with their range."""
        return f"{models / self.median:,.0f} ({models / self.most:,.0f}-{models / self.least:,.0f})"


def trainer(d_model: int, members: int, *, steps: int = 100_000) -> Trainer:
    run = Run(
        task=TASK,
        model=HybridConfig(pattern="SSM-TF", d_model=d_model, window=WINDOW),
        train=Train(steps=steps, batch=BATCH, seq_len=TIME),
    )
    return Trainer(run, seeds=range(members), device=torch.device("cuda"))


def seconds_a_step(step: Callable[[], object], *, rounds: int = 5, seconds: float = 0.6) -> Spent:
    """Of each round `seconds` long or three steps, by device events around all of its steps."""
    for _ in range(6):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    count = max(3, int(seconds / max((time.perf_counter() - start) / 3, 1e-5)))
    times: list[float] = []
    for _ in range(rounds):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(count):
            step()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / count / 1e3)
    return Spent(statistics.median(times), min(times), max(times))


def ceilings(_: argparse.Namespace) -> dict[str, float]:
    """Bytes a second of a large copy, both directions counted; float32 products a second of a large matmul."""
    source = torch.randn(2**29, device="cuda")
    target = torch.empty_like(source)
    copy = 2 * source.nbytes / seconds_a_step(lambda: target.copy_(source), rounds=3, seconds=0.2).median
    a, b = (torch.randn(8192, 8192, device="cuda") for _ in range(2))
    product = 2 * 8192**3 / seconds_a_step(lambda: a @ b, rounds=3, seconds=0.2).median
    name = torch.cuda.get_device_name()
    print(f"   {name}: copy {copy / 1e12:.2f} TB/s, float32 {product / 1e12:.0f} TFLOP/s")
    return {"copy": copy, "float32": product}


def engine(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Each width and number of members: replayed, launched, and the most memory that was reserved."""
    rows: list[dict[str, Any]] = []
    print(f"   {'d_model':>7} {'members':>7}  {'replayed, model-steps/s':30}  {'launched':24}  peak GiB")
    for d_model in options.d_model:
        for members in options.members:
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            one = trainer(d_model, members)
            replayed = seconds_a_step(one.step)
            peak = torch.cuda.max_memory_reserved() / 2**30
            one._replay = None
            launched = seconds_a_step(one.step, rounds=3, seconds=0.5)
            del one
            rows.append(
                {
                    "d_model": d_model,
                    "members": members,
                    "replayed": replayed,
                    "launched": launched,
                    "peak": peak,
                }
            )
            print(
                f"   {d_model:7} {members:7}  {replayed.rate(members):30}  {launched.rate(members):24}  {peak:8.2f}",
                flush=True,
            )
    return rows


def step_profile(options: argparse.Namespace) -> dict[int, list[tuple[str, float, float]]]:
    """Name, milliseconds and launches of each kernel in one step, the longest first."""
    from torch.profiler import ProfilerActivity, profile

    found: dict[int, list[tuple[str, float, float]]] = {}
    for d_model in options.d_model:
        members = min(options.members)
        one = trainer(d_model, members)
        one._replay = None
        for _ in range(5):
            one.step()
        torch.cuda.synchronize()
        with profile(activities=[ProfilerActivity.CUDA]) as report:
            for _ in range(3):
                one.step()
            torch.cuda.synchronize()
        rows = [(e.key, e.self_device_time_total / 3e3, e.count / 3) for e in report.key_averages()]
        found[d_model] = sorted(rows, key=lambda row: -row[1])
        total = sum(row[1] for row in rows)
        print(f"   d_model {d_model}, {members} members: {total:.3f} ms in kernels")
        for key, spent, count in found[d_model][:14]:
            print(f"   {spent:9.3f} ms {100 * spent / total:5.1f}%  x{count:4.1f}  {key[:70]}", flush=True)
    return found


def baseline(options: argparse.Namespace) -> dict[int, Spent]:
    """One model over the blocks of `transformers`, trained as `engine.py` does it, moved to the GPU."""
    from engine import TransformersLoop

    found: dict[int, Spent] = {}
    for d_model in options.d_model:
        loop = TransformersLoop(d_model)
        for module in (loop.embedding, loop.mamba, loop.attention, loop.rotary, loop.norm):
            module.cuda()
        loop.mask, loop.positions = loop.mask.cuda(), loop.positions.cuda()
        found[d_model] = seconds_a_step(lambda loop=loop: loop_step(loop), rounds=3, seconds=2.0)
        print(f"   d_model {d_model}: {1 / found[d_model].median:.1f} model-steps/s", flush=True)
    return found


def loop_step(loop: Any) -> None:
    stream = Stream(torch.tensor([0], device="cuda"), loop.count, TRAIN)
    tokens, targets = sample_labelled(TASK, stream, batch=BATCH, seq_len=TIME)
    logits = loop.logits(tokens[0])[targets.scored[0]]
    loss = nn.functional.cross_entropy(logits, targets.tokens[0][targets.scored[0]])
    loop.optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(loop.weights, 1.0)
    loop.optimiser.step()
    loop.count += 1


SECTIONS: dict[str, Callable[[argparse.Namespace], object]] = {
    "ceilings": ceilings,
    "engine": engine,
    "profile": step_profile,
    "baseline": baseline,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--members", nargs="+", type=int, default=[1024, 4096])
    parser.add_argument("--d-model", nargs="+", type=int, default=[8, 24])
    options = parser.parse_args()
    report = Path(os.environ.get("OUT", "."), "gpu_engine.json")
    found: dict[str, object] = {}
    for name in options.only:
        print(f"== {name}", flush=True)
        found[name] = SECTIONS[name](options)
        report.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
