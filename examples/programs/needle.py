"""The token behind the latest marker A, from there to the end of the sequence."""

from plait.compiler import Program, words


def program(n_words: int = 100) -> Program:
    p = Program([*words(n_words), "A", "B"])
    p.marker = p.embed(lambda token: token == "A")
    p.answer = p.hold(p.token, when=p.lag(p.marker))
    return p


PROGRAM = program()
