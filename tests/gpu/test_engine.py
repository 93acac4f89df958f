"""The engine on a GPU: replayed steps, members, resumption and divergence, and agreement with the CPU."""

import gc
from pathlib import Path
from typing import Any

import pytest
import torch

from plait import HybridConfig, train
from plait.random import TEST
from plait.tasks import DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.training import Run, Train, evaluate
from plait.training.evaluate import accuracy_counts
from plait.training.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

CUDA = torch.device("cuda")
TASKS = (
    *(SelectiveCopying(variant=variant) for variant in ("uniform", "adversarial", "repetitive")),
    *(DecodingRecall(variant=variant) for variant in ("interleaved", "last")),
    MultiKeyRecall(),
    MultiKeyRecall(key_length=30),
    Needle(),
)


def run_of(task: Any = TASKS[0], *, model: dict[str, Any] | None = None, **changes: Any) -> Run:
    config = {"pattern": "SSM-TF", "d_model": 8, "window": 20} | (model or {})
    sizes = {"steps": 40, "seq_len": 50, "test_sequences": 70, "select_sequences": 10, "warmup": 5} | changes
    return Run(task=task, model=HybridConfig(**config), train=Train(**sizes))


def stepped(trainer: Trainer, steps: int, *, launched: bool = False) -> Trainer:
    if launched:
        trainer._replay = None
    for _ in range(steps):
        trainer.step()
    return trainer


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.name}-{getattr(task, 'variant', '')}")
def test_replayed_steps_are_the_launched_steps(task: Any):
    run = run_of(task)
    one = stepped(Trainer(run, seeds=[0, 5], device=CUDA), 12)
    other = stepped(Trainer(run, seeds=[0, 5], device=CUDA), 12, launched=True)
    assert one._replay is not None
    assert one._replay._graph is not None
    assert torch.equal(one.ensemble.parameters, other.ensemble.parameters)
    assert torch.equal(one.state.loss_sum, other.state.loss_sum)


@pytest.mark.parametrize("model", [{"dropout": 0.1}, {"pattern": "TF-TF"}, {"pattern": "SSM-SSM"}])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_other_models_and_types_replay_too(model: dict[str, Any], dtype: str):
    run = run_of(model=model, dtype=dtype)
    one = stepped(Trainer(run, seeds=[0, 5], device=CUDA), 8)
    other = stepped(Trainer(run, seeds=[0, 5], device=CUDA), 8, launched=True)
    if dtype == "bfloat16":
        # PyTorch's own products may be summed otherwise inside a graph: a gradient near 0 changes its sign, and AdamW
        # moves by the learning rate whatever the gradient's size. The losses say whether the steps are the same.
        torch.testing.assert_close(one.state.loss_sum, other.state.loss_sum, rtol=0.01, atol=0.0)
    else:
        torch.testing.assert_close(one.ensemble.parameters, other.ensemble.parameters)


@pytest.mark.parametrize("model", [{}, {"dropout": 0.1}, {"dropout": 0.1, "dropout_at": "embedding"}])
def test_a_member_alone_and_among_others(model: dict[str, Any]):
    among = stepped(Trainer(run_of(model=model), seeds=range(7), device=CUDA), 20)
    alone = stepped(Trainer(run_of(model=model), seeds=[3], device=CUDA), 20)
    assert among.ensemble.engine == "triton"
    assert torch.equal(among.ensemble.parameters[3:4], alone.ensemble.parameters)


def test_an_earlier_ensemble_may_be_garbage_when_the_next_is_captured():
    """A cycle that holds a graph, dropped in the middle of a capture, with Python eager to collect."""
    earlier = [stepped(Trainer(run_of(), seeds=[0], device=CUDA), 8)]
    again = Trainer(run_of(), seeds=[0], device=CUDA)
    assert again._replay is not None
    advance, thresholds = again._replay._advance, gc.get_threshold()

    def dropping(clock: torch.Tensor) -> None:
        if torch.cuda.is_current_stream_capturing():
            earlier.clear()
            gc.set_threshold(1, 1, 1)
        advance(clock)

    again._replay._advance = dropping
    try:
        stepped(again, 8)
    finally:
        gc.set_threshold(*thresholds)
    assert not earlier
    assert again._replay._graph is not None


@pytest.mark.parametrize(("d_model", "dtype"), [(96, "float32"), (8, "float64")])
def test_members_beside_others_where_products_are_pytorchs(d_model: int, dtype: str):
    """The same steps, if not the same bits: PyTorch may sum otherwise for another number of members."""
    run = run_of(model={"d_model": d_model}, dtype=dtype)
    among = stepped(Trainer(run, seeds=range(5), device=CUDA), 10)
    alone = stepped(Trainer(run, seeds=[3], device=CUDA), 10)
    torch.testing.assert_close(among.state.loss_sum[3:4], alone.state.loss_sum, rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("model", [{}, {"dropout": 0.1}, {"dropout": 0.1, "pattern": "TF-TF", "n_heads": 2}])
def test_the_cpu_goes_the_same_way(model: dict[str, Any]):
    """With dropout the same entries fall, so the losses go together there too."""
    here = stepped(Trainer(run_of(model=model), seeds=range(3), device=torch.device("cpu")), 20)
    there = stepped(Trainer(run_of(model=model), seeds=range(3), device=CUDA), 20)
    torch.testing.assert_close(there.state.loss_sum.cpu(), here.state.loss_sum, rtol=1e-4, atol=0.0)


def test_divergence_stops_one_member_alone():
    run = run_of()
    wild = train(run, seeds=[0], lrs=[1e-2, 1e30], device="cuda")
    calm = train(run, seeds=[0], lrs=[1e-2], device="cuda")
    assert wild.members[1].diverged_at is not None
    assert wild.members[0] == calm.members[0]


def test_resumed_is_undisturbed(tmp_path: Path):
    run, file = run_of(), tmp_path / "state.safetensors"
    whole = train(run, seeds=[0, 1], device="cuda")

    class StoppedError(Exception):
        pass

    def stop(done: int, *_: object) -> None:
        if done >= 25:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(run, seeds=[0, 1], device="cuda", progress=stop, checkpoint=file, checkpoint_every=10)
    again = train(run, seeds=[0, 1], device="cuda", checkpoint=file)
    assert again.members == whole.members
    assert torch.equal(again.ensemble.parameters, whole.ensemble.parameters)


@pytest.mark.parametrize(("together", "length"), [(2**8, 50), (70 * 40, 50), (2**14, 333)])
def test_evaluation_in_parts_counts_what_it_counts_at_once(
    together: int, length: int, monkeypatch: pytest.MonkeyPatch
):
    trainer = stepped(Trainer(run_of(), seeds=range(7), device=CUDA), 20)

    def counts() -> list[list[int]]:
        found = accuracy_counts(
            trainer.ensemble, trainer.spec.task, trainer.seeds, sequences=70, seq_len=length, purpose=TEST
        )
        return [count.tolist() for count in found]

    at_once = counts()
    monkeypatch.setattr(evaluate, "MOST_TOKENS_ON_A_GPU", together)
    assert counts() == at_once
