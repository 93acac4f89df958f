"""Who a member is: a hash of everything that decides its numbers, whichever experiment asks for it."""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from plait.model import HybridConfig
from plait.tasks import task_to_json
from plait.training.run import Run, Train
from plait.training.start import Start

NUMERICS = 1
"""Version of the arithmetic. Raised whenever the same run would give other numbers than before, so that
members stored before are recomputed instead of being mixed with new ones."""

_DIGITS = 20
_WITH_JSON = (HybridConfig, Start, Train)


def canonical_json(value: Any) -> str:
    """One text for equal values: keys sorted, tuples as lists, 1, 1.0 and 1e0 the same, 12 digits of a number."""
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def member_id(run: Run, *, numerics: int = NUMERICS) -> str:
    """80 bits, in hexadecimal, of the hash of the run (learning rate and seed included)."""
    inside = f'{parts_json(run)},"train":{_remembered_json(run.train)}'
    return hashed(f'{{"numerics":{numerics},"run":{{{inside}}}}}')


def parts_json(run: Run) -> str:
    """The canonical text of all parts of a run but `train`, which the members of a cell share."""
    parts = {name: _part_json(getattr(run, name)) for name in ("model", "start", "task")}
    return ",".join(f'"{name}":{text}' for name, text in parts.items() if text != "null")


def shard_id(members: Iterable[str]) -> str:
    """The name of a shard: a hash of its members' identities, whatever their order."""
    return hashed(canonical_json(sorted(members)))


def hashed(text: str) -> str:
    """80 bits of the text's hash, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _part_json(part: Any) -> str:
    try:
        return _remembered_json(part)
    except TypeError:  # a user's task need not be hashable
        return _remembered_json.__wrapped__(part)


@functools.lru_cache(maxsize=1024)
def _remembered_json(part: Any) -> str:
    if part is None:
        return "null"
    return canonical_json(part.to_json() if isinstance(part, _WITH_JSON) else task_to_json(part))


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    # A computed number may differ in its last digit from one machine to the next.
    return float(f"{value:.12g}") if isinstance(value, float) else value
