"""Which engine trains a run: many small models as one ensemble, or wide ones, each of which fills the device."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from plait.checks import check_choice, counted
from plait.deferred import deferred
from plait.model.config import HybridConfig

if TYPE_CHECKING:
    import torch

    from plait.training.ensemble import Ensemble
    from plait.training.run import Run
else:
    torch = deferred("torch")

ENGINES = ("auto", "ensemble", "wide")

WIDE_FROM = 512
"""Width of the residual stream from which "auto" takes the wide engine."""

_COPIES = 4
"""Of the weights: themselves, their gradients and two moments."""


def engine_for(run: Run, name: str = "auto") -> str:
    """The engine by its name; for "auto" the wide one where models are wide or products are in 16 bits.

    Raises:
        ValueError: an unknown name, or products that the engine asked for does not have.
    """
    check_choice("engine", name, ENGINES)
    reduced = run.train.products != "float32"
    if name == "ensemble" and reduced:
        raise ValueError(
            f"products in {run.train.products} are the wide engine's: leave engine at auto, or wide"
        )
    if name == "auto":
        return "wide" if reduced or run.model.d_model >= WIDE_FROM else "ensemble"
    return name


def make_ensemble(run: Run, seeds: list[int], *, device: torch.device, engine: str = "auto") -> Ensemble:
    """The members of these seeds at their initial weights.

    Raises:
        ValueError: as `engine_for`, products in 16 bits on a card without, wide models that no memory holds, or start
            weights that do not fit.
    """
    from plait.training.ensemble import DTYPES, Ensemble
    from plait.training.wide import WideEnsemble

    dtype, chosen = DTYPES[run.train.dtype], engine_for(run, engine)
    if chosen == "wide":
        check_products(run.train.products, device)
        check_room(run.model, len(seeds), itemsize=dtype.itemsize, device=device)
    start = run.start and run.start.parameters(
        run.task, run.model, seeds, seq_len=run.train.seq_len, dtype=dtype
    )
    if chosen == "ensemble":
        return Ensemble(run.model, seeds, dtype=dtype, device=device, start=start)
    products = torch.bfloat16 if run.train.products == "bfloat16" else None
    return WideEnsemble(run.model, seeds, dtype=dtype, device=device, start=start, products=products)


def check_products(products: str, device: torch.device) -> None:
    """Raises:
    ValueError: products in bfloat16 on a GPU that has none.
    """
    if products == "bfloat16" and device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0):
        card = torch.cuda.get_device_name(device)
        raise ValueError(
            f"products in bfloat16 need a GPU of compute capability 8.0 or more, and {card} has less"
        )


def check_room(config: HybridConfig, members: int, *, itemsize: int, device: torch.device) -> None:
    """Raises:
    ValueError: weights, gradients and moments alone are more than the device's memory; says what would fit.
    """
    held = _memory(device)
    wanted = _COPIES * itemsize * members * parameter_count(config)
    if wanted <= held:
        return
    narrower = config
    while _COPIES * itemsize * members * parameter_count(narrower) > held:
        half = narrower.d_model // 2 // config.n_heads * config.n_heads
        if half < 1:
            break
        narrower = replace(narrower, d_model=half)
    raise ValueError(
        f"d_model {config.d_model} needs {wanted / 1e9:,.0f} GB for the weights, gradients and moments of "
        f"{counted(members, 'member')}, and {device} has {held / 1e9:,.0f} GB: "
        f"d_model {narrower.d_model} would fit"
    )


def parameter_count(config: HybridConfig) -> int:
    """Of a model, without making its weights."""
    from plait.model.hybrid import HybridLM

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in HybridLM(config, seed=None).parameters())


def _memory(device: torch.device) -> int:
    """Bytes of the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
