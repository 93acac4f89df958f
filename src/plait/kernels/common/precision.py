"""Where a layer computes more precisely than its weights are stored."""

import torch


def wide(dtype: torch.dtype) -> torch.dtype:
    """float32 for 16-bit types, the type itself otherwise: for scans, softmax, norms and convolutions."""
    return torch.promote_types(dtype, torch.float32)
