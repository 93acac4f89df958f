"""The tasks that the field compares on: small ones, each with a second definition of its targets."""

import importlib
from collections.abc import Callable

from plait.compiler import Program
from plait.tasks import (
    BuiltInTask,
    Dyck,
    FlipCounting,
    FollowBack,
    FuzzyRecall,
    KHopInduction,
    MatrixLookup,
    ModularCounting,
    NGramRetrieval,
    NoisyRecall,
    PositionRetrieval,
    SegmentedRecall,
    StringCopying,
)

Loop = Callable[[BuiltInTask, list[int]], list[int | None]]

FIELD = (
    FuzzyRecall,
    NoisyRecall,
    SegmentedRecall,
    MatrixLookup,
    KHopInduction,
    FollowBack,
    NGramRetrieval,
    PositionRetrieval,
    StringCopying,
    Dyck,
    FlipCounting,
    ModularCounting,
)


def _program(name: str, **arguments: object) -> Program:
    return importlib.import_module(f"examples.programs.{name}").program(**arguments)


COMPILED: tuple[tuple[BuiltInTask, Program], ...] = (
    (FuzzyRecall(n_letters=1), _program("fuzzy_recall", n_letters=1)),
    (FuzzyRecall(n_letters=2), _program("fuzzy_recall", n_letters=2)),
    (NoisyRecall(n_words=2, n_noise=1), _program("noisy_recall", n_words=2, n_noise=1)),
    (SegmentedRecall(n_words=2, n_segments=3), _program("segmented_recall", n_words=2, most=2)),
    (MatrixLookup(n_words=2, rows=2, columns=2), _program("matrix_lookup", n_words=2, rows=2, columns=2)),
    (MatrixLookup(n_words=1, rows=2, columns=1), _program("matrix_lookup", n_words=1, rows=2, columns=1)),
    (KHopInduction(n_words=3, hops=1), _program("associative_recall", n_words=3)),
    (KHopInduction(n_words=3), _program("induction_2", n_words=3)),
    (KHopInduction(n_words=2, hops=3), _program("induction_3", n_words=2)),
    (FollowBack(n_words=1, numbers=(3, 1), hops=1), _program("selective_copying", n_words=1, numbers=(3, 1))),
    (FollowBack(n_words=1, numbers=(1, 3)), _program("follow_back_2", n_words=1, numbers=(1, 3))),
    (FollowBack(n_words=2, numbers=(2, 1), hops=3), _program("follow_back_3", n_words=2, numbers=(2, 1))),
    (Dyck(n_kinds=1, depth=2), _program("dyck", pairs=("()",), depth=2)),
    (Dyck(depth=3), _program("dyck", depth=3)),
    (FlipCounting(least=3), _program("flip_counting", least=3)),
    (ModularCounting(modulus=2), _program("parity", most=50)),
    (ModularCounting(modulus=3), _program("modulo_3", most=100)),
)
"""Tasks, each with the program of examples/programs that says the same."""


def copying_loop(task: StringCopying, row: list[int]) -> list[int | None]:
    if task.n_words not in row:
        return [None] * len(row)
    string = row[: row.index(task.n_words)]
    return [string[i - len(string)] if 0 <= i - len(string) < len(string) else None for i in range(len(row))]


def position_loop(task: PositionRetrieval, row: list[int]) -> list[int | None]:
    answers: list[int | None] = []
    for i, word in enumerate(row):
        asked = word < task.n_words and task.n_words in row[:i]
        places = [j for j in range(row.index(task.n_words)) if row[j] == word] if asked else []
        known = places and places[0] < task.n_positions
        answers.append(task.n_words + 1 + places[0] if known else None)
    return answers


def n_gram_loop(task: NGramRetrieval, row: list[int]) -> list[int | None]:
    answers: list[int | None] = []
    for i in range(len(row)):
        marks = [j for j in range(i + 1) if row[j] == task.n_words]
        behind = i - marks[-1] - task.n if marks else -1
        query = row[marks[-1] + 1 : marks[-1] + 1 + task.n] if marks else []
        ends = range(task.n - 1, marks[0] - task.n) if marks else range(0)
        found = [end for end in ends if row[end - task.n + 1 : end + 1] == query]
        answers.append(row[found[-1] + 1 + behind] if found and 0 <= behind < task.n else None)
    return answers


LOOPED: tuple[tuple[BuiltInTask, Loop], ...] = (
    (StringCopying(n_words=2), copying_loop),
    (PositionRetrieval(n_words=2, n_positions=2), position_loop),
    (PositionRetrieval(n_words=2, n_positions=1), position_loop),
    (NGramRetrieval(n_words=1, n=2), n_gram_loop),
    (NGramRetrieval(n_words=2, n=1), n_gram_loop),
    (NGramRetrieval(n_words=2, n=2), n_gram_loop),
    (NGramRetrieval(n_words=1, n=3), n_gram_loop),
)
"""Tasks, each with its definition as a plain loop."""

SMALL_FIELD = tuple(task for task, _ in (*COMPILED, *LOOPED))
