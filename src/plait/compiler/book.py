"""Which points stand for which values in one compiled model: one code for tokens, one for each other set of values."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from plait.compiler.demands import root_of
from plait.compiler.encoding import Code, Points, digits, flag, narrowed, number
from plait.compiler.lookups import Match
from plait.compiler.lower import Lowered, token_places
from plait.compiler.pointwise import ValueTable
from plait.compiler.recurrent import BitRegister, Count, Hold, Since
from plait.compiler.schedule import is_free, read_through
from plait.compiler.staircase import Scalar
from plait.compiler.statement import Statement, Summing, ancestors
from plait.compiler.values import Value, amounts_of
from plait.constructions.register import Register as Bits
from plait.constructions.register import largest_gap, widest_gap_decay

LOUD = 4.0
"""What the largest number that is told apart measures in the stream."""

LOUDEST = 64.0
"""What the largest number that may occur measures."""

ONE_DECAY_BITS = 3
"""Registers of more bits take two channels, which keep numbers further apart."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Book:
    """Codes of a program's values.

    Args:
        base: digits of all codes.
        seq_len: tokens of a sequence.
    """

    lowered: Lowered
    base: int
    seq_len: int

    @cached_property
    def tokens(self) -> Code:
        """Of the tokens that are compared or answered; conditions on tokens have digits of their own where they fit."""
        names, used = self.lowered.token.domain, self._compared()
        domain = [name for name in self._along_tables() if name in used]
        flags: list[list[bool]] = []
        for statement in self._conditions():
            truth = dict(
                zip(
                    names,
                    (place >= 0 and statement.domain[place] is True for place in token_places(statement)),
                    strict=True,
                )
            )
            outside = [truth[name] for name in names if name not in used]
            if not any(outside):
                flags.append([truth[name] for name in domain])
        return digits(domain, self.base, flags)

    def code(self, values: Sequence[Value]) -> Code:
        """The code for these values: the tokens' own, if they are tokens."""
        if set(values) <= set(self.tokens.values):
            return narrowed(self.tokens, values)
        return digits(values, self.base)

    def union(self, *domains: Sequence[Value]) -> Code:
        """One code for the values of several signals."""
        return self.code(tuple(dict.fromkeys(value for domain in domains for value in domain)))

    def answer(self, domain: Sequence[Value]) -> Points:
        """The points of answers, in the tokens' whole code."""
        return self.tokens.of(domain)

    def scalar(self, statement: Statement) -> Scalar:
        """How a table reads a signal."""
        if statement.numeric:
            return self._number(statement)
        domain = statement.domain
        if self.base == 2:
            points = self.code(domain).points
            column = points @ (2.0 ** torch.arange(points.shape[-1], dtype=torch.float64)).unsqueeze(-1)
        else:
            column = 2.0 * torch.arange(len(domain), dtype=torch.float64).unsqueeze(-1) - (len(domain) - 1.0)
            column = column if len(domain) % 2 == 0 else column + 1.0
        return Scalar(statement=statement, column=column, spacing=2.0)

    def register(self, n_bits: int) -> Bits:
        """Which decays hold a register."""
        found = largest_gap(n_bits) if n_bits > ONE_DECAY_BITS else None
        return found or widest_gap_decay(n_bits)

    def numbers(self, statement: Statement) -> Points:
        """What a number stands for in the stream, before it is scaled."""
        root = root_of(statement)
        if isinstance(root, BitRegister):
            bits = self.register(root.n_bits)
            return bits.levels + bits.middle
        return number(statement.domain)

    def scale(self, statement: Statement) -> float:
        """What a number 1 measures in the stream."""
        root = root_of(statement)
        if isinstance(root, BitRegister):
            return LOUD
        most = max(1.0, float(number(root.domain).abs().max()))
        if isinstance(root, Count | Since):
            amounts = [1] if isinstance(root, Since) else amounts_of(root.inputs[0].domain, root.kind)
            beyond = self.seq_len * max(abs(amount) for amount in amounts)
            return min(LOUD / most, LOUDEST / max(beyond, 1))
        return LOUD / most

    def _number(self, statement: Statement) -> Scalar:
        root = root_of(statement)
        column = self.numbers(statement)
        if isinstance(root, BitRegister):
            bits = self.register(root.n_bits)
            spread = float(bits.tail.abs().sum()) / 2.0
            return Scalar(statement=statement, column=column, spacing=bits.gap + 2.0 * spread, spread=spread)
        apart = column[:, 0].sort().values.diff()
        spacing = float(apart.min()) if len(apart) else 1.0
        stays = isinstance(root, Summing) and root.stay
        return Scalar(statement=statement, column=column, spacing=spacing, stays=stays)

    def _along_tables(self) -> list[Value]:
        """All tokens; those that a table of a number gives come first, in the order of its levels."""
        first: list[Value] = []
        for statement in ancestors(self.lowered.answer):
            if (
                isinstance(statement, ValueTable)
                and len(statement.inputs) == 1
                and statement.inputs[0].numeric
            ):
                levels = self.numbers(statement.inputs[0])[:, 0].argsort().tolist()
                first += [value for level in levels if (value := statement.entries[level]) is not None]
        names = self.lowered.token.domain
        return list(dict.fromkeys((*(value for value in first if value in names), *names)))

    def _compared(self) -> set[Value]:
        """Tokens that are answers, keys, queries, or read by tables."""
        names = set(self.lowered.token.domain)
        found: set[Value] = set(self.lowered.answer.domain)
        for statement in ancestors(self.lowered.answer):
            if isinstance(statement, Match):
                for signal in (*statement.keys, *statement.queries):
                    found |= set(signal.domain) & names
            elif isinstance(statement, ValueTable) and not is_free(statement):
                for signal in statement.inputs:
                    found |= set(signal.domain) & names
        return found

    def _conditions(self) -> list[Statement]:
        """Functions of the token that are read as conditions."""
        found: dict[Statement, None] = {}
        for statement in ancestors(self.lowered.answer):
            if isinstance(statement, Hold) and len(statement.inputs) == 2:
                found[read_through(statement.inputs[1])[0]] = None
            elif isinstance(statement, Match) and statement.condition is not None:
                found[statement.condition] = None
            elif isinstance(statement, Since):
                found[read_through(statement.inputs[0])[0]] = None
            elif isinstance(statement, Count):
                found |= dict.fromkeys(read_through(signal)[0] for signal in statement.inputs)
        return [one for one in found if is_free(one) and all(isinstance(value, bool) for value in one.domain)]


def condition(statement: Statement) -> tuple[Points, ...]:
    """Columns of a condition that gates can read, the first with nothing as false as false itself."""
    return flag(statement.domain, false=-1.0), flag(statement.domain, false=0.0)
