"""Which bit was more frequent among the last nine."""

from fractions import Fraction

from plait.compiler import Program


def program(last: int = 9) -> Program:
    p = Program("01")
    p.share = p.mean(p.embed(lambda token: token == "1"), last=last)
    p.answer = p.table(
        lambda share: None if share == Fraction(1, 2) else "01"[share > Fraction(1, 2)], p.share
    )
    return p


PROGRAM = program()
