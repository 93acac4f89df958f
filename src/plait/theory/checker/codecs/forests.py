"""Contents of decoding recall: forests of last followers, a register, and a word that still waits for its follower.

    words  a b c d    sinks 0 1 (never keys)      a -> b -> 0,  c -> 0,  d -> 1: roots 0 and 1; or also the last word

A text is a chain of paths up from the leaves: each path runs until it meets a word whose other children are not yet
done, or a root. The last path ends in the waiting word, if there is one. The register is spelled in sinks before the
last path (at the end, if no word waits), where it changes no follower. Source: docs/theory.md, Theorem 4.6.

Numbers for trees: Prufer's code for forests, and its extension to the de Bruijn graph.

In the de Bruijn graph B(n, k) a node is a key of k letters, and key (e1 .. ek) may be followed by any letter y, which
leads to (e2 .. ek y). A spanning in-tree gives each key but the root its follower, all paths ending at the root.
B(n, k) is the line graph of B(n, k - 1), so Prufer's idea works level by level: take away the least leaf again and
again and note its follower in the list of its last k - 1 letters; the last entries of the lists form a tree one level
down.
Source: docs/theory.md, Theorem 4.4 (counting: van Aardenne-Ehrenfest and de Bruijn; the code: Prufer 1918, and
H. Bidkhori, S. Kishore, "A bijective proof of a theorem of Knuth", 2011).
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from plait.theory.checker.codecs.base import MOST_LENGTH, AskQuery, Codec, Reader, checked_size, long_steps
from plait.theory.checker.document import Refused


def forest_count(n_nodes: int, n_roots: int) -> int:
    """Forests on `n_nodes` labelled nodes whose trees have the given `n_roots` nodes as roots."""
    inner = n_nodes - n_roots
    return n_roots * n_nodes ** (inner - 1) if inner else 1


def forest_at(index: int, n_nodes: int, roots: Sequence[int]) -> dict[int, int]:
    """Forest number `index`: the parent of each node that is no root."""
    inner = n_nodes - len(roots)
    if inner == 0:
        return {}
    index, last = divmod(index, len(roots))
    code = []
    for _ in range(inner - 1):
        index, digit = divmod(index, n_nodes)
        code.append(digit)
    code.append(roots[last])
    waiting = [0] * n_nodes
    for node in code:
        waiting[node] += 1
    is_root = set(roots)
    leaves = [node for node in range(n_nodes) if not waiting[node] and node not in is_root]
    heapify(leaves)
    parents = {}
    for parent in code:
        parents[heappop(leaves)] = parent
        waiting[parent] -= 1
        if not waiting[parent] and parent not in is_root:
            heappush(leaves, parent)
    return parents


def forest_index(parents: dict[int, int], n_nodes: int, roots: Sequence[int]) -> int | None:
    """The number of a forest; None if `parents` is none with these roots."""
    is_root = set(roots)
    if set(parents) != set(range(n_nodes)) - is_root:
        return None
    if not parents:
        return 0
    waiting = [0] * n_nodes
    for parent in parents.values():
        waiting[parent] += 1
    leaves = [node for node in parents if not waiting[node]]
    heapify(leaves)
    code = []
    while leaves:
        parent = parents[heappop(leaves)]
        code.append(parent)
        waiting[parent] -= 1
        if not waiting[parent] and parent not in is_root:
            heappush(leaves, parent)
    if len(code) < len(parents):
        return None  # a cycle was left
    index = 0
    for digit in reversed(code[:-1]):
        index = index * n_nodes + digit
    return index * len(roots) + roots.index(code[-1])


def tree_count(n: int, k: int) -> int:
    """Spanning in-trees of B(n, k) with one given root."""
    return n ** (n**k - k - 1) if n > 1 else 1


def tree_at(index: int, n: int, k: int, root: int) -> list[int]:
    """In-tree number `index` of B(n, k) with that root: the follower of each key (the root's entry has no meaning).

    Keys are numbers in base n, first letter highest.
    """
    n_keys = n**k
    if k == 0 or n == 1:
        return [0] * n_keys
    below = n_keys // n
    root_from, root_to = root // n, root % below
    lists: list[list[int]] = []
    for vertex in range(below):
        letters = []
        for _ in range(n - 1 - (vertex == root_to)):
            index, letter = divmod(index, n)
            letters.append(letter)
        lists.append(letters)
    ends = tree_at(index, n, k - 1, root_from)
    ends[root_from] = root % n
    waiting = [0] * n_keys
    for vertex, letters in enumerate(lists):
        letters.append(ends[vertex])
        for letter in letters:
            waiting[vertex * n + letter] += 1
    leaves = [key for key in range(n_keys) if not waiting[key] and key != root]
    heapify(leaves)
    followers, taken = [0] * n_keys, [0] * below
    for _ in range(n_keys - 1):
        key = heappop(leaves)
        vertex = key % below
        followers[key] = letter = lists[vertex][taken[vertex]]
        taken[vertex] += 1
        parent = vertex * n + letter
        waiting[parent] -= 1
        if not waiting[parent] and parent != root:
            heappush(leaves, parent)
    return followers


def tree_index(followers: Sequence[int], n: int, k: int, root: int) -> int | None:
    """The number of an in-tree; None if the followers are none with this root."""
    if k == 0 or n == 1:
        return 0
    n_keys = n**k
    below = n_keys // n
    root_from, root_to = root // n, root % below
    waiting = [0] * n_keys
    for key in range(n_keys):
        if key != root:
            waiting[key % below * n + followers[key]] += 1
    leaves = [key for key in range(n_keys) if not waiting[key] and key != root]
    heapify(leaves)
    lists: list[list[int]] = [[] for _ in range(below)]
    seen = 0
    while leaves:
        key = heappop(leaves)
        vertex, seen = key % below, seen + 1
        lists[vertex].append(followers[key])
        parent = vertex * n + followers[key]
        waiting[parent] -= 1
        if not waiting[parent] and parent != root:
            heappush(leaves, parent)
    if seen < n_keys - 1:
        return None  # a cycle was left
    ends = [letters.pop() if letters else 0 for letters in lists]
    index = tree_index(ends, n, k - 1, root_from)
    if index is None:
        return None
    for vertex in reversed(range(below)):
        if len(lists[vertex]) != n - 1 - (vertex == root_to):
            return None
        for letter in reversed(lists[vertex]):
            index = index * n + letter
    return index


_MOST_WORDS = 5_000
"""No family has more keys; a register's value has up to 64 tokens and reads. Steps (`work`) count what loops of Python
do, to the larger side (tests/theory/test_checker_work.py)."""


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
        self.words = reader.tokens("words", most=_MOST_WORDS)
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
        if not self.registers or len(self.registers) > _MOST_WORDS:
            raise Refused(f"registers must be 1 to {_MOST_WORDS} values")
        reader.done()
        m, n = len(self.words), len(self.nodes)
        self.roots = list(range(m, n))
        self.settled = forest_count(n, len(self.roots))
        self.with_root = forest_count(n, len(self.roots) + 1) if waiting else 0
        self.size = checked_size(len(self.registers) * (self.settled + m * self.with_root))

    @property
    def work(self) -> int:
        reading = sum(8 + 4 * len(reads) for reads in self.reads)  # a word, and each of its queries
        registers = sum(8 + 4 * len(value.reads) for value in self.registers)
        # A node: its place in the forest, and a long division each way.
        return reading + registers + self.length + len(self.nodes) * (120 + 2 * long_steps(self.size))

    def encode(self, index: int) -> list[int] | None:
        index, choice = divmod(index, len(self.registers))
        spell = [self.node.get(token, -1) for token in self.registers[choice].spell]
        if index < self.settled:
            forest = forest_at(index, len(self.nodes), self.roots)
            text = [*(node for path in _paths(forest, None) for node in path), *spell]
        else:
            index, word = divmod(index - self.settled, len(self.words))
            paths = _paths(forest_at(index, len(self.nodes), [*self.roots, word]), word)
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
        index = forest_index(parents, len(self.nodes), [*self.roots, *waits])
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
