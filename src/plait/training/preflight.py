"""Whether a run can start, found out before anything is written or trained."""

import torch

from plait.model import HybridLM
from plait.random import Stream
from plait.tasks.base import sample_labelled
from plait.training.run import Run


def check_run(run: Run) -> int:
    """The model's parameters, after its layers were built without memory and the task gave one sequence.

    Raises:
        ValueError: a layer that cannot be imported or built, or a task that cannot be sampled at this length.
    """
    try:
        with torch.device("meta"):
            model = HybridLM(run.model, seed=None)
    except ValueError:
        raise
    except Exception as error:  # a user's layer may fail in any way
        raise ValueError(f"the layers of {run.model.pattern} cannot be built: {_line(error)}") from error
    try:
        sample_labelled(run.task, Stream(run.train.seed), batch=1, seq_len=run.train.seq_len)
    except ValueError:
        raise
    except Exception as error:  # a user's task may fail in any way
        raise ValueError(f"{type(run.task).__name__} gives no sequence: {_line(error)}") from error
    return sum(parameter.numel() for parameter in model.parameters())


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
