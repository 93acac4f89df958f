"""Embedding and head: `dispatch.py` calls C++ or `gpu.py`, in C++ on tiles of sixteen sequences as well."""

from plait.kernels.head.dispatch import Answers, embed, head_loss, stream_embed, stream_head, usable
from plait.kernels.head.reference import Scores, plain_scores

__all__ = ["Answers", "Scores", "embed", "head_loss", "plain_scores", "stream_embed", "stream_head", "usable"]
