"""Assignments like `a = 3`: what the present variable was set to last."""

from plait.compiler import Program


def program(variables: str = "abcdefgh", digits: str = "0123456789") -> Program:
    p = Program([*variables, *digits, "="], rates={"=": 4})
    p.variable = p.lag(p.token, 2)
    p.digit, p.equals = p.embed(lambda token: token in digits), p.embed(lambda token: token == "=")
    p.is_value = p.table(lambda digit, equals: digit and equals, p.digit, p.lag(p.equals))
    p.answer = p.latest(p.token, key=p.variable, query=p.token, where=p.is_value)
    return p


PROGRAM = program()
