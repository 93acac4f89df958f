"""The frontier of a task: least bits of recurrent state as a function of how far windows and convolutions reach back.

Source: docs/theory.md, Theorems 11.1 to 11.3.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from plait.checks import check_integer
from plait.tasks import MultiKeyRecall, known_of
from plait.theory.bound import Bound, filled_statement
from plait.theory.certificate import state_certificate
from plait.theory.exact_numbers import log2_floor
from plait.theory.families.family import LONGEST, StateFamily
from plait.theory.hybrid.families import FILLED_FAMILIES, filled_families
from plait.theory.hybrid.tables import filled_tables, table_levels
from plait.theory.recurrent import LEAST_SHARE, ssm_state_bits, table_state_bits
from plait.theory.states import frontier_factors, frontier_states, state_factors

_PARTS = 1000
"""Bits are told in thousandths."""
_FEWEST = 8
"""Reaches that are computed however many numbers they take."""
MOST_WRITTEN = 400_000
"""Numbers of all families of a frontier together, as many as the checker reads of a few certificates."""

QUANTITY = "recurrent state bits"


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One point of the curve; it unpacks as the pair (reach, bits).

    Args:
        reach: tokens that all windows and convolutions reach back together, `sum (w - 1) + sum (K - 1)`.
        bits: that recurrent states need at least then, and at any smaller reach; rounded down.
        bound: the whole statement with its certificate; one bound may stand behind several points.
    """

    reach: int
    bits: Fraction
    bound: Bound

    def __iter__(self) -> Iterator[int | Fraction]:
        return iter((self.reach, self.bits))


def frontier(
    task: object, seq_len: int, *, reaches: Iterable[int] | None = None, seconds: float = 60, seed: int = 0
) -> tuple[FrontierPoint, ...]:
    """Bits of recurrent state without which no mix of layers of a given reach solves the task.

    A reach of `seq_len - 1` sees everything, and nothing is left to recurrent states. Of a task of plait the families
    are known, and at their full size exact: no model needs more. For a task of one's own they are searched.

    Args:
        task: a task of plait, or anything with `targets` and `vocab_size`.
        seq_len: tokens of an input.
        reaches: at which to bound; default: all up to `seq_len - 1`, or as many as are written out in `MOST_WRITTEN`;
            where is searched a few, and those at which a level of the task's tables ends.
        seconds: the budget of a search, all reaches together.
        seed: of a search's random choices.

    Returns: one point for each reach, rising; bits never rise.

    Raises:
        ValueError: a seq_len below 2, a reach below 0, or as `find_state_bits`.
    """
    check_integer("seq_len", seq_len, least=2, most=LONGEST)
    known = has_frontier(task)
    if isinstance(task, MultiKeyRecall):
        state_factors(task)  # refuses more keys than could ever matter, before any are counted
    given = reaches is not None
    if reaches is None:
        reaches = (
            _spread_reaches(filled_families(task, seq_len, 1), seq_len)
            if known
            else _searched_reaches(task, seq_len)
        )
    asked = sorted(set(reaches))
    for reach in asked:
        check_integer("reach", reach, least=0)
    if known:
        return _known_points(task, seq_len, asked)
    from plait.theory.hybrid.search import find_filled_bits

    inside = [reach for reach in asked if reach < seq_len - 1]
    searched = inside if given else [reach for reach in _doubled(seq_len) if reach < seq_len - 1]
    found = find_filled_bits(task, seq_len, searched, seconds=seconds, seed=seed)
    for reach in inside:
        if table := _by_table(task, seq_len, reach, found.get(reach)):
            found[reach] = table
    points: list[FrontierPoint] = []
    best: Bound | None = None
    for reach in reversed(asked):
        bound = found.get(reach) or _nothing(seq_len, reach, searched=True, begun=reach in found)
        best = bound if best is None or not best.value or bound.value > best.value else best
        points.append(FrontierPoint(reach, Fraction(best.value), best))
    return tuple(reversed(points))


def _by_table(task: object, seq_len: int, reach: int, found: Bound | None) -> Bound | None:
    """What the task's table needs (Theorems 2.12 and 11.5), if that is more than what was found."""
    table = _filled_table(task, seq_len, reach) if reach else table_state_bits(task, seq_len)
    if table is None or table.certificate is None or (found is not None and table.value <= found.value):
        return None
    return table


def _filled_table(task: object, seq_len: int, reach: int) -> Bound | None:
    usable = [family for family in filled_tables(task, seq_len, reach) if family.share >= LEAST_SHARE]
    best = max(usable, key=lambda family: family.contents, default=None)
    if best is None:
        return None
    certificate, certified = state_certificate(task, best, Fraction(0)) or (None, None)
    return Bound(
        quantity=QUANTITY,
        value=log2_floor([(best.contents, 1)], parts=_PARTS),
        confidence=best.confidence,
        statement=filled_statement(best, seq_len),
        certificate=certificate,
        certified=certified,
    )


