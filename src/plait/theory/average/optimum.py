"""The best accuracy of any model of S states, exactly, at small sizes.

A model that reads on is, at each number of tokens, a division of the prefixes into S blocks; what can still be right
depends on the blocks' masses over the classes alone. So the best division is searched token by token (dynamic
programming over the distribution of the class), and a branch is left where two things say that it cannot win: what
would be right if nothing were forgotten from here on, and what S different answers can be right about at each later
token. Source: docs/theory.md, Theorem 13.6.

Models of S states by local search: an accuracy that is reached, so that no ceiling can lie below it.

One choice is bettered at a time, all others held: the answer of a state at a token, the state that follows. Each step
uses the exact worth of all that comes later. Source: docs/theory.md, Theorem 13.6.
"""

from itertools import combinations
from math import comb

import numpy as np

from plait.checks import check_integer
from plait.theory.average.rows import SampledRows, sampled_rows

MOST_BRANCHES = 3_000
MOST_DIVISIONS = 200_000
MOST_ANSWERS = 70
"""Divisions followed, divisions held at a time, and sets of answers compared, beyond which the search gives up."""

_TRIES = 30
_SLACK = 1e-9
"""Right answers on a row below which two models count as equally good."""


def best_accuracy(task: object, seq_len: int, states: int) -> float:
    """What the best of all models with so many states is right at, of a sampled row's scored positions on average.

    A model may know its position: its updates and answers may be others at each token.

    Raises:
        ValueError: a sampler that is not known, nothing scored, or sizes at which the search would take too long.
    """
    check_integer("seq_len", seq_len, least=1)
    check_integer("states", states, least=1)
    rows = sampled_rows(task, seq_len)
    if not rows.scored:
        raise ValueError(f"nothing is scored on {seq_len} tokens of {task}")
    return _Search(rows, states).best() / rows.scored


class _Later:
    """What the masses of blocks at one token allow later.

    `tables[g, y] @ mass` is the chance of reading some continuation `g` whose last token is answered rightly by `y`;
    continuations are in groups by their length and last token.
    """

    def __init__(self, groups: list[np.ndarray]) -> None:
        self.groups = groups
        kept = [group for group in groups if len(group)]
        self.tables = np.concatenate(kept) if kept else np.zeros((0, *groups[0].shape[1:]))
        self.starts = np.cumsum([0, *map(len, kept)])[:-1].astype(int)

    def worth(self, masses: np.ndarray) -> np.ndarray:
        """Right answers from here on if nothing more is forgotten."""
        return self._right(masses).max(-1).sum(-1)

    def limited(self, masses: np.ndarray, answers: list[tuple[int, ...]]) -> np.ndarray:
        """The same of `[division, block, class]`, with one of these sets of answers for each later token."""
        if not len(self.tables):
            return np.zeros(len(masses))
        right = self._right(masses)
        sets = [np.add.reduceat(right[..., list(y)].max(-1).sum(1), self.starts, axis=1) for y in answers]
        return np.max(sets, axis=0).sum(1)

    def _right(self, masses: np.ndarray) -> np.ndarray:
        return np.einsum("gyc,...c->...gy", self.tables, masses, optimize=True)


class _Search:
    def __init__(self, rows: SampledRows, states: int) -> None:
        self.rows, self.states = rows, states
        n = rows.n_tokens
        few = states < n and comb(n, states) <= MOST_ANSWERS
        self.answers = list(combinations(range(n), states)) if few else [tuple(range(n))]
        self.now = [_answered(rows, t) for t in range(rows.seq_len)]
        self.later = _all_later(rows, self.now)
        self.branches = 0
        self.seen: list[dict[bytes, float]] = [{} for _ in rows.moves]
        self.most = 0.0

    def best(self) -> float:
        self.most = reached(self.rows, self.states, tries=_TRIES)
        first = np.zeros((1, len(self.rows.moves[0])))
        first[0, self.rows.start] = 1.0
        self._follow(0, first, 0.0)
        return self.most

    def _follow(self, t: int, blocks: np.ndarray, right: float) -> None:
        """All that can come of these blocks, from token t on, `right` answers being right before."""
        self.branches += 1
        if self.branches > MOST_BRANCHES:
            self._give_up()
        right += float(np.einsum("vyc,sc->svy", self.now[t], blocks).max(2).sum())
        if t == self.rows.seq_len - 1:
            self.most = max(self.most, right)
            return
        divisions = self._divisions(t + 1, self._cells(t, blocks), right)
        if not len(divisions):
            return
        later = self.later[t + 1]
        bounds = np.minimum(later.worth(divisions).sum(1), later.limited(divisions, self.answers))
        for index in np.argsort(-bounds, kind="stable"):
            if right + bounds[index] <= self.most + _SLACK:
                break
            # Divisions that are equal but for rounding are one, followed again only where more was right before them:
            # what either leaves out is far below `_SLACK`.
            key = np.round(np.array(sorted(divisions[index].tolist())), 11).tobytes()
            if self.seen[t + 1].get(key, -1.0) < right - 1e-12:
                self.seen[t + 1][key] = right
                self._follow(t + 1, divisions[index], right)

    def _cells(self, t: int, blocks: np.ndarray) -> np.ndarray:
        """The masses of each block with each token read, the heaviest first."""
        flow = blocks[:, :, None] * self.rows.chances[t]
        cells = np.zeros((len(blocks), self.rows.n_tokens, len(self.rows.moves[t + 1])))
        s, c, v = np.indices(flow.shape)
        np.add.at(cells, (s, v, self.rows.moves[t][c, v]), flow)
        cells = cells.reshape(-1, cells.shape[2])
        cells = cells[cells.sum(1) > 0]
        return cells[np.argsort(-cells.sum(1), kind="stable")]

    def _divisions(self, t: int, cells: np.ndarray, right: float) -> np.ndarray:
        """The ways to put cells into blocks that may still win: `[division, block, class]`, up to names of blocks."""
        worth = self.later[t].worth
        alone = worth(cells)
        rest = alone[::-1].cumsum()[::-1] - alone
        parts = np.zeros((1, self.states, cells.shape[1]))
        values, used = np.zeros((1, self.states)), np.zeros(1, dtype=int)
        for cell, left in zip(cells, rest, strict=True):
            grown = []
            for block in range(self.states):
                open_ = used >= block
                part, value = parts[open_].copy(), values[open_].copy()
                part[:, block] += cell
                value[:, block] = worth(part[:, block])
                may = right + value.sum(1) + left > self.most + _SLACK
                grown.append((part[may], value[may], np.maximum(used[open_], block + 1)[may]))
            parts, values, used = (np.concatenate(kind) for kind in zip(*grown, strict=True))
            if len(parts) > MOST_DIVISIONS:
                self._give_up()
        return parts

    def _give_up(self) -> None:
        raise ValueError(
            f"the best model of {self.states} states on {self.rows.seq_len} tokens would take too long to find: take "
            "fewer states, tokens or words"
        )


