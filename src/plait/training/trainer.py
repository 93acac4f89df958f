"""An ensemble in training: AdamW, linear warm-up and decay, each member with its own seed and learning rate.

Protocol: arXiv 2603.08859, section 5. Member i's tokens come from `Stream(seed_i, step, TRAIN)`, its tests from
the streams SELECT and TEST, its initial weights from INIT: nothing depends on who trains beside it.
"""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from plait.checks import counted
from plait.kernels.adamw import AdamWRule, adamw
from plait.layers import LAYERS
from plait.layers.registry import MIXERS
from plait.random import DROPOUT, SELECT, TEST, TRAIN, Stream
from plait.tasks.base import sample_labelled
from plait.tasks.registry import is_ours
from plait.training import checkpoint as files
from plait.training.engines import make_ensemble
from plait.training.evaluate import answer_counts, eight_accuracy
from plait.training.identity import NUMERICS, code_json
from plait.training.machine import device_name, versions
from plait.training.replay import Replay
from plait.training.result import Member, Result
from plait.training.run import Run, Train, learning_rate_factor
from plait.training.watching import Callback, Clock, Moment, Watch, asks_to_stop

_CURVE_POINTS = 100


def _members(run: Run, seeds: Sequence[int] | None, lrs: Sequence[float] | None) -> list[Train]:
    rates = [run.train.lr] if lrs is None else list(lrs)
    chosen = [run.train.seed] if seeds is None else list(seeds)
    for name, values in (("seed", chosen), ("learning rate", rates)):
        if not values:
            raise ValueError(f"at least one {name} is needed, got none")
        if len(set(values)) < len(values):
            raise ValueError(f"each {name} may be given once, got {values}")
    return [replace(run.train, lr=lr, seed=seed) for lr, seed in itertools.product(rates, chosen)]


