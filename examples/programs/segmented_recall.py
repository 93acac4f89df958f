"""What followed the first occurrence of the present word in its segment; segments end with a semicolon."""

from plait.compiler import Program, words


def program(n_words: int = 8, most: int = 7) -> Program:
    p = Program([*words(n_words), ";"], rates={";": 0.4})
    p.segment = p.count(p.embed(lambda token: token == ";"), most=most)
    p.before = p.lag(p.token)
    p.answer = p.earliest(p.token, key=(p.before, p.segment), query=(p.token, p.segment))
    return p


PROGRAM = program()
