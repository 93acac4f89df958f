"""A member's numbers are its own: alone, among others, beside a neighbour that diverges, on any number of threads."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from plait import HybridConfig, HybridLM
from plait.model import initial_parameters
from plait.native import library
from plait.random import DROPOUT, TEST, TRAIN, Stream
from plait.tasks import MultiKeyRecall, SelectiveCopying
from plait.training import Member, Run, Train, train
from plait.training.ensemble import Ensemble
from plait.training.evaluate import accuracy_counts
from plait.training.run import learning_rate_factor

SHORT = Train(steps=6, warmup=2, batch=4, seq_len=24, test_sequences=70, select_sequences=8)


def short_run(pattern: str = "SSM-TF", train: Train = SHORT) -> Run:
    model = HybridConfig(pattern=pattern, d_model=8, window=6)
    return Run(task=SelectiveCopying(n_words=5, numbers=(1, 3)), model=model, train=train)


def member_of(members: tuple[Member, ...], lr: float, seed: int) -> Member:
    return next(m for m in members if (m.lr, m.seed) == (lr, seed))


@pytest.mark.parametrize("pattern", ["SSM-TF", "TF-TF", "SSM-SSM-TF"])
def test_alone_is_bitwise_the_same_as_among_others(pattern: str) -> None:
    run = short_run(pattern)
    together = train(run, seeds=[3, 4, 9], lrs=[1e-2, 3e-1])
    for index, member in enumerate(together.members):
        alone = train(run, seeds=[member.seed], lrs=[member.lr])
        assert alone.members[0] == member
        assert torch.equal(alone.ensemble.parameters[0], together.ensemble.parameters[index])


@pytest.mark.skipif(not library.available(), reason="PyTorch's own products sum as the threads are")
def test_the_number_of_threads_changes_nothing() -> None:
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(train(short_run(), seeds=[1, 2, 3], lrs=[1e-2]))
    finally:
        torch.set_num_threads(before)
    assert results[0].members == results[1].members
    assert torch.equal(results[0].ensemble.parameters, results[1].ensemble.parameters)


def test_a_member_that_diverges_is_frozen_and_harms_nobody() -> None:
    run = short_run(train=replace(SHORT, steps=12, clip=1e30, warmup=0, weight_decay=0.0))
    wild, calm = 1e25, 1e-2
    both = train(run, seeds=[5], lrs=[wild, calm])
    assert member_of(both.members, calm, 5) == train(run, seeds=[5], lrs=[calm]).members[0]
    lost = member_of(both.members, wild, 5)
    assert lost.diverged_at is not None
    assert lost.diverged_at < 12
    assert lost.scored == member_of(both.members, calm, 5).scored > 0
    assert lost.accuracy < 0.5
    assert both.ensemble.parameters[0].isfinite().all()


@pytest.mark.parametrize("compiled", [True, False])
def test_trains_as_a_plain_loop_with_torch_adamw_does(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setenv("PLAIT_NATIVE", "0")
        monkeypatch.setattr("plait.native.library.load_library", lambda: None)
    elif not library.available():
        pytest.skip("no C++ compiler")
    run = short_run(train=replace(SHORT, dtype="float64", lr=3e-2))
    result = train(run, seeds=[7])
    model = HybridLM(run.model, seed=7, dtype=torch.float64)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=0.1)
    for step in range(SHORT.steps):
        tokens = run.task.sample(Stream(7, step, TRAIN), batch=4, seq_len=24)
        targets, scored = run.task.targets(tokens)
        logits = model(tokens)
        loss = torch.nn.functional.cross_entropy(logits[scored], targets[scored])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.param_groups[0]["lr"] = 3e-2 * learning_rate_factor(step, steps=6, warmup=2)
        optimiser.step()
        assert result.members[0].losses[step] == pytest.approx(loss.item(), rel=1e-9)
    wanted = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert torch.allclose(result.ensemble.parameters[0], wanted, rtol=1e-8, atol=1e-10)


def test_the_model_handed_out_scores_what_the_member_scored() -> None:
    result = train(short_run(), seeds=[1, 2], lrs=[3e-2])
    model = result.model(1)
    tokens = result.run.task.sample(Stream(2, 0, 2), batch=64, seq_len=24)
    rest = result.run.task.sample(Stream(2, 1, 2), batch=6, seq_len=24)
    hits = seen = 0
    for rows in (tokens, rest):
        targets, scored = result.run.task.targets(rows)
        hits += int(((model(rows).argmax(-1) == targets) & scored).sum())
        seen += int(scored.sum())
    assert (result.members[1].correct, result.members[1].scored) == (hits, seen)


def test_resumes_bitwise_from_a_checkpoint(tmp_path: Path) -> None:
    class StopHereError(Exception):
        pass

    def stop_after(step: int, total: int, losses: list[float]) -> None:
        if step == 5:
            raise StopHereError

    run, file = short_run(train=replace(SHORT, steps=8)), tmp_path / "run.safetensors"
    members = {"seeds": [1, 2], "lrs": [1e-2, 1e-1]}
    whole = train(run, **members)
    with pytest.raises(StopHereError):
        train(run, **members, progress=stop_after, checkpoint=file, checkpoint_every=2)
    assert file.exists()
    steps: list[int] = []
    resumed = train(run, **members, progress=lambda s, *_: steps.append(s), checkpoint=file)
    assert steps[0] == 5
    assert resumed.members == whole.members
    assert torch.equal(resumed.ensemble.parameters, whole.ensemble.parameters)
    with pytest.raises(ValueError, match="another run"):
        train(run, seeds=[1, 3], lrs=[1e-2, 1e-1], checkpoint=file)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match="no whole checkpoint"):
        train(run, **members, checkpoint=file)


def test_members_of_a_pattern_with_a_layer_that_knows_no_members(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = Path(__file__).parents[2] / "examples"
    monkeypatch.syspath_prepend(str(examples))
    run = short_run("my_layer:GatedLinearAttention-TF")
    together = train(run, seeds=[1, 2], lrs=[1e-2])
    assert together.members[1] == train(run, seeds=[2], lrs=[1e-2]).members[0]
    assert together.members[0].losses[-1] < together.members[0].losses[0]


@pytest.mark.parametrize(
    "change", [{"dropout": 0.2}, {"dropout": 0.2, "dropout_at": "embedding"}, {"init": "mamba"}]
)
def test_dropout_and_initialisation_keep_members_apart(change: dict[str, object]) -> None:
    run = short_run(train=replace(SHORT, steps=3))
    run = replace(run, model=replace(run.model, **change))  # type: ignore[arg-type]
    together = train(run, seeds=[1, 2], lrs=[1e-2])
    assert together.members[1] == train(run, seeds=[2], lrs=[1e-2]).members[0]
    assert together.members[0].losses != together.members[1].losses


@pytest.mark.skipif(not library.available(), reason="PyTorch's own products sum as the threads are")
@pytest.mark.parametrize("place", ["embedding", "all"])
def test_dropout_does_not_depend_on_threads(place: str) -> None:
    run = short_run(train=replace(SHORT, steps=5))
    run = replace(run, model=replace(run.model, dropout=0.1, dropout_at=place))
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(train(run, seeds=[1, 2, 3], lrs=[1e-2]))
    finally:
        torch.set_num_threads(before)
    assert results[0].engine == "compiled"
    assert results[0].threads is None
    assert results[0].members == results[1].members


@pytest.mark.parametrize("place", ["embedding", "all"])
def test_dropout_is_what_the_plain_model_does(place: str) -> None:
    """Loss and gradients of the compiled path against the model's own forward pass with the same stream."""
    config = HybridConfig(12, pattern="SSM-TF-TF", d_model=8, window=4, dropout=0.3, dropout_at=place)
    ensemble = Ensemble(config, [4, 5], dtype=torch.float64)
    tokens = Stream(torch.tensor([1, 2])).integers(12, (3, 9))
    targets, scored = tokens.roll(1, -1), torch.ones_like(tokens, dtype=torch.bool)
    stream = Stream(torch.tensor([4, 5]), 7, DROPOUT)
    scores = ensemble.scores(tokens, (targets, scored), dropout_stream=stream)
    ensemble.differentiate(scores.loss)
    for member, seed in enumerate((4, 5)):
        model = ensemble.member(member).train()
        logits = model(tokens[member], Stream(seed, 7, DROPOUT))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[member].flatten())
        torch.testing.assert_close(scores.loss[member], loss)
        wanted = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])
        torch.testing.assert_close(ensemble.gradients[member], wanted)


