"""The sum of the digits so far modulo 3, up to a sum of a hundred."""

from plait.compiler import Program


def program(most: int = 100) -> Program:
    p = Program("012")
    p.sum = p.count(p.embed(int), most=most)
    p.answer = p.table(lambda total: str(total % 3), p.sum)
    return p


PROGRAM = program()