class Trainer:
    """An ensemble in training, step by step.

    Args:
        run: task, model and protocol.
        seeds, lrs: members are every rate with every seed, rates in the outer order; None = the run's own.
        device: where all of it lies.
        engine: as in `train`.
    """

    def __init__(
        self,
        run: Run,
        *,
        seeds: Sequence[int] | None = None,
        lrs: Sequence[float] | None = None,
        device: torch.device,
        engine: str = "auto",
    ) -> None:
        members = _members(run, seeds, lrs)
        self.spec, self.members, self.device = run, members, device
        self.seeds = torch.tensor([m.seed for m in members], device=device)
        self.peaks = torch.tensor([m.lr for m in members], dtype=torch.float64, device=device)
        self.ensemble = make_ensemble(run, [m.seed for m in members], device=device, engine=engine)
        self.rule = AdamWRule(weight_decay=run.train.weight_decay, clip=run.train.clip)
        self.interval = max(1, run.train.steps // _CURVE_POINTS)
        self.state = self._fresh()
        self._replay = self._replayed() if self._can_replay() else None

    def run(
        self, watch: Watch | None, path: Path | str | None, every: int, callback: Callback | None = None
    ) -> Result:
        """Train to the end, or from a checkpoint to the end, and measure (see `train`)."""
        train, state = self.spec.train, self.state
        file = None if path is None else Path(path)
        origin = self._origin()
        found = None if file is None else files.restore(file, state, origin, steps=train.steps)
        if found is not None:
            self.ensemble.parameters.copy_(found.parameters)
            self.state = state = replace(found, parameters=self.ensemble.parameters)
        clock, stopped = Clock(state.step), False
        try:
            while state.step < train.steps and not stopped:
                self._step_in_memory()
                if state.step % self.interval == 0 or state.step == train.steps:
                    self._close_interval(state)
                    if watch is not None:
                        watch(state.step, train.steps, state.losses[-1].tolist())
                    asked = callback is not None and asks_to_stop(callback, self._moment(state, clock))
                    stopped = asked and state.step < train.steps
                if file is not None and (state.step % every == 0 or stopped) and state.step < train.steps:
                    files.save_checkpoint(file, state, origin)
        finally:
            self._replay = None  # it refers back to here, and holds the memory of a whole step
        return self.measured()

    def _moment(self, state: files.Progress, clock: Clock) -> Moment:
        train = self.spec.train
        seconds, rate = clock.read(state.step)

        def measure(sequences: int) -> tuple[float, ...]:
            found = answer_counts(
                self.ensemble, self.spec.task, self.seeds, sequences=sequences, seq_len=train.seq_len, purpose=SELECT
            )  # fmt: skip
            return tuple((found.correct / found.scored.clamp(min=1)).tolist())

        return Moment(
            run=self.spec,
            members=tuple(self.members),
            step=state.step,
            steps=train.steps,
            loss_steps=self._loss_steps(state),
            curves=tuple(map(tuple, state.losses.t().tolist())),
            seconds=seconds,
            steps_per_second=rate,
            _measure=measure,
        )

    def _loss_steps(self, state: files.Progress) -> tuple[int, ...]:
        ends = (*range(self.interval, self.spec.train.steps, self.interval), self.spec.train.steps)
        return ends[: len(state.losses)]

    def _step_in_memory(self) -> None:
        """`step`; where a GPU's memory does not hold it, the error says which batch it does hold."""
        try:
            self.step()
            return
        except torch.OutOfMemoryError:
            self._replay = None
        raise ValueError(self._what_fits())

    def _what_fits(self) -> str:
        train, model, device = self.spec.train, self.spec.model, device_name(self.device)
        rows = f"{counted(train.batch, 'sequence')} of {counted(train.seq_len, 'token')} a step"
        begun = f"out of memory on {device}: {rows} at d_model {model.d_model}, "
        begun += counted(len(self.members), "member")
        batch = train.batch // 2
        while batch:
            stream = Stream(self.seeds, 0, TRAIN)
            rows = sample_labelled(self.spec.task, stream, batch=batch, seq_len=train.seq_len)
            drops = Stream(self.seeds, 0, DROPOUT) if model.dropout > 0 else None
            try:
                self.ensemble.learn(*rows, dropout_stream=drops)
            except torch.OutOfMemoryError:
                batch //= 2
            else:
                return f"{begun}; {counted(batch, 'sequence')} a step would fit"
        return f"{begun}; not even 1 sequence a step would fit: fewer members, or a narrower model"

    def _fresh(self) -> files.Progress:
        n, parameters = len(self.ensemble), self.ensemble.parameters
        return files.Progress(
            step=0,
            parameters=parameters,
            first=torch.zeros_like(parameters),
            second=torch.zeros_like(parameters),
            active=torch.ones(n, dtype=torch.bool, device=self.device),
            diverged_at=torch.full((n,), -1, dtype=torch.int64, device=self.device),
            losses=torch.zeros(0, n, dtype=torch.float64),
            loss_sum=torch.zeros(n, dtype=torch.float64, device=self.device),
        )

    def _can_replay(self) -> bool:
        """Whether a step is device work alone: on a GPU, with the package's own task and layers that have kernels."""
        plain = LAYERS.keys() - MIXERS.keys()
        kernels = self.ensemble.engine == "triton" or self.spec.train.products != "float32"
        drawn = all(name in plain for name in self.spec.model.layers) or kernels
        return self.device.type == "cuda" and is_ours(self.spec.task) and drawn

    def _replayed(self) -> Replay:
        train = self.spec.train
        factors = torch.tensor(
            [
                learning_rate_factor(step, steps=train.steps, warmup=train.warmup)
                for step in range(train.steps)
            ],
            dtype=torch.float64,
            device=self.device,
        )
        return Replay(lambda clock: self._advance(clock, factors.index_select(0, clock.view(1))), self.device)

    def step(self) -> None:
        """Fresh data, forward, backward and update of every member."""
        if self._replay is not None:
            self._replay.step(self.state.step)
        else:
            train, step = self.spec.train, self.state.step
            self._advance(step, learning_rate_factor(step, steps=train.steps, warmup=train.warmup))
        self.state.step += 1

    def _advance(self, step: int | Tensor, factor: float | Tensor) -> None:
        train, ensemble, state = self.spec.train, self.ensemble, self.state
        stream = Stream(self.seeds, step, TRAIN)
        tokens, targets = sample_labelled(self.spec.task, stream, batch=train.batch, seq_len=train.seq_len)
        drops = Stream(self.seeds, step, DROPOUT) if self.spec.model.dropout > 0 else None
        losses = ensemble.learn(tokens, targets, dropout_stream=drops)
        before = state.active.clone()
        state.active &= losses.isfinite()
        adamw(
            ensemble.parameters,
            ensemble.gradients,
            (state.first, state.second),
            lr=self.peaks * factor,
            active=state.active,
            rule=self.rule,
            step=step + 1,
        )
        state.diverged_at.copy_(torch.where(before & ~state.active, step, state.diverged_at))
        state.loss_sum += losses

    def _close_interval(self, state: files.Progress) -> None:
        steps = state.step - len(state.losses) * self.interval
        state.losses = torch.cat((state.losses, (state.loss_sum / steps).cpu().unsqueeze(0)))
        state.loss_sum.zero_()

    def _origin(self) -> files.Origin:
        members = [[m.lr, m.seed] for m in self.members]
        text = json.dumps([self.spec.to_json(), code_json(self.spec), members, NUMERICS], sort_keys=True)
        return files.Origin(
            identity=hashlib.sha256(text.encode()).hexdigest(),
            engine=self.ensemble.engine,
            threads=self._threads(),
        )

    def _threads(self) -> int | None:
        """Those of PyTorch, where the last bits depend on them."""
        plain_on_cpu = self.ensemble.engine in ("plain", "wide") and self.device.type == "cpu"
        return torch.get_num_threads() if plain_on_cpu else None

    def measured(self) -> Result:
        """The members as they stand, on fresh sequences."""
        train, state = self.spec.train, self.state
        test, select = (
            answer_counts(
                self.ensemble,
                self.spec.task,
                self.seeds,
                sequences=sequences,
                seq_len=train.seq_len,
                purpose=purpose,
            )
            for purpose, sequences in ((TEST, train.test_sequences), (SELECT, train.select_sequences))
        )
        eight = eight_accuracy(
            self.ensemble,
            self.spec.task,
            self.seeds,
            sequences=train.test_sequences,
            seq_len=train.seq_len,
            purpose=TEST,
        )
        loss_steps = self._loss_steps(state)
        members = tuple(
            replace(
                self._member(index, [int(c[index]) for c in (*test[:2], *select[:2])], state, loss_steps),
                eight_accuracy=float(eight[index]),
                sequence_accuracy=float(test.sequence_accuracy[index]),
            )
            for index in range(len(self.members))
        )
        return Result(
            run=self.spec,
            members=members,
            device=device_name(self.device),
            engine=self.ensemble.engine,
            threads=self._threads(),
            versions=versions(),
            ensemble=self.ensemble,
            stopped_at=state.step if state.step < train.steps else None,
        )

    def _member(
        self, index: int, counts: list[int], state: files.Progress, loss_steps: tuple[int, ...]
    ) -> Member:
        correct, scored, select_correct, select_scored = counts
        diverged_at = int(state.diverged_at[index])
        return Member(
            lr=self.members[index].lr,
            seed=self.members[index].seed,
            parameters=self.ensemble.size,
            accuracy=correct / scored if scored else 0.0,
            correct=correct,
            scored=scored,
            select_accuracy=select_correct / select_scored if select_scored else 0.0,
            select_correct=select_correct,
            select_scored=select_scored,
            diverged_at=None if diverged_at < 0 else diverged_at,
            loss_steps=loss_steps,
            losses=tuple(state.losses[:, index].tolist()),
        )
