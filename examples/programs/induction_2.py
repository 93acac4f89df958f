"""Two hops: what followed the latest earlier occurrence of this word, and from there what followed in the same way."""

from plait.compiler import Program, words


def program(n_words: int = 8) -> Program:
    p = Program(words(n_words))
    p.before = p.lag(p.token)
    p.once = p.latest(p.token, key=p.before, query=p.token)
    p.answer = p.latest(p.once, key=p.before, query=p.token)
    return p


PROGRAM = program()
