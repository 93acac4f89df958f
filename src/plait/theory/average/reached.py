"""Models of S states by local search: an accuracy that is reached, so that no ceiling can lie below it.

One choice is bettered at a time, all others held: the answer of a state at a token, the state that follows. Each step
uses the exact worth of all that comes later. Source: docs/theory.md, Theorem 13.6.
"""

import numpy as np

from plait.theory.average.rows import SampledRows

_ROUNDS = 100
_GAIN = 1e-13


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
        if right <= best + 1e-12:
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
