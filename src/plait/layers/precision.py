"""Where a layer computes more precisely than its weights are stored."""

from plait.kernels.common.plain import wide

__all__ = ["wide"]
