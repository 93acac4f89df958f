"""Whether a run can start, found out before anything is written or trained."""

from collections.abc import Generator, Hashable, Iterable
from contextlib import contextmanager

import torch

from plait.checks import one_line
from plait.layers.contract import check_layer
from plait.layers.registry import layer_class
from plait.layers.spec import LayerSpec, sides_of
from plait.model import HybridConfig, HybridLM
from plait.random import Stream
from plait.tasks.base import sample_labelled
from plait.tasks.contract import check_scored, check_task
from plait.tasks.registry import is_ours
from plait.training.run import Run

TRIED_TOKENS = 4
"""Tokens on which layers of the user's own are run once before a training."""

_checked: set[object] = set()
"""What kept its promises already: layer classes with their dimensions, tasks with their lengths."""


def check_run(run: Run, *, unchecked: bool = False) -> int:
    """The model's parameters, after its layers were built and the task gave one sequence.

    Layers and a task of the user's own are also held to what they promise (`plait.layers.contract`,
    `plait.tasks.contract`), unless `unchecked`.

    Raises:
        ValueError: a layer that cannot be imported, built or run, a task that cannot be sampled at this length, or a
            promise that is not kept.
    """
    pattern = run.model.pattern
    with _one_line(f"the layers of {pattern} cannot be built"), torch.device("meta"):
        model = HybridLM(run.model, seed=None)
    with _one_line(f"{type(run.task).__name__} gives no sequence"):
        stream = Stream(torch.tensor([run.train.seed]))
        tokens, _ = sample_labelled(run.task, stream, batch=1, seq_len=run.train.seq_len)
    if not unchecked:
        check_promises(run)
    if any(":" in layer for layer in run.model.parts):
        tokens = tokens[0, :, :TRIED_TOKENS]
        with _one_line(f"the layers of {pattern} fail on {tokens.shape[1]} tokens"), torch.no_grad():
            logits = HybridLM(run.model, run.train.seed).eval()(tokens)
        wanted = (*tokens.shape, run.model.vocab_size)
        if tuple(logits.shape) != wanted:
            raise ValueError(
                f"the layers of {pattern} must keep the shape of what they are given: "
                f"logits of {wanted} are needed, got {tuple(logits.shape)}"
            )
    return sum(parameter.numel() for parameter in model.parameters())


def check_runs(runs: Iterable[Run], *, unchecked: bool = False) -> None:
    """`check_run` for one run of each combination of task class and the user's own layers.

    Raises:
        ValueError: as `check_run`.
    """
    tried: set[object] = set()
    for run in runs:
        own = frozenset(name for name in run.model.parts if ":" in name)
        key = (type(run.task), own)
        if (own or not is_ours(run.task)) and key not in tried:
            check_run(run, unchecked=unchecked)
            tried.add(key)


def check_promises(run: Run) -> None:
    """Hold the user's own layers and task to what they promise; once for each of them in a process.

    Raises:
        ValueError: the promise that is not kept, in one line.
    """
    for name, spec in _own_layers(run.model):
        key = (layer_class(name), spec, min(run.train.seq_len, 100))
        if key not in _checked:
            check_layer(name, spec, seq_len=run.train.seq_len)
            _checked.add(key)
    if not is_ours(run.task):
        key = (run.task, run.train.seq_len) if isinstance(run.task, Hashable) else None
        if key is None or key not in _checked:
            for check in (check_task, check_scored):
                check(run.task, seq_len=run.train.seq_len, seed=run.train.seed)
            _checked.add(key)


def _own_layers(config: HybridConfig) -> Iterable[tuple[str, LayerSpec]]:
    """One of each class, with the dimensions of its first place."""
    named = [
        (side.name, side.spec)
        for name, spec in zip(config.layers, config.layer_specs(), strict=True)
        for side in sides_of(name, spec)
    ]
    return {name: spec for name, spec in reversed(named) if ":" in name}.items()


@contextmanager
def _one_line(what: str) -> Generator[None, None, None]:
    """Code of the user's own may fail in any way; a ValueError says enough by itself."""
    try:
        yield
    except ValueError:
        raise
    except (Exception, SystemExit) as error:
        raise ValueError(f"{what}: {one_line(error)}") from error
