"""What dropout costs: model-steps a second with none, on the embedding alone, and everywhere, side by side.

All train SSM-TF and TF-TF on selective copying, batch 8, length 100, window 20, float32, rate 0.1. The three take
turns, round by round, in one process; the table gives medians over the rounds with their range, and the share of the
speed without dropout, paired by round. On one thread of a CPU the time is the processor's, so that what else runs
counts less.

    python benchmarks/dropout.py [--rounds 9] [--d-model 8 24] [--members 32] [--device cpu]
"""

import argparse
import statistics
import time

import torch

from plait import HybridConfig
from plait.tasks import SelectiveCopying
from plait.training import Run, Train
from plait.training.trainer import Trainer

PLACES = {
    "none": {},
    "embedding": {"dropout": 0.1, "dropout_at": "embedding"},
    "all": {"dropout": 0.1, "dropout_at": "all"},
}
WARM_UP = 6


def trainer(pattern: str, d_model: int, members: int, place: str, device: torch.device) -> Trainer:
    config = HybridConfig(pattern=pattern, d_model=d_model, window=20, **PLACES[place])
    run = Run(task=SelectiveCopying(), model=config, train=Train(steps=1_000_000, batch=8, seq_len=100))
    return Trainer(run, seeds=range(members), device=device)


def rate(trainer: Trainer, members: int, seconds: float, device: torch.device) -> float:
    """Model-steps a second over about `seconds`."""
    own = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if own else time.perf_counter
    start, steps = clock(), 0
    while (spent := clock() - start) < seconds or steps < 2:
        for _ in range(20 if device.type == "cuda" else 1):
            trainer.step()
            steps += 1
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    return steps * members / spent


def measure(trainers: dict[str, Trainer], options: argparse.Namespace) -> dict[str, list[float]]:
    """Rates of every contender, one entry a round."""
    for one in trainers.values():
        for _ in range(WARM_UP):
            one.step()
    rates: dict[str, list[float]] = {name: [] for name in trainers}
    for _ in range(options.rounds):
        for name, one in trainers.items():
            rates[name].append(rate(one, options.members, options.seconds, options.device))
    return rates


def spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each contender in each round")
    parser.add_argument("--d-model", type=int, nargs="+", default=[8, 24])
    parser.add_argument("--pattern", nargs="+", default=["SSM-TF", "TF-TF"])
    parser.add_argument("--members", type=int, default=32)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = parser.parse_args()
    print(
        f"torch {torch.__version__}, {options.device}, {torch.get_num_threads()} threads, {options.rounds} rounds"
    )
    print(f"{'pattern':8} {'d_model':>7}  {'dropout':10}  {'engine':9}  {'model-steps/s':28}  share of none")
    for pattern in options.pattern:
        for d_model in options.d_model:
            trainers = {p: trainer(pattern, d_model, options.members, p, options.device) for p in PLACES}
            rates = measure(trainers, options)
            for place, values in rates.items():
                shares = [a / b for a, b in zip(values, rates["none"], strict=True)]
                print(
                    f"{pattern:8} {d_model:7}  {place:10}  {trainers[place].ensemble.engine:9}"
                    f"  {spread(values, 1):28}  {spread(shares, 2)}"
                )


if __name__ == "__main__":
    main()