def breakpoints(points: Sequence[FrontierPoint]) -> list[FrontierPoint]:
    """The last point of each level of the curve: up to that reach so many bits are needed."""
    return [
        point
        for place, point in enumerate(points)
        if place == len(points) - 1 or point.bits > points[place + 1].bits
    ]


def has_frontier(task: object) -> bool:
    """Whether a closed form is known: of the tasks of plait, and of no class that derives from them."""
    return known_of(task, FILLED_FAMILIES) is not None


_MOST_DRAWN = 32
"""Reaches of a table whose contents are drawn to be counted, which takes a tenth of a second at each."""


def _searched_reaches(task: object, seq_len: int) -> list[int]:
    """Those at which is searched, and where a level of the task's tables ends."""
    families = filled_tables(task, seq_len, 1)
    spread = _spread_reaches(families, seq_len)
    if any(family.confidence < 1 for family in families):
        spread = spread[:: -(-len(spread) // _MOST_DRAWN)]
    return sorted({*_doubled(seq_len), *table_levels(task, seq_len, spread)})


def _doubled(seq_len: int) -> list[int]:
    if seq_len <= 4:
        return list(range(seq_len))
    doubled = [2**power for power in range(seq_len.bit_length()) if 2**power < seq_len - 2]
    return [0, *doubled, seq_len - 2, seq_len - 1]


def _spread_reaches(families: Iterable[StateFamily], seq_len: int) -> list[int]:
    """All reaches, or evenly spread ones where the families of all would be more than is written out: those behind more
    than the one token of filler given take no more numbers.

    What is needed at a reach is needed at all smaller ones, so fewer points are a lower curve, and as true.
    """
    inside = range(1, seq_len - 1)
    apiece = sum(
        # A query is a list of two numbers, and is read once.
        sum(map(len, [*family.suffixes, *family.tables])) + 4 * len(family.queries)
        for family in families
    )
    most = max(_FEWEST, MOST_WRITTEN // max(1, apiece))
    if len(inside) <= most:
        return list(range(seq_len))
    spread = {inside[place * (len(inside) - 1) // (most - 1)] for place in range(most)}
    return sorted({0, *spread, seq_len - 1})


def _known_points(task: object, seq_len: int, asked: list[int]) -> tuple[FrontierPoint, ...]:
    """From the greatest reach down: what is needed at a reach is needed at every smaller one, so a certificate is made
    only where the bound rises."""
    points: list[FrontierPoint] = []
    best, most = _nothing(seq_len, max(asked, default=0)), 1
    for reach in reversed(asked):
        family = _best_family(task, seq_len, reach)
        if reach == 0:
            bound = ssm_state_bits(task, seq_len=seq_len)
            best = bound if bound.value >= best.value else best
        elif family is not None and family.contents > most:
            best, most = _bound(task, seq_len, family), family.contents
        elif not best.value:
            best = _nothing(seq_len, reach)
        points.append(FrontierPoint(reach, Fraction(best.value), best))
    return tuple(reversed(points))


def _best_family(task: object, seq_len: int, reach: int) -> StateFamily | None:
    if not 1 <= reach < seq_len - 1:
        return None
    usable = [family for family in filled_families(task, seq_len, reach) if family.share >= LEAST_SHARE]
    return max(usable, key=lambda family: family.contents, default=None)


def _bound(task: object, seq_len: int, family: StateFamily) -> Bound:
    factors = frontier_factors(task, len(family.filler))
    least_bits = sum((base.bit_length() - 1) * exponent for base, exponent in factors)
    # A count of millions of bits is made only where the family may attain it.
    exact = frontier_states(task, len(family.filler)) if family.contents.bit_length() > least_bits else None
    if family.contents != exact:
        exact = None
    value = log2_floor([(family.contents, 1)] if exact is None else factors, parts=_PARTS)
    certificate, certified = state_certificate(task, family, Fraction(0)) or (None, None)
    return Bound(
        quantity=QUANTITY,
        value=value,
        states=exact,
        confidence=1 if exact else family.confidence,
        statement=filled_statement(family, seq_len),
        certificate=certificate,
        certified=certified,
    )


def _nothing(seq_len: int, reach: int, *, searched: bool = False, begun: bool = True) -> Bound:
    whole = reach >= seq_len - 1
    if whole:
        why = f"Windows that reach back {reach} tokens see every input of {seq_len} tokens whole."
    elif not begun:
        why = (
            f"The time was out before a filler of {reach} of {seq_len} tokens was tried; that proves nothing."
        )
    elif searched:
        why = f"The search found no family behind a filler of {reach} of {seq_len} tokens."
    else:
        why = f"No family fits into {seq_len} tokens behind a filler of {reach}."
    return Bound(quantity=QUANTITY, value=Fraction(0), statement=why, found=searched and not whole)
