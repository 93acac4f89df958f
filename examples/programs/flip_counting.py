"""Whether the bits have changed at least ten times so far."""

from plait.compiler import Program


def program(least: int = 10) -> Program:
    p = Program("01")
    p.flip = p.table(lambda bit, before: bit != before, p.token, p.lag(p.token))
    p.flips = p.count(p.flip, most=least, stay=True)
    p.answer = p.table(lambda flips: "1" if flips >= least else "0", p.flips)
    return p


PROGRAM = program()
