"""Suffixes worth asking: what a task is likely to react to, besides random tokens."""

import numpy as np

from plait.theory.search.oracle import Oracle


def asking_suffixes(oracle: Oracle, count: int, width: int) -> np.ndarray:
    """Up to `count` suffixes of `width` tokens: one token and a run of another, as many pairs as fit, and random rows.

    All pairs of tokens where a third of the suffixes is enough for them, else pairs at random; each first token is
    there as long as there is room.
    """
    tokens, most = oracle.tokens, max(1, 2 * count // 3)
    n = len(tokens)
    if n * n <= most:
        first, second = np.repeat(tokens, n), np.tile(tokens, n)
    else:
        order = np.argsort(oracle.integers(2**20, (n,)), kind="stable")
        first = np.resize(tokens[order], most)
        second = tokens[oracle.integers(n, (most,))]
    runs = np.repeat(second[:, None], width, axis=1)
    runs[:, 0] = first
    return np.concatenate([runs, oracle.uneven_rows(max(8, min(count - len(runs), len(runs))), width)])
