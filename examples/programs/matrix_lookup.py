"""A matrix row by row, rows ending with a semicolon: the entry of the row and column that were asked for last."""

from plait.compiler import Program, words


def program(n_words: int = 8, rows: int = 4, columns: int = 4) -> Program:
    p = Program(
        [*words(n_words), ";", *(f"r{n}" for n in range(rows)), *(f"c{n + 1}" for n in range(columns))]
    )
    p.end = p.embed(lambda token: token == ";")
    p.row, p.column = p.count(p.end, most=rows - 1), p.since(p.end, most=columns)
    p.asked_row = p.hold(p.embed({f"r{n}": n for n in range(rows)}, missing=None))
    p.asked_column = p.hold(p.embed({f"c{n + 1}": n + 1 for n in range(columns)}, missing=None))
    p.entry = p.embed(lambda token: token in words(n_words))
    asked = (p.asked_row, p.asked_column)
    p.answer = p.latest(p.token, key=(p.row, p.column), query=asked, where=p.entry)
    return p


PROGRAM = program()