def test_the_eight_sequences_are_scored_as_the_released_program_does() -> None:
    """A mean of shares, in which a sequence without a target is right."""
    run = short_run(train=replace(SHORT, steps=2, test_sequences=70, seq_len=4))
    run = replace(run, task=SelectiveCopying(n_words=5, numbers=(1, 3), p_number=0.1))
    result = train(run, seeds=[3], lrs=[1e-2])
    tokens = run.task.sample(Stream(torch.tensor([3]), 0, TEST), batch=64, seq_len=4)[0, :8]
    targets = run.task.targets(tokens)
    right = (result.model(0)(tokens).argmax(-1) == targets.tokens) & targets.scored
    shares = [
        float(row.sum()) / int(scored.sum()) if scored.any() else 1.0
        for row, scored in zip(right, targets.scored, strict=True)
    ]
    assert not targets.scored.any(-1).all()
    assert result.members[0].eight_accuracy == pytest.approx(sum(shares) / 8, abs=1e-15)


def test_selection_and_test_sequences_differ_from_each_other_and_from_training() -> None:
    task = MultiKeyRecall()
    draws: list[Tensor] = [task.sample(Stream(3, 0, purpose), batch=8, seq_len=50) for purpose in range(3)]
    for i in range(3):
        for j in range(i):
            assert not torch.equal(draws[i], draws[j])


