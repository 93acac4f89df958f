"""The latest bits spell a word: what followed its latest occurrence."""

from plait.compiler import Program


def program(n_bits: int = 5) -> Program:
    words = [f"w{n}" for n in range(2**n_bits)]
    p = Program([*words, "0", "1"], rates={"0": len(words) / 8, "1": len(words) / 8})
    p.bit = p.embed({"0": 0, "1": 1}, missing=None)
    p.wanted = p.table(lambda number: words[number], p.register(p.bit, n_bits))
    p.before = p.lag(p.token)
    p.answer = p.latest(p.token, key=p.before, query=p.wanted)
    return p


PROGRAM = program()
