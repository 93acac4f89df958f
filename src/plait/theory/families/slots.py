"""A table that is written: each slot of a base holds one of some values, and is read by itself.

Source: docs/theory.md, Theorem 2.12.
"""

from collections.abc import Sequence

from plait.theory.families.family import StateFamily


def table_family(
    description: str,
    *,
    base: Sequence[int],
    slots: Sequence[int],
    suffix: Sequence[int],
    reads: Sequence[int],
    values: Sequence[int],
    answers: Sequence[int] | None = None,
) -> StateFamily:
    """Each slot of the base holds one of the values, and is read at its own position of the suffix."""
    return asked_family(
        description,
        base=base,
        slots=slots,
        suffixes=[list(suffix)],
        queries=[(0, position) for position in reads],
        values=values,
        answers=answers,
    )


def asked_family(
    description: str,
    *,
    base: Sequence[int],
    slots: Sequence[int],
    suffixes: Sequence[Sequence[int]],
    queries: Sequence[tuple[int, int]] | None = None,
    values: Sequence[int],
    answers: Sequence[int] | None = None,
) -> StateFamily:
    """Each slot of the base holds one of the values, and is read by a query of its own: at the end of a suffix of its
    own, if none are given."""
    row = {"values": 0} if answers is None else {"values": 0, "answers": 1}
    return StateFamily(
        description=description,
        size=len(values) ** len(slots),
        prefix_length=len(base),
        suffixes=suffixes,
        queries=queries or [(number, len(suffix) - 1) for number, suffix in enumerate(suffixes)],
        codec={
            "kind": "slots",
            "base": list(base),
            "slots": [{"at": [at], "reads": [number], **row} for number, at in enumerate(slots)],
        },
        tables=[values] if answers is None else [values, answers],
        answers=values if answers is None else answers,
    )
