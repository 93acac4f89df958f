"""What the adversarial suites hold, and that other kinds of model and task go through."""

import itertools
import sys
import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plait.constructions import decoding_recall, selective_copying
from plait.layers import LayerSpec, State
from plait.model import HybridConfig, HybridLM
from plait.random import Stream
from plait.tasks import DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, Task
from plait.verify import Checks, verify
from plait.verify.adversarial import Case, suite
from plait.verify.inputs import labels

COPYING = SelectiveCopying(n_words=6, numbers=(2, 4, 5))
RECALL = DecodingRecall(n_bits=3)


def cases(task: Task, *, seq_len: int, window: int | None = None) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in suite(task, seq_len=seq_len, window=window, seed=0):
        assert case.tokens.shape[1] <= seq_len
        task.targets(case.tokens)
        found.setdefault(case.name, []).append(case)
    return found


def rows(found: list[Case]) -> list[list[int]]:
    return [row for case in found for row in case.tokens.tolist()]


def test_the_suite_of_selective_copying():
    found = cases(COPYING, seq_len=50)
    holds = rows(found["longest hold"])
    assert {row[0] for row in holds} == {6, 7, 8}
    assert all(len(row) == 50 and max(row[1:]) < 6 for row in holds)
    pairs = {
        pair for row in rows(found["every pair of numbers back to back"]) for pair in itertools.pairwise(row)
    }
    assert {(one, other) for one in (6, 7, 8) for other in (6, 7, 8)} <= pairs
    seen: set[tuple[int, int]] = set()
    for row in rows(found["ties at every distance"]):
        common = max(set(row[1:]), key=row[1:].count)
        (mark,) = [place for place in range(1, len(row)) if row[place] != common]
        seen.add((row[0], len(row) - 1 - mark))
    assert seen == {(number, distance) for number in (6, 7, 8) for distance in range(8)}
    targets = [COPYING.targets(case.tokens) for case in found["numbers as targets"]]
    assert sum(int(((t.tokens >= 6) & t.scored).sum()) for t in targets) > 100
    assert {"words shifted", "numbers rare", "numbers frequent", "edges of the window"} <= found.keys()


def test_the_suite_of_decoding_recall():
    window = 12
    found = cases(RECALL, seq_len=60, window=window)
    registers = {
        int(RECALL.control(case.tokens)[0][row, -1])
        for case in found["registers after runs"]
        for row in range(len(case.tokens))
    }
    assert registers == set(range(8))
    holds = found["longest hold"]
    assert all(case.tokens.shape[1] == 60 for case in holds)
    edges: set[int] = set()
    for case in found["edges of the window"]:
        known = labels(RECALL, case.tokens, window=None)
        assert known.sources is not None
        edges |= set(known.sources[:, -1].tolist())
    assert {window - 1, window} <= edges
    bits = [RECALL.targets(case.tokens) for case in found["bits as targets"]]
    assert sum(int(((t.tokens >= 8) & t.scored).sum()) for t in bits) > 100


@pytest.mark.parametrize("seq_len", [1, 2, 7])
def test_suites_fit_into_short_sequences(seq_len: int):
    for task in (COPYING, RECALL, Needle(n_words=5), MultiKeyRecall(n_words=3)):
        assert cases(task, seq_len=seq_len)


def test_constructions_pass_their_suites_at_lengths_beyond_what_they_were_built_for():
    for task, model in (
        (COPYING, selective_copying(COPYING, 20)),
        (RECALL, decoding_recall(RECALL, 20, success=1.0)),
    ):
        checks = Checks(seq_len=20, adversarial=True, samples=5000)
        assert verify(model, task, checks, dtypes=(torch.float64, torch.float32)).passed
    assert verify(selective_copying(COPYING, 20), COPYING, Checks(seq_len=500, adversarial=True)).passed


class Keep(nn.Module):
    """A user's layer without a compiled form."""

    members_axis = False

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(spec.d_model))

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.weight

    def init_state(self, batch: int, *, dtype: torch.dtype, device: torch.device) -> State:
        return {}

    def step(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        return hidden + self.weight, state

    def state_size(self, seq_len: int) -> dict[str, int]:
        return {}

    def reset_parameters(self, stream: Stream) -> None:
        with torch.no_grad():
            self.weight.fill_(0.0)


def test_a_users_layer_goes_through_the_parallel_pass(monkeypatch: pytest.MonkeyPatch):
    module = types.ModuleType("keep_layer")
    module.__dict__["Keep"] = Keep
    monkeypatch.setitem(sys.modules, "keep_layer", module)
    built = selective_copying(COPYING, 20)
    config = built.config.to_json() | {"pattern": "SSM-TF-keep_layer:Keep"}
    model = HybridLM(HybridConfig.from_json(config), seed=0)
    model.load_state_dict(built.state_dict(), strict=False)
    found = verify(model, COPYING, Checks(seq_len=4, exhaustive=True, adversarial=True))
    assert found.passed
    assert found.verified[0].parallel.read == 0


@pytest.mark.parametrize("task", [Needle(n_words=5), MultiKeyRecall(n_words=3)])
def test_tasks_without_a_construction(task: Task):
    model = HybridLM(HybridConfig(task.vocab_size, d_model=4), seed=0)
    found = verify(model, task, Checks(seq_len=12, samples=300, adversarial=True))
    total = found.verified[0].total
    assert not found.passed
    assert total.wrong > 0
    assert total.checked == total.right + total.wrong >= 300
    assert total.margin is None


def test_nothing_to_check_is_refused():
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "nothing to check"),
        ({"samples": -1}, "samples"),
        ({"exhaustive": True, "most_inputs": 0}, "most_inputs"),
    ]
    for changes, said in wrong:
        with pytest.raises(ValueError, match=said):
            Checks(seq_len=5, **changes)
    with pytest.raises(ValueError, match="seq_len"):
        Checks(seq_len=0, exhaustive=True)


def test_a_model_that_was_in_training_mode_is_so_again():
    model = HybridLM(HybridConfig(COPYING.vocab_size, d_model=4, dropout=0.5), seed=0).train()
    verify(model, COPYING, Checks(seq_len=10, samples=50))
    assert model.training
