"""The construction of a task by what a user asks for."""

import torch

from plait.constructions.plan import Plan
from plait.constructions.recall import recall_plan
from plait.constructions.selective import copying_plan
from plait.constructions.smallest import smallest_plan
from plait.tasks import DecodingRecall, SelectiveCopying, Task, task_name


def chosen_plan(
    task: Task,
    seq_len: int,
    *,
    smallest: bool = False,
    success: float | None = None,
    pattern: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Plan:
    """The plan of a task at a length.

    Args:
        smallest: the fewest parameters that the type carries, instead of the layout that is easiest to follow.
        success: of decoding recall: the least probability that a key lies in the window (0.99 for None).
        pattern: of decoding recall: "SSM-TF-TF" (for None) or "SSM-TF"; the smallest layout chooses by itself.
        dtype: of the weights.

    Raises:
        ValueError: a task without a construction, a choice that it does not have, or what the construction refuses.
    """
    if type(task) is DecodingRecall:
        rate = 0.99 if success is None else success
        if smallest and pattern is not None:
            raise ValueError("the smallest layout chooses its pattern by itself: leave pattern out")
        if smallest:
            return smallest_plan(task, seq_len, success=rate, dtype=dtype)
        return recall_plan(task, seq_len, success=rate, pattern=pattern or "SSM-TF-TF", dtype=dtype)
    if type(task) is not SelectiveCopying:
        raise ValueError(
            f"selective-copying and decoding-recall have a construction, {task_name(task)} has none"
        )
    if success is not None or pattern is not None:
        raise ValueError(
            "success and pattern are choices of decoding-recall; selective-copying is always right"
        )
    if smallest:
        return smallest_plan(task, seq_len, dtype=dtype)
    return copying_plan(task, seq_len, dtype=dtype)
