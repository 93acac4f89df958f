"""The recalls that the field compares on, once more: what stands in a table under what is asked for at the position."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from plait.theory.checker.parameters import check_probability, positive
from plait.theory.checker.row_rule import RowRule


class FuzzyRecall(RowRule):
    """The capital that stood last behind two tokens like the present one and the one before it."""

    task = "plait.tasks.fuzzy_recall:FuzzyRecall"
    parameters = ("n_letters", "p_value")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_letters = positive(params, "n_letters", most=2**15)
        self.n_tokens = 2 * self.n_letters
        check_probability(params, "p_value")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        small = [token if token < self.n_letters else None for token in row]
        pairs = [None, *pairwise(small)]
        behind: dict[object, int] = {}
        targets: list[int | None] = []
        for token, before, pair in zip(row, [None, *pairs], pairs, strict=False):
            is_small = token < self.n_letters
            if not is_small and before is not None:
                behind[before] = token
            targets.append(behind.get(pair) if is_small and pair is not None else None)
        return targets


class NoisyRecall(RowRule):
    """The associative recall of the row without its noise."""

    task = "plait.tasks.noisy_recall:NoisyRecall"
    parameters = ("n_words", "n_noise", "p_noise")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_words = positive(params, "n_words")
        self.n_tokens = self.n_words + positive(params, "n_noise")
        check_probability(params, "p_noise")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        targets: list[int | None] = [None] * len(row)
        places = [place for place, token in enumerate(row) if token < self.n_words]
        follower: dict[int, int] = {}
        for number, place in enumerate(places):
            if number:
                follower[row[places[number - 1]]] = row[place]
            targets[place] = follower.get(row[place])
        return targets


class SegmentedRecall(RowRule):
    """What followed a token first, of the pairs whose second token is in the present segment."""

    task = "plait.tasks.segmented_recall:SegmentedRecall"
    parameters = ("n_words", "n_segments", "p_end")

    def __init__(self, params: dict[str, Any]) -> None:
        self.semicolon = positive(params, "n_words")
        self.n_tokens = self.semicolon + 1
        self.n_segments = positive(params, "n_segments", most=2**16)
        check_probability(params, "p_end")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        targets: list[int | None] = []
        first: dict[tuple[int, int], int] = {}
        segment, before = 0, -1
        for token in row:
            segment += token == self.semicolon
            if (segment, before) not in first:
                first[segment, before] = token
            targets.append(first.get((segment, token)) if segment < self.n_segments else None)
            before = token
        return targets


class MatrixLookup(RowRule):
    """The latest word in the row and column that were named last."""

    task = "plait.tasks.matrix_lookup:MatrixLookup"
    parameters = ("n_words", "rows", "columns")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_words = positive(params, "n_words")
        self.rows, self.columns = (positive(params, name, most=2**15) for name in ("rows", "columns"))
        self.n_tokens = self.n_words + 1 + self.rows + self.columns

    def targets(self, row: Sequence[int]) -> list[int | None]:
        names = range(self.n_words + 1, self.n_words + 1 + self.rows)
        lines: list[dict[int, int]] = [{}]
        begun = asked_line = asked_column = -1
        targets: list[int | None] = []
        for place, token in enumerate(row):
            if token == self.n_words:
                lines.append({})
                begun = place
            elif token in names:
                asked_line = token - names.start
            elif token >= names.stop:
                asked_column = token - names.stop + 1
            elif place - begun <= self.columns:
                lines[-1][place - begun] = token
            known = -1 < asked_line < len(lines)
            targets.append(lines[asked_line].get(asked_column) if known else None)
        return targets


class KHopInduction(RowRule):
    """The word behind the latest earlier occurrence of the word behind .. of the word at the position."""

    task = "plait.tasks.k_hop_induction:KHopInduction"
    parameters = ("n_words", "hops")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_tokens = positive(params, "n_words")
        self.hops = positive(params, "hops", most=1000)
        self.steps = 3 + self.hops

    def targets(self, row: Sequence[int]) -> list[int | None]:
        reached: list[int | None] = list(row)  # by no hop
        for _ in range(self.hops):
            since: dict[int, int | None] = {}
            further: list[int | None] = []
            for place, token in enumerate(row):
                if place:
                    since[row[place - 1]] = reached[place]
                further.append(since.get(token))
            reached = further
        return reached


class PositionRetrieval(RowRule):
    """Where a word stood first before the first question mark, by the name of that position."""

    task = "plait.tasks.position_retrieval:PositionRetrieval"
    parameters = ("n_words", "n_positions")

    def __init__(self, params: dict[str, Any]) -> None:
        self.mark = positive(params, "n_words", most=2**16)
        self.n_positions = positive(params, "n_positions", most=self.mark)
        self.n_tokens = self.mark + 1 + self.n_positions

    def targets(self, row: Sequence[int]) -> list[int | None]:
        end = row.index(self.mark) if self.mark in row else len(row)
        first: dict[int, int] = {}
        for place in reversed(range(min(end, self.n_positions))):
            if row[place] < self.mark:
                first[row[place]] = self.mark + 1 + place
        return [None] * end + [first.get(token) for token in row[end:]]
