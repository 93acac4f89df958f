"""The frontier of a task of one's own: families behind fillers, found as `find_state_bits` finds them.

A filler is a run of one token. At each reach a few of them are tried, that of the next greater reach first, and the
rest of the time goes to the one that did best. All reaches share one end: each gets its part of what is left, and
where a busy machine has used that up, no more are begun. Source: docs/theory.md, 11.4.
"""

from collections.abc import Iterable
from time import monotonic

from plait.checks import check_seconds
from plait.theory.bound import Bound
from plait.theory.families.family import StateFamily
from plait.theory.search.found import best_bound, candidate_families, find_state_bits
from plait.theory.search.oracle import Oracle

_TRIED = 4
"""Fillers of a reach, at most."""
_TRIAL = 0.5
"""Share of the time of a reach that goes to trials."""
_APIECE = 0.5
"""Seconds of a reach for each filler that is tried; with fewer, fewer are, but two."""
_LEAST = 1e-3
"""Seconds in which at least one step is made."""


def find_filled_bits(
    task: object, seq_len: int, reaches: Iterable[int], *, seconds: float, seed: int
) -> dict[int, Bound | None]:
    """The best bound found at each reach, None where nothing was found; no entry where the time was out.

    Reach 0 comes first, then the others from the greatest down: what is needed at one is needed at all smaller ones.

    Args:
        reaches: each below `seq_len - 1`.
        seconds: of the whole search; what is begun is ended, so the last step may go beyond.

    Raises:
        ValueError: as `find_state_bits`.
    """
    check_seconds(seconds)
    found: dict[int, Bound | None] = {}
    left = sorted(set(reaches), key=lambda reach: (reach > 0, -reach))
    end, usual = monotonic() + seconds, None
    for place, reach in enumerate(left):
        share = (end - monotonic()) / (len(left) - place)
        if share <= 0:
            break
        if reach == 0:
            bound = find_state_bits(task, seq_len=seq_len, seconds=share, seed=seed)
            found[0] = bound if bound.value else None
            continue
        found[reach], usual = _at_reach(task, seq_len, reach, usual, seconds=share, seed=seed)
    return found


def _at_reach(
    task: object, seq_len: int, reach: int, usual: int | None, *, seconds: float, seed: int
) -> tuple[Bound | None, int | None]:
    """The bound at one reach, and the token that its filler is made of."""
    end = monotonic() + seconds
    first = Oracle(task, seq_len=seq_len, seconds=seconds, seed=seed)
    others = first.rows(1, 4 * _TRIED)[0].tolist()
    fillers = [token for token in dict.fromkeys([usual, *others]) if token is not None]
    fillers = fillers[: min(_TRIED, max(2, int(seconds / _APIECE)))]
    trials: list[tuple[int, list[StateFamily]]] = []
    for place, token in enumerate(fillers):
        left = end - (1 - _TRIAL) * seconds - monotonic()
        if len(trials) > 1 and left <= 0:
            break
        oracle = _oracle(
            task, seq_len, (token, reach), seconds=max(left / (len(fillers) - place), _LEAST), seed=seed
        )
        trials.append((token, candidate_families(oracle)))
    token, candidates = max(trials, key=lambda trial: _most(trial[1]))
    oracle = _oracle(task, seq_len, (token, reach), seconds=max(end - monotonic(), _LEAST), seed=seed + 1)
    if end > monotonic():
        candidates += candidate_families(oracle)
    candidates.sort(key=lambda family: family.size * family.share, reverse=True)
    bound = best_bound(oracle, candidates, seq_len)
    return bound, token if bound is not None else usual


def _oracle(task: object, seq_len: int, filler: tuple[int, int], *, seconds: float, seed: int) -> Oracle:
    """Behind a filler: a token, and how often it stands there."""
    token, reach = filler
    return Oracle(task, seq_len=seq_len, seconds=seconds, seed=seed, filler=[token] * reach)


def _most(candidates: list[StateFamily]) -> float:
    return max((float(family.size * family.share) for family in candidates), default=0.0)
