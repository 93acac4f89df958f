"""The learning rate of a cell: best mean accuracy over seeds, on sequences that no reported accuracy uses."""

import numpy as np
from numpy.typing import NDArray


def choose(select: NDArray[np.float64]) -> NDArray[np.int64]:
    """The index of the chosen learning rate, for `select` of shape `(*batch, n_lrs, n_seeds)`.

    The mean over seeds decides; among equals the smallest learning rate (they are in ascending order). An
    accuracy that is not a number counts as 0.
    """
    return choose_mean(np.nan_to_num(select, nan=0.0).mean(axis=-1))


def choose_mean(means: NDArray[np.float64]) -> NDArray[np.int64]:
    """The same from means of shape `(*batch, n_lrs)`."""
    # Rounding keeps means that are equal but summed in another order from being told apart.
    return np.argmax(np.round(means, 12), axis=-1)
