"""A matrix row by row, rows ending with a semicolon: the entry of the row and column that were asked for last."""

from plait.compiler import Program, words


def program(n_words: int = 8, rows: int = 4, columns: int = 4) -> Program:
    names = {f"r{n}": n for n in range(rows)}, {f"c{n}": n for n in range(1, columns + 1)}
    p = Program([*words(n_words), ";", *names[0], *names[1]])
    p.end = p.embed(lambda token: token == ";")
    p.row, p.column = p.count(p.end, most=rows - 1), p.since(p.end, most=columns)
    p.asked_row = p.hold(p.embed(names[0], missing=None))
    p.asked_column = p.hold(p.embed(names[1], missing=None))
    p.entry = p.embed(lambda token: token in words(n_words))
    asked = (p.asked_row, p.asked_column)
    p.answer = p.latest(p.token, key=(p.row, p.column), query=asked, where=p.entry)
    return p


PROGRAM = program()
