"""On a GPU the model computes what it computes on the CPU: logits, gradients, steps, masks, members."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from plait import HybridConfig, HybridLM, Stream
from plait.model import initial_parameters
from plait.random import DROPOUT

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

CONFIG = HybridConfig(13, pattern="SSM-TF-TF", d_model=12, window=(None, 5, None), n_heads=2)


def tokens(*shape: int) -> Tensor:
    return torch.randint(0, 13, shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-4), (torch.bfloat16, 0.05)]
)
def test_logits_and_gradients(dtype: torch.dtype, tolerance: float):
    logits: dict[str, Tensor] = {}
    gradients: dict[str, dict[str, Tensor]] = {}
    for device in ("cpu", "cuda"):
        model = HybridLM(CONFIG, 3, dtype=dtype).to(device)
        output = model(tokens(2, 30).to(device))
        output.float().square().sum().backward()
        logits[device] = output.detach().cpu().double()
        gradients[device] = {
            name: parameter.grad.cpu().double()
            for name, parameter in model.named_parameters()
            if parameter.grad is not None
        }
    torch.testing.assert_close(
        logits["cuda"], logits["cpu"], rtol=0.0, atol=tolerance * logits["cpu"].abs().max().item()
    )
    assert len(gradients["cpu"]) == len(list(HybridLM(CONFIG).parameters()))
    for name, expected in gradients["cpu"].items():
        torch.testing.assert_close(
            gradients["cuda"][name],
            expected,
            rtol=0.0,
            atol=4 * tolerance * max(expected.abs().max().item(), 1e-3),
            msg=lambda text, name=name: f"{name}: {text}",
        )


def test_streaming():
    model, rows = HybridLM(CONFIG, 3, dtype=torch.float64).cuda(), tokens(2, 30).cuda()
    logits, state = model(rows), model.init_state(2)
    for position in range(30):
        here, state = model.step(rows[:, position], state)
        torch.testing.assert_close(here, logits[:, position].detach(), rtol=1e-10, atol=1e-10)


def test_initial_weights_are_the_same_bits():
    there = HybridLM(CONFIG, seed=None).cuda()
    there.reset_parameters(9)
    here = HybridLM(CONFIG, 9).state_dict()
    assert all(torch.equal(value.cpu(), here[name]) for name, value in there.state_dict().items())


def test_members_and_their_dropout():
    config = replace(CONFIG, dropout=0.2)
    rows, seeds = tokens(3, 2, 20), torch.tensor([1, 5, 9])
    stacked = initial_parameters(config, [4, 5, 6], dtype=torch.float64)
    logits: list[Tensor] = []
    for device in ("cpu", "cuda"):
        frame = HybridLM(config, seed=None, dtype=torch.float64).to(device)
        weights = {name: value.to(device) for name, value in stacked.items()}
        stream = Stream(seeds.to(device), 2, DROPOUT)
        output = functional_call(frame, weights, (rows.to(device),), {"dropout_stream": stream})
        logits.append(output.cpu())
    torch.testing.assert_close(logits[0], logits[1], rtol=1e-10, atol=1e-12)
