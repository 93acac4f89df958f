"""Inputs that windowed attention cannot tell apart, for a task given only by its targets: `find_reach`.

Short pairs first: rows that differ only in their first few tokens and in their target at the end. Then each is
stretched to the full length by a run of one token somewhere in what they share. Source: docs/theory.md, 4.8.
"""

import numpy as np

from plait.theory.bound import Bound
from plait.theory.certificate import reach_certificate
from plait.theory.checker import check
from plait.theory.search.oracle import UNDEFINED, Oracle

_ROWS = 6_000
_MOST_PAIRS = 40
_MOST_TOKENS = 48
_MOST_DIFFERING = 8


def find_reach(task: object, seq_len: int, *, seconds: float = 20, seed: int = 0) -> Bound:
    """A reach R: two inputs of `seq_len` tokens that agree on their last R and differ in their target at the end.

    Args:
        task: anything with `targets` and `vocab_size`; nothing else of it is used.
        seq_len: tokens.
        seconds: the budget of time.
        seed: of the search's random choices.

    Raises:
        ValueError: a budget that is not positive, a seq_len below 2, a task without targets, or inputs found
            that the checker refuses (they are too long for it).
    """
    oracle = Oracle(task, seq_len=seq_len, seconds=seconds, seed=seed)
    pair = None
    for differing in range(1, min(_MOST_DIFFERING, seq_len - 1) + 1):
        pair = _pair(oracle, differing) if pair is None and oracle.left() > 0 else pair
    if pair is None:
        pair = _deepest(oracle)
    if pair is None:
        statement = (
            f"No two inputs of {seq_len} tokens with different targets were found; that proves nothing."
        )
        return Bound(quantity="reach", value=0, found=True, statement=statement)
    tokens = _agreement(pair)
    certificate = reach_certificate(task, tokens, pair.tolist())
    verdict = check(certificate, task=task if ":" in str(certificate["task"]) else None)
    if not verdict.accepted:
        raise ValueError(f"the checker refuses the two inputs that were found: {verdict.reason}")
    return Bound(
        quantity="reach",
        value=tokens,
        certified=tokens,
        certificate=certificate,
        found=True,
        statement=(
            f"Attention with sum(w - 1) < {tokens} is wrong at the end of one of two inputs of {seq_len} tokens that "
            f"agree on their last {tokens}. Found by search, not optimal."
        ),
    )


def _pair(oracle: Oracle, differing: int) -> np.ndarray | None:
    """Two rows of the full length that differ in their first `differing` tokens at most."""
    lengths = sorted({*range(differing + 1, min(oracle.seq_len, differing + 14)), oracle.seq_len})
    for length in lengths:
        if length < differing + (length < oracle.seq_len):
            continue
        for pair in _short_pairs(oracle, length, differing):
            stretched = pair if length == oracle.seq_len else _stretched(oracle, pair, differing)
            if stretched is not None:
                return stretched
            if oracle.left() <= 0:
                return None
    return None


def _deepest(oracle: Oracle) -> np.ndarray | None:
    """By bisection over random rows of the full length: the fewest first tokens that change a target at the end."""
    low, high, best = 1, oracle.seq_len, None
    while low <= high:
        middle = (low + high) // 2
        pairs = _short_pairs(oracle, oracle.seq_len, middle)
        if pairs:
            best, high = max(pairs, key=_agreement), middle - 1
        else:
            low = middle + 1
    return best


def _short_pairs(oracle: Oracle, length: int, differing: int) -> list[np.ndarray]:
    """Pairs of that length with different defined targets at the end, from rows of few tokens each."""
    rows = oracle.uneven_rows(_ROWS, length)
    others = rows.copy()
    others[:, :differing] = oracle.rows(_ROWS, differing)
    ends, other_ends = oracle.targets(rows)[:, -1], oracle.targets(others)[:, -1]
    different = np.flatnonzero((ends != other_ends) & (ends != UNDEFINED) & (other_ends != UNDEFINED))
    return [np.stack([rows[i], others[i]]) for i in different[:_MOST_PAIRS]]


def _stretched(oracle: Oracle, pair: np.ndarray, differing: int) -> np.ndarray | None:
    """The pair with a run of one token put between two tokens that it shares, if the targets still differ."""
    length = pair.shape[1]
    fillers = oracle.tokens
    if len(fillers) > _MOST_TOKENS:
        used = np.intersect1d(np.unique(pair), fillers)
        fillers = np.unique(np.concatenate([used, fillers[:_MOST_TOKENS]]))
    candidates = []
    for place in range(differing, length):
        for filler in fillers:
            run = np.full((2, oracle.seq_len - length), filler)
            candidates.append(np.concatenate([pair[:, :place], run, pair[:, place:]], axis=1))
    if not candidates:
        return None
    ends = oracle.targets(np.concatenate(candidates))[:, -1].reshape(-1, 2)
    good = np.flatnonzero((ends[:, 0] != ends[:, 1]) & (ends != UNDEFINED).all(1))
    return candidates[int(good[0])] if len(good) else None


def _agreement(pair: np.ndarray) -> int:
    return int(np.flatnonzero((pair[0] != pair[1])[::-1])[0])
