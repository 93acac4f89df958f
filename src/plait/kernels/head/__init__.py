"""Embedding and head: `dispatch.py` chooses among `cpu.py` and `gpu.py`; `cpu.py` has both on tiles as well."""

from plait.kernels.head.cpu import Answers, stream_embed, stream_head
from plait.kernels.head.dispatch import embed, head_loss, usable
from plait.kernels.head.reference import Scores, plain_scores

__all__ = ["Answers", "Scores", "embed", "head_loss", "plain_scores", "stream_embed", "stream_head", "usable"]
