"""Documents and files with a little of them changed at random, for tests of what reads them."""

import json
import random
from collections.abc import Iterator
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 7, 100, 10**6, 2**31, 2**40, 2**63, 10**21, 10**400, -0.5, 0.5, 1e300,
    float("nan"), float("inf"), "", "x", "auto", "full_attention", "é\0\x1b[31m", "9" * 5000, "a" * 10**5, [], [1],
    [0, 1], [None], ["x"], ["full_attention"], [-1, 10**30], [[1]], {}, {"x": 1}, {"0": 2}, {"rope_theta": "x"},
)  # fmt: skip


def mutated_document(document: Any, draw: random.Random) -> Any:
    """One to three values replaced, removed, repeated, or taken from elsewhere in the document."""
    made = _copy(document)
    for _ in range(draw.randint(1, 3)):
        every = list(_places(made))
        if not every:
            break
        *way, last = draw.choice(every)
        holder = _at(made, way)
        value, change = holder[last], draw.randrange(6)
        if change == 0:
            del holder[last]
        elif change == 1:
            holder[last] = _copy(_at(made, draw.choice(every)))
        elif change == 2 and isinstance(value, int | float) and not isinstance(value, bool):
            holder[last] = value * draw.choice((-1, 0.5, 2, 3, 1000)) + draw.choice((0, 1, -1))
        elif change == 3 and isinstance(value, list):
            holder[last] = _copy(value * draw.choice((0, 2, 3)) + value[:-1])
        else:
            holder[last] = _copy(draw.choice(VALUES))
    return made


def mutated_bytes(data: bytes, draw: random.Random) -> bytes:
    """Bits flipped, a piece removed, repeated, zeroed or made up, or the end cut off."""
    made = bytearray(data)
    start = draw.randrange(len(made))
    end = min(len(made), start + draw.choice((1, 2, 8, 100, 4000)))
    change = draw.randrange(6)
    if change == 0:
        made[start] ^= 1 << draw.randrange(8)
    elif change == 1:
        del made[start:end]
    elif change == 2:
        made[start:start] = made[start:end]
    elif change == 3:
        made[start:end] = bytes(end - start)
    elif change == 4:
        made[start:end] = draw.randbytes(end - start)
    else:
        del made[start:]
    return bytes(made)


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and index within a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*at, key)
        yield from _places(one, (*at, key))


def _at(document: Any, place: Any) -> Any:
    for key in place:
        document = document[key]
    return document


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))
