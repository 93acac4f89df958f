"""GDN-TF x 6 of width 1,024 at 64 x 256 tokens on one GPU: which of its parts run in kernels of their own.

    python benchmarks/wide_gdn.py [--seconds 245] [--rounds 5] [--steps 10] [--only all ..]
    python benchmarks/wide_gdn.py --device cpu   whether the program runs, at a tiny size and without such kernels

Each contender is a process of its own. All draw, compile and capture their twelve layers at once and wait; then one
after the other, in the order of CONTENDERS, is measured while the rest stand still, printed and ended: medians with
their range, and where its time goes by kernels. What time is left compares gradients of GDN with 4 and 8 heads on the
device with those of the uncompiled layer in float32 products, as norm of the difference over norm: what is compiled
may be off by 1e-3 in float32, and in bfloat16 by half as much again as the uncompiled one in bfloat16. The rate of a
contender whose gradient is WRONG there is none.
"""

import argparse
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from plait import HybridConfig
from plait.kernels.common import compiled
from plait.kernels.graph.wide import PYTORCH_ALONE, OwnKernels
from plait.paper import wide_models as wide
from plait.random import TEST, Stream
from plait.tasks.base import sample_labelled
from plait.training import Run
from plait.training.trainer import Trainer
from plait.training.wide import WideEnsemble

CONVOLUTION = OwnKernels(convolution=True)
ALL = OwnKernels(convolution=True, states=True, joined=True)
CONTENDERS = {
    "all": (True, ALL),
    "convolution": (True, CONVOLUTION),
    "compiled": (True, PYTORCH_ALONE),
    "convolution, joined": (True, replace(CONVOLUTION, joined=True)),
    "uncompiled": (False, PYTORCH_ALONE),
    "all, uncompiled": (False, ALL),
}
USUAL = [name for name in CONTENDERS if name != "convolution, joined"]
GRADIENTS = {
    f"{heads} heads, {name}": (heads, products, own)
    for heads in (4, 8)
    for name, products, own in (
        ("float32", torch.float32, PYTORCH_ALONE),
        ("bfloat16", torch.bfloat16, PYTORCH_ALONE),
        ("bfloat16, own kernels", torch.bfloat16, ALL),
    )
}
TASK = wide.packed(0.2, separator=False)
WIDTH = {"cuda": 1024, "cpu": 32}
TOKENS = {"cuda": (64, 256), "cpu": (2, 60)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("--rounds", 5), ("--steps", 10), ("--seconds", 245)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=USUAL)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--gradients", choices=GRADIENTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    warnings.simplefilter("default", UserWarning)
    if given.device == "cpu":
        compiled.BACKEND = "aot_eager"
    if given.contender:
        contend(given.contender, given)
    elif given.gradients:
        compare(*GRADIENTS[given.gradients], given.device)
    else:
        direct(given)


def direct(given: argparse.Namespace) -> None:
    ends = time.time() + given.seconds
    where = torch.cuda.get_device_name() if given.device == "cuda" else "CPU, tiny: no measurement"
    print(f"{where}, torch {torch.__version__}", flush=True)
    with tempfile.TemporaryDirectory() as cache:
        there = {"TORCHINDUCTOR_CACHE_DIR": f"{cache}/inductor", "TRITON_CACHE_DIR": f"{cache}/triton"}
        own = {**os.environ, **there, "TORCHINDUCTOR_COMPILE_THREADS": "3"}
        begun = [sys.executable, __file__, *sys.argv[1:]]

        def start(option: str, name: str) -> subprocess.Popen[str]:
            return subprocess.Popen(
                [*begun, option, name], env=own, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )

        contenders = {name: start("--contender", name) for name in CONTENDERS if name in given.only}
        checks = dict[str, subprocess.Popen[str]]()
        try:
            for name, process in contenders.items():
                print(f"{name}: {_line(process, ends - 60)}", flush=True)
            for name, process in contenders.items():
                print(f"{name}: {_line(process, ends, tell=True)}", flush=True)
                print(f"    {_line(process, ends)}", flush=True)
                process.kill()
            names = GRADIENTS if given.device == "cuda" else list(GRADIENTS)[:2]
            checks |= {name: start("--gradients", name) for name in names}
            for name, process in checks.items():
                print(f"gradients, {name}: {_line(process, ends)}", flush=True)
        finally:
            for process in (*contenders.values(), *checks.values()):
                process.kill()
                process.communicate()


