"""Certificates that ask for as much work as they can: everything is drawn from the ends of what a file may say."""

import random

from own_tasks import LastTokens

TASKS = (
    ("associative-recall", {"n_words": 2}, 2),
    ("associative-recall", {"n_words": 5000}, 5000),
    ("multi-key-recall", {"n_words": 2, "key_length": 12}, 2),
    ("multi-key-recall", {"n_words": 70, "key_length": 2}, 70),
    ("multi-key-recall", {"n_words": 2, "key_length": 9_000}, 2),
    ("decoding-recall", {"n_bits": 12, "p_bit": 0, "variant": "interleaved"}, 4098),
    ("decoding-recall", {"n_bits": 3, "p_bit": 0, "variant": "last"}, 10),
    ("needle", {"n_words": 4094, "score_marker": False}, 4096),
    ("selective-copying", {"n_words": 2, "numbers": [1, 9_999], "p_number": 0, "variant": "uniform"}, 4),
    ("own_tasks:LastTokens", {"back": 3, "n_tokens": 5}, 5),
)
OWN = LastTokens()
"""The task of certificates about a user's own."""


class Slow:
    """Random certificates with at most about `values` values."""

    def __init__(self, rng: random.Random, values: int) -> None:
        self.rng, self.values = rng, values
        name, params, self.n_tokens = rng.choice(TASKS)
        self.few = min(self.n_tokens, 7)
        self.suffixes = self._suffixes()
        self.queries = self._queries()
        self.tables = [self._row(self._size(values // 3)) for _ in range(rng.choice((1, 1, 3)))]
        self.document = {
            "format": "plait certificate",
            "version": 1,
            "quantity": "state bits",
            "task": name,
            "params": params,
            "bits": 0,
            "error": 0,
            "confidence": rng.choice((0.999, 1 - 2**-40)),
            "trials": rng.choice((1, 20, 500, 4_000)),
            "tables": self.tables,
            "suffixes": self.suffixes,
            "queries": self.queries,
            "answers": None,
            "codec": rng.choice((self._slots, self._union, self._trees, self._paths, self._forests, self._list,
                                 self._random, self._functions, self._placings))(),
        }  # fmt: skip
        if rng.random() < 0.4:
            self.document |= {
                "error": rng.choice((1e-9, 0.01, 0.3, 0.4999999)),
                "error_over": "all contents that can be written and all queries",
                "answers": list(range(rng.choice((self.few, self.n_tokens)))),
            }

    def _size(self, most: int) -> int:
        """Any order of magnitude up to `most`."""
        return max(1, int(most ** self.rng.random())) if self.rng.random() < 0.7 else max(1, most)

    def _row(self, length: int) -> list[int]:
        if self.rng.random() < 0.3:
            return [token % self.n_tokens for token in range(length)]
        return [self.rng.randrange(self.few) for _ in range(length)]

    def _suffixes(self) -> list[list[int]]:
        count = self._size(min(20_000, self.values // 8))
        length = self._size(min(20_000, self.values // 4 // count))
        return [self._row(length) for _ in range(count)]

    def _queries(self) -> list[list[int]]:
        most = min(20_000, self.values // 8)
        if self.rng.random() < 0.5:  # many positions of few suffixes, or few of many
            pairs = ([s, p] for s in range(len(self.suffixes)) for p in range(len(self.suffixes[s])))
        else:
            pairs = ([s, p] for p in range(len(self.suffixes[0])) for s in range(len(self.suffixes)))
        return [pair for pair, _ in zip(pairs, range(self._size(most)), strict=False)]

    def _reads(self, most: int) -> list[int]:
        return [self.rng.randrange(len(self.queries)) for _ in range(self._size(most))]

    def _slots(self, share: int = 1, length: int | None = None) -> dict:
        length = length or self._size(min(20_000, self.values // 8 // share))
        slots, left = [], self.values // 4 // share
        for place in range(min(length, self._size(length))):
            kind = self.rng.randrange(4)
            slot: dict = {"at": [place], "values": self.rng.randrange(len(self.tables))}
            slot["reads"] = self._reads(1 if kind == 0 else min(200, max(1, left // 8)))
            if kind == 1:
                slot["answers"] = "simulated"
            elif kind != 0:
                count = self._size(max(1, left // (2 * len(slot["reads"]))))
                slot["values"] = self._row(count)
                slot["answers"] = [
                    [self.rng.choice((None, 0, 0, 1)) for _ in slot["reads"]] for _ in range(count)
                ]
            slots.append(slot)
            left -= 8 + len(slot["reads"]) * (1 if kind < 2 else len(slot["answers"]))
            if left < 0:
                break
        return {"kind": "slots", "base": self._row(length), "slots": slots}

    def _union(self) -> dict:
        parts = self._size(self.values // 16)
        length = self._size(min(20_000, self.values // 8 // parts))
        listed = [self._slots(parts, length) for _ in range(parts)]
        return {"kind": "union", "parts": [{"base": p["base"], "slots": p["slots"]} for p in listed]}

    def _keyed(self) -> dict:
        shapes = [(n, k) for n, k in ((5000, 1), (70, 2), (17, 3), (8, 4), (2, 12), (1, 12), (900, 1), (30, 1))
                  if n <= self.n_tokens and 4 * n**k <= self.values]  # fmt: skip
        n, k = self.rng.choice(shapes or [(1, 1)])
        reads = [self._reads(self.rng.choice((1, 2, max(1, self.values // 4 // n**k)))) for _ in range(n**k)]
        return {"letters": list(range(n)), "key_length": k, "lead": self.rng.choice((0, k)), "reads": reads}

    def _trees(self) -> dict:
        length = self.rng.choice((1, 100, 20_000))
        return {"kind": "trees", **self._keyed(), "length": length, "root": self.rng.choice((None, 0))}

    def _paths(self) -> dict:
        keyed = self._keyed()
        keys = len(keyed["reads"])
        factors = [2**31 - 1] * self._size(min(6_000, self.values // 8))
        return {"kind": "paths", **keyed, "steps": self.rng.choice((1, keys, 20_000)), "start": 0,
                "factors": self.rng.choice((factors, [2] * min(keys, self.values // 8)))}  # fmt: skip

    def _forests(self) -> dict:
        words = min(5_000, self.n_tokens - 1, self.values // 8)
        reads = [
            self._reads(self.rng.choice((1, 2, max(1, min(64, self.values // 4 // words)))))
            for _ in range(words)
        ]
        registers = [
            {"spell": [], "reads": (some := self._reads(20)), "answers": [0] * len(some)}
            for _ in range(self._size(min(5_000, self.values // 100)))
        ]
        return {"kind": "forests", "words": list(range(words)), "sinks": [words], "length": 20_000,
                "waiting": self.rng.random() < 0.7, "reads": reads, "registers": registers}  # fmt: skip

    def _words(self) -> dict:
        words = self._size(min(5_000, self.n_tokens, self.values // 8))
        return {
            "words": list(range(words)),
            "reads": [self.rng.randrange(len(self.queries)) for _ in range(words)],
        }

    def _functions(self) -> dict:
        return {"kind": "functions", **self._words(), "length": self._size(20_000)}

    def _placings(self) -> dict:
        places = self._size(min(200, self.n_tokens, self.values // 8))
        return {"kind": "placings", **self._words(), "blank": None, "answers": list(range(places))}

    def _list(self) -> dict:
        count = self._size(min(8_192, self.values // 4))
        length = self._size(max(1, min(20_000, self.values // 4 // count)))
        return {"kind": "list", "prefixes": [self._row(length) for _ in range(count)]}

    def _random(self) -> dict:
        return {"kind": "random", "before": self._row(self._size(min(9_000, self.values // 8))), "after": [],
                "letters": list(range(self.few)), "free": self._size(20_000),
                "draws": 1 + self._size(8_191)}  # fmt: skip


def thorough(rng: random.Random, values: int) -> dict:
    """A certificate whose every query is asked about every content, and answered as it says; or simulated so."""
    count = max(1, int((values // 6) ** rng.random()))
    length = min(20_000, max(1, values // 6 // count))
    prefix = min(20_000, max(2, int((values // 6) ** rng.random())))
    queries = [[suffix, length - 1] for suffix in range(count)]
    simulated = rng.random() < 0.5
    rows = min(values // 6, 2_000_000 // prefix) if simulated else 1
    slot = {"at": [prefix - 1], "values": [[0]] * rows, "reads": list(range(count))}
    return {
        "format": "plait certificate",
        "version": 1,
        "quantity": "state bits",
        "task": "selective-copying",
        "params": {"n_words": 2, "numbers": [1, 9_999], "p_number": 0, "variant": "uniform"},
        "bits": 0,
        "error": 0,
        "confidence": 0.999,
        "trials": 1,
        "tables": [],
        "suffixes": [[0] * length for _ in range(count)],
        "queries": queries,
        "answers": None,
        "codec": {
            "kind": "slots",
            "base": [2] + [0] * (prefix - 1),
            "slots": [slot | {"answers": "simulated" if simulated else [[0] * count]}],
        },
    }


def often(rng: random.Random, values: int) -> dict:
    """The same for as many contents as may be drawn: a slot beside it that nothing reads rightly makes them many."""
    document = thorough(rng, values)
    beside = {"at": [0], "values": [[2], *[[0]] * 30_000], "reads": [], "answers": [[]] * 30_001}
    document["codec"]["slots"].append(beside)
    return document | {"trials": 4_000 if rng.random() < 0.5 else rng.randrange(1, 4_000)}


def slow_certificate(rng: random.Random, values: int) -> tuple[dict, LastTokens | None]:
    """A certificate of at most about so many values, its digest missing; and the task that it is about, if none of
    plait's."""
    kind = rng.random()
    document = Slow(rng, values).document if kind < 0.6 else (thorough if kind < 0.8 else often)(rng, values)
    return document, OWN if ":" in document["task"] else None
