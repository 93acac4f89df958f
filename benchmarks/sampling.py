"""What sampling and labelling cost, as a share of the training step that they feed (aim: at most 5%).

The step is the engine's own: an ensemble of SSM-TF models, batch 8, length 100, on the CPU, data and targets
included. Cost and step take turns, round by round, in one process; the table gives medians over the rounds
with their range.

    python benchmarks/sampling.py [--rounds 7] [--d-model 8] [--members 1 32]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from plait import HybridConfig, Stream
from plait.tasks import TASKS as BUILT_IN
from plait.tasks import DecodingRecall, SelectiveCopying, Task, sample_labelled
from plait.training import Run, Train
from plait.training.trainer import Trainer

TASKS = {name: task() for name, task in BUILT_IN.items()} | {
    "selective-copying, adversarial": SelectiveCopying(variant="adversarial"),
    "selective-copying, repetitive": SelectiveCopying(variant="repetitive"),
    "decoding-recall, last": DecodingRecall(variant="last"),
}


def seconds_each(call: Callable[[], object], *, seconds: float) -> float:
    """Mean seconds of one call, over about `seconds`."""
    start, calls = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds or calls < 2:
        call()
        calls += 1
    return spent / calls


def measure(task: Task, members: int, *, d_model: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of sampling with labelling, and of a whole training step, one entry a round."""
    model = HybridConfig(pattern="SSM-TF", d_model=d_model, window=20)
    run = Run(task=task, model=model, train=Train(steps=1_000_000))
    trainer = Trainer(run, seeds=range(members), device=torch.device("cpu"))
    stream = Stream(torch.arange(members))
    costs, steps = [], []
    for _ in range(rounds):
        costs.append(seconds_each(lambda: sample_labelled(task, stream, batch=8, seq_len=100), seconds=0.1))
        steps.append(seconds_each(trainer.step, seconds=0.5))
    return costs, steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--d-model", type=int, default=8)
    parser.add_argument("--members", type=int, nargs="+", default=[1, 32])
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.rounds} rounds")
    print(f"{'task':20}{'members':>8}{'sampling (us)':>15}{'step (us)':>11}{'share':>8}{'range':>14}")
    for name, task in TASKS.items():
        for members in options.members:
            costs, steps = measure(task, members, d_model=options.d_model, rounds=options.rounds)
            shares = [cost / step for cost, step in zip(costs, steps, strict=True)]
            print(
                f"{name:20}{members:8}{1e6 * statistics.median(costs):15.0f}{1e6 * statistics.median(steps):11.0f}"
                f"{statistics.median(shares):8.1%}  {min(shares):6.1%}-{max(shares):.1%}"
            )


if __name__ == "__main__":
    main()
