"""The latest four bits are an address: the letter that a table of any kind has there."""

from plait.compiler import Program


def program(table: str = "badcabacdabdcbca") -> Program:
    p = Program(["0", "1", *sorted(set(table))])
    p.bit = p.embed({"0": 0, "1": 1}, missing=None)
    p.address = p.register(p.bit, (len(table) - 1).bit_length())
    p.answer = p.table(dict(enumerate(table)), p.address)
    return p


PROGRAM = program()
