"""AdamW of many members: `dispatch.py` calls C++, `gpu.py` or `reference.py`."""

from plait.kernels.adamw.dispatch import adamw
from plait.kernels.adamw.reference import AdamWRule

__all__ = ["AdamWRule", "adamw"]
