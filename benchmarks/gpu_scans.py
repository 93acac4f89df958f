"""The selective scan of wide layers on one GPU: the cut in use beside others.

    check   every cut against the plain scan in float64, small; also under TRITON_INTERPRET=1, without a card
    alone   forward, and forward with backward, each replayed from a graph: d_model 1024, 16 and 32 states, 64 x 256 and
            8 x 200 tokens
    steps   whole training steps of the wide models with the cut in use and with the fastest other of `alone`

All contenders take turns, round by round: medians with their range. What is faster is put in use by the default
of `plait.kernels.selective_scan.gpu.Cut`, or by `WideEnsemble.scan`.

    python benchmarks/gpu_scans.py [--only check alone steps] [--rounds 7] [--cuts f512b256c8w11 ..]
"""

import argparse
import functools
import gc
import json
import os
import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from plait.checks import one_line
from plait.kernels.selective_scan import gpu, reference
from plait.kernels.selective_scan.dispatch import Scan
from plait.kernels.selective_scan.gpu import Cut
from wide import CONFIGS, D, milliseconds, ours

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = torch.device("cpu" if INTERPRETED else "cuda")
SHAPES, STATES = ((64, 256), (8, 200)), (16, 32)
STEPS = ("SSM-TF x 6", "SSM x 12")

CUTS = {
    f"f{cut.forward}b{cut.backward}c{cut.chunk}w{cut.warps[0]}{cut.warps[1]}": cut
    for cut in (
        Cut(backward=256),
        Cut(forward=256, backward=256),
        Cut(chunk=2),
        Cut(backward=256, chunk=8),
        Cut(forward=1024, backward=1024, warps=(2, 2)),
        Cut(forward=1024, backward=512, warps=(2, 2)),
        Cut(forward=2048, backward=2048, warps=(4, 4)),
    )
}
"""By the states of a program forward and backward, the chunk, and the warps."""

IN_USE = "in use"


def scans(names: list[str]) -> dict[str, Scan]:
    return {IN_USE: gpu.selective_scan} | {
        name: functools.partial(gpu.selective_scan, cut=CUTS[name]) for name in names
    }


def inputs(batch: int, time: int, inner: int, states: int) -> list[Tensor]:
    """x, dt, A, B and C, then the gradient of y."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(DEVICE)

    dt, A = F.softplus(draw(batch, time, inner) - 3), -draw(inner, states).exp()
    own = [draw(batch, time, inner), dt, A, draw(batch, time, states), draw(batch, time, states)]
    return [*(tensor.requires_grad_() for tensor in own), draw(batch, time, inner)]


def both_ways(scan: Scan, given: list[Tensor]) -> list[Tensor]:
    x, dt, A, B, C, dy = given
    y = scan(x, dt=dt, A=A, B=B, C=C, D=None)
    return [y, *torch.autograd.grad(y, (x, dt, A, B, C), dy)]


def check(contenders: Mapping[str, Scan]) -> None:
    """Norm of the difference from the plain scan over norm, the largest of y and the gradients."""
    for states in (5, *STATES):
        given = inputs(2, 11, 40, states)
        exact = [tensor.detach().cpu().double().requires_grad_() for tensor in given]
        wanted = both_ways(reference.selective_scan, exact)
        for name, scan in contenders.items():
            found = both_ways(scan, given)
            apart = [
                float((one.cpu().double() - other).norm() / other.norm())
                for one, other in zip(found, wanted, strict=True)
            ]
            print(f"check {states:2} states, {name}: {max(apart):.1e}", flush=True)
            assert max(apart) < 1e-5, name


def replayed(work: Callable[[], object]) -> Callable[[], None]:
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int, steps: int) -> dict[str, list[float]]:
    """Milliseconds of each in each round, after one that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            spent = milliseconds(work, steps)
            if turn:
                found[name].append(spent)
    return found


def shown(times: list[float]) -> str:
    return f"{statistics.median(times):8.3f} ms [{min(times):.3f}, {max(times):.3f}]"


def alone(contenders: Mapping[str, Scan], rounds: int) -> dict[str, str]:
    """Prints the times; for each shape and number of states the cut with the least of both ways."""
    best: dict[str, str] = {}
    for states in STATES:
        for batch, time in SHAPES:
            given = inputs(batch, time, 2 * D, states)
            works: dict[str, Callable[[], object]] = {}
            for name, scan in contenders.items():
                x, dt, A, B, C, _ = given
                forward = functools.partial(scan, x.detach(), dt=dt.detach(), A=A.detach(), B=B.detach(),
                                            C=C.detach(), D=None)  # fmt: skip
                try:
                    works[f"{name} | forward"] = replayed(forward)
                    works[f"{name} | both ways"] = replayed(functools.partial(both_ways, scan, given))
                except RuntimeError as error:
                    print(f"{name}, {states} states: failed: {one_line(error)[:200]}", flush=True)
                    works = {key: work for key, work in works.items() if not key.startswith(f"{name} |")}
            times = in_turn(works, rounds, 20)
            for name, spent in times.items():
                print(f"{batch:2} x {time}, {states} states, {name:32} {shown(spent)}", flush=True)
            cuts = {name.removesuffix(" | both ways"): statistics.median(spent) for name, spent in times.items()
                    if name.endswith("both ways") and not name.startswith(IN_USE)}  # fmt: skip
            if cuts:
                best[f"{batch} x {time}, {states}"] = min(cuts, key=cuts.__getitem__)
            works.clear()
            gc.collect()
            torch.cuda.empty_cache()
    return best


def steps(contenders: Mapping[str, Scan], best: Mapping[str, str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of whole steps; losses say that both train alike."""
    every: dict[str, list[float]] = {}
    for states in STATES:
        for batch, time in SHAPES:
            name = best.get(f"{batch} x {time}, {states}") or next(n for n in contenders if n != IN_USE)
            for model in STEPS:
                config = replace(CONFIGS[model], d_state=states)
                made = {who: ours(config, batch, time, contenders[who]) for who in (IN_USE, name)}
                losses = {who: float(trainer.state.loss_sum.sum()) / 5 for who, trainer in made.items()}
                times = in_turn({who: trainer.step for who, trainer in made.items()}, rounds, 10)
                for who, spent in times.items():
                    tokens = batch * time / statistics.median(spent) * 1e3
                    words = f"{model} {batch} x {time}, {states} states, {who:20} {shown(spent)}"
                    print(f"{words}, {tokens:,.0f} tokens/s, loss of 5 steps {losses[who]:.5f}", flush=True)
                    every[f"{model} {batch} x {time} {states} {who}"] = spent
                made.clear()
                gc.collect()
                torch.cuda.empty_cache()
    return every


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=("check", "alone", "steps"), default=["check", "alone", "steps"]
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cuts", nargs="+", choices=CUTS, default=list(CUTS))
    given = parser.parse_args()
    contenders = scans(given.cuts)
    if "check" in given.only:
        check(contenders)
    if INTERPRETED:
        return
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    best = alone(contenders, given.rounds) if "alone" in given.only else {}
    found = steps(contenders, best, given.rounds) if "steps" in given.only else {}
    report = Path(os.environ.get("OUT", "."), "gpu_scans.json")
    report.write_text(json.dumps({"best": best, "steps": found}, indent=1))


if __name__ == "__main__":
    main()
