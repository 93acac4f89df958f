"""A run: one task, one model and one training protocol, everything that decides a trained member's number.

Also what a trained member is measured on besides its own task and length: another length or distribution.
Protocol: arXiv 2603.08859, section 5 (docs/theory.md lists what is built differently and why).
"""

import dataclasses
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

from plait.checks import added_field, check_choice, check_integer, shortened, unknown
from plait.model import HybridConfig
from plait.random import TEST
from plait.tasks import Task, task_from_json, task_to_json
from plait.training.start import Start

_DTYPES = ("float32", "float64", "bfloat16")
"""What a member's arithmetic can be done in."""

_PRODUCTS = ("float32", "bfloat16")
"""What the products of a linear map can be taken in where all else is float32."""


@dataclass(frozen=True, kw_only=True)
class Train:
    """How a member is trained and measured.

    Args:
        steps: optimiser steps.
        batch: sequences a step.
        seq_len: tokens a sequence, in training and in both evaluations.
        lr: peak learning rate of AdamW.
        seed: decides initial weights and every token of this member.
        warmup: steps of linear warm-up before the linear decay to 0; more than `steps` ends while rising.
        weight_decay: AdamW's, a step and unit of learning rate.
        clip: the gradient's norm is cut to this.
        test_sequences: fresh sequences behind the reported accuracy.
        select_sequences: separate fresh sequences, by which a learning rate is chosen.
        dtype: one of `_DTYPES`.
        products: one of `_PRODUCTS`; "bfloat16" takes products of float32 weights in 16 bits (by the wide engine), and
            norms, softmax, scan and optimiser stay in float32. "float32" leaves products in `dtype`.

    Raises:
        ValueError: a count outside [1, 2^31), a warm-up below 0, a rate, decay or clip that is not finite or out
            of its range, a seed outside [0, 2^63), an unknown dtype or products, or products in bfloat16 of weights
            that are not float32.
    """

    steps: int = 4000
    batch: int = 8
    seq_len: int = 100
    lr: float = 1e-2
    seed: int = 0
    warmup: int = 100
    weight_decay: float = 0.1
    clip: float = 1.0
    test_sequences: int = 1024
    select_sequences: int = 256
    dtype: str = "float32"
    products: str = added_field("float32")

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "seq_len", "test_sequences", "select_sequences"):
            self._set(name, _integer(name, getattr(self, name), least=1))
        self._set("warmup", _integer("warmup", self.warmup, least=0))
        self._set("seed", _integer("seed", self.seed, least=0, bits=63))
        self._set("lr", _number("lr", self.lr, zero=False))
        self._set("weight_decay", _number("weight_decay", self.weight_decay, zero=True))
        self._set("clip", _number("clip", self.clip, zero=False))
        if self.dtype not in _DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(_DTYPES)}, got {self.dtype!r}")
        check_choice("products", self.products, _PRODUCTS)
        if self.products != "float32" and self.dtype != "float32":
            raise ValueError(f"products in {self.products} are of float32 weights, got dtype {self.dtype}")

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: object) -> "Train":
        """The inverse of `to_json`; an unknown field is an error that lists the known ones."""
        return cls(**_known_fields("train", data, tuple(field.name for field in dataclasses.fields(cls))))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One member: `model` trained on `task` as `train` says, from random weights or from those of `start`.

    The model's `vocab_size` is taken from the task where it is None.

    Raises:
        ValueError: the model's vocabulary is not the task's.
    """

    task: Task
    model: HybridConfig
    train: Train = field(default_factory=Train)
    start: Start | None = None

    def __post_init__(self) -> None:
        size = getattr(self.task, "vocab_size", None)
        if not isinstance(size, int):
            raise ValueError(f"a run's task must have a vocab_size, got {self.task!r}")
        for name, kind in (("model", HybridConfig), ("train", Train), ("start", Start)):
            value = getattr(self, name)
            if not isinstance(value, kind) and not (name == "start" and value is None):
                raise ValueError(f"a run needs {name}={kind.__name__}(...), got {value!r}")
        if self.model.vocab_size is None:
            object.__setattr__(self, "model", replace(self.model, vocab_size=size))
        elif self.model.vocab_size != size:
            raise ValueError(
                f"the model's vocab_size must be the task's, {size}, or None; got {self.model.vocab_size}"
            )

    def trained_as(self, train: Train) -> "Run":
        """The same run, trained in another way: what was checked when this one was made is not checked again."""
        other = object.__new__(Run)
        vars(other).update(vars(self), train=train)
        return other

    def to_json(self) -> dict[str, Any]:
        """`{"task": {"task": name, "params": ..}, "model": .., "train": ..}`, plain JSON values.

        `start` stands there only where there is one.

        Raises:
            ValueError: a task of the user's own that cannot be found again by module:Class.
        """
        start = {} if self.start is None else {"start": self.start.to_json()}
        parts = {
            "task": task_to_json(self.task),
            "model": self.model.to_json(),
            "train": self.train.to_json(),
        }
        return parts | start

    @classmethod
    def from_json(cls, data: object) -> "Run":
        """The inverse of `to_json`; an unknown field is an error that lists the known ones."""
        fields = _known_fields("run", data, ("task", "model", "train", "start"))
        for name in ("task", "model"):
            if not isinstance(fields.get(name), Mapping):
                raise ValueError(f"a run needs the JSON object {name!r}, got {fields.get(name)!r}")
        return cls(
            task=task_from_json(fields["task"]),
            model=HybridConfig.from_json(fields["model"]),
            train=Train.from_json(fields.get("train", {})),
            start=None if fields.get("start") is None else Start.from_json(fields["start"]),
        )


def _known_fields(what: str, data: object, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise ValueError(f"{what} must be a JSON object, got {type(data).__name__}")
    fields = dict(cast("Mapping[str, Any]", data))
    for name in fields:
        if name not in known:
            raise ValueError(unknown(f"{what} field", name, known))
    return fields


def _integer(name: str, value: object, *, least: int, bits: int = 31) -> int:
    """NumPy's integers count: seeds may come from its ranges."""
    whole = not isinstance(value, bool | int) and hasattr(value, "__index__")
    number = operator.index(value) if whole else value  # type: ignore[arg-type]
    return check_integer(name, number, least=least, most=2**bits - 1)