def _line(process: "subprocess.Popen[str]", ends: float, *, tell: bool = False) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    if tell and process.poll() is None:
        process.stdin.write("\n")
        process.stdin.flush()
    seconds = max(0.0, ends - time.time())
    if not select.select([process.stdout], [], [], seconds)[0]:
        process.kill()
    return process.stdout.readline().strip() or "no answer (no time, or see above)"


def contend(name: str, given: argparse.Namespace) -> None:
    began = time.time()
    one = trainer(name, given.device, pairs=6 if given.device == "cuda" else 1)
    print(f"drawn, compiled and captured in {time.time() - began:.0f} s", flush=True)
    sys.stdin.readline()
    times = list[float]()
    for _ in range(given.rounds):
        _wait(given.device)
        start = time.perf_counter()
        for _ in range(given.steps):
            one.step()
        _wait(given.device)
        times.append((time.perf_counter() - start) / given.steps * 1e3)
    batch, length = TOKENS[given.device]
    middle, gigabytes = statistics.median(times), torch.cuda.max_memory_allocated() / 1e9
    print(
        f"{middle:.2f} ms [{min(times):.2f}, {max(times):.2f}], {batch * length / middle * 1e3:,.0f} tokens/s; "
        f"loss {float(one.state.loss_sum.mean()):.4f}, {gigabytes:.1f} GB",
        flush=True,
    )
    print(json.dumps(list(_profile(one)) if given.device == "cuda" else []), flush=True)


def trainer(name: str, device: str, *, pairs: int) -> Trainer:
    """After some steps, the last ones captured."""
    fuse, own = CONTENDERS[name]
    model = replace(wide.transformer(WIDTH[device]), pattern=f"(GDN-TF)*{pairs}", d_mlp=2 * WIDTH[device])
    batch, length = TOKENS[device]
    protocol = replace(wide.WIDE_PROTOCOL, batch=batch, seq_len=length)
    one = Trainer(Run(task=TASK, model=model, train=protocol), device=torch.device(device))
    assert isinstance(one.ensemble, WideEnsemble)
    _switch(one.ensemble, fuse=fuse, own=own)
    for _ in range(5 if device == "cuda" else 1):
        one.step()
    return one


def _switch(ensemble: WideEnsemble, *, fuse: bool, own: OwnKernels) -> None:
    ensemble.own = own
    ensemble.is_compiled = lambda kind, _: fuse or kind != "GDN"


def _profile(one: Trainer) -> Iterator[tuple[float, int, str]]:
    """Milliseconds and calls of a step's longest kernels."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as found:
        one.step()
        torch.cuda.synchronize()
    for row in sorted(found.key_averages(), key=lambda row: -row.self_device_time_total)[:24]:
        yield round(row.self_device_time_total / 1e3, 2), row.count, row.key[:90]


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def compare(heads: int, products: torch.dtype, own: OwnKernels, device: str) -> None:
    model = HybridConfig(
        TASK.vocab_size, pattern="GDN-TF", d_model=16 * heads if device == "cpu" else 128 * heads, n_heads=4,
        options={"GDN": {"heads": heads}},
    )  # fmt: skip
    tokens, targets = sample_labelled(TASK, Stream(torch.tensor([3]), 0, TEST), batch=4, seq_len=150)
    there = targets.tokens.to(device), targets.scored.to(device)

    def gradients(products: torch.dtype, own: OwnKernels, fuse: bool) -> Tensor:
        ensemble = WideEnsemble(model, [3], device=device, products=products)
        _switch(ensemble, fuse=fuse, own=own)
        ensemble.learn(tokens.to(device), there)
        return ensemble.gradients.double()

    exact = gradients(torch.float32, PYTORCH_ALONE, False)
    cases = ((products, PYTORCH_ALONE, False), (products, own, False), (products, own, True))
    plain, as_written, fused = (float((gradients(*case) - exact).norm() / exact.norm()) for case in cases)
    allowed = 1e-3 if products == torch.float32 else 1.5 * plain
    word = "right" if max(as_written, fused) <= allowed else "WRONG"
    print(
        f"{word}: compiled off by {fused:.1e}, as written {as_written:.1e}, by PyTorch's operations {plain:.1e}",
        flush=True,
    )


if __name__ == "__main__":
    main()
