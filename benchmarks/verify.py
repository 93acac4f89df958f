"""Verified tokens a second, beside a plain batched forward of the same model in `transformers` blocks.

The model is the constructed SSM-TF of selective copying with the vocabulary of the experiment. The plain side runs
unmodified MambaBlock and GPTNeoXLayer modules on batches (eager and scaled-dot-product attention) and compares the
largest logit with the target. Verification draws or enumerates its inputs and computes exact targets, every lead and
every attention margin. Contenders take turns, round by round, in one process; the table gives medians over the rounds
with their range, and ratios paired by round.

    python benchmarks/verify.py [--rounds 7] [--seconds 2]
    python benchmarks/verify.py --large            every input of a domain of 16,777,216, once
    python benchmarks/verify.py --samples 100000000    so many scored tokens of the experiment's vocabulary, once
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import torch

from plait import Stream
from plait.constructions import selective_copying
from plait.export import BlockStack
from plait.model import HybridLM
from plait.tasks import SelectiveCopying
from plait.verify import Checks, Verified, verify
from plait.verify.exhaustive import read_all, single_threads, token_domain
from plait.verify.reading import CompiledReader
from plait.verify.verification import read_samples

TASK = SelectiveCopying()
LARGE = SelectiveCopying(n_words=2, numbers=(1, 2))
LARGE_LENGTH = 12
THREADS = torch.get_num_threads()
TIME, BATCH = 100, 512


def plain_forward(model: HybridLM, attention: str) -> Callable[[], int]:
    """Positions of one batch: forward and comparison."""
    stack = BlockStack(model, attention=attention)
    tokens = TASK.sample(Stream(0), batch=BATCH, seq_len=TIME)
    targets, scored = TASK.targets(tokens)

    def run() -> int:
        assert bool(((stack(tokens).argmax(-1) == targets) | ~scored).all())
        return tokens.numel()

    return run


def sampled(model: HybridLM) -> Callable[[], int]:
    reader, step = CompiledReader(model), 0

    @single_threads()
    def run() -> int:
        nonlocal step
        found = read_samples(
            reader,
            TASK,
            seq_len=TIME,
            samples=250_000,
            seed=0,
            window=None,
            first_step=step,
            threads=THREADS,
        )
        assert found.wrong == 0
        step += 8
        return found.read

    return run


def exhausted() -> Callable[[], int]:
    """Every position of every input of a small domain, prefixes shared."""
    model, domain = selective_copying(LARGE, 10), token_domain(LARGE, 10)
    reader = CompiledReader(model)

    @single_threads()
    def run() -> int:
        found = read_all(reader, LARGE, domain, window=None, most_inputs=10**9, threads=THREADS)
        assert found.wrong == 0
        return found.checked + found.undefined

    return run


def rate(run: Callable[[], int], *, seconds: float) -> float:
    start, tokens, runs = time.perf_counter(), 0, 0
    while (spent := time.perf_counter() - start) < seconds or runs < 1:
        tokens += run()
        runs += 1
    return tokens / spent


def compare(*, rounds: int, seconds: float) -> None:
    model = selective_copying(TASK, TIME)
    contenders = {
        "transformers blocks, eager": plain_forward(model, "eager"),
        "transformers blocks, sdpa": plain_forward(model, "sdpa"),
        "verified, samples": sampled(model),
        "verified, every input": exhausted(),
    }
    for run in contenders.values():
        run()
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            rates[name].append(rate(run, seconds=seconds))
    names = list(rates)
    plain = [max(pair) for pair in zip(rates[names[0]], rates[names[1]], strict=True)]
    print(f"{'':28}  {'tokens/s':>12}  {'range':>23}  {'ratio':>6}  {'range':>11}")
    for name, values in rates.items():
        ratios = [a / b for a, b in zip(values, plain, strict=True)]
        print(
            f"{name:28}  {statistics.median(values):12,.0f}  {min(values):11,.0f}-{max(values):<11,.0f}"
            f"  {statistics.median(ratios):6.1f}  {min(ratios):5.1f}-{max(ratios):<5.1f}"
        )
    print("ratio: to the faster of the two plain forwards of the same round")


def once(task: SelectiveCopying, checks: Checks) -> None:
    """One run, printed."""
    model = selective_copying(task, checks.seq_len)
    one: Verified = verify(model, task, checks).verified[0]
    for kind, tally in one.tallies.items():
        assert tally.gap is not None
        assert tally.margin is not None
        positions = tally.checked + tally.undefined
        print(
            f"{kind}: {tally.inputs:,} inputs, {tally.checked:,} scored positions, {tally.right:,} right, "
            f"{tally.wrong:,} wrong, {tally.undefined:,} undefined"
        )
        print(f"least logit gap {tally.gap.value:.6f}, least attention margin {tally.margin.value:.6f} nats")
        print(f"{one.seconds:.1f} s, {positions / one.seconds:,.0f} positions a second")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each contender in each round")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--samples", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="Initializing zero-element")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    if options.large:
        once(LARGE, Checks(seq_len=LARGE_LENGTH, exhaustive=True))
    if options.samples:
        once(TASK, Checks(seq_len=TIME, samples=options.samples))
    if not options.large and not options.samples:
        compare(rounds=options.rounds, seconds=options.seconds)


if __name__ == "__main__":
    main()
