"""The latest number says how far back to go; go there, and on by the number that was the latest there: three times."""

from plait.compiler import Program, words


def program(n_words: int = 26, numbers: tuple[int, ...] = (5, 6, 7, 8, 9)) -> Program:
    p = Program([*words(n_words), *(f"{n}'" for n in numbers)])
    p.number = p.embed({f"{n}'": n for n in numbers}, missing=None)
    p.held = p.hold(p.number)
    p.once = p.at_distance(p.token, p.held)
    p.twice = p.at_distance(p.once, p.held)
    p.answer = p.at_distance(p.twice, p.held)
    return p


PROGRAM = program()
