"""What an experiment's output says of the user's own code: what was edited since, and what cannot be watched."""

import json
from collections.abc import Iterable
from typing import Any

import polars as pl

from plait.experiments.schema import run_of
from plait.experiments.store import Store
from plait.training.identity import code_json, member_id, own_names, stored_own_names, unchecked_code
from plait.training.run import Run


def code_notes(runs: Iterable[Run], store: Store) -> tuple[str, ...]:
    """A line for each piece of the user's own code that was edited since members of `store` were trained with it.

    And one for each whose source cannot be read, so that an edit of it would not be noticed. The members are those
    that `runs` would find if nothing had been edited.

    Raises:
        StoreError: a damaged shard.
    """
    own = [run for run in runs if own_names(run)]
    if not own:
        return ()
    notes = [
        f"{_kind(name, own)} {name} has no source that can be read: an edit of it will not be noticed"
        for name in dict.fromkeys(name for run in own for name in unchecked_code(run))
    ]
    wanted = {member_id(run): run for run in own}
    wanted = {member: wanted[member] for member in wanted.keys() - store.stored()}
    found = _old_members(store, set(wanted), {name for run in own for name in own_names(run)})
    for name, members in _edited(found, wanted).items():
        count = f"these {members} members were" if members > 1 else "this member was"
        notes.append(f"{_kind(name, own)} {name} changed since {count} trained: trained anew")
    return tuple(notes)


def _old_members(store: Store, wanted: set[str], names: set[str]) -> list[tuple[str, str | None]]:
    """The wanted member that each stored one would be by the code of today, and the digests of its own code.

    Only code that the wanted runs name is imported.
    """
    if not store.folder.is_dir():
        return []
    rows = store.read().filter(~pl.col("member").is_in(list(wanted)))
    columns = pl.col("task_json", "config_json", "start_json")
    rows = rows.filter(pl.any_horizontal(columns.str.contains_any(list(names))))
    found: list[tuple[str, str | None]] = []
    for row in rows.iter_rows(named=True):
        parts = (json.loads(row[name] or "null") for name in ("task_json", "config_json", "start_json"))
        try:
            if not names.issuperset(stored_own_names(*parts)):  # nobody asked for the others
                continue
            today = member_id(run_of(row, trust_code=True))
        except ValueError:  # of code that is not there any more
            continue
        if today in wanted:
            found.append((today, row["code_json"]))
    return found


def _edited(found: Iterable[tuple[str, str | None]], wanted: dict[str, Run]) -> dict[str, int]:
    """How many members each edited name has; of members stored without digests every name counts as edited."""
    edited: dict[str, int] = {}
    for member, text in found:
        before: dict[str, Any] = json.loads(text) if text else {}
        for name, digest in json.loads(code_json(wanted[member])).items():
            if before.get(name) != digest:
                edited[name] = edited.get(name, 0) + 1
    return edited


def _kind(name: str, runs: Iterable[Run]) -> str:
    for run in runs:
        if name in run.model.parts:
            return "layer"
        if run.start is not None and run.start.weights == name:
            return "start weights"
    return "task"
