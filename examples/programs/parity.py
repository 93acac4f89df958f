"""Whether the number of ones so far is odd, up to a hundred of them."""

from plait.compiler import Program


def program(most: int = 100) -> Program:
    p = Program("01")
    p.ones = p.count(p.embed(lambda token: token == "1"), most=most)
    p.answer = p.table(lambda ones: str(ones % 2), p.ones)
    return p


PROGRAM = program()
