"""AdamW of many members: `dispatch.py` chooses among `reference.py`, `cpu.py` and `gpu.py`."""

from plait.kernels.adamw.dispatch import adamw
from plait.kernels.adamw.reference import AdamWRule

__all__ = ["AdamWRule", "adamw"]
