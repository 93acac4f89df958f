"""What training gives: one record a member, and its weights."""

from dataclasses import dataclass, field

import torch

from plait.model import HybridLM
from plait.training.ensemble import Ensemble
from plait.training.evaluate import counts
from plait.training.evaluation import PURPOSE, Evaluation, Measured
from plait.training.run import Run


@dataclass(frozen=True, kw_only=True)
class Member:
    """A trained member.

    Attributes:
        lr, seed: what it differs in.
        parameters: trainable parameters of the model.
        accuracy: `correct / scored` on fresh test sequences; 0 where nothing was scored.
        select_accuracy: the same on the separate sequences that choose a learning rate.
        diverged_at: the step whose loss or gradient was not finite, from where its weights stood still; None if
            all were finite. Its accuracies are those of the weights where it stopped.
        loss_steps, losses: mean training loss in nats since the step before, at about a hundred steps.
        eight_accuracy: mean over the first eight test sequences of each one's share of right tokens, one without a
            target counting as right (the score of arXiv 2603.08859's released program).
        sequence_accuracy: the same over all test sequences; None where it was not measured.
    """

    lr: float
    seed: int
    parameters: int
    accuracy: float
    correct: int
    scored: int
    select_accuracy: float
    select_correct: int
    select_scored: int
    diverged_at: int | None
    loss_steps: tuple[int, ...]
    losses: tuple[float, ...]
    eight_accuracy: float | None = None
    sequence_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """All members of one ensemble, learning rates in the outer order and seeds in the inner.

    Attributes:
        versions: of plait, torch and Python.
        device: where it ran: the processor's kind, or the GPU's name.
        engine: what computed the numbers: "compiled" (C++), "triton", or "plain" (PyTorch's operations).
        threads: of the plain engine on a CPU, whose last bits depend on them; None elsewhere.
    """

    run: Run
    members: tuple[Member, ...]
    device: str
    engine: str
    threads: int | None
    versions: dict[str, str]
    ensemble: Ensemble = field(repr=False)

    def evaluate(self, evaluation: Evaluation) -> tuple[Measured, ...]:
        """Every member's counts where `evaluation` asks for them.

        Raises:
            ValueError: a task of another vocabulary than the model's, or what its sampler refuses.
        """
        task = evaluation.of(self.run.task).task
        size = self.run.model.vocab_size
        if task is None or task.vocab_size != size:
            got = None if task is None else task.vocab_size
            raise ValueError(f"an evaluation's task must have the model's vocab_size, {size}, got {got}")
        found = counts(
            self.ensemble,
            task,
            torch.tensor([m.seed for m in self.members], device=self.ensemble.parameters.device),
            sequences=evaluation.sequences,
            seq_len=evaluation.seq_len,
            purpose=PURPOSE,
        )
        columns = (column.tolist() for column in found)
        return tuple(Measured(*row) for row in zip(*columns, strict=True))

    def model(self, index: int) -> HybridLM:
        """The trained model of one member, on the CPU."""
        return self.ensemble.member(index)
