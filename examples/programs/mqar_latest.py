"""Multi-query associative recall: the value of the present key, as it was last given."""

from plait.compiler import Program


def program(n_keys: int = 20, n_values: int = 20) -> Program:
    p = Program([*(f"k{n}" for n in range(n_keys)), *(f"v{n}" for n in range(n_values))])
    p.before = p.lag(p.token)
    p.is_value = p.embed(lambda token: token.startswith("v"))
    p.answer = p.latest(p.token, key=p.before, query=p.token, where=p.is_value)
    return p


PROGRAM = program()
