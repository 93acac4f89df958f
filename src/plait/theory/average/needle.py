"""Needle: how right S states can be on the sampled rows.

    tokens    d  c  A  b  a  a  d  B
    targets   -  -  -  b  b  b  b  b       the first is the token itself; each later one is b, uniform among W words

Source: docs/theory.md, Theorem 13.2.
"""

import numpy as np

from plait.tasks import Needle


def needle_scored(task: Needle, seq_len: int) -> float:
    """Expected scored positions of a row: from the word after marker A on, that marker being in the first half."""
    return float((seq_len - 1 - np.arange(seq_len // 2)).mean())


def needle_ceiling(task: Needle, seq_len: int, bits: np.ndarray) -> np.ndarray:
    """The most accuracy at each number of bits: the word's own position, and a share `S / W` of all later ones.

    Raises:
        ValueError: a task that scores marker A, where a causal model can only guess, or rows of fewer than 3 tokens.
    """
    if task.score_marker or seq_len < 3:
        raise ValueError(
            f"a ceiling is known for needle without score_marker on 3 tokens or more, got {task} on {seq_len}"
        )
    scored = needle_scored(task, seq_len)
    share = np.minimum(1.0, 2.0 ** np.minimum(bits, 1000.0) / task.n_words)
    return (1 + (scored - 1) * share) / scored
