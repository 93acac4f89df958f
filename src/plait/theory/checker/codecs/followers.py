"""Contents that are tables "what followed this key last": spanning in-trees, and paths that repeat no key.

Trees. The last followers of the keys of a text in which every key occurs form a spanning in-tree whose root is the last
key. Conversely, give every key its tree edge as the last way out, add the cheapest ways from keys with too many ways in
to keys with none, and walk: by the argument of the BEST theorem the walk uses every edge and ends at the root.

Paths. From a known first key the text takes only ways to keys not seen before; which of the remaining ways it takes at
each step is a digit of the index, whose radix is their number. Reading starts at the first key and follows the answers.
Source: docs/theory.md, Theorems 4.4 and 4.5.
"""

from bisect import bisect_left

from plait.theory.checker.codecs import forests
from plait.theory.checker.codecs.base import MOST_LENGTH, AskQuery, Codec, Reader, checked_size, long_steps
from plait.theory.checker.document import Refused

_MOST_KEYS = 5_000
"""No family has more keys (`MOST_KEYS` there). Steps (`work`) count what loops of Python
do, to the larger side (tests/theory/test_checker_work.py)."""


class _Keyed(Codec):
    """Letters, keys of `k` of them as numbers in base n, and the queries that read each key's follower."""

    def __init__(self, reader: Reader) -> None:
        self.letters = reader.distinct("letters", most=_MOST_KEYS)
        self.number = {token: letter for letter, token in enumerate(self.letters)}
        self.n = len(self.letters)
        self.k = reader.integer("key_length", least=1, most=12)  # keys of 13 letters would be too many
        self.n_keys = self.n**self.k
        if self.n_keys > _MOST_KEYS:
            raise Refused(f"at most {_MOST_KEYS} keys, got {self.n} letters to the power {self.k}")
        self.lead = reader.integer("lead", least=0, most=MOST_LENGTH)
        self.reads = [
            reader.listed(read, "reads", below=reader.n_queries, most=_MOST_KEYS)
            for read in reader.objects("reads")
        ]
        if len(self.reads) != self.n_keys:
            raise Refused(f"reads must be a list of queries for each of the {self.n_keys} keys")

    @property
    def reading(self) -> int:
        """Steps that asking for every follower takes, beside the answers."""
        return sum(8 + 4 * len(queries) for queries in self.reads)  # a key, and each of its queries

    def next_key(self, key: int, letter: int) -> int:
        return (key * self.n + letter) % self.n_keys

    def spelled(self, key: int) -> list[int]:
        return [key // self.n**place % self.n for place in reversed(range(self.k))]

    def follower(self, key: int, ask: AskQuery) -> int | None:
        """The letter that all reads of the key agree on; None if they do not, or agree on no letter."""
        answers = {ask(query) for query in self.reads[key]}
        return self.number.get(answers.pop()) if len(answers) == 1 else None


class Trees(_Keyed):
    """Every spanning in-tree (with the root given, or any), as a text of `length` tokens after some padding."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.length = reader.integer("length", least=1, most=MOST_LENGTH)
        root = reader.take("root")
        self.roots = list(range(self.n_keys))
        if root is not None:
            self.roots = [reader.listed([root], "root", below=self.n_keys, most=1)[0]]
        reader.done()
        self.size = checked_size(len(self.roots) * forests.tree_count(self.n, self.k))

    @property
    def work(self) -> int:
        # A key: its place in the tree, its letters, and a long division each way.
        return self.reading + self.length + self.n_keys * (100 + 30 * self.k + 2 * long_steps(self.size))

    def encode(self, index: int) -> list[int] | None:
        index, choice = divmod(index, len(self.roots))
        root = self.roots[choice]
        text = self._walk(forests.tree_at(index, self.n, self.k, root), root)
        padding = self.length - len(text)
        if padding < self.lead:
            return None
        return [self.letters[letter] for letter in [0] * padding + text]

    def decode(self, ask: AskQuery) -> int | None:
        followers = [self.follower(key, ask) if [key] != self.roots else None for key in range(self.n_keys)]
        roots = [
            key for key, letter in enumerate(followers) if letter is None or self.next_key(key, letter) == key
        ]
        if len(roots) != 1 or roots[0] not in self.roots:
            return None
        tree = [0 if letter is None else letter for letter in followers]
        index = forests.tree_index(tree, self.n, self.k, roots[0])
        return None if index is None else self.roots.index(roots[0]) + len(self.roots) * index

    def _walk(self, followers: list[int], root: int) -> list[int]:
        ways: list[list[int]] = [[] for _ in range(self.n_keys)]
        ways_in = [0] * self.n_keys
        for key in range(self.n_keys):
            if key != root:
                ways_in[self.next_key(key, followers[key])] += 1
        leaves = [key for key in range(self.n_keys) if not ways_in[key] and key != root]
        spare = [key for key in range(self.n_keys) for _ in range(ways_in[key] - 1)]
        for shared in range(self.k - 1, -1, -1):
            spare, leaves = self._join(spare, leaves, shared, ways)
        start = leaves[0] if leaves else root
        for key in range(self.n_keys):
            if key != root:
                ways[key].append(followers[key])
        text, key = self.spelled(start), start
        taken = [0] * self.n_keys
        while taken[key] < len(ways[key]):
            letter = ways[key][taken[key]]
            taken[key] += 1
            text.append(letter)
            key = self.next_key(key, letter)
        return text

    def _join(
        self, spare: list[int], leaves: list[int], shared: int, ways: list[list[int]]
    ) -> tuple[list[int], list[int]]:
        """Lead ways from spare keys to leaves that begin with their last `shared` letters; what is left of both."""
        waiting: dict[int, list[int]] = {}
        for leaf in leaves:
            waiting.setdefault(leaf // self.n ** (self.k - shared), []).append(leaf)
        rest = []
        for key in spare:
            group = waiting.get(key % self.n**shared)
            if not group:
                rest.append(key)
                continue
            for letter in self.spelled(group.pop())[shared:]:
                ways[key].append(letter)
                key = self.next_key(key, letter)
        return rest, sorted(leaf for group in waiting.values() for leaf in group)


class Paths(_Keyed):
    """Texts of `steps` letters after the first key that repeat no key, numbered up to the product of `factors`."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.steps = reader.integer("steps", least=1, most=MOST_LENGTH)
        self.start = reader.integer("start", least=0, most=self.n_keys - 1)
        factors = reader.listed(reader.take("factors"), "factors", below=2**31, most=MOST_LENGTH)
        reader.done()
        self.length = self.lead + self.k + self.steps
        self.size = 1
        for factor in factors:
            self.size = checked_size(self.size * max(1, factor))

    @property
    def work(self) -> int:
        # A way is taken: what the loop does, a mask of n bits, a long division.
        step = 40 + self.n // 64 + long_steps(self.size)
        # Written and read, so twice.
        return self.reading + self.length + 2 * self.steps * step + self.n_keys // 4

    def encode(self, index: int) -> list[int] | None:
        key, ways = self.start, _Ways(self.n, self.n_keys, self.start)
        text = self.spelled(key)
        for _ in range(self.steps):
            free = ways.out_of(key)
            if not free:
                return None
            index, choice = divmod(index, len(free))
            text.append(free[choice])
            key = self.next_key(key, free[choice])
            ways.close(key)
        return None if index else [self.letters[letter] for letter in [0] * self.lead + text]

    def decode(self, ask: AskQuery) -> int | None:
        key, ways, index, radix = self.start, _Ways(self.n, self.n_keys, self.start), 0, 1
        for _ in range(self.steps):
            letter, free = self.follower(key, ask), ways.out_of(key)
            choice = len(free) if letter is None else bisect_left(free, letter)
            if choice == len(free) or free[choice] != letter:
                return None
            index, radix = index + radix * choice, radix * len(free)
            key = self.next_key(key, free[choice])
            ways.close(key)
        return index


class _Ways:
    """The letters, in order, that lead to keys not closed yet: they depend on the last k - 1 letters of a key alone."""

    def __init__(self, n: int, n_keys: int, closed: int) -> None:
        self.n, self.below = n, n_keys // n
        self._letters: dict[int, list[int]] = {}
        self.close(closed)

    def out_of(self, key: int) -> list[int]:
        return self._of(key % self.below)

    def close(self, key: int) -> None:
        letters = self._of(key // self.n)
        del letters[bisect_left(letters, key % self.n)]

    def _of(self, letters_before: int) -> list[int]:
        if letters_before not in self._letters:
            self._letters[letters_before] = list(range(self.n))
        return self._letters[letters_before]
