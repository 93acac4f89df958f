"""Model-steps a second of every built-in mixer before attention on a GPU, beside SSM-TF.

One model-step is what `benchmarks/gpu_engine.py` calls one: fresh data and targets, forward, backward, clipping, AdamW,
replayed from a CUDA graph; selective copying, batch 8, length 100, window 20, float32. Each mixer has its own defaults.

    python benchmarks/gpu_mixers.py [--members 1024] [--d-model 16] [--rounds 3] [--seconds 0.3] [--mixers GDN Mamba2]
"""

import argparse
import gc
import json

import torch

from gpu_engine import BATCH, TASK, TIME, WINDOW, Spent, seconds_a_step
from plait import HybridConfig
from plait.checks import one_line
from plait.layers.registry import MIXERS
from plait.training import Run, Train
from plait.training.trainer import Trainer

BASE, LEAST = "SSM", 60_000
"""Model-steps a second."""


def trainer(pattern: str, d_model: int, members: int) -> Trainer:
    run = Run(
        task=TASK,
        model=HybridConfig(pattern=pattern, d_model=d_model, window=WINDOW),
        train=Train(steps=100_000, batch=BATCH, seq_len=TIME),
    )
    return Trainer(run, seeds=range(members), device=torch.device("cuda"))


def measured(pattern: str, given: argparse.Namespace) -> tuple[Spent, str, float]:
    """Seconds a step, what computed it, and the most memory in GiB."""
    torch.cuda.reset_peak_memory_stats()
    made = trainer(pattern, given.d_model, given.members)
    spent = seconds_a_step(made.step, rounds=given.rounds, seconds=given.seconds)
    engine = made.ensemble.engine
    made._replay = None  # pyright: ignore[reportPrivateUsage]
    return spent, engine, torch.cuda.max_memory_reserved() / 2**30


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=1024)
    parser.add_argument("--d-model", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a round")
    parser.add_argument("--mixers", nargs="+", default=[BASE, *MIXERS], choices=[BASE, *MIXERS])
    parser.add_argument("--json", action="store_true", help="a line of JSON for each instead of a table")
    given = parser.parse_args()
    if not given.json:
        print(
            f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {given.members:,} members,", end=" "
        )
        print(
            f"d_model {given.d_model}, medians of {given.rounds} rounds of {given.seconds:g} s [least, most]\n"
        )
        print("| pattern | model-steps/s | of SSM-TF | GiB | bar |\n|---|---|---|---|---|")
    base: float | None = None
    for name in given.mixers:
        try:
            spent, engine, memory = measured(f"{name}-TF", given)
        except (RuntimeError, ValueError) as error:
            print(f"| {name}-TF | failed: {one_line(error)} | | | |", flush=True)
            continue
        finally:
            gc.collect()
            torch.cuda.empty_cache()
        rate = given.members / spent.median
        base = rate if name == BASE else base
        if given.json:
            print(
                json.dumps({"pattern": f"{name}-TF", "rate": rate, "engine": engine, "GiB": memory}),
                flush=True,
            )
            continue
        share = "" if base is None else f"{rate / base:.2f}"
        bar = f">= {LEAST:,}: {'met' if rate >= LEAST else 'not met'}" if name != BASE else ""
        made = "" if engine == "triton" else f" ({engine})"
        print(
            f"| {name}-TF{made} | {spent.rate(given.members)} | {share} | {memory:.1f} | {bar} |", flush=True
        )


if __name__ == "__main__":
    main()
