"""What followed the latest earlier occurrence of the present word, as if there were no noise."""

from plait.compiler import Program, words


def program(n_words: int = 8, n_noise: int = 4) -> Program:
    p = Program([*words(n_words), *(f"noise{n}" for n in range(n_noise))])
    p.word = p.embed({name: name for name in words(n_words)}, missing=None)
    p.is_word = p.embed(lambda token: not token.startswith("noise"))
    p.before = p.hold(p.lag(p.word), when=p.lag(p.is_word))
    p.answer = p.latest(p.token, key=p.before, query=p.word, where=p.is_word)
    return p


PROGRAM = program()
