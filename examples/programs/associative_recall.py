"""What followed the latest earlier occurrence of the present word (an induction head)."""

from plait.compiler import Program, words


def program(n_words: int = 8) -> Program:
    p = Program(words(n_words))
    p.before = p.lag(p.token)
    p.answer = p.latest(p.token, key=p.before, query=p.token)
    return p


PROGRAM = program()
