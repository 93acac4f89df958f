"""Signals as rows that lie evenly apart: what the kernels over `(members, batch, time, width)` read."""

from torch import Tensor


def by_rows(signal: Tensor) -> Tensor:
    """The signal with the numbers of a token side by side and tokens evenly apart; a part of a wider one mostly is."""
    if signal.is_contiguous():
        return signal
    apart = signal.stride(-2)
    even = signal.stride(-1) == 1 or signal.shape[-1] == 1
    for axis in range(signal.ndim - 2, -1, -1):
        even = even and (signal.shape[axis] == 1 or signal.stride(axis) == apart)
        apart *= signal.shape[axis]
    return signal if even and signal.shape[-2] > 1 else signal.contiguous()
