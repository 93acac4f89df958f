"""Model-steps a second of every mixer before attention, beside SSM-TF and loops over blocks of `transformers`.

One model-step is what `benchmarks/engine.py` calls one: fresh data and targets, forward, backward, clipping, AdamW;
selective copying, batch 8, length 100, window 20, float32. Each mixer has its default options; behind the built-in
ones come the three ways to bring one's own, drawn, a module, a whole layer (`examples/`). The loops train one
model of unmodified blocks: Mamba2Block, or OLMo Hybrid's gated DeltaNet behind its norm, and a GPTNeoXLayer, on one
thread, since their operations are too small for two. The contenders take turns, round by round, in one process: medians
over the rounds with their range, and ratios paired by round.

`--processor` counts processor seconds of one thread instead, which other programs on the machine hardly change: what
the clock shows on idle cores is this times as much as a second thread adds to an ensemble, of which a loop has none.

    python benchmarks/mixers.py [--rounds 5] [--d-model 16] [--members 32] [--mixers GDN Mamba2] [--processor]
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from engine import BATCH, TASK, TIME, WINDOW, TransformersLoop
from plait import HybridConfig
from plait.layers.registry import MIXERS
from plait.training import Run, Train
from plait.training.trainer import Trainer

BASE = "SSM-TF"
LEAST = {"GDN": 0.5, "Mamba2": 0.5}
"""Of SSM-TF's rate; a third for every other that is drawn."""

DRAWN, OWN = (
    "examples.my_mixer:ForgettingAttention",
    ("examples.my_module:AttentionFree", "examples.my_layer:GatedLinearAttention"),
)


class MixerLoop(TransformersLoop):
    """One model of the field's own blocks: a mixer in the place of Mamba-1."""

    def __init__(self, d_model: int, block: nn.Module) -> None:
        super().__init__(d_model)
        self.mamba = block  # pyright: ignore[reportAttributeAccessIssue]
        parts = nn.ModuleList((self.embedding, block, self.attention, self.norm))
        self.weights = list(parts.parameters())
        self.optimiser = torch.optim.AdamW(self.weights, lr=1e-2, weight_decay=0.1)

    def step(self) -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        super().step()
        torch.set_num_threads(threads)


class GatedDeltaNet(nn.Module):
    """Norm, mixer and residual."""

    def __init__(self, d_model: int) -> None:
        from transformers import OlmoHybridConfig
        from transformers.models.olmo_hybrid.modeling_olmo_hybrid import OlmoHybridGatedDeltaNet

        super().__init__()
        config = OlmoHybridConfig(
            hidden_size=d_model, linear_num_value_heads=1, linear_num_key_heads=1, linear_key_head_dim=d_model,
            linear_value_head_dim=2 * d_model, num_hidden_layers=2, num_attention_heads=1,
            layer_types=["linear_attention", "full_attention"],
        )  # fmt: skip
        self.norm, self.mixer = nn.RMSNorm(d_model), OlmoHybridGatedDeltaNet(config, 0)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.mixer(self.norm(hidden))


def mamba2(d_model: int) -> nn.Module:
    from transformers import Mamba2Config
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Block

    config = Mamba2Config(
        hidden_size=d_model,
        state_size=16,
        num_heads=d_model // 8,
        head_dim=16,
        n_groups=1,
        num_hidden_layers=1,
    )
    block = Mamba2Block(config, layer_idx=0)
    block.mixer.init_mamba2_weights()
    return block


LOOPS: dict[str, Callable[[int], nn.Module]] = {"GDN": GatedDeltaNet, "Mamba2": mamba2}


def ensemble(pattern: str, d_model: int, members: int) -> Callable[[], None]:
    """One step of an ensemble."""
    run = Run(
        task=TASK,
        model=HybridConfig(pattern=pattern, d_model=d_model, window=WINDOW),
        train=Train(steps=1_000_000, batch=BATCH, seq_len=TIME),
    )
    return Trainer(run, seeds=range(members), device=torch.device("cpu")).step


def rate(step: Callable[[], None], members: int, seconds: float, now: Callable[[], float]) -> float:
    """Model-steps a second, as `now` counts them, over about `seconds`."""
    start, steps = now(), 0
    while (spent := now() - start) < seconds or steps < 2:
        step()
        steps += 1
    return steps * members / spent


def measure(
    mixers: Sequence[str],
    d_model: int,
    members: int,
    *,
    rounds: int,
    seconds: float,
    now: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Rates of every contender, one entry a round."""
    contenders = {
        pattern: (ensemble(pattern, d_model, members), members)
        for pattern in (BASE, *(f"{name}-TF" for name in mixers))
    }
    for name in mixers:
        if name in LOOPS:
            contenders[f"{name}-TF, transformers loop"] = MixerLoop(d_model, LOOPS[name](d_model)).step, 1
    for step, _ in contenders.values():
        for _ in range(2):
            step()
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (step, count) in contenders.items():
            rates[name].append(rate(step, count, seconds, now))
    return rates


def paired(rates: dict[str, list[float]], name: str, other: str) -> list[float]:
    return [a / b for a, b in zip(rates[name], rates[other], strict=True)]


def shown(values: Sequence[float], form: str) -> str:
    return f"{statistics.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each contender in a round")
    parser.add_argument("--d-model", type=int, default=16)
    parser.add_argument("--members", type=int, default=32)
    parser.add_argument(
        "--mixers", nargs="+", default=[*MIXERS, DRAWN, *OWN], help="built in, or module:Class"
    )
    parser.add_argument("--processor", action="store_true", help="processor seconds of one thread")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    before, now = os.getloadavg()[0], time.perf_counter
    if given.processor:
        torch.set_num_threads(1)
        now = time.process_time
    rates = measure(
        given.mixers, given.d_model, given.members, rounds=given.rounds, seconds=given.seconds, now=now
    )
    if given.json:
        print(json.dumps({"rates": rates, "load": [before, os.getloadavg()[0]]}))
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    unit = "processor s" if given.processor else "s"
    print(
        f"d_model {given.d_model}, {given.members} members, {given.rounds} rounds of {given.seconds:g} {unit};",
        end=" ",
    )
    print(f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after (includes this program)\n")
    print(
        f"| pattern | model-steps/{unit} | of SSM-TF | of transformers' loop | bar |\n|---|---|---|---|---|"
    )
    print(f"| {BASE} | {shown(rates[BASE], ',.0f')} | 1 | | |")
    for name in given.mixers:
        pattern, loop = f"{name}-TF", f"{name}-TF, transformers loop"
        share, times = paired(rates, pattern, BASE), paired(rates, pattern, loop) if loop in rates else []
        least = LEAST.get(name, 1 / 3)
        met = statistics.median(share) >= least and (not times or statistics.median(times) >= 10)
        bar = f">= {least:.2f}" + (", >= 10x" if times else "") + (": met" if met else ": not met")
        bar = bar if name in MIXERS or name == DRAWN else "none"
        faster = f"{shown(times, ',.1f')}x" if times else ""
        print(f"| {pattern} | {shown(rates[pattern], ',.0f')} | {shown(share, '.2f')} | {faster} | {bar} |")


if __name__ == "__main__":
    main()
