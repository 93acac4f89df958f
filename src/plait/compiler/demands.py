"""What each statement demands of the signals that it reads, and whether they meet it: asked of every statement here.

In the stream stands a point for each value and zeros for nothing (Lemma 12.1), but for two kinds of signals: a number
that is *not its value*, a count beyond its range or a register with older bits behind its own, and one that is
*loose*, which may be just anything where it is nothing. Statements that carry a signal carry these too.
"""

from collections.abc import Sequence
from typing import NamedTuple

from plait.compiler.lookups import AtDistance, Fetch, Latest, Match, Previous
from plait.compiler.one_kind_alone import Keyed, is_mixed_at_the_start
from plait.compiler.pointwise import Product, ValueTable
from plait.compiler.recurrent import BitRegister, Count, Hold, Lag
from plait.compiler.signals import Label
from plait.compiler.statement import Statement, Summing


class Demand(NamedTuple):
    """What an input must be.

    Args:
        code: a point of a code; a number alone will not do.
        exact: the value's own point wherever it holds something.
        known: zeros wherever it holds nothing.
    """

    code: bool
    exact: bool
    known: bool


CARRIED = Demand(code=False, exact=False, known=False)
"""Whatever stands there is passed on."""

NUMBER = Demand(code=False, exact=True, known=False)
ASKED = Demand(code=True, exact=True, known=False)
DECIDING = Demand(code=True, exact=True, known=True)

AMOUNT = Demand(code=False, exact=True, known=True)
"""Also what is asked of the inputs of any kind of statement that is not named below."""


def demands(statement: Statement) -> tuple[Demand, ...]:
    """One for every input."""
    inputs = statement.inputs
    if isinstance(statement, Lag | Previous):
        return (CARRIED,)
    if isinstance(statement, Hold) and len(inputs) == 2:
        return CARRIED, AMOUNT
    if isinstance(statement, Match):
        n = statement.n_keys
        condition = (AMOUNT,) if statement.condition is not None else ()
        return CARRIED, *[DECIDING] * n, *[ASKED] * n, *condition
    if isinstance(statement, AtDistance):
        return CARRIED, ASKED
    if isinstance(statement, Keyed):
        return CARRIED, ASKED, *[AMOUNT] * len(statement.gates)
    if isinstance(statement, Product):
        return NUMBER, NUMBER
    if isinstance(statement, ValueTable):
        alone = _not_mixed(inputs, sees_nothing=statement.sees_nothing) if len(inputs) > 1 else ()
        known = statement.sees_nothing
        return tuple(Demand(code=n in alone, exact=n in alone, known=known) for n in range(len(inputs)))
    if isinstance(statement, Hold | BitRegister):
        return (DECIDING,)
    if (
        isinstance(statement, Count) and len(inputs) == 2
    ):  # a channel for each amount: which are reached is read
        return DECIDING, AMOUNT
    return (AMOUNT,) * len(inputs)


def needs_code(signal: Statement, demand: Demand) -> bool:
    """Whether a table must first make the signal a code."""
    return signal.numeric and (demand.code or (demand.exact and not is_its_number(signal)))


def check_met(statement: Statement, label: Label, *, states: bool) -> None:
    """Refuses inputs that are not what the statement demands of them.

    Raises:
        ValueError: there is such an input.
    """
    for one, demand in zip(statement.inputs, demands(statement), strict=True):
        assert not needs_code(one, demand), f"a {statement.kind} reads a {one.kind} that is not its value"
        if not demand.known or not one.loose or one.edged:
            continue
        if isinstance(statement, Latest) and one in statement.keys and is_mixed_at_the_start(one):
            continue  # Lemma 12.14
        why = "" if states else "without SSM layers "
        raise ValueError(
            f"{label.name or statement.kind} ({label.where}): {why}its {one.kind} may hold anything at positions "
            "where it is nothing, and decides what is found"
        )


def is_its_number(signal: Statement) -> bool:
    """Whether the stream holds the value itself, and 0 for nothing, if it holds a number.

    A count goes on beyond its range, and older bits stand behind a register's.
    """
    return not signal.numeric or not isinstance(root_of(signal), Summing | BitRegister)


def _not_mixed(inputs: Sequence[Statement], *, sees_nothing: bool) -> list[int]:
    """The places of a table's inputs that cannot be mixed with others as the numbers that they are.

    Of numbers that go on beyond their range one can be, if it is nothing there and the table too; and of registers
    one, since another's older bits would cover it.
    """
    roots = [root_of(signal) if signal.numeric else None for signal in inputs]
    edged = [place for place, signal in enumerate(inputs) if signal.edged]
    stays = [place for place, root in enumerate(roots) if isinstance(root, Summing) and root.stay]
    registers = [place for place, root in enumerate(roots) if isinstance(root, BitRegister)]
    found = {
        *(edged if len(edged) > 1 or sees_nothing else ()),
        *stays,
        *(registers if len(registers) > 1 else ()),
    }
    return sorted(found)


def root_of(statement: Statement) -> Statement:
    """Where a number comes from: through lags, holds and lookups."""
    while isinstance(statement, Lag | Hold | Fetch | Keyed) and statement.numeric:
        statement = statement.inputs[0]
    return statement
