"""Whether a run can start, found out before anything is written or trained."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from plait.model import HybridLM
from plait.random import Stream
from plait.tasks.base import sample_labelled
from plait.training.run import Run

TRIED_TOKENS = 4


def check_run(run: Run) -> int:
    """The model's parameters, after its layers were built and the task gave one sequence.

    Layers of the user's own are also run, on a few tokens.

    Raises:
        ValueError: a layer that cannot be imported, built or run, or a task that cannot be sampled at this length.
    """
    pattern = run.model.pattern
    with _one_line(f"the layers of {pattern} cannot be built"), torch.device("meta"):
        model = HybridLM(run.model, seed=None)
    with _one_line(f"{type(run.task).__name__} gives no sequence"):
        stream = Stream(torch.tensor([run.train.seed]))
        tokens, _ = sample_labelled(run.task, stream, batch=1, seq_len=run.train.seq_len)
    if any(":" in layer for layer in run.model.layers):
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


@contextmanager
def _one_line(what: str) -> Generator[None, None, None]:
    """Code of the user's own may fail in any way; a ValueError says enough by itself."""
    try:
        yield
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())}") from error
