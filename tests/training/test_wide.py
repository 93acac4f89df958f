"""Wide models: the ensemble's numbers to rounding, products in 16 bits near them, resumed to the last bit."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from plait.kernels.common import compiled
from plait.kernels.graph import wide as graphs
from plait.kernels.graph.wide import FASTEST, PYTORCH_ALONE, OwnKernels
from plait.layers.registry import MIXERS
from plait.model import HybridConfig
from plait.random import TEST, Stream
from plait.tasks import DecodingRecall, SelectiveCopying
from plait.tasks.base import sample_labelled
from plait.tasks.packed import Packed
from plait.training import Run, Train, train
from plait.training.engines import WIDE_FROM, check_products, check_room, engine_for
from plait.training.wide import WideEnsemble

SHORT = Train(
    steps=12, warmup=3, batch=4, seq_len=30, test_sequences=70, select_sequences=8, dtype="float64", lr=0.02
)
PACKED = Packed(task=DecodingRecall(n_bits=2), lengths=(5, 10), separator=False)
MODEL = HybridConfig(pattern="SSM-TF", d_model=16, n_heads=2, d_state=32, window=6)
RUN = Run(task=PACKED, model=MODEL, train=SHORT)


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        replace(MODEL, window=None, dropout=0.1, dropout_at="embedding", init="mamba"),
        replace(MODEL, pattern="TF-SSM-TF", window=(4, None, 60), dropout=0.2, rotary_odd="released"),
        replace(MODEL, pattern="TF-TF", positions="alibi", dropout=0.1),
        replace(MODEL, pattern="TF-TF", positions="hard-alibi", window=None),
        replace(MODEL, pattern="TF", positions="none"),
    ],
)
def test_trains_as_the_ensemble_does_to_rounding(model: HybridConfig) -> None:
    run = replace(RUN, model=model)
    small, wide = (train(run, seeds=[1, 2], engine=name) for name in ("ensemble", "wide"))
    assert (small.engine, wide.engine) == ("plain" if "alibi" in model.positions else "compiled", "wide")
    torch.testing.assert_close(wide.ensemble.parameters, small.ensemble.parameters, rtol=1e-9, atol=1e-11)
    for one, other in zip(small.members, wide.members, strict=True):
        assert other.losses == pytest.approx(one.losses, abs=1e-12)
        assert (other.correct, other.scored) == (one.correct, one.scored)
        assert other.sequence_accuracy == one.sequence_accuracy
        assert other.eight_accuracy == one.eight_accuracy


def test_products_in_16_bits_stay_near_and_are_products_alone() -> None:
    run = replace(RUN, train=replace(SHORT, dtype="float32"))
    exact = train(run, engine="wide")
    rough = train(replace(run, train=replace(run.train, products="bfloat16")))
    assert rough.engine == "wide"
    assert rough.ensemble.parameters.dtype == torch.float32
    gaps = [abs(a - b) for a, b in zip(exact.members[0].losses, rough.members[0].losses, strict=True)]
    assert 1e-6 < max(gaps) < 0.02


def test_weights_rounded_once_a_step_give_the_bits_of_weights_rounded_where_they_are_used() -> None:
    config = replace(MODEL, vocab_size=PACKED.vocab_size)
    tokens, targets = sample_labelled(PACKED, Stream(torch.tensor([3, 4]), 0, TEST), batch=2, seq_len=12)
    ensemble = WideEnsemble(config, [3, 4], products=torch.bfloat16)
    with torch.no_grad():
        ensemble.parameters.mul_(1.5)
    losses = ensemble.learn(tokens, targets)
    wanted = ensemble.scores(tokens, targets).loss
    assert torch.equal(losses, wanted)
    for model, found, loss in zip(ensemble.models, ensemble.gradients, wanted, strict=True):
        weights = [model.get_parameter(name) for name in ensemble.shapes]
        parts = torch.autograd.grad(loss, weights, materialize_grads=True, retain_graph=True)
        assert torch.equal(found, torch.cat([part.flatten() for part in parts]))


@pytest.mark.parametrize("engine", ["ensemble", "wide"])
def test_the_mean_over_sequences_is_stored_beside_the_pooled_score(engine: str) -> None:
    task = SelectiveCopying(n_words=5, numbers=(1, 3), p_number=0.1)
    run = Run(task=task, model=MODEL, train=replace(SHORT, seq_len=4, test_sequences=70))
    result = train(run, seeds=[3, 4], engine=engine)
    for index, member in enumerate(result.members):
        shares: list[float] = []
        for step, batch in enumerate((64, 6)):
            stream = Stream(torch.tensor([member.seed]), step, TEST)
            tokens, targets = sample_labelled(task, stream, batch=batch, seq_len=4)
            right = (result.model(index)(tokens[0]).argmax(-1) == targets.tokens[0]) & targets.scored[0]
            asked = targets.scored[0].sum(-1)
            shares += torch.where(asked > 0, right.sum(-1).double() / asked.clamp(min=1), 1.0).tolist()
        assert 1.0 in shares
        assert member.sequence_accuracy == pytest.approx(sum(shares) / 70, abs=1e-15)
        assert member.sequence_accuracy != member.accuracy


def test_goes_on_from_a_checkpoint_to_the_last_bit(tmp_path: Path) -> None:
    run, file = replace(RUN, train=replace(SHORT, dtype="float32", products="bfloat16")), tmp_path / "c"

    def stop(step: int, *_: object) -> None:
        if step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, progress=stop, checkpoint=file, checkpoint_every=4)
    whole, resumed = train(run), train(run, checkpoint=file)
    assert torch.equal(whole.ensemble.parameters, resumed.ensemble.parameters)
    assert whole.members == resumed.members


def test_a_checkpoint_of_another_engine_is_refused(tmp_path: Path) -> None:
    def stop(step: int, *_: object) -> None:
        if step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(RUN, engine="ensemble", progress=stop, checkpoint=tmp_path / "c", checkpoint_every=4)
    with pytest.raises(ValueError, match="computed as compiled, and this one would go on as wide"):
        train(RUN, engine="wide", checkpoint=tmp_path / "c")


def test_auto_takes_the_wide_engine_where_it_is_needed() -> None:
    wide = replace(RUN, model=replace(MODEL, d_model=WIDE_FROM))
    reduced = replace(RUN, train=replace(SHORT, dtype="float32", products="bfloat16"))
    assert [engine_for(run) for run in (RUN, wide, reduced)] == ["ensemble", "wide", "wide"]
    with pytest.raises(ValueError, match="are the wide engine's"):
        engine_for(reduced, "ensemble")
    with pytest.raises(ValueError, match="engine must be one of auto, ensemble, wide"):
        engine_for(RUN, "big")
    with pytest.raises(ValueError, match="of float32 weights, got dtype float64"):
        Train(dtype="float64", products="bfloat16")


def test_what_does_not_fit_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^d_model 131072 needs [\d,]+ GB .*: d_model \d+ would fit$"):
        check_room(replace(MODEL, d_model=2**17, vocab_size=9), 1, itemsize=4, device=torch.device("cpu"))
    learn = WideEnsemble.learn

    def full(self: WideEnsemble, tokens: torch.Tensor, *rest: object, **options: object) -> torch.Tensor:
        if tokens.shape[1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return learn(self, tokens, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(WideEnsemble, "learn", full)
    with pytest.raises(ValueError, match=r"^out of memory on cpu .*; 2 sequences a step would fit$"):
        train(replace(RUN, train=replace(SHORT, batch=11)), engine="wide")


def test_a_card_without_products_in_16_bits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    with pytest.raises(ValueError, match=r"capability 8\.0 or more, and Tesla T4 has less"):
        check_products("bfloat16", torch.device("cuda"))
    check_products("float32", torch.device("cuda"))


def test_layers_that_compute_by_themselves_are_trained_but_not_in_16_bits() -> None:
    run = replace(RUN, model=replace(MODEL, pattern="(SSM|TF)"), train=replace(SHORT, dtype="float32"))
    small, wide = (train(run, engine=name) for name in ("ensemble", "wide"))
    assert wide.members[0].losses == pytest.approx(small.members[0].losses, abs=1e-4)
    with pytest.raises(
        ValueError, match=r"for built-in layers, one after the other, and \(SSM\|TF\) computes"
    ):
        train(replace(run, train=replace(run.train, products="bfloat16")))


@pytest.mark.parametrize("name", sorted(MIXERS))
def test_every_mixer_has_products_in_16_bits(name: str) -> None:
    model = replace(MODEL, pattern=f"{name}-TF", vocab_size=PACKED.vocab_size)
    tokens, targets = sample_labelled(PACKED, Stream(torch.tensor([3]), 0, TEST), batch=2, seq_len=70)
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for products in (None, torch.bfloat16):
        ensemble = WideEnsemble(model, [3], products=products)
        losses = ensemble.learn(tokens, targets)
        found.append((losses, ensemble.gradients))
    assert not torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-2, atol=0)
    gap = (found[1][1] - found[0][1]).norm() / found[0][1].norm()
    assert gap < 0.05


@pytest.mark.filterwarnings("error:.* runs as it is written")
@pytest.mark.parametrize("products", [None, torch.bfloat16])
@pytest.mark.parametrize("pattern", ["SSM-TF", "GDN"])
def test_compiled_layers_are_the_layers_to_rounding(
    products: torch.dtype | None, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    monkeypatch.setattr(WideEnsemble, "is_compiled", lambda *_: True)
    config = replace(MODEL, pattern=pattern, vocab_size=PACKED.vocab_size, d_mlp=48)
    tokens, targets = sample_labelled(PACKED, Stream(torch.tensor([3]), 0, TEST), batch=2, seq_len=12)
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for fuse in (False, True):
        monkeypatch.setattr(WideEnsemble, "_fuse", fuse)
        ensemble = WideEnsemble(config, [3], products=products)
        losses = ensemble.learn(tokens, targets)
        found.append((losses, ensemble.gradients))
    near = 2e-2 if products else 1e-5
    torch.testing.assert_close(found[1][0], found[0][0], rtol=near, atol=0)
    gap = (found[1][1] - found[0][1]).norm() / found[0][1].norm()
    assert gap < near


@pytest.mark.parametrize(
    ("products", "own", "d_k", "is_compiled"),
    [
        (torch.bfloat16, FASTEST, 8, True),
        (torch.bfloat16, PYTORCH_ALONE, 8, False),
        (torch.bfloat16, FASTEST, 512, False),
        (torch.float32, FASTEST, 8, False),
    ],
    ids=("own states", "none of its own", "keys too large", "float32"),
)
def test_gdnis_compiled_where_its_states_have_kernels_of_their_own(
    products: torch.dtype, own: OwnKernels, d_k: int, is_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is compiled of it else has a wrong gradient with eight heads on a GPU."""
    monkeypatch.setattr(graphs, "has_triton", lambda: True)
    config = replace(MODEL, pattern="GDN-TF", vocab_size=PACKED.vocab_size, options={"GDN": {"d_k": d_k}})
    ensemble = WideEnsemble(config, [3], products=products)
    ensemble.own = own
    assert ensemble.is_compiled("GDN", ensemble.models[0].layers[0]) == is_compiled
    assert ensemble.is_compiled("TF", ensemble.models[0].layers[1])


def test_what_cannot_be_compiled_runs_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no compiler\nat all")

    monkeypatch.setattr(torch, "compile", lambda function, **_: refuse)
    function = compiled.fused(torch.square)
    with pytest.warns(UserWarning, match="square runs as it is written: RuntimeError: no compiler at all$"):
        assert function(torch.full((2,), 3.0)).tolist() == [9, 9]
    assert function(torch.ones(2)).tolist() == [1, 1]
