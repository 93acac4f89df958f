"""Finite-state machines that read tokens one at a time, and stacks of them.

    token --> [layer 1: s1] --symbol--> [layer 2: s2] --symbol--> answer        state of the stack: (s1, s2)

By Lemma 3.5 a stack is one machine. Source: arXiv 2603.08859, Lemma 3.5; docs/theory.md, Lemma 2.1.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

MachineState = Hashable
Symbol = Hashable
Step = Callable[[MachineState, Symbol], tuple[MachineState, Symbol] | None]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A recurrent layer with finitely many states.

    Args:
        start: the state before the first token.
        step: `(state, symbol) -> (next state, output)`; the output None is an undefined answer, and None instead of
            the pair says that the symbol cannot come in that state.
        symbols: the input symbols.
    """

    start: MachineState
    step: Step
    symbols: tuple[Symbol, ...]

    def run(self, word: Iterable[Symbol]) -> list[Symbol]:
        """The output at each position.

        Raises:
            ValueError: a symbol that cannot come where it stands.
        """
        state, outputs = self.start, []
        for symbol in word:
            move = self.step(state, symbol)
            if move is None:
                raise ValueError(f"symbol {symbol!r} cannot come in state {state!r}")
            state, output = move
            outputs.append(output)
        return outputs


def compose(layers: Sequence[Machine]) -> Machine:
    """The stack as one machine; its states are tuples, one entry a layer, so there are at most the product.

    Raises:
        ValueError: no layer.
    """
    if not layers:
        raise ValueError("a stack needs at least one layer, got none")

    def step(state: MachineState, symbol: Symbol) -> tuple[MachineState, Symbol] | None:
        assert isinstance(state, tuple)
        states = []
        for layer, own in zip(layers, state, strict=True):
            move = layer.step(own, symbol)
            if move is None:
                return None
            states.append(move[0])
            symbol = move[1]
        return tuple(states), symbol

    return Machine(start=tuple(layer.start for layer in layers), step=step, symbols=layers[0].symbols)


def reachable(machine: Machine, *, start: MachineState = None, limit: int = 1_000_000) -> list[MachineState]:
    """Every state that some input leads to from `start` (default: the machine's own), in breadth-first order.

    Raises:
        ValueError: more than `limit` of them, which are held in memory.
    """
    first = machine.start if start is None else start
    seen, order = {first}, [first]
    for state in order:
        for symbol in machine.symbols:
            move = machine.step(state, symbol)
            if move is not None and move[0] not in seen:
                if len(order) >= limit:
                    raise ValueError(too_many_states(limit))
                seen.add(move[0])
                order.append(move[0])
    return order


def too_many_states(limit: int) -> str:
    return f"more than {limit} states can be reached; take a smaller machine"
