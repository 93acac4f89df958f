"""Bounds for a task given only by its targets: `find_state_bits` and `find_reach`.

`find_reach` looks for inputs that windowed attention cannot tell apart. Short pairs first: rows that differ only in
their first few tokens and in their target at the end. Then each is stretched to the full length by a run of one token
somewhere in what they share.

`find_state_bits` looks for lower bounds in stages, in turn until the time is out: what followed a key last (forests,
trees, paths), places that are copied, slots one by one, plain lists and the birthday bound. The best candidate becomes
a certificate, which is checked before it is handed out; so the bound is true at its confidence, and it is labelled as
found: a better one may exist. Source: docs/theory.md, 4.8.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from plait.theory.bound import Bound, filled_statement
from plait.theory.certificate import found_certificate, reach_certificate
from plait.theory.checker import check
from plait.theory.families.family import StateFamily
from plait.theory.recurrent import printed_of, table_state_bits
from plait.theory.search.copies import copied_candidates
from plait.theory.search.followers import follower_candidates
from plait.theory.search.lists import listed_candidates
from plait.theory.search.oracle import UNDEFINED, Oracle
from plait.theory.search.records import record_candidates
from plait.theory.search.slots import slot_candidates

_ROWS = 6_000
_MOST_AT_ONCE = 6_000_000
_MOST_PAIRS = 40
_MOST_TOKENS = 48
_MOST_DIFFERING = 8
"""Rows that are looked through, tokens of all, pairs that are widened, their tokens and differences (effort)."""


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
    # Short rows are asked fastest.
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
    count = max(1, min(_ROWS, _MOST_AT_ONCE // length))
    rows = oracle.uneven_rows(count, length)
    others = rows.copy()
    others[:, :differing] = oracle.rows(count, differing)
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


_LEAST_SHARE = Fraction(1, 50)
_KEPT = 8
_COPIES, _RECORDS = 3, 2
"""Shares of the time for copied places, of which each round is short and ends in a family, and for records, of which
only a whole table is worth something, to one for every other."""

_SURELY_READ = Fraction(93, 100)
"""What all of a few hundred trials prove: nothing was seen to fail."""


def find_state_bits(task: object, *, seq_len: int = 100, seconds: float = 60, seed: int = 0) -> Bound:
    """Bits of state without which no recurrent model is right at every scored position of this task.

    Args:
        task: anything with `targets` and `vocab_size`; nothing else of it is used.
        seq_len: tokens that inputs may have.
        seconds: the budget of time.
        seed: of the search's random choices.

    Raises:
        ValueError: a budget that is not positive, a seq_len below 2, or a task without targets.
    """
    oracle = Oracle(task, seq_len=seq_len, seconds=seconds, seed=seed)
    bound = best_bound(oracle, candidate_families(oracle), seq_len)
    if bound is not None:
        return bound
    return Bound(
        quantity="state bits",
        value=Fraction(0),
        found=True,
        statement=f"No family was found on inputs of {seq_len} tokens in the time given; that proves nothing.",
    )


def best_state_bits(
    task: object, *, seq_len: int = 100, seconds: float = 60, seed: int = 0
) -> tuple[Bound, Bound | None]:
    """The better bound of what is written down for the task (Theorem 2.12) and what a search finds, and the other one.

    Raises:
        ValueError: as `find_state_bits`.
    """
    found = find_state_bits(task, seq_len=seq_len, seconds=seconds, seed=seed)
    written = table_state_bits(task, seq_len)
    if written is not None and written.value >= found.value:
        return written, found
    return found, written


def candidate_families(oracle: Oracle) -> list[StateFamily]:
    """The families of most contents that the stages find while time is left, best first; each stage has its share."""
    stages = [
        stage(oracle)
        for stage in (
            follower_candidates,
            listed_candidates,
            copied_candidates,
            slot_candidates,
            record_candidates,
        )
    ]
    used, shares = dict.fromkeys(range(len(stages)), 0.0), (1, 1, _COPIES, 1, _RECORDS)
    best: list[StateFamily] = []
    while used and oracle.left() > 0:
        number = min(used, key=lambda stage: used[stage])
        before = oracle.left()
        try:
            family = next(stages[number])
        except StopIteration:
            del used[number]
            continue
        used[number] += (before - oracle.left()) / shares[number]
        if family is not None and family.share >= _LEAST_SHARE and family.size > 1:
            family = replace(family, filler=oracle.filler.tolist())
            if not best or family.size * family.share > best[0].size * best[0].share:
                used[number] /= 2  # what found more may go on
            best = sorted([*best, family], key=lambda f: f.size * f.share, reverse=True)[:_KEPT]
    return best


def best_bound(oracle: Oracle, candidates: list[StateFamily], seq_len: int) -> Bound | None:
    """The bound of the first candidate for which the checker accepts any; None if it accepts none."""
    for candidate in candidates:
        bound = _certified(oracle.task, candidate, seq_len)
        if bound is not None:
            return bound
    return None


def _certified(task: object, candidate: StateFamily, seq_len: int) -> Bound | None:
    certificate = found_certificate(task, candidate, Fraction(0))
    verdict = check(certificate, task=task if ":" in str(certificate["task"]) else None)
    # Another draw of contents may go a little worse.
    slack = Fraction(0) if verdict.confidence == 1 or candidate.share > _SURELY_READ else Fraction(1, 4)
    bits = (verdict.bits or Fraction(0)) - slack
    if bits <= 0:
        return None
    certificate = found_certificate(task, candidate, bits)
    return Bound(
        quantity=str(certificate["quantity"]),
        value=bits,
        confidence=verdict.confidence,
        certificate=certificate,
        certified=bits,
        found=True,
        printed=None if candidate.filler else printed_of(candidate, int(task.vocab_size)),  # pyright: ignore
        statement=_statement(candidate, seq_len),
    )


def _statement(candidate: StateFamily, seq_len: int) -> str:
    if candidate.filler:
        return f"{filled_statement(candidate, seq_len)} Found by search, not optimal."
    return (
        f"A model right at every scored position of every input of {seq_len} tokens carries this much over the cut "
        f"after token {candidate.prefix_length}: {candidate.description}. Found by search, not optimal."
    )