def _number(name: str, value: object, *, zero: bool) -> float:
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ValueError(
            f"{name} must be finite and {'at least' if zero else 'above'} 0, got {shortened(value)}"
        )
    return number


def learning_rate_factor(step: int, *, steps: int, warmup: int) -> float:
    """The share of the peak learning rate at step 0, 1, ..: linear up over `warmup`, then linear down to 0."""
    if step < warmup:
        return step / warmup
    return max(0.0, (steps - step) / max(1, steps - warmup))


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """`sequences` fresh sequences of `seq_len` tokens of a task, drawn with each member's own seed.

    Args:
        task: None for the task that a member was trained on.
        seq_len: tokens of a sequence.
        sequences: sequences for each member.

    Raises:
        ValueError: a count below 1.
    """

    task: Task | None = None
    seq_len: int = 100
    sequences: int = 1024

    def __post_init__(self) -> None:
        for name in ("seq_len", "sequences"):
            check_integer(f"{name} of an evaluation", getattr(self, name), least=1)

    def of(self, task: Task) -> "Evaluation":
        """The evaluation with its task filled in."""
        return self if self.task is not None else replace(self, task=task)

    def to_json(self) -> dict[str, Any]:
        """Raises:
        ValueError: the task is not filled in.
        """
        if self.task is None:
            raise ValueError("an evaluation is stored with its task: fill it in by of(task)")
        return {"task": task_to_json(self.task), "seq_len": self.seq_len, "sequences": self.sequences}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Evaluation":
        """The inverse of `to_json`."""
        return cls(task=task_from_json(data["task"]), seq_len=data["seq_len"], sequences=data["sequences"])


class Measured(NamedTuple):
    """Correct and scored tokens of a member, and the mean over sequences of each one's share of right tokens.

    A sequence without a target counts as right in that mean; None where it was not measured.
    """

    correct: int
    scored: int
    sequence_accuracy: float | None = None


PURPOSE = TEST
"""The stream of evaluations: at the training task and length they see what the reported accuracy is from."""
