"""Three hops of the induction head, each from the place where the one before has ended."""

from plait.compiler import Program, words


def program(n_words: int = 8) -> Program:
    p = Program(words(n_words))
    p.before = p.lag(p.token)
    p.once = p.latest(p.token, key=p.before, query=p.token)
    p.twice = p.latest(p.once, key=p.before, query=p.token)
    p.answer = p.latest(p.twice, key=p.before, query=p.token)
    return p


PROGRAM = program()
