"""Brackets of two kinds, up to eight deep: which bracket must close the innermost open one."""

from plait.compiler import Program


def program(pairs: tuple[str, ...] = ("()", "[]"), depth: int = 8) -> Program:
    p = Program("".join(pairs))
    closing = {pair[0]: pair[1] for pair in pairs}
    p.opens = p.embed(lambda token: token in closing)
    p.depth = p.count(p.embed(lambda token: 1 if token in closing else -1), most=depth)
    p.closing = p.embed(closing, missing=None)
    p.answer = p.latest(p.closing, key=p.depth, query=p.depth, where=p.opens)
    return p


PROGRAM = program()