def test_the_learning_rate_rises_and_falls_in_straight_lines() -> None:
    factors = [learning_rate_factor(step, steps=10, warmup=4) for step in range(10)]
    assert factors[:5] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert factors[5:] == pytest.approx([5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def test_flat_parameters_are_the_model_s_own() -> None:
    config = HybridConfig(11, d_model=4)
    ensemble = Ensemble(config, [0, 1])
    assert ensemble.size == sum(p.numel() for p in HybridLM(config).parameters())
    assert torch.equal(ensemble.member(1).embedding.weight, HybridLM(config, seed=1).embedding.weight)
    ensemble.parameters[1] = 0.5
    assert (ensemble.model.embedding.weight[1] == 0.5).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": []}, "at least one seed"),
        ({"lrs": []}, "at least one learning rate"),
        ({"seeds": [1, 1]}, "may be given once"),
        ({"lrs": [float("nan")]}, "lr"),
        ({"device": "tpu"}, "auto, cpu or cuda"),
    ],
)
def test_refused_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(short_run(), **arguments)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no CUDA device"):
        train(short_run(), device="cuda")


def test_evaluation_in_parts_counts_what_it_counts_at_once() -> None:
    run, seeds = short_run(), torch.arange(5)
    ensemble = Ensemble(replace(run.model, vocab_size=run.task.vocab_size), range(5))
    correct, scored = accuracy_counts(ensemble, run.task, seeds, sequences=70, seq_len=24, purpose=TRAIN)
    for first, last in ((0, 2), (2, 5)):
        some = ensemble.some(first, last)
        assert some.parameters.data_ptr() == ensemble.parameters[first].data_ptr()
        part = accuracy_counts(some, run.task, seeds[first:last], sequences=70, seq_len=24, purpose=TRAIN)
        assert torch.equal(part[0], correct[first:last])
        assert torch.equal(part[1], scored[first:last])


@pytest.mark.parametrize("init", ["paper", "mamba"])
def test_initial_weights_drawn_together_are_each_seed_s_own(init: str) -> None:
    config, seeds = HybridConfig(9, pattern="SSM-TF", d_model=8, init=init), [7, 0, 2**62 + 5]
    stacked = initial_parameters(config, seeds)
    for place, seed in enumerate(seeds):
        own = HybridLM(config, seed).state_dict()
        assert all(torch.equal(stacked[name][place], value) for name, value in own.items())