def _answered(rows: SampledRows, t: int) -> np.ndarray:
    """`[token, answer, class]`: the chance of the token, where that is its answer."""
    chance, answer = rows.chances[t], rows.answers[t]
    table = np.zeros((rows.n_tokens, rows.n_tokens, len(chance)))
    c, v = np.nonzero(answer >= 0)
    table[v, answer[c, v], c] = chance[c, v]
    return table


def _all_later(rows: SampledRows, now: list[np.ndarray]) -> list[_Later]:
    """From the end, continuations that ask the same put together."""
    later: list[_Later] = []
    for t in reversed(range(rows.seq_len)):
        groups = [_together(now[t][v : v + 1]) for v in range(rows.n_tokens)]
        for group in later[-1].groups if later else ():
            longer = [group[:, :, rows.moves[t][:, v]] * rows.chances[t][:, v] for v in range(rows.n_tokens)]
            groups.append(_together(np.concatenate(longer)))
        later.append(_Later(groups))
    return later[::-1]


def _together(tables: np.ndarray) -> np.ndarray:
    """Proportional tables added up: their best answers are the same, whatever the masses."""
    sums = tables.sum((1, 2))
    tables, sums = tables[sums > 0], sums[sums > 0]
    if not len(tables):
        return tables
    shape = np.round(tables / sums[:, None, None], 12).reshape(len(tables), -1)  # equal but for rounding
    _, first, which = np.unique(shape, axis=0, return_index=True, return_inverse=True)
    total = np.bincount(which.reshape(-1), weights=sums)
    return tables[first] * (total / sums[first])[:, None, None]


_ROUNDS = 100
_GAIN = 1e-13
"""Rounds of a climb at most, and what counts as no gain: any model that is reached is one."""


def reached(rows: SampledRows, states: int, *, tries: int, seed: int = 0) -> float:
    """Right answers on an average row of the best model that was found.

    Args:
        states: at least 1.
        tries: random beginnings.
    """
    draws = np.random.default_rng(seed)
    return max(_climb(rows, states, draws) for _ in range(tries))


def _climb(rows: SampledRows, states: int, draws: np.random.Generator) -> float:
    """From random updates up to where no single change is better."""
    updates = [draws.integers(0, states, (states, rows.n_tokens)) for _ in rows.moves]
    best = -1.0
    for _ in range(_ROUNDS):
        flows, guesses, right = _forward(rows, updates)
        if right <= best + 1e-12:  # no better but for rounding
            break
        best = right
        _better(rows, updates, flows, guesses)
    return best


def _forward(
    rows: SampledRows, updates: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """`flows[t][s, c, v]`, the chance of state s, class c and token v at t; the best answers; how many are right."""
    states, n = updates[0].shape
    mass = np.zeros((states, len(rows.moves[0])))
    mass[0, rows.start] = 1.0
    flows, guesses, right = [], [], 0.0
    for move, answer, chance, update in zip(rows.moves, rows.answers, rows.chances, updates, strict=True):
        flow = mass[:, :, None] * chance
        worth = np.zeros((states, n, n + 1))
        s, c, v = np.indices(flow.shape)
        np.add.at(worth, (s, v, answer[c, v]), flow)
        guesses.append(worth[:, :, :n].argmax(2))
        right += worth[:, :, :n].max(2).sum()
        mass = np.zeros((states, int(move.max()) + 1))
        np.add.at(mass, (update[s, v], move[c, v]), flow)
        flows.append(flow)
    return flows, guesses, float(right)


def _better(
    rows: SampledRows, updates: list[np.ndarray], flows: list[np.ndarray], guesses: list[np.ndarray]
) -> None:
    """From the end: each update to the state that is worth most for the prefixes that make it."""
    states, n = updates[0].shape
    worth = np.zeros((states, int(rows.moves[-1].max()) + 1))
    for t in reversed(range(rows.seq_len)):
        behind = worth[:, rows.moves[t]]  # [next state, class, token]
        gain = np.einsum("scv,qcv->svq", flows[t], behind)
        kept = np.take_along_axis(gain, updates[t][:, :, None], axis=2)[:, :, 0]
        updates[t] = np.where(gain.max(2) > kept + _GAIN, gain.argmax(2), updates[t])
        later = behind[updates[t][:, None, :], np.arange(behind.shape[1])[None, :, None], np.arange(n)]
        now = rows.answers[t][None] == guesses[t][:, None, :]
        worth = ((now + later) * rows.chances[t]).sum(2)
