"""What a slice of an experiment leaves out, in words."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plait.experiments.fields import cell_label, get_field
from plait.experiments.shards import cell_key
from plait.experiments.spec import Experiment
from plait.training.run import Run


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
    untrained = f"{n_all - n_kept:,} of the {n_all:,} members of the full experiment are not trained"
    return (f"{untrained}, {n_kept:,} are", *lines)


MOST_LETTERS = 600
"""Of the labels in one line; those beyond are counted."""


def _named(labels: Sequence[str]) -> str:
    """`SSM-TF d8, TF-TF d12`; of more than find room the first ones, `.. and 57 more models`."""
    ends = itertools.accumulate(len(label) + 2 for label in labels)
    shown = max(1, sum(end <= MOST_LETTERS for end in ends))
    rest = len(labels) - shown
    return ", ".join(labels[:shown]) + (f" and {rest} more model{'s'[: rest > 1]}" if rest else "")


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
