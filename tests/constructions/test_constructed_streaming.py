"""Token by token: the same answers as all at once, in a state that stops growing."""

import pytest
import torch
from construction_cases import COPYING, RECALL, sampled

from plait.constructions import Plan, copying_plan, cost, plan_of, recall_plan, smallest
from plait.model import HybridLM
from plait.tasks import SelectiveCopying


def models() -> dict[str, HybridLM]:
    return {
        "digits": copying_plan(COPYING, 300).build(),
        "line": smallest(COPYING, 300),
        "long": recall_plan(RECALL, 300, success=0.99999).build(),
        "short": recall_plan(RECALL, 300, success=0.99999, pattern="SSM-TF").build(),
    }


@pytest.mark.parametrize("name", ["digits", "line", "long", "short"])
def test_every_scored_answer_streamed(name: str) -> None:
    model = models()[name]
    task = plan_of(model).task
    tokens = sampled(task, batch=4, seq_len=300)  # type: ignore[arg-type]
    targets = task.targets(tokens)
    state = model.init_state(4)
    for position in range(300):
        logits, state = model.step(tokens[:, position], state)
        scored = targets.scored[:, position]
        assert torch.equal(
            logits.argmax(-1)[scored], targets.tokens[scored.logical_not().logical_not(), position]
        )


def held_bytes(state: tuple[dict[str, torch.Tensor], ...]) -> int:
    return sum(tensor[0].numel() for layer in state for tensor in layer.values())


def test_the_state_is_the_closed_forms() -> None:
    model = models()["digits"]
    plan: Plan = plan_of(model)
    state = model.init_state(1)
    for token in sampled(COPYING, batch=1, seq_len=40)[0]:
        _, state = model.step(token.unsqueeze(0), state)
    price = cost(plan, 40)
    assert held_bytes(state) == price.ssm_state + price.conv_tail + price.kv_cache


def test_a_number_is_held_to_the_last_bit_over_5000_words() -> None:
    task = SelectiveCopying(n_words=26, numbers=(1, 3))
    model = smallest(task, 100)
    state = model.init_state(1)
    _, state = model.step(torch.tensor([27]), state)
    held = state[0]["ssm_state"].clone()
    words = torch.randint(0, 26, (5000, 1), generator=torch.Generator().manual_seed(0))
    for word in words:
        logits, state = model.step(word, state)
    assert torch.equal(state[0]["ssm_state"], held)
    assert int(logits.argmax()) == int(words[-4])
