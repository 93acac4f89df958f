"""Embedding and head: `dispatch.py` chooses among `cpu.py` and `gpu.py`; `stream.py` has both on tiles of sequences."""

from plait.kernels.head.dispatch import embed, head_loss, usable
from plait.kernels.head.reference import Scores, plain_scores
from plait.kernels.head.stream import Answers, stream_embed, stream_head

__all__ = ["Answers", "Scores", "embed", "head_loss", "plain_scores", "stream_embed", "stream_head", "usable"]
