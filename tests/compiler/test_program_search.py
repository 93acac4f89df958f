"""Programs found from targets alone: the tasks that a few statements say, and nothing where there is none."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from program_cases import example

from plait.compiler import Program
from plait.compiler.search import find_program
from plait.random import TEST, Stream
from plait.tasks import MQAR, AssociativeRecall, Needle, SelectiveCopying, Targets, Task
from plait.tasks.base import SPECIALS


@dataclass
class Bare:
    """A task with the four members and nothing else: targets of a program, or of a function."""

    inner: Task

    @property
    def vocab_size(self) -> int:
        return self.inner.vocab_size

    @property
    def token_names(self) -> tuple[str, ...]:
        return self.inner.token_names

    def sample(self, stream: Stream, batch: int, seq_len: int) -> torch.Tensor:
        return self.inner.sample(stream, batch=batch, seq_len=seq_len)

    def targets(self, tokens: torch.Tensor) -> Targets:
        return self.inner.targets(tokens)


TASKS: dict[str, Task] = {
    "associative recall": AssociativeRecall(n_words=8),
    "selective copying": SelectiveCopying(),
    "needle": Needle(),
    "flip counting": example("flip_counting"),
    "mqar, first": example("mqar_first"),
    "induction, two hops": example("induction_2"),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_program_is_found_from_the_targets(name: str) -> None:
    task = TASKS[name]
    found = find_program(Bare(task), seconds=10_000)
    assert found is not None
    assert 0 < found.seconds < 10_000
    assert found.checked > 10_000
    tokens = task.sample(Stream(9, 0, TEST), batch=200, seq_len=120)
    ours, theirs = found.program.targets(tokens), task.targets(tokens)
    assert bool((ours.scored & (ours.tokens == theirs.tokens))[theirs.scored].all())
    assert len(found.lines) <= 5


def test_a_key_that_is_given_twice_tells_first_from_latest() -> None:
    """The task's sampler gives each key once, and a class of one filler must not crowd out all second values."""
    task = MQAR(keep="first")
    found = find_program(task, seconds=10_000)
    assert found is not None
    assert "earliest" in found.source()
    again = torch.tensor([[task.token_names.index(name) for name in ("k6", "v1", "k6", "v0", "k6")]])
    assert int(found.program.targets(again).tokens[0, -1]) == int(task.targets(again).tokens[0, -1])


def test_what_is_found_is_a_module_of_its_own(tmp_path: Path) -> None:
    task = TASKS["flip counting"]
    found = find_program(task, seconds=10_000)
    assert found is not None
    path = tmp_path / "found_program.py"
    path.write_text(found.source())
    spec = importlib.util.spec_from_file_location("found_program", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["found_program"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tokens = task.sample(Stream(1), batch=50, seq_len=50)
    assert torch.equal(module.PROGRAM.targets(tokens).tokens, task.targets(tokens).tokens)
    assert isinstance(module.PROGRAM, Program)


class Drawn(Bare):
    """Targets that no few statements give."""

    def targets(self, tokens: torch.Tensor) -> Targets:
        found = (tokens.cumsum(-1) * tokens) % self.inner.token_names.index(SPECIALS[0])
        return Targets(found, torch.ones_like(found, dtype=torch.bool))


def test_nothing_is_found_where_nothing_is_right() -> None:
    assert find_program(Drawn(AssociativeRecall(n_words=8)), seconds=10_000) is None
    assert find_program(example("dyck"), seconds=1e-9) is None


def test_refused_arguments() -> None:
    with pytest.raises(ValueError, match="seconds must be positive"):
        find_program(example("dyck"), seconds=0)
    with pytest.raises(ValueError, match="seq_len"):
        find_program(example("dyck"), seq_len=1)
