"""What a trained member is measured on besides its own task and length: another length or distribution."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from plait.checks import check_integer
from plait.random import TEST
from plait.tasks import Task, task_from_json, task_to_json


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
