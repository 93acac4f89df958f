"""A model against the exact targets of its task: exhaustively, on samples, and on inputs made to break it."""

import copy
import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.layers import TransformerLayer
from plait.model import HybridLM
from plait.model.compiled import can_compile
from plait.random import TEST, Stream
from plait.tasks import Task
from plait.tasks.rows import checked_targets
from plait.verify.adversarial import suite
from plait.verify.exhaustive import in_order, read_all, single_threads, token_domain
from plait.verify.inputs import labels, occurring_tokens, shortest
from plait.verify.reading import CompiledReader, InputReader, ModelReading, ParallelReader, logit_leads
from plait.verify.result import Checks, Claims, Counterexample, Verification, Verified
from plait.verify.tally import Extreme, Positions, Tally

_TOKENS = 2**16
"""Tokens of one draw, unless a single sequence has more."""


def read_samples(
    reader: InputReader,
    task: Task,
    *,
    seq_len: int,
    samples: int,
    seed: int,
    window: int | None,
    first_step: int = 0,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Tally:
    """Whole sequences of `Stream(seed, first_step ..)`, until `samples` positions with a target are read.

    Raises:
        ValueError: what the task's sampler refuses, or a task without targets at this length.
    """
    batch = max(1, _TOKENS // seq_len)

    def draw(step: int) -> Tally:
        tokens = task.sample(Stream(seed, step, TEST), batch=batch, seq_len=seq_len)
        known = labels(task, tokens, window=window)
        reading = reader.read(tokens, known.targets, known.sources)
        return Positions.of(tokens, known, reading).tally(inputs=batch)

    total, told = Tally(), time.monotonic()
    for part in in_order((partial(draw, step) for step in itertools.count(first_step)), threads=threads):
        total += part
        if total.checked >= samples:
            break
        if total.checked == 0 and total.inputs >= 100 * batch:
            raise ValueError(f"none of {total.read:,} positions of {seq_len} tokens has a target to sample")
        if progress is not None and time.monotonic() - told > 0.2:
            told = time.monotonic()
            progress(total.checked, samples)
    return total


COMPARED = 2**18
"""Positions of each kind of check that the parallel pass reads as well; of adversarial inputs all."""

_Progress = Callable[[str, int, int], None]
"""Told the kind of check, and how many of how many inputs or positions are done."""


class Session:
    """Reads by the compiled stream where the model allows it, and part of it by the parallel pass too."""

    def __init__(
        self,
        model: HybridLM,
        task: Task,
        checks: Checks,
        *,
        window: int | None,
        threads: int,
        progress: _Progress | None,
    ) -> None:
        self.threads = threads
        self.model, self.task, self.checks, self.window, self.progress = model, task, checks, window, progress
        self._parallel = ParallelReader(model)
        self._reader: InputReader = CompiledReader(model) if can_compile(model) else self._parallel
        self._both, self._difference = Tally(), 0.0

    def verified(self) -> Verified:
        """Raises:
        ValueError: as `plait.verify.verify`.
        """
        began = time.monotonic()
        tallies: dict[str, Tally] = {}
        if self.checks.exhaustive:
            tallies["exhaustive"] = self._exhaustive()
        if self.checks.samples:
            tallies["samples"] = self._samples()
        if self.checks.adversarial:
            tallies["adversarial"] = self._adversarial()
        tallies = {kind: self._with_closest_calls_read_again(tally) for kind, tally in tallies.items()}
        wrong = [t.counterexample for t in (*tallies.values(), self._both) if t.counterexample is not None]
        return Verified(
            dtype=str(self.model.embedding.weight.dtype).removeprefix("torch."),
            tallies=tallies,
            parallel=self._both,
            difference=self._difference,
            counterexample=self._shrunk(min(wrong, key=len)) if wrong else None,
            seconds=time.monotonic() - began,
        )

    def _exhaustive(self) -> Tally:
        domain = token_domain(self.task, self.checks.seq_len)
        found = read_all(
            self._reader, self.task, domain, window=self.window, most_inputs=self.checks.most_inputs,
            threads=self.threads, progress=self._told("exhaustive"),
        )  # fmt: skip
        self._compare(domain.spread(max(1, COMPARED // domain.seq_len)))
        return found

    def _samples(self) -> Tally:
        checks = self.checks
        found = read_samples(
            self._reader, self.task, seq_len=checks.seq_len, samples=checks.samples, seed=checks.seed,
            window=self.window, threads=self.threads, progress=self._told("samples"),
        )  # fmt: skip
        for step in range(min(-(-found.read // _TOKENS), COMPARED // _TOKENS)):
            stream = Stream(checks.seed, step, TEST)
            batch = max(1, _TOKENS // checks.seq_len)
            self._compare(self.task.sample(stream, batch=batch, seq_len=checks.seq_len))
        return found

    def _adversarial(self) -> Tally:
        attention = [layer for layer in self.model.layers if isinstance(layer, TransformerLayer)]
        window = attention[-1].spec.window if attention else None
        total = Tally()
        for case in suite(self.task, seq_len=self.checks.seq_len, window=window, seed=self.checks.seed):
            total += self._read(self._reader, case.tokens)[0]
            self._compare(case.tokens)
        return total

    def _read(self, reader: InputReader, tokens: Int[Tensor, "batch time"]) -> tuple[Tally, ModelReading]:
        known = labels(self.task, tokens, window=self.window)
        reading = reader.read(tokens, known.targets, known.sources)
        return Positions.of(tokens, known, reading).tally(inputs=len(tokens)), reading

    def _compare(self, tokens: Int[Tensor, "batch time"]) -> Tally:
        """The tokens by the parallel pass, its leads compared with the compiled stream's."""
        tally, reading = self._read(self._parallel, tokens)
        if self._reader is self._parallel:
            return tally
        self._both += tally
        apart = (reading.gaps - self._read(self._reader, tokens)[1].gaps).nan_to_num(nan=0.0).abs()
        self._difference = max(self._difference, float(apart.max()))
        return tally

    def _with_closest_calls_read_again(self, tally: Tally) -> Tally:
        """The least lead and margin, as the parallel pass gives them."""

        def again(extreme: Extreme | None, name: str) -> Extreme | None:
            if extreme is None or not math.isfinite(extreme.value):
                return extreme
            tokens = torch.tensor([extreme.tokens])
            self._compare(tokens)
            values = getattr(self._read(self._parallel, tokens)[1], name)
            return Extreme(value=float(values[0, -1]), tokens=extreme.tokens)

        return dataclasses.replace(tally, gap=again(tally.gap, "gaps"), margin=again(tally.margin, "margins"))

    def _shrunk(self, wrong: tuple[int, ...]) -> Counterexample:
        def is_wrong(tokens: Int[Tensor, "inputs time"]) -> Bool[Tensor, " inputs"]:
            known = labels(self.task, tokens, window=self.window)
            found = torch.zeros(len(tokens), dtype=torch.bool)
            for reader in {self._reader, self._parallel}:
                gaps = reader.read(tokens, known.targets, known.sources).gaps
                found |= known.targets.scored[:, -1] & ~(gaps[:, -1] > 0)
            return found

        tokens = shortest(wrong, is_wrong, n_tokens=occurring_tokens(self.task))
        row = torch.tensor([tokens], device=self.model.embedding.weight.device)
        targets = checked_targets(self.task, row)
        with torch.no_grad():
            logits = self.model(row)
        return Counterexample(
            tokens=tokens,
            expected=int(targets.tokens[0, -1]),
            got=int(logits[0, -1].argmax()),
            gap=float(logit_leads(logits, targets)[0, -1]),
        )

    def _told(self, kind: str) -> Callable[[int, int], None] | None:
        progress = self.progress
        return None if progress is None else lambda done, total: progress(kind, done, total)


def verify(
    model: HybridLM,
    task: Task,
    checks: Checks,
    *,
    dtypes: Sequence[torch.dtype] | None = None,
    claims: Claims | None = None,
    progress: _Progress | None = None,
) -> Verification:
    """Reads the inputs that `checks` names, once in each type of number.

    Args:
        model: of the task's vocabulary; it is not changed.
        task: gives exact targets; undefined ones are counted apart.
        checks: which inputs.
        dtypes: the model is converted to; None for its own alone.
        claims: what is proved of it.
        progress: told now and then how far it is.

    Raises:
        ValueError: a vocabulary that is not the task's, a domain too large to exhaust, a window claimed for a
            task whose targets have no known place, or what the task's sampler refuses.
    """
    check_vocabulary(model, task)
    claims = claims or Claims()
    own = model.embedding.weight.dtype
    training = model.training
    model.eval()
    try:
        with single_threads() as threads:
            sessions = [
                Session(
                    model if dtype == own else copy.deepcopy(model).to(dtype),
                    task,
                    checks,
                    window=claims.window,
                    threads=threads,
                    progress=progress,
                )
                for dtype in dtypes or (own,)
            ]
            return Verification(verified=tuple(session.verified() for session in sessions), claims=claims)
    finally:
        model.train(training)


def check_vocabulary(model: HybridLM, task: Task) -> None:
    """Raises:
    ValueError: the model's vocabulary is not the task's.
    """
    if model.config.vocab_size != task.vocab_size:
        raise ValueError(
            f"the model must have the task's vocab_size, {task.vocab_size}, got {model.config.vocab_size}"
        )
