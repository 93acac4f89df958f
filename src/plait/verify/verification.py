"""A model against the exact targets of its task: exhaustively, on samples, and on inputs made to break it."""

import copy
from collections.abc import Sequence

import torch

from plait.model import HybridLM
from plait.tasks import Task
from plait.verify.result import Checks, Claims, Verification
from plait.verify.session import Progress, Session
from plait.verify.workers import single_threads


def verify(
    model: HybridLM,
    task: Task,
    checks: Checks,
    *,
    dtypes: Sequence[torch.dtype] | None = None,
    claims: Claims | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Reads the inputs that `checks` names, once in each type of number.

    Args:
        model: of the task's vocabulary; it is not changed.
        task: gives exact targets; undefined ones are counted apart.
        checks: which inputs.
        dtypes: the model is converted to; None for its own alone.
        claims: what is proved of it.
        progress: told now and then how far it is.

    Raises:
        ValueError: a vocabulary that is not the task's, a domain too large to exhaust, a window claimed for a
            task whose targets have no known place, or what the task's sampler refuses.
    """
    check_vocabulary(model, task)
    claims = claims or Claims()
    own = model.embedding.weight.dtype
    training = model.training
    model.eval()
    try:
        with single_threads() as threads:
            sessions = [
                Session(
                    model if dtype == own else copy.deepcopy(model).to(dtype),
                    task,
                    checks,
                    window=claims.window,
                    threads=threads,
                    progress=progress,
                )
                for dtype in dtypes or (own,)
            ]
            return Verification(verified=tuple(session.verified() for session in sessions), claims=claims)
    finally:
        model.train(training)


def check_vocabulary(model: HybridLM, task: Task) -> None:
    """Raises:
    ValueError: the model's vocabulary is not the task's.
    """
    if model.config.vocab_size != task.vocab_size:
        raise ValueError(
            f"the model must have the task's vocab_size, {task.vocab_size}, got {model.config.vocab_size}"
        )
