"""What an installation has, what it lacks, and whether it trains as fast as its machine should."""

import importlib.util
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from plait.checks import counted
from plait.native import library
from plait.native.build import INSTALL, BuildError, built, cache_folder, compiler_command, compiler_version

OPTIONAL = {
    "transformers": "published models: plait export, checks of plait memory; pip install 'plait[hf]'",
    "ray": "experiments spread over workers; pip install 'plait[ray]'",
}
"""Package -> what it is for."""

MEMBERS, _D_MODEL = 8, 8
"""Of the ensemble that is timed: small enough for any machine, and the width of the next figure."""

FLOPS_A_MODEL_STEP = 16e6
"""Arithmetic of one model-step of SSM-TF at d_model 8, batch 8, length 100 (docs/log.md, roofline)."""

HEALTHY_SHARE = 0.02
"""Least share of the matrix products' FLOP a second that compiled kernels make; the plain path has a fifth of it."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One line of the report.

    Args:
        what: was looked at.
        state: "ok", "missing" (optional, or slower without) or "wrong".
        detail: what was found, and for "missing" and "wrong" what to do.
    """

    what: str
    state: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Training of one small ensemble beside the matrix products of the same machine.

    Args:
        model_steps: a second, all members together.
        gflops: of float32 matrix products of PyTorch, on as many threads.
        threads: that PyTorch uses.
    """

    model_steps: float
    gflops: float
    threads: int

    @property
    def share(self) -> float:
        """The engine's arithmetic over the products'."""
        return self.model_steps * FLOPS_A_MODEL_STEP / (self.gflops * 1e9)


def examine(*, seconds: float = 2.0) -> tuple[list[Diagnosis], Speed | None]:
    """Look at everything, and train for about `seconds`; the speed is None without PyTorch."""
    findings = [_own(), _python()]
    if importlib.util.find_spec("torch") is None:
        missing = Diagnosis(what="torch", state="wrong", detail="not installed: pip install torch")
        return [*findings, missing, *_compiled()], None
    findings += [_torch(), *_compiled(), *_gpu(), *_optional()]
    speed = measured_engine(seconds=seconds)
    return [*findings, _judged(speed)], speed


def measured_engine(*, seconds: float = 2.0) -> Speed:
    """Train 8 members of SSM-TF at d_model 8 for about `seconds`, and multiply matrices for a tenth of that."""
    import torch

    from plait.model import HybridConfig
    from plait.tasks import SelectiveCopying
    from plait.training import Run, Train
    from plait.training.trainer import Trainer

    run = Run(
        task=SelectiveCopying(),
        model=HybridConfig(pattern="SSM-TF", d_model=_D_MODEL, window=20),
        train=Train(steps=1_000_000, batch=8, seq_len=100),
    )
    trainer = Trainer(run, seeds=range(MEMBERS), device=torch.device("cpu"))
    left, right = torch.ones(256, 256), torch.ones(256, 256)
    out = torch.empty(256, 256)
    products = rate(lambda: torch.mm(left, right, out=out), seconds=seconds / 10)
    steps = rate(trainer.step, seconds=seconds)
    threads = torch.get_num_threads()
    return Speed(model_steps=steps * MEMBERS, gflops=products * 2 * 256**3 / 1e9, threads=threads)


def rate(call: Callable[[], object], *, seconds: float) -> float:
    """Calls a second, after two that are not counted."""
    call()
    call()
    start, calls = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds or calls < 2:
        call()
        calls += 1
    return calls / spent


def _own() -> Diagnosis:
    place = os.path.dirname(__file__)
    return Diagnosis(what="plait", state="ok", detail=f"{version('plait')} in {place}")


def _python() -> Diagnosis:
    system = f"{platform.system()} {platform.machine()}"
    return Diagnosis(
        what="python", state="ok", detail=f"{platform.python_version()} on {system}, {sys.executable}"
    )


def _torch() -> Diagnosis:
    import torch

    built_for = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    detail = f"{torch.__version__} for {built_for}, {counted(torch.get_num_threads(), 'thread')}"
    return Diagnosis(what="torch", state="ok", detail=detail)


def _compiled() -> list[Diagnosis]:
    """The compiler and what it made; a failure of the last day is tried again."""
    try:
        compiler = compiler_command()
        found = Diagnosis(what="C++ compiler", state="ok", detail=compiler_version(compiler))
    except BuildError as error:
        found = Diagnosis(what="C++ compiler", state="missing", detail=f"{error}; {INSTALL}")
    if library.turned_off():
        detail = "turned off by PLAIT_NATIVE=0: training is many times slower"
        return [found, Diagnosis(what="compiled kernels", state="missing", detail=detail)]
    try:
        start = time.monotonic()
        path = built(again=True)
        spent = time.monotonic() - start
        library.open_library()
    except BuildError as error:
        detail = f"{error}; training is many times slower; {INSTALL}"
        return [found, Diagnosis(what="compiled kernels", state="wrong", detail=detail)]
    new = f", compiled in {spent:.0f} s" if spent > 2 else ""
    return [found, Diagnosis(what="compiled kernels", state="ok", detail=f"{path}{new}")]


def _gpu() -> list[Diagnosis]:
    import torch

    if not torch.cuda.is_available():
        return [
            Diagnosis(
                what="GPU", state="missing", detail="none that PyTorch can use; everything runs on the CPU"
            )
        ]
    names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    triton = (
        Diagnosis(what="Triton", state="ok", detail=version("triton"))
        if library.has_triton()
        else Diagnosis(
            what="Triton", state="wrong", detail="not installed, the GPU trains slowly: pip install triton"
        )
    )
    return [Diagnosis(what="GPU", state="ok", detail=names), triton]


def _optional() -> list[Diagnosis]:
    findings: list[Diagnosis] = []
    for package, use in OPTIONAL.items():
        try:
            findings.append(Diagnosis(what=package, state="ok", detail=version(package)))
        except PackageNotFoundError:
            findings.append(Diagnosis(what=package, state="missing", detail=use))
    folders = (cache_folder(), *cache_folder().absolute().parents)
    there = next(folder for folder in folders if folder.exists())  # what is missing below it can be made
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    state = "ok" if writable else "wrong"
    detail = f"{cache_folder()}{'' if writable else ' cannot be written: PLAIT_CACHE names another'}"
    return [*findings, Diagnosis(what="cache folder", state=state, detail=detail)]


def _judged(speed: Speed) -> Diagnosis:
    measured = (
        f"{speed.model_steps:,.0f} model-steps/s with {MEMBERS} members at d_model {_D_MODEL}: {speed.share:.1%} of "
        f"the {speed.gflops:,.0f} GFLOP/s that matrix products make on {counted(speed.threads, 'thread')}"
    )
    if speed.share >= HEALTHY_SHARE:
        return Diagnosis(what="speed", state="ok", detail=measured)
    detail = f"{measured}; at least {HEALTHY_SHARE:.0%} is usual with compiled kernels and an idle machine"
    return Diagnosis(what="speed", state="wrong", detail=detail)
