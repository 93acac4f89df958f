"""Where a target stands: how many places back the token is that must be copied."""

import torch
from jaxtyping import Int
from torch import Tensor

from plait.compiler import Program
from plait.tasks import AssociativeRecall, DecodingRecall, SelectiveCopying, Task
from plait.tasks.base import Targets
from plait.tasks.lookup import follow_latest


def source_distances(
    task: Task, tokens: Int[Tensor, "*batch time"], targets: Targets
) -> Int[Tensor, "*batch time"] | None:
    """int32; -1 where nothing is scored; None for a task whose targets are not read from one known place."""
    time = tokens.shape[-1]
    if isinstance(task, Program):
        distances = task.sources(tokens)
        return None if distances is None else torch.where(targets.scored, distances, -1).to(torch.int32)
    if type(task) is SelectiveCopying:
        steps, _ = task.control(tokens)
        found = steps
    elif type(task) is DecodingRecall or type(task) is AssociativeRecall:
        keys = task.control(tokens)[0] if type(task) is DecodingRecall else tokens
        here = torch.arange(time, device=tokens.device)
        places = follow_latest(here.expand(tokens.shape), tokens, keys)
        found = here - places.tokens
    else:
        return None
    return torch.where(targets.scored, found, -1).to(torch.int32)
