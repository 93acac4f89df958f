"""Who a member is: a hash of everything that decides its numbers, whichever experiment asks for it.

Fields that were added after members were stored (`plait.checks.added_field`) are left out where they hold what those
members had; names that have moved since are hashed as they were stored (`plait.checks`); the source of a user's
own task, layers and start weights is hashed with its name.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plait.checks import code_digest, neutral_fields
from plait.checks.own_names import foreign_names
from plait.model import HybridConfig
from plait.model.pattern import parts
from plait.tasks import task_to_json
from plait.training.run import Run, Train
from plait.training.start import Start

NUMERICS = 1
"""Version of the arithmetic. Raised whenever the same run would give other numbers than before, so that
members stored before are recomputed instead of being mixed with new ones."""

_DIGITS = 20
"""Hexadecimal: 80 bits."""
_WITH_JSON = (HybridConfig, Start, Train)


def canonical_json(value: Any) -> str:
    """One text for equal values: keys sorted, tuples as lists, 1, 1.0 and 1e0 the same, 12 digits of a number."""
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def member_id(run: Run, *, numerics: int = NUMERICS) -> str:
    """80 bits, in hexadecimal, of the hash of the run (learning rate and seed included)."""
    return _identity(parts_json(run), run.train, numerics)


def _identity(parts: str, train: Train, numerics: int) -> str:
    inside = f'{parts},"train":{_remembered_json(train)}'
    return hashed(f'{{"numerics":{numerics},"run":{{{inside}}}}}')


def member_ids(run: Run, trains: Sequence[Train]) -> tuple[str, ...]:
    """`member_id` of the run trained in each of these ways, without a `Run` for each."""
    parts = parts_json(run)
    return tuple(_identity(parts, train, NUMERICS) for train in trains)


def parts_json(run: Run) -> str:
    """The canonical text of all parts of a run but `train`, which the members of a cell share."""
    parts = {"code": code_json(run)} | {
        name: _part_json(getattr(run, name)) for name in ("model", "start", "task")
    }
    return ",".join(f'"{name}":{text}' for name, text in parts.items() if text != "null")


def code_json(run: Run) -> str:
    """The canonical text of `{name: digest}` for a user's own task, layers and start weights; `null` without any.

    A digest is null where there is no source to read: what is edited there is not noticed.
    """
    names = own_names(run)
    return canonical_json({name: code_digest(name) for name in names}) if names else "null"


def unchecked_code(run: Run) -> tuple[str, ...]:
    """What of a run is the user's own and has no source that could be read."""
    return tuple(name for name in own_names(run) if code_digest(name) is None)


def own_names(run: Run) -> tuple[str, ...]:
    """The names `module:Class` in a run that do not lead into this package."""
    named = f"{_part_json(run.task)}{run.model.pattern}{run.start.weights if run.start else ''}"
    if ":" not in named.replace('":', ""):
        return ()
    start = run.start and run.start.to_json()
    return stored_own_names(json.loads(_part_json(run.task)), run.model.to_json(), start)


def stored_own_names(task: Any, model: Any, start: Any) -> tuple[str, ...]:
    """`own_names` of a run whose parts are JSON; nothing is imported.

    Raises:
        ValueError: a pattern that cannot be read.
    """
    found = {name for name in parts(model["pattern"]) if ":" in name}
    if start is not None:
        found.add(start["weights"])
    return foreign_names(sorted({*found, *foreign_tasks(task)}))


def foreign_tasks(task: Any) -> tuple[str, ...]:
    """The names of tasks of other packages in a task's document and within it; nothing is imported."""
    found: set[str] = set()
    _collect_tasks(task, found)
    return foreign_names(sorted(found))


def _collect_tasks(document: Any, found: set[str]) -> None:
    """The names of a task and of tasks among its parameters."""
    if isinstance(document, dict):
        name = document.get("task")
        if isinstance(name, str) and ":" in name:
            found.add(name)
        document = list(document.values())
    if isinstance(document, list):
        for item in document:
            _collect_tasks(item, found)


def shard_id(members: Iterable[str]) -> str:
    """The name of a shard: a hash of its members' identities, whatever their order."""
    return hashed(canonical_json(sorted(members)))


def identifying(part: Any) -> dict[str, Any]:
    """The part as JSON without added fields that hold what members had before these fields were, at any depth."""
    if isinstance(part, _WITH_JSON):
        neutral = neutral_fields(part)
        return {name: value for name, value in part.to_json().items() if name not in neutral}
    return task_to_json(part, neutral=False)


def hashed(text: str) -> str:
    """80 bits of the text's hash, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _part_json(part: Any) -> str:
    try:
        return _remembered_json(part)
    except TypeError:  # a user's task need not be hashable
        return _remembered_json.__wrapped__(part)


@functools.lru_cache(maxsize=8192)  # parts of the runs of one experiment
def _remembered_json(part: Any) -> str:
    return "null" if part is None else canonical_json(identifying(part))


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    # A computed number may differ in its last digit from one machine to the next.
    return float(f"{value:.12g}") if isinstance(value, float) else value
