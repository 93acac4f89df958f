"""Model-steps a second: plait's ensemble engine beside a plain loop over the blocks of `transformers`.

One model-step is all that training does for one model in one step: fresh data and targets, forward, backward,
gradient clipping, AdamW. Both sides train SSM-TF on selective copying, batch 8, length 100, window 20, float32. The
loop runs unmodified MambaBlock and GPTNeoXLayer modules, one model, on one thread: on two it is hardly faster, and it
collapses when another process shares the cores. The contenders take turns, round by round, in one process; the table
gives medians over the rounds with their range, and their ratios to the loop's best round, so that a round in which the
loop was disturbed flatters nobody.

    python benchmarks/engine.py [--rounds 7] [--d-model 8 24] [--members 32]
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from plait import HybridConfig, Stream
from plait.random import TRAIN
from plait.tasks import SelectiveCopying
from plait.training import Run, Train
from plait.training.trainer import Trainer

TASK = SelectiveCopying()
BATCH, TIME, WINDOW = 8, 100, 20
LOOP = "transformers loop"


class TransformersLoop:
    """One model of the field's own blocks, trained as a plain script would."""

    def __init__(self, d_model: int) -> None:
        from transformers import GPTNeoXConfig, MambaConfig
        from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXLayer, GPTNeoXRotaryEmbedding
        from transformers.models.mamba.modeling_mamba import MambaBlock

        mamba = MambaConfig(
            vocab_size=TASK.vocab_size, hidden_size=d_model, state_size=16, num_hidden_layers=1
        )
        neox = GPTNeoXConfig(
            vocab_size=TASK.vocab_size, hidden_size=d_model, num_attention_heads=1, num_hidden_layers=1,
            intermediate_size=2 * d_model, hidden_act="silu", attention_dropout=0.0, hidden_dropout=0.0,
            attn_implementation="eager",
        )  # fmt: skip
        self.embedding = nn.Embedding(TASK.vocab_size, d_model)
        self.mamba, self.attention = MambaBlock(mamba, 0), GPTNeoXLayer(neox, 0)
        self.rotary, self.norm = GPTNeoXRotaryEmbedding(neox), nn.LayerNorm(d_model)
        parts = nn.ModuleList((self.embedding, self.mamba, self.attention, self.norm))
        self.weights = list(parts.parameters())
        self.optimiser = torch.optim.AdamW(self.weights, lr=1e-2, weight_decay=0.1)
        distance = torch.arange(TIME).unsqueeze(1) - torch.arange(TIME)
        hidden = (distance < 0) | (distance >= WINDOW)
        self.mask = torch.zeros(1, 1, TIME, TIME).masked_fill(hidden, float("-inf"))
        self.positions = torch.arange(TIME).unsqueeze(0)
        self.count = 0

    def logits(self, tokens: Tensor) -> Tensor:
        hidden = self.mamba(self.embedding(tokens))
        turn = self.rotary(hidden, self.positions)
        hidden = self.attention(hidden, attention_mask=self.mask, position_embeddings=turn)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        return self.norm(hidden) @ self.embedding.weight.T

    def step(self) -> None:
        tokens = TASK.sample(Stream(0, self.count, TRAIN), batch=BATCH, seq_len=TIME)
        targets, scored = TASK.targets(tokens)
        loss = nn.functional.cross_entropy(self.logits(tokens)[scored], targets[scored])
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimiser.step()
        self.count += 1


def engine(d_model: int, members: int) -> Callable[[], None]:
    """One step of an ensemble."""
    run = Run(
        task=TASK,
        model=HybridConfig(pattern="SSM-TF", d_model=d_model, window=WINDOW),
        train=Train(steps=1_000_000, batch=BATCH, seq_len=TIME),
    )
    trainer = Trainer(run, seeds=range(members), device=torch.device("cpu"))
    return trainer.step


def on_one_thread(step: Callable[[], None]) -> Callable[[], None]:
    """The same step, with PyTorch's operations on one thread while it runs."""

    def alone() -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            step()
        finally:
            torch.set_num_threads(threads)

    return alone


class Ratio(NamedTuple):
    """How many times a contender's rounds are the loop's best round."""

    median: float
    least: float
    most: float


def ratio_to_best(rates: Sequence[float], loop: Sequence[float]) -> Ratio:
    """Of a contender to the loop: the best round of the loop is the denominator of all."""
    best = max(loop)
    return Ratio(statistics.median(rates) / best, min(rates) / best, max(rates) / best)


def rate(step: Callable[[], None], *, members: int, seconds: float) -> float:
    """Model-steps a second over about `seconds`."""
    start, steps = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds or steps < 2:
        step()
        steps += 1
    return steps * members / spent


def measure(d_model: int, members: int, *, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Rates of every contender, one entry a round."""
    contenders = {
        LOOP: (on_one_thread(TransformersLoop(d_model).step), 1),
        "plait, one member": (engine(d_model, 1), 1),
        f"plait, ensemble of {members}": (engine(d_model, members), members),
    }
    for step, _ in contenders.values():
        for _ in range(3):
            step()
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (step, count) in contenders.items():
            rates[name].append(rate(step, members=count, seconds=seconds))
    return rates


def peak_memory(d_model: int, members: int) -> tuple[float, float]:
    """Peak resident MB of a process that trains the ensemble, and of one that only imports plait and torch."""
    peaks: list[float] = []
    for count in (members, 0):
        done = subprocess.run(
            [sys.executable, __file__, "--peak", str(d_model), str(count)], capture_output=True, check=True
        )
        peaks.append(json.loads(done.stdout)["peak_mb"])
    return peaks[0], peaks[1]


def report_peak(d_model: int, members: int) -> None:
    if members:
        step = engine(d_model, members)
        for _ in range(5):
            step()
    print(json.dumps({"peak_mb": peak_resident_mb()}))


def peak_resident_mb() -> float:
    """This process's own peak; `getrusage` would count the parent's from before the exec as well."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    unit = 2**20 if platform.system() == "Darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each contender in each round")
    parser.add_argument("--d-model", type=int, nargs="+", default=[8, 24])
    parser.add_argument("--members", type=int, default=32)
    parser.add_argument("--peak", type=int, nargs=2, metavar=("D_MODEL", "MEMBERS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        report_peak(*options.peak)
        return
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads (the loop: 1), {options.rounds} rounds"
    )
    print(
        f"{'d_model':>7}  {'':24}  {'model-steps/s':>13}  {'range':>15}  {'to best loop':>13}  {'range':>13}"
    )
    for d_model in options.d_model:
        rates = measure(d_model, options.members, rounds=options.rounds, seconds=options.seconds)
        for name, values in rates.items():
            ratio = ratio_to_best(values, rates[LOOP])
            print(
                f"{d_model:7}  {name:24}  {statistics.median(values):13.1f}"
                f"  {min(values):7.1f}-{max(values):<7.1f}"
                f"  {ratio.median:13.1f}  {ratio.least:6.1f}-{ratio.most:<6.1f}"
            )
        used, bare = peak_memory(d_model, options.members)
        print(
            f"{d_model:7}  peak memory of the ensemble's process {used:.0f} MB ({bare:.0f} MB of it imports)"
        )


if __name__ == "__main__":
    main()
