"""A task's sampled rows as a chain: what is left to ask of a prefix, for each number of tokens read.

    classes[t] --token--> classes[t + 1]      prefixes share a class if the same may follow, with the same answers

Source: docs/theory.md, Theorem 13.6.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory.automata.machine import MachineState
from plait.theory.automata.tasks import task_machine

MOST_CLASSES = 5_000
"""Prefixes of one length that are told apart; a task with more is too large."""


@dataclass(frozen=True, kw_only=True)
class SampledRows:
    """The rows of one length.

    Args:
        start: the class of the empty prefix.
        chances: `chances[t][c, v]`: of token v behind class c.
        moves: `moves[t][c, v]`: the class of the longer prefix.
        answers: `answers[t][c, v]`: the target at this token, -1 where it is not scored.
        scored: expected scored positions of a row.
    """

    start: int
    chances: tuple[np.ndarray, ...]
    moves: tuple[np.ndarray, ...]
    answers: tuple[np.ndarray, ...]
    scored: float

    @property
    def seq_len(self) -> int:
        return len(self.moves)

    @property
    def n_tokens(self) -> int:
        return self.moves[0].shape[1]


def sampled_rows(task: object, seq_len: int) -> SampledRows:
    """The rows of a task of plait, with the least number of classes.

    Raises:
        ValueError: a task or variant whose sampler is none of those known here, or with too many classes.
    """
    machine, chance = task_machine(task), _sampler(task, seq_len)
    layers: list[list[MachineState]] = [[machine.start]]
    moves, answers, chances = [], [], []
    n = len(machine.symbols)
    for t in range(seq_len):
        index: dict[MachineState, int] = {}
        move, answer = (np.full((len(layers[-1]), n), value) for value in (0, -1))
        odds = np.array([chance(state, t) for state in layers[-1]])
        for c, state in enumerate(layers[-1]):
            for v, symbol in enumerate(machine.symbols):
                step = machine.step(state, symbol) if odds[c, v] > 0 else None
                if step is not None:
                    move[c, v] = index.setdefault(step[0], len(index))
                    answer[c, v] = -1 if step[1] is None else step[1]
        if len(index) > MOST_CLASSES:
            raise ValueError(
                f"more than {MOST_CLASSES:,} kinds of prefix of {t + 1} tokens: take a smaller task"
            )
        layers.append(list(index))
        moves.append(move)
        answers.append(answer)
        chances.append(odds)
    return _merged(moves, answers, chances)


def _merged(moves: list[np.ndarray], answers: list[np.ndarray], chances: list[np.ndarray]) -> SampledRows:
    """From the end: classes from which the same follows are one."""
    label = np.zeros(int(moves[-1].max()) + 1, dtype=int)
    for t in reversed(range(len(moves))):
        ahead = label[moves[t]]
        key = np.concatenate([ahead, answers[t], chances[t]], axis=1)
        _, first, label = np.unique(key, axis=0, return_index=True, return_inverse=True)
        label = label.reshape(-1)
        moves[t], answers[t], chances[t] = ahead[first], answers[t][first], chances[t][first]
    mass, scored, start = np.zeros(len(moves[0])), 0.0, int(label[0])
    mass[start] = 1.0
    for move, answer, chance in zip(moves, answers, chances, strict=True):
        flow = mass[:, None] * chance
        scored += float((flow * (answer >= 0)).sum())
        mass = np.bincount(move.reshape(-1), weights=flow.reshape(-1))
    return SampledRows(
        start=start, chances=tuple(chances), moves=tuple(moves), answers=tuple(answers), scored=scored
    )


def _sampler(task: object, seq_len: int) -> Callable[[MachineState, int], np.ndarray]:
    """The chance of each token, by the machine's state and the place."""
    if isinstance(task, Needle):
        return _needle(task, seq_len)
    if isinstance(task, SelectiveCopying) and task.variant == "uniform":
        kinds = ((task.n_words, 1 - task.p_number), (len(task.numbers), task.p_number))
    elif isinstance(task, DecodingRecall) and task.variant == "interleaved":
        kinds = ((task.n_words, 1 - task.p_bit), (2, task.p_bit))
    elif isinstance(task, AssociativeRecall | MultiKeyRecall):
        kinds = ((task.n_words, 1.0),)
    else:
        raise ValueError(f"the distribution of {task} is not one of independent tokens")
    odds = np.concatenate([np.full(n, share / n) for n, share in kinds])
    return lambda state, place: odds


def _needle(task: Needle, seq_len: int) -> Callable[[MachineState, int], np.ndarray]:
    """Marker A at a uniform place of the first half, marker B at the end, words elsewhere."""
    if seq_len < 3 or task.score_marker:
        raise ValueError(
            f"needle needs rows of 3 tokens or more and no score_marker, got {task} on {seq_len}"
        )

    def chance(state: MachineState, place: int) -> np.ndarray:
        odds = np.zeros(task.n_words + 2)
        marker = 1 / (seq_len // 2 - place) if state == "before" and place < seq_len // 2 else 0.0
        odds[: task.n_words] = (1 - marker) / task.n_words
        odds[task.n_words] = marker
        return odds if place < seq_len - 1 else np.eye(task.n_words + 2)[-1]

    return chance
