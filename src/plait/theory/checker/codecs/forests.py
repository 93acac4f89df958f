"""Contents of decoding recall: forests of last followers, a register, and a word that still waits for its follower.

    words  a b c d    sinks 0 1 (never keys)      a -> b -> 0,  c -> 0,  d -> 1: roots 0 and 1; or also the last word

A text is a chain of paths up from the leaves: each path runs until it meets a word whose other children are not yet
done, or a root. The last path ends in the waiting word, if there is one. The register is spelled in sinks before the
last path (at the end, if no word waits), where it changes no follower. Source: docs/theory.md, Theorem 4.6.
"""

from plait.theory.checker.codecs import prufer
from plait.theory.checker.codecs.base import MOST_LENGTH, AskQuery, Codec, Reader, checked_size, long_steps
from plait.theory.checker.document import Refused

MOST_WORDS = 5_000


class _Register:
    """One value of the register: how it is spelled, and the answers that prove it."""

    def __init__(self, reader: Reader) -> None:
        self.spell = reader.tokens("spell", most=64)
        self.reads = reader.queries("reads")
        self.answers = reader.tokens("answers")
        if len(self.reads) != len(self.answers):
            raise Refused("a register value needs as many answers as reads")
        reader.done()


class Forests(Codec):
    """Forest, register value, and whether a word waits (only if `waiting`), as texts of `length` tokens."""

    def __init__(self, reader: Reader) -> None:
        self.words = reader.tokens("words", most=MOST_WORDS)
        self.sinks = reader.tokens("sinks", most=64)
        self.nodes = [*self.words, *self.sinks]
        self.node = {token: i for i, token in enumerate(self.nodes)}
        if not self.words or not self.sinks or len(self.node) < len(self.nodes):
            raise Refused("words and sinks must be distinct tokens, one or more of each")
        self.length = reader.integer("length", least=1, most=MOST_LENGTH)
        waiting = reader.take("waiting")
        if not isinstance(waiting, bool):
            raise Refused("waiting must be true or false")
        self.reads = [
            reader.listed(read, "reads", below=reader.n_queries, most=64) for read in reader.objects("reads")
        ]
        if len(self.reads) != len(self.words) or not all(self.reads):
            raise Refused("reads must be one or more queries for each word")
        registers = reader.objects("registers")
        self.registers = [_Register(reader.inner(fields, "a register value")) for fields in registers]
        if not self.registers or len(self.registers) > MOST_WORDS:
            raise Refused(f"registers must be 1 to {MOST_WORDS} values")
        reader.done()
        m, n = len(self.words), len(self.nodes)
        self.roots = list(range(m, n))
        self.settled = prufer.forest_count(n, len(self.roots))
        self.with_root = prufer.forest_count(n, len(self.roots) + 1) if waiting else 0
        self.size = checked_size(len(self.registers) * (self.settled + m * self.with_root))

    @property
    def work(self) -> int:
        reading = sum(8 + 4 * len(reads) for reads in self.reads)
        registers = sum(8 + 4 * len(value.reads) for value in self.registers)
        return reading + registers + self.length + len(self.nodes) * (120 + 2 * long_steps(self.size))

    def encode(self, index: int) -> list[int] | None:
        index, choice = divmod(index, len(self.registers))
        spell = [self.node.get(token, -1) for token in self.registers[choice].spell]
        if index < self.settled:
            forest = prufer.forest_at(index, len(self.nodes), self.roots)
            text = [*(node for path in _paths(forest, None) for node in path), *spell]
        else:
            index, word = divmod(index - self.settled, len(self.words))
            paths = _paths(prufer.forest_at(index, len(self.nodes), [*self.roots, word]), word)
            text = [*(node for path in paths[:-1] for node in path), *spell, *paths[-1]]
        padding = self.length - len(text)
        if padding < 0 or -1 in spell:
            return None
        return [self.nodes[node] for node in [0] * padding + text]

    def decode(self, ask: AskQuery) -> int | None:
        parents, waits = {}, []
        for word, reads in enumerate(self.reads):
            answers = {ask(query) for query in reads}
            if len(answers) > 1:
                waits.append(word)
            else:
                parents[word] = self.node.get(answers.pop(), -1)
        if len(waits) > 1 or (waits and not self.with_root) or -1 in parents.values():
            return None
        index = prufer.forest_index(parents, len(self.nodes), [*self.roots, *waits])
        choice = next((i for i, value in enumerate(self.registers) if _proved(value, ask)), None)
        if index is None or choice is None:
            return None
        if waits:
            index = self.settled + waits[0] + len(self.words) * index
        return choice + len(self.registers) * index


def _paths(parents: dict[int, int], end: int | None) -> list[list[int]]:
    """Paths up from the leaves, each closed by the node that it stops at; the last one closes with `end`, if given."""
    children = dict.fromkeys(parents, 0)
    for parent in parents.values():
        if parent in children:
            children[parent] += 1
    leaves = [node for node, count in children.items() if not count]
    if end is not None:
        roots = _roots(parents)
        leaves.sort(key=lambda leaf: roots[leaf] == end)
    paths = []
    for leaf in leaves:
        path, node = [leaf], parents[leaf]
        while node in children:
            children[node] -= 1
            if children[node]:
                break
            path.append(node)
            node = parents[node]
        paths.append([*path, node])
    if end is not None and (not paths or paths[-1][-1] != end):
        paths.append([end])
    return paths


def _roots(parents: dict[int, int]) -> dict[int, int]:
    """The root of every node, each edge gone up once."""
    roots: dict[int, int] = {}
    for start in parents:
        path, node = [], start
        while node in parents and node not in roots:
            path.append(node)
            node = parents[node]
        root = roots.get(node, node)
        for below in path:
            roots[below] = root
    return roots


def _proved(value: _Register, ask: AskQuery) -> bool:
    return all(ask(query) == want for query, want in zip(value.reads, value.answers, strict=True))
