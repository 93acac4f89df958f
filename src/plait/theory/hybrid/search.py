"""The frontier of a task of one's own: families behind fillers, found as `find_state_bits` finds them.

A filler is a run of one token. At each reach a few of them are tried, that of the next greater reach first, and the
rest of the time goes to the one that did best. Source: docs/theory.md, 11.4.
"""

from collections.abc import Iterable

from plait.checks import check_seconds
from plait.theory.bound import Bound
from plait.theory.families.family import StateFamily
from plait.theory.search.oracle import Oracle, check_rule
from plait.theory.search.state_bits import best_bound, candidate_families, find_state_bits

_TRIED = 4
_TRIAL = 0.5
"""Share of the time of a reach that goes to trials."""


def find_filled_bits(
    task: object, seq_len: int, reaches: Iterable[int], *, seconds: float, seed: int
) -> dict[int, Bound]:
    """The best bound found at each reach, none where nothing was found.

    Args:
        reaches: each below `seq_len - 1`.
        seconds: of the whole search.

    Raises:
        ValueError: as `find_state_bits`.
    """
    check_seconds(seconds)
    check_rule(task)
    found: dict[int, Bound] = {}
    left = sorted(set(reaches), reverse=True)
    share, usual = seconds / max(1, len(left)), None
    for reach in left:
        if reach == 0:
            bound = find_state_bits(task, seq_len=seq_len, seconds=share, seed=seed)
            if bound.value:
                found[0] = bound
            continue
        bound, usual = _at_reach(task, seq_len, reach, usual, seconds=share, seed=seed)
        if bound is not None:
            found[reach] = bound
    return found


def _at_reach(
    task: object, seq_len: int, reach: int, usual: int | None, *, seconds: float, seed: int
) -> tuple[Bound | None, int | None]:
    """The bound at one reach, and the token that its filler is made of."""
    first = Oracle(task, seq_len=seq_len, seconds=seconds, seed=seed)
    others = first.rows(1, 4 * _TRIED)[0].tolist()
    fillers = [token for token in dict.fromkeys([usual, *others]) if token is not None][:_TRIED]
    trials: list[tuple[int, list[StateFamily]]] = []
    for token in fillers:
        oracle = Oracle(
            task, seq_len=seq_len, seconds=_TRIAL * seconds / len(fillers), seed=seed, filler=[token] * reach
        )
        trials.append((token, candidate_families(oracle)))
    token, candidates = max(trials, key=lambda trial: _most(trial[1]))
    oracle = Oracle(
        task, seq_len=seq_len, seconds=(1 - _TRIAL) * seconds, seed=seed + 1, filler=[token] * reach
    )
    candidates += candidate_families(oracle)
    candidates.sort(key=lambda family: family.size * family.share, reverse=True)
    bound = best_bound(oracle, candidates, seq_len)
    return bound, token if bound is not None else usual


def _most(candidates: list[StateFamily]) -> float:
    return max((float(family.size * family.share) for family in candidates), default=0.0)
