"""Which layer makes which signal: the fewest layers that make the answer.

An SSM layer makes, from what stands in the stream before it, any number of signals of `recurrent.py`, of products and
of tables; each may read its inputs some tokens ago (the convolution) and through one table. A TF layer makes any
number of tables, and what one head fetches. Functions of the token need no layer: the embedding holds them.
"""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from plait.compiler.lookups import Fetch, Mean
from plait.compiler.lower import Lowered
from plait.compiler.one_kind_alone import Keyed
from plait.compiler.pointwise import Product, Token, ValueTable
from plait.compiler.recurrent import BitRegister, Count, Hold, Lag, Since
from plait.compiler.statement import Statement, ancestors

SSM, TF = "SSM", "TF"

_MOST_STATES = 20_000
"""Sets of signals that the search for the fewest layers looks at."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ScheduledLayer:
    """One layer: the signals that it makes; in a TF layer those of one head, and tables."""

    kind: str
    makes: tuple[Statement, ...]

    @property
    def fetches(self) -> tuple[Statement, ...]:
        return tuple(one for one in self.makes if isinstance(one, Fetch | Mean))


def is_free(statement: Statement) -> bool:
    """Whether the embedding holds it: a function of the token."""
    return isinstance(statement, Token) or (isinstance(statement, ValueTable) and statement.of_token)


def read_through(statement: Statement) -> tuple[Statement, int]:
    """The signal that a lag reads, and how many tokens ago; any other signal itself, now."""
    if isinstance(statement, Lag):
        return statement.inputs[0], statement.distance
    return statement, 0


def read_together(
    signals: Sequence[Statement], there: Collection[Statement], *, one_base: bool = True
) -> list[tuple[Statement, int]] | None:
    """What one row of a channel reads for these signals, and how many tokens ago; None where no row does.

    A signal in the stream is read as it stands, or as the lag that it is; all of one lag, or all of one signal.

    Args:
        one_base: whether one signal may be read at several lags.
    """
    ways = [
        [way for way in dict.fromkeys(((one, 0), read_through(one))) if is_free(way[0]) or way[0] in there]
        for one in signals
    ]
    for read in itertools.product(*ways):
        one_lag = len({lag for _, lag in read}) <= 1
        if one_lag or (one_base and len({base for base, _ in read}) == 1):
            return list(read)
    return None


class Scheduler:
    """Finds the layers.

    Args:
        lowered: the statements.
        kinds: of layers that may be used; of two stacks of one height that with the earlier kind first is taken.
        plain_gates: gates are read from the stream itself, not through a lag or a table.
    """

    def __init__(
        self, lowered: Lowered, *, kinds: Sequence[str] = (SSM, TF), plain_gates: bool = False
    ) -> None:
        self.lowered = lowered
        self.kinds = kinds
        self.plain_gates = plain_gates
        self.statements = [one for one in ancestors(lowered.answer) if not is_free(one)]

    def layers(self) -> tuple[ScheduledLayer, ...]:
        """The fewest layers whose last makes the answer.

        Raises:
            ValueError: no layers of these kinds do.
        """
        answer = self.lowered.answer
        start: frozenset[Statement] = frozenset()
        before: dict[frozenset[Statement], tuple[frozenset[Statement], str] | None] = {start: None}
        states = [start]
        for _ in range(len(self.statements)):
            following: list[frozenset[Statement]] = []
            for state in states:
                for kind in self.kinds:
                    for after in self._after(state, kind):
                        if after not in before:
                            before[after] = (state, kind)
                            following.append(after)
                            if answer in after:
                                return self._pruned(self._path(before, after))
            states = following[: max(1, _MOST_STATES // len(self.statements))]
        raise ValueError(self._stuck(max(before, key=len)))

    def sources(self, signal: Statement, there: frozenset[Statement]) -> bool:
        """Whether an SSM layer's channels can give the signal, from what is there before it."""
        if is_free(signal) or signal in there:
            return True
        base, distance = read_through(signal)
        if distance or isinstance(signal, Lag):
            return is_free(base) or base in there
        return isinstance(signal, ValueTable) and self.in_channels(signal, there)

    def in_channels(self, table: ValueTable, there: frozenset[Statement]) -> bool:
        """Whether units of one channel each compute the table: one row, at any mix of lags, must carry its inputs."""
        return read_together(table.inputs, there) is not None

    def _after(self, there: frozenset[Statement], kind: str) -> Iterator[frozenset[Statement]]:
        """What can be there behind one more layer; with a TF layer, one set for every choice of its head."""
        new = [one for one in self.statements if one not in there]
        if kind == SSM:
            made = [one for one in new if self._by_ssm(one, there)]
            if made:
                yield there | set(made)
            return
        ready = [one for one in new if all(is_free(signal) or signal in there for signal in one.inputs)]
        tables = [one for one in ready if isinstance(one, ValueTable)]
        heads: dict[object, list[Statement]] = {}
        for one in ready:
            if isinstance(one, Fetch):
                heads.setdefault(one.where_to, []).append(one)
            elif isinstance(one, Mean):
                heads.setdefault((Mean, one.last), []).append(one)
        for together in heads.values():
            yield there | set(tables) | set(together)
        if tables and not heads:
            yield there | set(tables)

    def _by_ssm(self, one: Statement, there: frozenset[Statement]) -> bool:
        if isinstance(one, ValueTable):
            return self.in_channels(one, there)
        if isinstance(one, Product):
            return all(is_free(signal) or signal in there for signal in one.inputs)
        if isinstance(one, Lag):
            (signal,) = one.inputs
            stands = is_free(signal) or signal in there
            # Through a table the convolution's zeros before the start must come out as nothing (Lemma 12.4).
            early = (
                one.distance
                and isinstance(signal, ValueTable)
                and not stands
                and not signal.begins_as_nothing
            )
            return not early and self.sources(signal, there)
        if isinstance(one, Keyed):  # the output's gate reads the query from the stream itself
            asked = is_free(one.query) or one.query in there
            return asked and all(self.sources(signal, there) for signal in one.inputs)
        gates = one.inputs if isinstance(one, Since | BitRegister) else one.inputs[1:] or one.inputs[:1]
        if self.plain_gates and not all(is_free(gate) or gate in there for gate in gates):
            return isinstance(one, Count) and len(one.inputs) == 1 and self.sources(one.inputs[0], there)
        if isinstance(one, Since | BitRegister) or (isinstance(one, Count) and len(one.inputs) == 2):
            return read_together(one.inputs, there, one_base=False) is not None
        return isinstance(one, Hold | Count) and all(self.sources(signal, there) for signal in one.inputs)

    def _path(
        self,
        before: dict[frozenset[Statement], tuple[frozenset[Statement], str] | None],
        last: frozenset[Statement],
    ) -> list[tuple[str, frozenset[Statement], frozenset[Statement]]]:
        """Kind, what is there before, and what is new, of every layer."""
        path: list[tuple[str, frozenset[Statement], frozenset[Statement]]] = []
        while (step := before[last]) is not None:
            path.append((step[1], step[0], last - step[0]))
            last = step[0]
        return path[::-1]

    def _pruned(
        self, path: list[tuple[str, frozenset[Statement], frozenset[Statement]]]
    ) -> tuple[ScheduledLayer, ...]:
        """Only what later layers read."""
        needed: set[Statement] = {self.lowered.answer}
        layers: list[ScheduledLayer] = []
        for kind, there, new in reversed(path):
            makes = tuple(one for one in self.statements if one in new and one in needed)
            for one in makes:
                needed |= set(self._reads(one, kind, there, needed))
            layers.append(ScheduledLayer(kind=kind, makes=makes))
        return tuple(reversed(layers))

    def _reads(
        self, one: Statement, kind: str, there: frozenset[Statement], needed: set[Statement]
    ) -> Iterator[Statement]:
        """The signals in the stream that a layer reads to make one, through lags that nobody else needs."""
        spared: set[Statement] = set()
        if kind == SSM:
            spared = {signal for signal in there if isinstance(signal, Lag) and signal not in needed}
            spared = spared if self._by_ssm(one, there - spared) else set()
        waiting = list(one.inputs)
        while waiting:
            signal = waiting.pop()
            if is_free(signal):
                continue
            if signal in there - spared:
                yield signal
            else:
                waiting += signal.inputs

    def _stuck(self, there: frozenset[Statement]) -> str:
        left = [one for one in self.statements if one not in there]
        one = next(one for one in left if all(is_free(s) or s in there for s in one.inputs))
        return f"{self.lowered.called(one)}: {one.kind} cannot be made by layers of {' and '.join(self.kinds)} alone"
