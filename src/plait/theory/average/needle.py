"""Needle: how right S states can be on the sampled rows.

    tokens    d  c  A  b  a  a  d  B
    targets   -  -  -  b  b  b  b  b       the first is the token itself; each later one is b, uniform among W words

The best model of S <= W states keeps S - 1 of the words for good. Its last state is the one behind marker A, and all
other words stay in it, until a word that is kept is read there: so one word more is kept, less and less. Source:
docs/theory.md, Theorem 13.2.
"""

import numpy as np

from plait.tasks import Needle


def needle_scored(task: Needle, seq_len: int) -> float:
    """Expected scored positions of a row: from the word after marker A on, that marker being in the first half."""
    return float((seq_len - 1 - np.arange(seq_len // 2)).mean())


def needle_ceiling(task: Needle, seq_len: int, bits: np.ndarray) -> np.ndarray:
    """The most accuracy at each number of bits: that of the best model, where the first half of a row is no longer
    than the words are many, and one; else the word's own position, and a share `S / W` of all later ones.

    Raises:
        ValueError: a task that scores marker A, where a causal model can only guess, or rows of fewer than 3 tokens.
    """
    check_rows(task, seq_len)
    # 2^bits may round to below the integer that it is; beyond 1,000 bits a float64 would overflow.
    states = np.floor(2.0 ** np.minimum(bits, 1000.0) * (1 + 1e-12))
    if is_exact(task, seq_len):
        return needle_reached(task, seq_len, states)
    scored = needle_scored(task, seq_len)
    share = np.minimum(1.0, states / task.n_words)
    return (1 + (scored - 1) * share) / scored


def is_exact(task: Needle, seq_len: int) -> bool:
    """Whether no model is better than the one that `needle_reached` is about."""
    return seq_len // 2 <= task.n_words + 1


def check_rows(task: Needle, seq_len: int) -> None:
    """Refuses rows of which nothing is known here.

    Raises:
        ValueError: as `needle_ceiling`.
    """
    if task.score_marker or seq_len < 3:
        raise ValueError(
            f"a ceiling is known for needle without score_marker on 3 tokens or more, got {task} on {seq_len}"
        )


def needle_reached(task: Needle, seq_len: int, states: np.ndarray) -> np.ndarray:
    """The accuracy of the model above, for each whole number of states.

    The word that is read at `t` is known later if it is kept, or is the one more and `until - t` words that came since
    were none that is kept; `until` is the answer's place, or the last at which a word may follow marker A.
    """
    half, words = seq_len // 2, task.n_words
    kept = np.minimum(states, words) - 1
    stays = (words - kept) / words
    ages = np.arange(half)
    more = stays[..., None] ** ages  # by words that came since
    behind = (seq_len - 1 - half) * (half * kept + more.sum(-1))
    counts = half - ages[1:]  # answers within the first half, so many words after the word itself
    within = kept * counts.sum() + more[..., 1:] @ counts
    scored = needle_scored(task, seq_len)
    right = (1 + (behind + within) / (half * words)) / scored
    return np.where(states > words, 1.0, right)
