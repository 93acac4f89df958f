"""What fits into a memory of so many bytes: sequences of one length, or the length that many sequences can have."""

from plait.checks import check_integer
from plait.memory.architecture import Architecture
from plait.memory.formats import OWN, Storage
from plait.memory.report import MemoryReport

LONGEST = 1 << 40
"""Tokens beyond which no length is looked for."""


def sequences_in(report: MemoryReport, budget: int) -> int | None:
    """Sequences of the report's length that fit beside the weights; None where the weights' bytes are not known.

    Activations and what a framework itself takes are not counted.

    Raises:
        ValueError: a budget below 1 byte.
    """
    check_integer("budget", budget, least=1)
    if report.weight_bytes is None:
        return None
    return max(budget - report.weight_bytes, 0) // max(report.state_bytes, 1)


def longest_in(
    model: Architecture,
    budget: int,
    *,
    batch: int = 1,
    dtype: object = None,
    phase: str = "decode",
    storage: Storage = OWN,
) -> int | None:
    """The greatest length (tokens) at which `batch` sequences fit beside the weights, `LONGEST` at most.

    0 where not one token fits, None where the weights' bytes are not known. What is held may shrink a little where a
    compressed cache closes a pool: the length found is then one that fits, and the next does not.

    Raises:
        ValueError: a budget below 1 byte; as `Architecture.memory`.
    """
    check_integer("budget", budget, least=1)
    if model.memory(1, dtype=dtype, storage=storage).weight_bytes is None:
        return None

    def fits(length: int) -> bool:
        total = model.memory(length, batch=batch, dtype=dtype, phase=phase, storage=storage).total_bytes
        return total is not None and total <= budget

    if fits(LONGEST):
        return LONGEST
    low, high = 0, 1
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
