"""What training gives: one record a member, its weights, and its losses by steps as a figure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from textwrap import fill
from typing import TYPE_CHECKING

import torch

from plait.checks import counted
from plait.model import HybridLM
from plait.tasks.registry import task_name
from plait.training.ensemble import Ensemble
from plait.training.evaluate import answer_counts
from plait.training.run import PURPOSE, Evaluation, Measured, Run

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


_Curve = tuple[str, Sequence[int], Sequence[float]]
"""A label, steps, and the mean loss at each, in nats; curves of one label have one colour."""


_LEGEND = 64
"""Letters of a line of the legend, which is as wide as the plot."""


def loss_figure(curves: Sequence[_Curve], styles: Mapping[str, tuple[str, str]] | None = None) -> "Figure":
    """The curves over the steps, losses that are not finite left out; the legend names each label once.

    Args:
        styles: matplotlib's colour and line style of each label; without them labels go from dark to light.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.2, 4.0), layout="constrained")
    axes = figure.subplots()
    labels = list(dict.fromkeys(label for label, _, _ in curves))
    shade, last = colormaps["viridis"], max(1, len(labels) - 1)
    styles = styles or {
        label: (to_hex(shade(0.88 * place / last)), "-") for place, label in enumerate(labels)
    }
    for label, steps, losses in curves:
        first = fill(label, _LEGEND) not in axes.get_legend_handles_labels()[1]
        color, dash = styles[label]
        axes.plot(
            steps,
            losses,
            color=color,
            linestyle=dash,
            alpha=0.8,
            linewidth=1.2,
            label=fill(label, _LEGEND) if first else None,
        )
    axes.set_xlabel("step")
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    axes.set_ylabel("training loss (nats)")
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.2)
    if len(labels) > 1 or labels != [""]:
        axes.legend(frameon=False, fontsize="small")
    return figure


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


@dataclass(frozen=True, kw_only=True, repr=False)
class Result:
    """All members of one ensemble, learning rates in the outer order and seeds in the inner.

    Attributes:
        versions: of plait, torch and Python.
        device: where it ran: the processor's kind, or the GPU's name.
        engine: what computed the numbers: "compiled" (C++), "triton", or "plain" (PyTorch's operations).
        threads: of the plain engine on a CPU, whose last bits depend on them; None elsewhere.
        stopped_at: the step after which a callback stopped the training; None where all steps were made.
    """

    run: Run
    members: tuple[Member, ...]
    device: str
    engine: str
    threads: int | None
    versions: dict[str, str]
    ensemble: Ensemble
    stopped_at: int | None = None

    def __repr__(self) -> str:
        """One line: what was trained, how many members, and how well the best learning rate did."""
        lr, mean = self._best()
        end = (
            ""
            if self.stopped_at is None
            else f", stopped at step {self.stopped_at} of {self.run.train.steps}"
        )
        return (
            f"<Result {task_name(self.run.task)} {self.run.model.pattern} d_model={self.run.model.d_model}: "
            f"{counted(len(self.members), 'member')} of {self.members[0].parameters:,} "
            f"parameters, mean accuracy {mean:.3f} at lr {lr:g}{end}>"
        )

    def _best(self) -> tuple[float, float]:
        """The learning rate of the best mean on the separate sequences, and its mean accuracy."""
        by_lr: dict[float, list[Member]] = {}
        for member in self.members:
            by_lr.setdefault(member.lr, []).append(member)
        lr, best = max(by_lr.items(), key=lambda item: sum(m.select_accuracy for m in item[1]) / len(item[1]))
        return lr, sum(member.accuracy for member in best) / len(best)

    def to_polars(self) -> "pl.DataFrame":
        """One row a member with every attribute of `Member`; the loss curve in the lists `loss_steps` and `losses`."""
        import polars as pl

        rows = [asdict(member) | {"stopped_at": self.stopped_at} for member in self.members]
        integers = {"diverged_at": pl.Int64, "stopped_at": pl.Int64}
        return pl.DataFrame(rows, schema_overrides=integers, infer_schema_length=None)

    def plot(self) -> "Figure":
        """Every member's training loss by steps, one colour a learning rate, as a matplotlib figure.

        A notebook shows it; `result.plot().savefig("losses.svg")` keeps it.
        """
        return loss_figure([(f"lr {m.lr:g}", m.loss_steps, m.losses) for m in self.members])

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
        found = answer_counts(
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
