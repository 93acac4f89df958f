"""Keys of one or two small letters, followed by capitals: what followed the latest key that is spelled like this."""

from string import ascii_lowercase

from plait.compiler import Program


def program(n_letters: int = 4) -> Program:
    p = Program(ascii_lowercase[:n_letters] + ascii_lowercase[:n_letters].upper())
    p.spelled = p.embed(lambda token: token if token.islower() else "-")
    p.last, p.second = p.lag(p.spelled), p.lag(p.spelled, 2)
    p.letter = p.embed(lambda token: token if token.islower() else None)
    p.is_value = p.embed(str.isupper)
    p.answer = p.latest(p.token, key=(p.last, p.second), query=(p.letter, p.last), where=p.is_value)
    return p


PROGRAM = program()
