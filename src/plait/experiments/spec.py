"""An experiment as a value: a base run, what is varied, and the learning rates and seeds of each cell.

A cell is one task, one architecture and one protocol; `sweep` makes the members of its ensembles.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from plait.checks import shortened, unknown
from plait.experiments.fields import (
    Where,
    check_path,
    get_field,
    known_paths,
    same,
    swept_choices,
    value_text,
    with_fields,
)
from plait.experiments.settings import KEPT, Setting
from plait.experiments.view import View
from plait.layers.registry import layer_class
from plait.tasks import task_to_json
from plait.training.identity import member_ids
from plait.training.run import Evaluation, Run, Train

_SWEPT = ("train.lr", "train.seed")
"""What may differ among the members of one ensemble."""

_PATTERN = "model.pattern"

Key = str | tuple[str, ...]
Outline = tuple[str, str, int, int, int]
OUTLINE = ("task", "pattern", "d_model", "steps", "seq_len")
"""Columns of a stored row (see schema.py) that all members of a cell share."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question, and the runs that answer it.

    Args:
        name: what `plait reproduce` calls it.
        question: what it asks, a sentence.
        base: the run that every other is made from.
        vary: values of a field (`"model.d_model"`) or of several set together
            (`("model.pattern", "model.d_model")`, each value a tuple); their product makes the cells.
        sweep: values of `train.lr` and `train.seed`, the members of each cell.
        select: the field chosen by the best mean over seeds on separate sequences.
        quick: what the quick form keeps: slices, a run being kept that one of them admits.
        slices: what `where` has asked for so far; a run must be admitted by every entry.
        evaluations: where every member is measured besides its own task and length.
        views: the plots that show it.
        setting: initial weights, dropout and rotary dimensions of all its models (see settings.py).

    Raises:
        ValueError: a name that is no name of a folder, an unknown field (the nearest is named), a field varied
            twice, no values, a repeated value, a tuple of the wrong length, or a sweep of anything but `_SWEPT`.
    """

    name: str
    question: str
    base: Run
    vary: Mapping[Key, Sequence[Any]] = field(default_factory=dict)
    sweep: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    select: str = "train.lr"
    quick: tuple[Where, ...] = ()
    slices: tuple[tuple[Where, ...], ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    views: tuple[View, ...] = (View(),)
    setting: Setting = KEPT

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"\w[\w.-]*", self.name, re.ASCII):
            needed = "an experiment's name must be letters, digits, -, _ and ."
            raise ValueError(f"{needed}, got {shortened(self.name)}")
        seen: set[str] = set()
        for key, values in (*self.vary.items(), *self.sweep.items()):
            for path in paths_of(key):
                check_path(self.base, path)
                if path in seen:
                    raise ValueError(f"experiment {self.name!r} sets {path} twice")
                seen.add(path)
            _check_values(key, values)
        if strangers := [path for path in self.sweep if path not in _SWEPT]:
            raise ValueError(f"sweep takes {' and '.join(_SWEPT)}, got {strangers[0]}; put it under vary")
        if swept := [path for path in _SWEPT if path in seen and path not in self.sweep]:
            raise ValueError(f"{swept[0]} makes the members of an ensemble: put it under sweep")
        if self.select != "train.lr":
            raise ValueError(f"select must be 'train.lr', got {self.select!r}")
        for evaluation in self.evaluations:
            task, size = evaluation.task, self.base.task.vocab_size
            if task is not None and task.vocab_size != size:
                needed = f"experiment {self.name!r} needs evaluations of vocab_size {size}"
                raise ValueError(f"{needed}, got {task!r}")
        for where in itertools.chain(self.quick, *self.slices):
            self._check_where(where)

    @property
    def varied(self) -> tuple[str, ...]:
        """The paths that tell the cells apart."""
        return tuple(path for key in self.vary for path in paths_of(key))

    def values(self, path: str) -> tuple[Any, ...]:
        """The distinct values that the whole experiment gives to `path`, in order; none where no run has it."""
        for key, values in (*self.vary.items(), *self.sweep.items()):
            if path in paths_of(key):
                column = paths_of(key).index(path)
                return tuple(dict.fromkeys(v[column] if isinstance(key, tuple) else v for v in values))
        found: dict[str, Any] = {}
        for run in map(self._run, self._every_changes()):
            if path in known_paths(run):
                value = get_field(run, path)
                found.setdefault(repr(value), value)
        return tuple(found.values())

    def expand(self) -> tuple[Run, ...]:
        """Every member as a run of its own, cell by cell, learning rates before seeds.

        Raises:
            ValueError: the slices leave nothing.
        """
        return tuple(itertools.chain.from_iterable(self.expand_cells()))

    def expand_cells(self) -> tuple[tuple[Run, ...], ...]:
        """The runs of `expand`, cell by cell.

        Raises:
            ValueError: the slices leave nothing.
        """
        self._check_any()
        return self._runs

    def places(self) -> tuple[Mapping[str, Any], ...]:
        """Of each of `expand_cells`, what is varied there by its path, as `where` takes it: before the setting."""
        return tuple(changes for changes, _, _ in self._asked)

    def members(self) -> tuple[tuple[str, ...], ...]:
        """The identities of `expand_cells`, computed once, and without a `Run` for each.

        Raises:
            ValueError: the slices leave nothing.
        """
        self._check_any()
        return self._members_of_cells

    @cached_property
    def outlines(self) -> frozenset[Outline]:
        """`OUTLINE` of all cells, with no member made: a row that agrees with none is not of this experiment."""
        return frozenset(
            (
                str(task_to_json(run.task)["task"]),
                run.model.pattern,
                run.model.d_model,
                run.train.steps,
                run.train.seq_len,
            )
            for run in map(self._run, self._every_changes())
        )

    def where(self, *alternatives: Where) -> "Experiment":
        """The runs that at least one of `alternatives` admits (field -> allowed values)."""
        return replace(self, slices=(*self.slices, alternatives))

    def in_setting(self, setting: Setting) -> "Experiment":
        """The same experiment under another protocol, made once."""
        if setting == self.setting:
            return self
        if setting not in self._forms:
            self._forms[setting] = replace(self, setting=setting)
        return self._forms[setting]

    def quick_form(self) -> "Experiment":
        """What the quick form keeps; the whole experiment where it has none."""
        return self.where(*self.quick) if self.quick else self

    def with_values(self, path: str, *values: Any) -> "Experiment":
        """More values for a field varied by itself: `with_values("model.pattern", "my.mod:Mix-TF")`."""
        if path not in self.vary:
            alone = [key for key in self.vary if isinstance(key, str)]
            raise ValueError(unknown(f"separately varied field of experiment {self.name!r}", path, alone))
        return replace(self, vary={**self.vary, path: (*self.vary[path], *values)})

    def with_pattern(self, pattern: str) -> "Experiment":
        """A further pattern, such as `my_pkg.my_layer:MyLayer-TF`, with every value of whatever goes with patterns.

        Raises:
            ValueError: no pattern, a layer that is not there, a pattern that is there already, or an experiment that
                varies no pattern.
        """
        if pattern in self.values(_PATTERN):
            raise ValueError(f"experiment {self.name!r} has the pattern {pattern} already")
        vary = dict(self.vary)
        for key, values in self.vary.items():
            if _PATTERN in paths_of(key):
                vary[key] = (*values, *_with_pattern(key, values, pattern))
        if vary == self.vary:
            raise ValueError(f"experiment {self.name!r} does not vary the pattern")
        quick = tuple(
            {**where, _PATTERN: (*where[_PATTERN], pattern)} if _PATTERN in where else where
            for where in self.quick
        )
        further = with_fields(self.base, {_PATTERN: pattern, "model.window": None, "model.d_mlp": None})
        for layer in dict.fromkeys(further.model.layers):
            layer_class(layer)  # now, not after hours of training the others
        return replace(self, vary=vary, quick=quick)

    @cached_property
    def _forms(self) -> dict[Setting, "Experiment"]:
        return {}

    @cached_property
    def _asked(self) -> tuple[tuple[Mapping[str, Any], Run, tuple[Train, ...]], ...]:
        """Of each cell what is varied, its run, and the ways to train it."""
        every = ((changes, *self._ways(changes)) for changes in self._every_changes())
        return tuple((changes, run, trains) for changes, run, trains in every if run and trains)

    @cached_property
    def _runs(self) -> tuple[tuple[Run, ...], ...]:
        return tuple(tuple(map(run.trained_as, trains)) for _, run, trains in self._asked)

    @cached_property
    def _members_of_cells(self) -> tuple[tuple[str, ...], ...]:
        return tuple(member_ids(run, trains) for _, run, trains in self._asked)

    def _check_any(self) -> None:
        if not self._asked:
            raise ValueError(f"the slice leaves no run of experiment {self.name!r}")

    def _ways(self, changes: Mapping[str, Any]) -> tuple[Run | None, tuple[Train, ...]]:
        """The run of one choice of what is varied, and the ways to train it that the slices admit."""
        run, trains, known = None, [], dict(changes)
        asked = {path for level in self.slices for where in level for path in where}
        if others := asked - changes.keys() - set(self.sweep):
            run = self._run(changes)
            known |= {path: get_field(run, path) for path in others if path in known_paths(run)}
        sweep = {path: self.sweep[path] for path in _SWEPT if path in self.sweep}
        names = {path: path.split(".")[1] for path in sweep}
        # What is no number, a list say, may have no hash, and is for `Train` to refuse.
        changed = _swept if all(isinstance(v, int | float) for vs in sweep.values() for v in vs) else replace
        for given in swept_choices(sweep, known, self.slices):
            run = run or self._run(changes)
            trains.append(changed(run.train, **{names[path]: value for path, value in given.items()}))
        return run, tuple(filter(self.setting.admits, trains))

    def _every_changes(self) -> Iterator[dict[str, Any]]:
        """Each choice of what is varied, field by field."""
        for cell in itertools.product(*self.vary.values()):
            changes: dict[str, Any] = {}
            for key, value in zip(self.vary, cell, strict=True):
                changes.update(zip(paths_of(key), value if isinstance(key, tuple) else (value,), strict=True))
            yield changes

    def _run(self, changes: Mapping[str, Any]) -> Run:
        return self.setting.of(with_fields(self.base, changes))

    def _check_where(self, where: Where) -> None:
        for path, wanted in where.items():
            known = self.values(path)
            if not known:
                check_path(self.base, path)
            for value in wanted:
                if not any(same(value, other) for other in known):
                    listed = ", ".join(map(value_text, known))
                    raise ValueError(f"{path}={value} is not in experiment {self.name!r}; it has {listed}")


def _with_pattern(key: Key, values: Sequence[Any], pattern: str) -> Sequence[Any]:
    if isinstance(key, str):
        return (pattern,)
    place = key.index(_PATTERN)
    return tuple(dict.fromkeys((*value[:place], pattern, *value[place + 1 :]) for value in values))


def paths_of(key: Key) -> tuple[str, ...]:
    """The paths that a key of `vary` sets: one, or several together."""
    return key if isinstance(key, tuple) else (key,)


@lru_cache(maxsize=8192, typed=True)  # rates times seeds of an experiment
def _swept(train: Train, **own: Any) -> Train:
    """`train` at a learning rate and seed: one value for all cells, which is checked and written out once."""
    return replace(train, **own)


def _check_values(key: Key, values: Sequence[Any]) -> None:
    name = " with ".join(paths_of(key))
    if len(values) == 0:
        raise ValueError(f"{name} needs at least one value")
    if isinstance(values, str):
        raise ValueError(f"{name} needs a sequence of values, got the text {values!r}")
    for value in values:
        if isinstance(key, tuple) and (not isinstance(value, tuple) or len(value) != len(key)):
            raise ValueError(f"{name} needs tuples of {len(key)} values, got {value!r}")
    if len({repr(value) for value in values}) < len(values):
        raise ValueError(f"{name} repeats a value in {tuple(values)!r}")
