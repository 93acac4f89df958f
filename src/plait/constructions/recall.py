"""`decoding_recall`: the construction of a task, a length and a success rate."""

import torch

from plait.constructions.recall_long import RecallPlan
from plait.constructions.recall_short import ShortRecallPlan
from plait.constructions.register import single_decay
from plait.constructions.window import smallest_window
from plait.model import HybridLM
from plait.tasks import DecodingRecall


def decoding_recall(
    task: DecodingRecall,
    seq_len: int,
    *,
    success: float = 0.99,
    pattern: str = "SSM-TF-TF",
    dtype: torch.dtype = torch.float32,
) -> HybridLM:
    """A model that is right wherever the word in the register is among the keys in its last window."""
    window = min(smallest_window(task, success), max(seq_len - 1, 1))
    if pattern == "SSM-TF":
        register = single_decay(task.n_bits)
        return ShortRecallPlan(task=task, window=window, register=register, dtype=dtype).build()
    return RecallPlan(task=task, window=window, base=task.n_words, dtype=dtype).build()
