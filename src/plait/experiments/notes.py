"""What an experiment's output says beside its numbers.

Of the user's own code, what was edited since and what cannot be watched; of a slice, what it leaves out; and once it is
stopped, what is stored, and whether the same command goes on or begins anew.
"""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from plait.checks import are, counted
from plait.experiments.fields import cell_label, get_field
from plait.experiments.schema import run_of
from plait.experiments.shards import Shard, cell_key
from plait.experiments.spec import Experiment
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
        count = f"these {members:,} members were" if members > 1 else "this member was"
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


def left_out(whole: Experiment, kept: Iterable[Run]) -> tuple[str, ...]:
    """One line for all members, one for each group of cells cut alike, one for the cells not run at all.

    Empty where nothing is left out.
    """
    all_cells = {cell_key(runs[0]): runs for runs in whole.expand_cells()}
    kept_cells = _by_cell(all_cells, kept)
    n_all, n_kept = (sum(map(len, cells.values())) for cells in (all_cells, kept_cells))
    if n_kept == n_all:
        return ()
    cut: dict[str, list[str]] = {}
    for key, runs in all_cells.items():
        text = _cut(runs, kept_cells[key]) if key in kept_cells else "not run"
        if text:
            cut.setdefault(text, []).append(cell_label(settings_of(whole, runs[0])))
    lines = [f"{_named(labels)}: {text}" for text, labels in cut.items()]
    n_left = n_all - n_kept
    untrained = f"{n_left:,} of the {n_all:,} members of the full experiment {are(n_left)} not trained"
    return (f"{untrained}, {n_kept:,} {are(n_kept)}", *lines)


MOST_NOTE_LETTERS = 600
"""Of the labels in one line; those beyond are counted."""


def _named(labels: Sequence[str]) -> str:
    """`SSM-TF d8, TF-TF d12`; of more than find room the first ones, `.. and 57 more models`."""
    ends = itertools.accumulate(len(label) + 2 for label in labels)
    shown = max(1, sum(end <= MOST_NOTE_LETTERS for end in ends))
    rest = len(labels) - shown
    return ", ".join(labels[:shown]) + (f" and {counted(rest, 'more model')}" if rest else "")


def _by_cell(all_cells: Mapping[str, Sequence[Run]], kept: Iterable[Run]) -> dict[str, list[Run]]:
    """The kept runs by their cells; those that are the experiment's own objects are found without their keys."""
    keys = {id(run): key for key, runs in all_cells.items() for run in runs}
    found: dict[str, list[Run]] = {}
    for run in kept:
        found.setdefault(keys.get(id(run)) or cell_key(run), []).append(run)
    return found


def settings_of(experiment: Experiment, run: Run) -> dict[str, Any]:
    """The values of what the experiment varies."""
    return {path: get_field(run, path) for path in experiment.varied}


def _cut(whole: Sequence[Run], kept: Sequence[Run]) -> str:
    parts = []
    for name, path in (("learning rates", "train.lr"), ("seeds", "train.seed")):
        values, chosen = (sorted({get_field(run, path) for run in runs}) for runs in (whole, kept))
        if len(chosen) < len(values):
            parts.append(f"{name} {_listed(chosen)} of {len(values)}")
    return "; ".join(parts)


def _listed(values: Sequence[float]) -> str:
    steps = {b - a for a, b in itertools.pairwise(values)}
    if len(values) > 2 and steps == {1}:
        return f"{values[0]}..{values[-1]}"
    return ", ".join(f"{value:g}" for value in values)


GOES_ON, BEGINS_ANEW = "the same command goes on", "the same command begins anew"


Kept = tuple[Store, Sequence[Shard]]
"""Shards, and the store that takes them."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C, or time that is up; the message is one line that says what is stored."""


def stopped(*kept: Kept, resumes: bool = True) -> Stopped:
    """The line that says what is stored.

    Args:
        resumes: as of `saved`.
    """
    folders = ", ".join(dict.fromkeys(repr(str(store.folder)) for store, _ in kept))
    if not saved(*kept, resumes=resumes):
        return Stopped(f"stopped: nothing was saved yet in {folders}; {BEGINS_ANEW}")
    n_shards = sum(len(shards) for _, shards in kept)
    n_stored = 0
    for store, shards in kept:
        held = store.stored()
        n_stored += sum(held.issuperset(shard.members) for shard in shards)
    are = "is" if 1 in (n_stored, n_shards) else "are"
    return Stopped(f"stopped: {n_stored} of {shards_said(n_shards)} {are} stored in {folders}; {GOES_ON}")


def saved(*kept: Kept, resumes: bool = True) -> bool:
    """Whether a member is stored, or has a checkpoint.

    Args:
        resumes: whether training goes on from a checkpoint; the workers of a cluster keep none.
    """
    for store, shards in kept:
        held = store.stored()
        if any(member in held for shard in shards for member in shard.members):
            return True
        if resumes and any(store.checkpoint(shard).exists() for shard in shards):
            return True
    return False


def shards_said(n: int) -> str:
    """`1 shard`, `3 shards`."""
    return counted(n, "shard")
