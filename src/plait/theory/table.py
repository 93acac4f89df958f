"""The lower bounds of a task side by side, as data."""

from dataclasses import dataclass
from fractions import Fraction

from plait.theory.bound import Bound, PrintedTheorem
from plait.theory.exact_numbers import exact_fraction
from plait.theory.reach import attention_reach
from plait.theory.recurrent import printed_state_bits, ssm_state_bits


@dataclass(frozen=True, kw_only=True)
class BoundRow:
    """One line of the table: what a kind of model needs at least.

    Args:
        model: the kind of model.
        needs: what is counted.
        unit: of `value`: bits or tokens.
        value: rounded down.
        note: conditions, or why the value says nothing.
        bound: the whole bound; None for a printed theorem.
    """

    model: str
    needs: str
    unit: str
    value: int | Fraction
    note: str
    bound: Bound | None = None


def bounds_table(task: object, seq_len: int, error: float | Fraction | str = 0) -> tuple[BoundRow, ...]:
    """The rows: state bits of a pure SSM, the paper's printed value for them, and the windows of pure attention.

    Args:
        task: a task of plait.
        seq_len: the length of the inputs, in tokens.
        error: the average error allowed of the SSM, in [0, 1).

    Raises:
        ValueError: as `ssm_state_bits` and `attention_reach`.
    """
    rate = exact_fraction(error, "error")
    state = ssm_state_bits(task, error=rate, seq_len=seq_len)
    reach = attention_reach(task, seq_len)
    rows = [
        _row("pure SSM", "state over the cut", "bits", state),
        printed_row(printed_state_bits(task, seq_len)),
        _row("pure windowed attention", "sum over layers of (window - 1)", "tokens", reach),
    ]
    if not state.states and not rate:
        rows.insert(1, _row("pure SSM, any length", "state over the cut", "bits", ssm_state_bits(task)))
    return tuple(rows)


def printed_row(printed: PrintedTheorem) -> BoundRow:
    """The line of the paper's own theorem."""
    return BoundRow(
        model="pure SSM, Theorem 3.3 as printed",
        needs="state over the cut",
        unit="bits",
        value=printed.value,
        note=printed.why,
    )


def _row(model: str, needs: str, unit: str, bound: Bound) -> BoundRow:
    return BoundRow(model=model, needs=needs, unit=unit, value=bound.value, note=bound.statement, bound=bound)
