"""How many bits a recurrent model must carry to solve a task: `ssm_state_bits`.

Source: docs/theory.md, section 2.
"""

from fractions import Fraction

from plait.checks import check_integer
from plait.theory.bound import Bound, PrintedTheorem
from plait.theory.certificate import state_certificate, states_needed
from plait.theory.exact_numbers import exact_fraction, log2_floor
from plait.theory.families import StateFamily, families
from plait.theory.families.field import field_families
from plait.theory.repaired import check_error
from plait.theory.states import state_count, state_factors

_PARTS = 1000
"""Bits are told in thousandths."""
_WHY = (
    "its assumption that the q answers tell all contents u apart means |Y|^q >= |U|, so m log|V| - q log|Y| "
    "<= 0: where the theorem applies it says nothing"
)

LEAST_SHARE = Fraction(1, 8)
"""A family of which less can be used is left out: sampling could hardly certify it."""


def ssm_state_bits(task: object, error: float | Fraction | str = 0, seq_len: int | None = None) -> Bound:
    """Bits of state without which no recurrent model, whatever its weights, solves the task.

    At error 0 and any length it is the exact number of states (`states`) and its logarithm; at a length, the best
    family of contents that fits into it; at an error, what counting answer tables (Theorem 2.2) leaves of it.
    "State" is everything that is carried from one token to the next: SSM states, convolution tails, caches.

    Args:
        task: a task of plait.
        error: the average error that is allowed over all contents and queries of the family, each pair alike, in
            [0, 1); a float is taken as its decimal.
        seq_len: the length of the inputs, in tokens; None for any.

    Raises:
        ValueError: a task without a family, an error outside [0, 1), or a seq_len below 1.
    """
    rate = exact_fraction(error, "error")
    check_error(rate)
    if seq_len is not None:
        check_integer("seq_len", seq_len, least=1)
    factors = state_factors(task)
    usable = [
        family
        for family in families(task, seq_len)
        if family.contents > 1 and family.share >= LEAST_SHARE and (not rate or family.answers is not None)
    ]
    best = max(usable, key=lambda family: states_needed(family, rate, family.share), default=None)
    states = 1 if best is None else states_needed(best, rate, best.share)
    exact = state_count(task) if not rate else None
    value = log2_floor([(states, 1)], parts=_PARTS)
    if not rate and (seq_len is None or states == exact):
        value = log2_floor(factors, parts=_PARTS)
    else:
        exact = None
    certificate, certified = (best and state_certificate(task, best, rate)) or (None, None)
    return Bound(
        quantity="state bits",
        value=value,
        states=exact,
        confidence=1 if exact or best is None else best.confidence,
        statement=_statement(task, best, rate, seq_len),
        certificate=certificate,
        certified=certified,
        printed=printed_state_bits(task, seq_len),
    )


def table_state_bits(task: object, seq_len: int) -> Bound | None:
    """Bits of state by a table that is written and read back (Theorem 2.12), where the task has one; else None.

    Of tasks without an exact count of their states: more may be needed.

    Raises:
        ValueError: a seq_len below 1.
    """
    check_integer("seq_len", seq_len, least=1)
    usable = [family for family in field_families(task, seq_len) if family.share >= LEAST_SHARE]
    if not usable:
        return None
    best = max(usable, key=lambda family: states_needed(family, Fraction(0), family.share))
    certificate, certified = state_certificate(task, best, Fraction(0)) or (None, None)
    return Bound(
        quantity="state bits",
        value=log2_floor([(states_needed(best, Fraction(0), best.share), 1)], parts=_PARTS),
        confidence=best.confidence,
        statement=_statement(task, best, Fraction(0), seq_len),
        certificate=certificate,
        certified=certified,
        printed=None if best.answers is None else printed_of(best, len(best.answers)),
    )


def printed_state_bits(task: object, seq_len: int | None = None) -> PrintedTheorem:
    """Theorem 3.3 as printed, `log2|U| - q log2|Y|`, on the family that loses least by it. Never positive.

    Raises:
        ValueError: a task without a family.
    """
    values = [
        printed_of(family, len(family.answers)).value
        for family in families(task, seq_len)
        if family.answers is not None
    ]
    return PrintedTheorem(value=max(values, default=Fraction(0)), why=_WHY)


def printed_of(family: StateFamily, answers: int) -> PrintedTheorem:
    """The same on one family, whose queries have at most so many answers."""
    value = log2_floor([(family.contents, 1), (answers, -len(family.queries))], parts=_PARTS)
    return PrintedTheorem(value=min(value, Fraction(0)), why=_WHY)


def _statement(task: object, family: StateFamily | None, error: Fraction, seq_len: int | None) -> str:
    length = "of any length" if seq_len is None else f"of {seq_len} tokens"
    if family is None:
        return f"A model right at every scored position of every input {length}: the closed form, without a family."
    right = (
        f"A model right at every scored position of every input {length}"
        if not error
        else f"A model whose average error over all contents and queries is at most {float(error):g}, "
        f"on inputs {length},"
    )
    note = ""
    if getattr(task, "variant", None) == "repetitive":
        note = " The inputs are all rows of the task's tokens, not only those with repeated words."
    return f"{right} carries this much over the cut after token {family.prefix_length}: {family.description}.{note}"
