"""Training one wide model over processes: the steps of `plait.training.trainer` to rounding, whatever their number.

Every process draws the whole step's rows, which costs little, and computes its own; weights, gradients and moments lie
in parts. What is measured at the end is the whole model, on the first process.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from plait.kernels.adamw import AdamWRule
from plait.kernels.head import plain_scores
from plait.random import DROPOUT, TRAIN, Stream
from plait.tasks.base import sample_labelled
from plait.training.engines import check_products, make_ensemble
from plait.training.fsdp import checkpoint as files
from plait.training.fsdp.model import PartedModel
from plait.training.fsdp.processes import Processes
from plait.training.identity import NUMERICS, code_json
from plait.training.preflight import check_promises
from plait.training.result import Result
from plait.training.run import Run, learning_rate_factor
from plait.training.trainer import Trainer
from plait.training.watching import Watch

ENGINE = "fsdp"


def train_over_processes(
    run: Run,
    processes: Processes,
    *,
    checkpoint: Path | str | None = None,
    checkpoint_every: int = 500,
    watch: Watch | None = None,
    unchecked: bool = False,
) -> Result | None:
    """Train the run's one model over the processes; the result on the first of them, None on the others.

    Args:
        checkpoint: a folder to resume from, written every `checkpoint_every` steps.
        watch: as `plait.training.train` takes `progress`, on every process; `unchecked` as there.

    Raises:
        ValueError: a batch that the processes cannot share alike, dropout inside layers, a checkpoint of another run,
            or a damaged one.
        OSError: the checkpoint cannot be written.
    """
    check_shareable(run, processes.count)
    if not unchecked:
        check_promises(run)
    trainer = PartedTrainer(run, processes)
    folder = None if checkpoint is None else Path(checkpoint)
    if folder is not None:
        trainer.go_on_from(folder)
    while trainer.step < run.train.steps:
        trainer.advance()
        if watch is not None and (trainer.step % trainer.interval == 0 or trainer.step == run.train.steps):
            watch(trainer.step, run.train.steps, [trainer.losses[-1]])
        if folder is not None and trainer.step % checkpoint_every == 0 and trainer.step < run.train.steps:
            files.save_parts(folder, trainer.parts(), trainer.told(), processes)
    return trainer.result()


def check_shareable(run: Run, count: int) -> None:
    """Raises:
    ValueError: as `train_over_processes`.
    """
    batch = run.train.batch
    if batch % count:
        raise ValueError(
            f"a step's batch of {batch} sequences must be a multiple of the {count} processes, or use "
            f"{max(n for n in range(1, count + 1) if batch % n == 0)}"
        )
    if run.model.dropout > 0 and run.model.dropout_at != "embedding" and count > 1:
        raise ValueError(
            "dropout inside layers is not spread over processes: take model.dropout_at=embedding, or one process"
        )


class PartedTrainer:
    """One model in training over processes.

    Attributes:
        step: steps done.
        losses: mean loss of each finished interval of `interval` steps.
    """

    def __init__(self, run: Run, processes: Processes) -> None:
        self.run, self.processes = run, processes
        self.interval = max(1, run.train.steps // 100)
        check_products(run.train.products, processes.device)
        products = torch.bfloat16 if run.train.products == "bfloat16" else None
        whole = make_ensemble(run, [run.train.seed], device=torch.device("cpu"), engine="wide").member(0)
        self.model = PartedModel(whole.to(processes.device).train(), processes, products=products)
        self.rule = AdamWRule(weight_decay=run.train.weight_decay, clip=run.train.clip)
        self.weights = dict(self.model.parts())
        self.optimiser = torch.optim.AdamW(
            self.weights.values(),
            betas=(self.rule.beta1, self.rule.beta2),
            eps=self.rule.eps,
            weight_decay=self.rule.weight_decay,
        )
        self._seed = torch.tensor([run.train.seed], device=processes.device)
        share = run.train.batch // processes.count
        self._rows = slice(processes.rank * share, (processes.rank + 1) * share)
        self.step, self.diverged_at = 0, -1
        self.losses: list[float] = []
        self._loss_sum = 0.0

    def advance(self) -> None:
        """One step on fresh data; once loss or gradient were not finite, the weights stand still."""
        loss = self._differentiate()
        norm = self._norm()
        if self.diverged_at < 0 and not (torch.isfinite(loss) and torch.isfinite(norm)):
            self.diverged_at = self.step
        if self.diverged_at < 0:
            self._update(norm)
        self.optimiser.zero_grad()
        self.step += 1
        self._loss_sum += float(loss)
        if self.step % self.interval == 0 or self.step == self.run.train.steps:
            steps = self.step - len(self.losses) * self.interval
            self.losses.append(self._loss_sum / steps)
            self._loss_sum = 0.0

    def _differentiate(self) -> Tensor:
        """The loss of the whole step, and every weight's gradient in parts."""
        train, model = self.run.train, self.run.model
        stream = Stream(self._seed, self.step, TRAIN)
        tokens, targets = sample_labelled(self.run.task, stream, batch=train.batch, seq_len=train.seq_len)
        drops = Stream(self._seed, self.step, DROPOUT) if model.dropout > 0 else None
        logits = self.model(tokens[0], self._rows, train.batch, drops)
        own = plain_scores(logits.unsqueeze(0), *(t[:, self._rows] for t in targets))
        loss = (own.loss * own.scored).sum() / targets[1].sum().clamp(min=1)
        (loss * self.processes.count).backward()  # FSDP2 takes the mean of the processes' gradients
        return self.processes.summed(loss.detach())

    def _norm(self) -> Tensor:
        """Of the whole gradient."""
        parts = [torch.linalg.vector_norm(local(g), dtype=torch.float64) for g in self._gradients()]
        return self.processes.summed(torch.stack(parts).square().sum()).sqrt()

    def _gradients(self) -> list[Tensor]:
        return [weight.grad for weight in self.weights.values() if weight.grad is not None]

    @torch.no_grad()
    def _update(self, norm: Tensor) -> None:
        train = self.run.train
        factor = (self.rule.clip / (norm + 1e-6)).clamp(max=1.0)
        for gradient in self._gradients():
            local(gradient).mul_(factor.to(gradient.dtype))
        for group in self.optimiser.param_groups:
            group["lr"] = train.lr * learning_rate_factor(self.step, steps=train.steps, warmup=train.warmup)
        self.optimiser.step()

    def parts(self) -> files.SavedRows:
        """Weights and moments of this process, with the first row that each has."""
        count, rank = self.processes.count, self.processes.rank
        found: dict[str, tuple[int, Tensor]] = {}
        for name, weight in self.weights.items():
            rows = -(-weight.shape[0] // count)
            first = min(rank * rows, weight.shape[0])
            assert len(local(weight)) == min(rows, weight.shape[0] - first), (
                "FSDP2 cuts the first axis in chunks"
            )
            found[f"weight/{name}"] = first, local(weight)
            found |= {
                f"{key}/{name}": (first, local(moment)) for key, moment in self._moments(weight).items()
            }
        return found

    def _moments(self, weight: DTensor) -> Mapping[str, Tensor]:
        """The optimiser's own, made here where it has made none yet."""
        state = self.optimiser.state[weight]
        if not state:
            state["step"] = torch.tensor(0.0)
            state |= {key: torch.zeros_like(weight) for key in ("exp_avg", "exp_avg_sq")}
        return {key: state[key] for key in ("exp_avg", "exp_avg_sq")}

    def told(self) -> files.Told:
        return files.Told(
            identity=self._identity(),
            step=self.step,
            losses=tuple(self.losses),
            loss_sum=self._loss_sum,
            diverged_at=self.diverged_at,
        )

    def go_on_from(self, folder: Path) -> None:
        """Raises:
        ValueError: as `checkpoint.restore`, in every process where one cannot read it.
        """
        error, found, steps = None, None, self.run.train.steps
        most = 3 * sum(weight.numel() * weight.itemsize for weight in self.weights.values())
        try:
            found = files.restore_parts(
                folder, self.parts(), identity=self._identity(), steps=steps, most=most
            )
        except ValueError as refused:
            error = refused
        if self.processes.anywhere(error is not None):
            raise error or ValueError(f"{folder}: another process could not read its checkpoint")
        if found is None:
            return
        self.step, self.diverged_at = found.step, found.diverged_at
        self.losses, self._loss_sum = list(found.losses), found.loss_sum
        updates = found.step if found.diverged_at < 0 else found.diverged_at
        for weight in self.weights.values():
            self.optimiser.state[weight]["step"] = torch.tensor(float(updates))

    def _identity(self) -> str:
        text = json.dumps([ENGINE, self.run.to_json(), code_json(self.run), NUMERICS], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def result(self) -> Result | None:
        """Measured on the first process, where the whole model is put together."""
        whole = {name: weight.full_tensor().detach().cpu() for name, weight in self.weights.items()}
        found = self._measured(whole) if self.processes.rank == 0 else None
        self.processes.wait()
        return found

    def _measured(self, whole: Mapping[str, Tensor]) -> Result:
        self.optimiser.state.clear()
        trainer = Trainer(self.run, device=self.processes.device, engine="wide")
        flat = torch.cat([whole[name].flatten() for name in trainer.ensemble.shapes])
        trainer.ensemble.parameters[0].copy_(flat)
        trainer.state.step = self.step
        trainer.state.losses = torch.tensor(self.losses, dtype=torch.float64).unsqueeze(1)
        trainer.state.diverged_at.fill_(self.diverged_at)
        return replace(trainer.measured(), engine=f"{ENGINE} on {self.processes.count}")


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that lies here."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
