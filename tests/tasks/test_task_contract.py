"""Each promise of a task, broken once by a task that is right otherwise."""

import pytest
import torch

from plait.tasks import Targets
from plait.tasks.contract import check_scored, check_task


class Right:
    """The token before."""

    vocab_size = 8
    token_names = tuple("abcdefgh")

    def sample(self, stream, batch=8, seq_len=100):
        return stream.integers(8, (batch, seq_len))

    def targets(self, tokens):
        scored = torch.ones_like(tokens, dtype=torch.bool)
        scored[..., 0] = False
        return Targets(tokens.roll(1, -1), scored)


class SaysTheNext(Right):
    def targets(self, tokens):
        scored = torch.ones_like(tokens, dtype=torch.bool)
        scored[..., -1] = False
        return Targets(tokens.roll(-1, -1), scored)


class SaysTheMost(Right):
    """The largest token of the whole row, at every position."""

    def targets(self, tokens):
        return Targets(tokens.amax(-1, keepdim=True).expand(tokens.shape).contiguous(), tokens >= 0)


class OnlyItsOwnRows(SaysTheNext):
    """Rows that begin and end alike; it refuses any other, but not a shorter one."""

    def sample(self, stream, batch=8, seq_len=100):
        rows = stream.integers(8, (batch, seq_len))
        rows[..., -1] = rows[..., 0] = torch.arange(batch) % 8
        return rows

    def targets(self, tokens):
        if tokens.shape[-1] == 20 and bool((tokens[..., 0] != tokens[..., -1]).any()):
            raise ValueError("a row that cannot be")
        scored = torch.ones_like(tokens, dtype=torch.bool)
        return Targets(tokens.roll(-1, -1), scored)


class OnlyItsOwnRowsRight(OnlyItsOwnRows):
    def targets(self, tokens):
        if bool((tokens[..., 0] != tokens[..., -1]).any()):
            raise ValueError("a row that cannot be")
        return Right().targets(tokens)


class ScoresTheEnd(Right):
    """Which positions count may depend on the row's length; what they count for may not."""

    def targets(self, tokens):
        found = Right().targets(tokens)
        return Targets(
            found.tokens, torch.arange(tokens.shape[-1]).expand(tokens.shape) == tokens.shape[-1] - 1
        )


class OwnDice(Right):
    def sample(self, stream, batch=8, seq_len=100):
        return torch.randint(0, 8, (*stream.members, batch, seq_len))


class OwnDiceForTargets(Right):
    def targets(self, tokens):
        return Targets(torch.randint(0, 8, tokens.shape), tokens >= 0)


class DependsOnTheOthers(Right):
    def sample(self, stream, batch=8, seq_len=100):
        return (stream.integers(8, (batch, seq_len)) + len(stream.seed)) % 8


class Leaves(Right):
    def sample(self, stream, batch=8, seq_len=100):
        raise SystemExit("no")


BROKEN = {
    SaysTheNext: "the target at position 0 changes with the tokens from position 1 on",
    SaysTheMost: "the target at position .* changes with the tokens from position",
    OnlyItsOwnRows: "the target at position .* changes with the tokens from position",
    OwnDice: "sample gives other tokens when asked again",
    OwnDiceForTargets: "targets gives other targets of the same tokens when asked again",
    DependsOnTheOthers: "the tokens of a member depend on the other members",
    Leaves: "gives no sequence: SystemExit: no",
}


@pytest.mark.parametrize("task", [Right, OnlyItsOwnRowsRight, ScoresTheEnd])
@pytest.mark.parametrize("seq_len", [1, 2, 20])
def test_a_task_that_keeps_its_promises(task, seq_len):
    check_task(task(), seq_len=seq_len)


@pytest.mark.parametrize("task", BROKEN)
def test_a_task_that_breaks_one(task):
    with pytest.raises(ValueError, match=f"^{task.__name__}:? {BROKEN[task]}") as told:
        check_task(task(), seq_len=20)
    assert "\n" not in str(told.value)


class Silent(Right):
    def targets(self, tokens):
        return Targets(tokens, torch.zeros_like(tokens, dtype=torch.bool))


class Rare(Right):
    """A row of thirty or so has a target, at its end."""

    def targets(self, tokens):
        scored = torch.zeros_like(tokens, dtype=torch.bool)
        scored[..., -1] = (tokens[..., 0] == 3) & (tokens[..., 1] < 2)
        return Targets(tokens, scored)


def test_a_task_that_scores_nothing():
    check_scored(Rare(), seq_len=20)
    with pytest.raises(ValueError, match=r"^Silent: nothing is scored in 256 rows of 20 tokens$"):
        check_scored(Silent(), seq_len=20)
