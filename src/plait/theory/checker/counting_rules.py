"""The tasks that count, once more: brackets, changes, sums."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from plait.theory.checker.document import Refused
from plait.theory.checker.parameters import check_probability, is_positive, positive
from plait.theory.checker.row_rule import RowRule


class Dyck(RowRule):
    """The bracket that closes the latest opening one that led to the present depth."""

    task = "plait.tasks.dyck:Dyck"
    parameters = ("n_kinds", "depth")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_tokens = 2 * positive(params, "n_kinds", most=2**20)
        self.depth = positive(params, "depth", most=2**20)

    def targets(self, row: Sequence[int]) -> list[int | None]:
        depths = list(accumulate(-1 if token % 2 else 1 for token in row))
        latest: dict[int, int] = {}
        targets: list[int | None] = []
        for token, depth in zip(row, depths, strict=True):
            if token % 2 == 0:
                latest[depth] = token
            opened = latest.get(depth) if depth in range(self.depth + 1) else None
            targets.append(None if opened is None else opened + 1)
        return targets


class FlipCounting(RowRule):
    """Whether at least so many neighbours differ so far."""

    task = "plait.tasks.flip_counting:FlipCounting"
    parameters = ("least", "p_flip")
    n_tokens = 2

    def __init__(self, params: dict[str, Any]) -> None:
        self.least = params["least"]
        if not is_positive(self.least):
            raise Refused(f"least must be an integer of at least 1, got {self.least!r:.60}")
        check_probability(params, "p_flip")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        flips = accumulate((one != other for one, other in pairwise(row)), initial=0)
        return [int(n >= self.least) for n, _ in zip(flips, row, strict=False)]


class ModularCounting(RowRule):
    """The sum so far modulo a number."""

    task = "plait.tasks.modular_counting:ModularCounting"
    parameters = ("modulus",)

    def __init__(self, params: dict[str, Any]) -> None:
        self.modulus = self.n_tokens = positive(params, "modulus", most=2**20)
        if self.modulus < 2:
            raise Refused("modulus must be at least 2")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        return [total % self.modulus for total in accumulate(row)]
