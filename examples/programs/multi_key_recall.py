"""What followed the latest earlier occurrence of the last two words."""

from plait.compiler import Program, words


def program(n_words: int = 8) -> Program:
    p = Program(words(n_words))
    p.before = p.lag(p.token)
    p.second = p.lag(p.token, 2)
    p.answer = p.latest(p.token, key=(p.before, p.second), query=(p.token, p.before))
    return p


PROGRAM = program()
