"""Training that begins at given weights: undisturbed, disturbed, with a random part; and members measured elsewhere."""

import pytest
import torch

from plait.model import HybridConfig, HybridLM, initial_parameters
from plait.tasks import MultiKeyRecall, SelectiveCopying
from plait.training import Evaluation, Run, Start, Train, train
from plait.training.measure import measure

TASK = SelectiveCopying(n_words=4, numbers=(1, 2))
CONFIG = HybridConfig(TASK.vocab_size, pattern="SSM-TF", d_model=4, window=3)
HERE = "test_start"
WEIGHTS = f"{HERE}:weights"


def weights(task, seq_len) -> HybridLM:
    return HybridLM(CONFIG, seed=123)


def no_model(task, seq_len) -> str:
    return "no model"


def started(start: Start | None, **changes) -> Run:
    given = {"steps": 3, "batch": 2, "seq_len": 12, "test_sequences": 8, "select_sequences": 2}
    return Run(task=TASK, model=CONFIG, train=Train(**given | changes), start=start)


def stacked(start: Start, seeds=(0, 1)) -> dict[str, torch.Tensor]:
    return start.parameters(TASK, CONFIG, seeds, seq_len=12, dtype=torch.float32)


class TestWeights:
    def test_without_disturbance_they_are_the_models(self):
        found = stacked(Start(weights=WEIGHTS))
        for name, value in HybridLM(CONFIG, seed=123).named_parameters():
            assert torch.equal(found[name][0], value)
            assert torch.equal(found[name][1], value)

    def test_noise_is_relative_to_each_tensor_and_every_seeds_own(self):
        found = stacked(Start(weights=WEIGHTS, noise=0.5), seeds=tuple(range(200)))
        for name, value in HybridLM(CONFIG, seed=123).named_parameters():
            noise = found[name] - value.detach()
            scale = float(value.detach().square().mean().sqrt())
            assert float(noise.square().mean().sqrt()) == pytest.approx(0.5 * scale, rel=0.1)
            assert scale == 0 or not torch.equal(noise[0], noise[1])

    def test_a_random_part_is_what_it_would_have_been(self):
        found = stacked(Start(weights=WEIGHTS, random=("layers.1", "embedding")))
        fresh, given = initial_parameters(CONFIG, [0, 1]), dict(HybridLM(CONFIG, seed=123).named_parameters())
        for name, value in found.items():
            random = name.startswith(("layers.1.", "embedding."))
            assert torch.equal(value, fresh[name] if random else given[name].expand_as(value))

    def test_a_member_does_not_depend_on_the_others(self):
        start = Start(weights=WEIGHTS, noise=0.3)
        for name, value in stacked(start, seeds=(5, 9)).items():
            assert torch.equal(value[1], stacked(start, seeds=(9,))[name][0])


class TestTraining:
    def test_training_begins_there(self):
        run = started(Start(weights=WEIGHTS), steps=1, warmup=100)
        result = train(run, device="cpu")
        for name, value in HybridLM(CONFIG, seed=123).named_parameters():
            # The first step of the warm-up has a learning rate of 0.
            assert torch.equal(result.model(0).get_parameter(name), value)

    def test_noise_changes_what_is_trained(self):
        losses = [
            train(started(start), device="cpu").members[0].losses
            for start in (None, Start(weights=WEIGHTS), Start(weights=WEIGHTS, noise=1.0))
        ]
        assert len(set(losses)) == 3


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"weights": "nothing"}, "weights must be named module:function, got 'nothing'"),
            ({"weights": 3}, "weights must be named module:function"),
            ({"weights": WEIGHTS, "noise": -1}, "noise must be finite and at least 0"),
            ({"weights": WEIGHTS, "noise": float("nan")}, "noise must be finite and at least 0"),
            ({"weights": WEIGHTS, "random": "embedding"}, "random must be a tuple of names"),
        ],
    )
    def test_values(self, given, message):
        with pytest.raises(ValueError, match=message):
            Start(**given)

    @pytest.mark.parametrize(
        ("start", "message"),
        [
            (Start(weights="nowhere_at_all:weights"), "No module named 'nowhere_at_all'"),
            (Start(weights=f"{HERE}:wights"), "unknown function 'wights'; known: .*; nearest: weights"),
            (Start(weights=f"{HERE}:no_model"), "must give a HybridLM, got str"),
            (
                Start(weights=WEIGHTS, random=("layer.0",)),
                "unknown part 'layer.0'; known: .*nearest: layers.0",
            ),
        ],
    )
    def test_when_training(self, start, message):
        with pytest.raises(ValueError, match=message):
            train(started(start), device="cpu")

    def test_another_config(self):
        run = Run(task=TASK, model=HybridConfig(d_model=8, window=3), start=Start(weights=WEIGHTS))
        with pytest.raises(ValueError, match="gives another model than the run's: d_model 4, not 8"):
            train(run, device="cpu")


def test_json_there_and_back():
    run = started(Start(weights=WEIGHTS, noise=0.25, random=("embedding",)))
    assert Run.from_json(run.to_json()) == run
    assert "start" not in started(None).to_json()
    with pytest.raises(ValueError, match="unknown start field 'nois'; known: weights, noise, random"):
        Run.from_json(run.to_json() | {"start": {"nois": 1}})


class TestEvaluation:
    def test_at_its_own_task_and_length_it_is_the_reported_accuracy(self):
        result = train(started(None), seeds=(0, 1), device="cpu")
        found = result.evaluate(Evaluation(seq_len=12, sequences=8))
        assert found == tuple(
            (member.correct, member.scored, member.sequence_accuracy) for member in result.members
        )

    @pytest.mark.parametrize("seq_len", [12, 300])
    def test_long_sequences_are_what_a_model_alone_answers(self, seq_len):
        result = train(started(None), seeds=(0, 3), device="cpu")
        found = result.evaluate(Evaluation(seq_len=seq_len, sequences=70))
        for index, member in enumerate(result.members):
            alone = measure(result.model(index), TASK, sequences=70, seq_len=seq_len, seed=member.seed)
            assert found[index][:2] == (alone.correct, alone.scored)

    def test_the_pass_over_a_long_sequence_is_what_streaming_answers(self):
        model = train(started(None), device="cpu").model(0)
        tokens = TASK.sample(stream=_stream(), batch=1, seq_len=400)
        state, streamed = model.init_state(1), []
        with torch.no_grad():
            for position in range(400):
                logits, state = model.step(tokens[:, position], state)
                streamed.append(logits)
            whole = model(tokens)
        assert torch.allclose(torch.stack(streamed, dim=1), whole, atol=1e-5)

    def test_another_vocabulary_is_refused(self):
        result = train(started(None), device="cpu")
        with pytest.raises(ValueError, match="vocab"):
            result.evaluate(Evaluation(task=MultiKeyRecall(n_words=20)))


def _stream():
    from plait.random import Stream

    return Stream(4)
