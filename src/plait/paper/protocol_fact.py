"""One choice of the released program beside ours."""

from collections.abc import Callable
from dataclasses import dataclass

PROGRAM = "released program"
TEXT = "the paper's text"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One choice of the program, and what plait does as it was run.

    Args:
        what: the choice, in a few words.
        program: what the program does.
        source: where that is known from.
        ours: what our code does, as text to read beside it.
        agrees: whether it is the same.
        note: what to know where it is not.
    """

    what: str
    program: str
    source: str
    ours: Callable[[], str]
    agrees: Callable[[], bool]
    note: str = ""
