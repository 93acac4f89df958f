"""The names, fields and defaults that users rely on: changing one is a decision, not an accident."""

import dataclasses
import inspect
from fractions import Fraction

import pytest
import torch

import plait
from plait import HybridConfig, HybridLM, Stream, load, train
from plait.constructions import decoding_recall, selective_copying
from plait.memory import LayerMemory, MemoryReport, count
from plait.tasks import (
    MQAR,
    TASKS,
    AssociativeRecall,
    DecodingRecall,
    Dyck,
    FlipCounting,
    FollowBack,
    FuzzyRecall,
    KHopInduction,
    MatrixLookup,
    ModularCounting,
    MultiKeyRecall,
    Needle,
    NGramRetrieval,
    NoisyRecall,
    PositionRetrieval,
    SegmentedRecall,
    SelectiveCopying,
    StringCopying,
    Targets,
    Task,
)
from plait.theory import Bound, Verdict, attention_reach, check, ssm_state_bits
from plait.training import Result, Run, Train

TASK_DEFAULTS = {
    SelectiveCopying: {
        "n_words": 26, "numbers": (5, 6, 7, 8, 9), "p_number": 0.2, "variant": "uniform",
    },
    DecodingRecall: {"n_bits": 5, "p_bit": 0.2, "variant": "interleaved"},
    AssociativeRecall: {},
    MultiKeyRecall: {"n_words": 8, "key_length": 2},
    Needle: {"n_words": 100},
    MQAR: {
        "n_keys": 16, "n_values": 16, "n_fillers": 1, "n_pairs": 8, "p_query": 0.5,
        "keep": "latest", "variant": "distinct",
    },
    FuzzyRecall: {"n_letters": 4, "p_value": 0.3},
    NoisyRecall: {"n_words": 8, "n_noise": 4, "p_noise": 0.3},
    SegmentedRecall: {"n_words": 8, "n_segments": 8, "p_end": 0.05},
    MatrixLookup: {"n_words": 8, "rows": 4, "columns": 4},
    KHopInduction: {"n_words": 8, "hops": 2},
    FollowBack: {"n_words": 26, "numbers": (5, 6, 7, 8, 9), "p_number": 0.2, "hops": 2},
    NGramRetrieval: {"n_words": 16, "n": 2},
    PositionRetrieval: {"n_words": 16, "n_positions": 8},
    StringCopying: {"n_words": 26},
    Dyck: {"n_kinds": 2, "depth": 8},
    FlipCounting: {"least": 10, "p_flip": 0.2},
    ModularCounting: {"modulus": 3},
}  # fmt: skip
VARIANTS = {
    SelectiveCopying: ("uniform", "adversarial", "repetitive"),
    DecodingRecall: ("interleaved", "last"),
    MQAR: ("distinct", "repeated"),
}
TASK_NAMES = {
    "selective-copying": SelectiveCopying,
    "decoding-recall": DecodingRecall,
    "associative-recall": AssociativeRecall,
    "multi-key-recall": MultiKeyRecall,
    "needle": Needle,
    "mqar": MQAR,
    "fuzzy-recall": FuzzyRecall,
    "noisy-recall": NoisyRecall,
    "segmented-recall": SegmentedRecall,
    "matrix-lookup": MatrixLookup,
    "k-hop-induction": KHopInduction,
    "follow-back": FollowBack,
    "n-gram-retrieval": NGramRetrieval,
    "position-retrieval": PositionRetrieval,
    "string-copying": StringCopying,
    "dyck": Dyck,
    "flip-counting": FlipCounting,
    "modular-counting": ModularCounting,
}
CONFIG_DEFAULTS = {
    "pattern": "SSM-TF", "window": None, "d_state": 16, "expand": 2, "d_conv": 4, "n_heads": 1,
    "rotary_fraction": 0.25, "mlp_factor": 2, "dropout": 0.0,
}  # fmt: skip


def names_of(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_package_s_own_names():
    assert set(plait.__all__) == {"HybridConfig", "HybridLM", "Stream", "load", "train"}


def test_tasks_by_name():
    assert dict(TASKS) == TASK_NAMES


@pytest.mark.parametrize("kind", TASK_DEFAULTS)
def test_a_task_has_its_fields_members_and_shapes(kind):
    task = kind()
    assert isinstance(task, Task)
    assert {name: getattr(task, name) for name in TASK_DEFAULTS[kind]} == TASK_DEFAULTS[kind]
    assert isinstance(AssociativeRecall(n_words=7).n_words, int)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(task, dataclasses.fields(task)[0].name, 1)
    for variant in VARIANTS.get(kind, ()):
        assert kind(variant=variant).variant == variant
    assert len(task.token_names) == task.vocab_size
    assert task.token_names[-3:] == ("<bos>", "<eos>", "<null>")
    assert [p.default for p in inspect.signature(task.sample).parameters.values()][1:] == [8, 100]
    tokens = task.sample(Stream(torch.tensor([1, 2, 3]), 4), batch=5, seq_len=30)
    found = task.targets(tokens)
    assert isinstance(found, Targets)
    assert found._fields == ("tokens", "scored")
    assert tokens.shape == found.tokens.shape == found.scored.shape == (3, 5, 30)
    assert (tokens.dtype, found.tokens.dtype, found.scored.dtype) == (torch.int64, torch.int64, torch.bool)


@pytest.mark.parametrize("kind", [SelectiveCopying, DecodingRecall])
def test_a_task_states_its_composition(kind):
    assert {field.name for field in dataclasses.fields(kind.composition)} == {"control", "content", "lookup"}
    tokens = kind().sample(Stream(1), batch=2, seq_len=20)
    control, defined = kind().control(tokens)
    assert control.shape == defined.shape == tokens.shape


def test_a_stream_takes_seed_and_step():
    assert names_of(Stream)[:2] == ["seed", "step"]


def test_the_config():
    config = HybridConfig(vocab_size=34, d_model=8)
    assert {name: getattr(config, name) for name in CONFIG_DEFAULTS} == CONFIG_DEFAULTS
    assert [HybridConfig(5, d_model=8, init=init).init for init in ("mamba", "paper")] == ["mamba", "paper"]
    assert HybridConfig(5, d_model=8, window=[3, None]).window == (3, None)


def test_a_model_runs_streams_and_is_saved(tmp_path):
    model = HybridLM(HybridConfig(34, d_model=8, window=5)).double()
    tokens = torch.arange(12).view(2, 6)
    logits, state = model(tokens), model.init_state(2)
    for position in range(6):
        here, state = model.step(tokens[:, position], state)
        torch.testing.assert_close(here, logits[:, position].detach(), rtol=1e-10, atol=1e-10)
    model.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    assert load(tmp_path).config == model.config


def test_a_memory_report():
    report = count(HybridConfig(34, d_model=8, window=20), 100, "float32")
    assert isinstance(report, MemoryReport)
    assert report.parameters == 2192
    for name in ("parameters", "ssm_state", "conv_tail", "kv_cache", "state_bytes"):
        assert isinstance(getattr(report, name), int)
        assert name in {field.name for field in dataclasses.fields(LayerMemory)}
    assert report.state_bytes == 4 * (report.ssm_state + report.conv_tail + report.kv_cache)
    assert names_of(count) == ["config", "seq_len", "dtype"]


def test_bounds_and_their_check():
    task = SelectiveCopying()
    for bound in (ssm_state_bits(task), attention_reach(task, 100)):
        assert isinstance(bound, Bound)
        assert isinstance(bound.value, int | Fraction)
        assert bound.confidence == 1
        assert bound.statement
    assert ssm_state_bits(task).states == 31**9 + 4 * 26**9
    verdict = check(attention_reach(task, 100).certificate)
    assert isinstance(verdict, Verdict)
    assert (verdict.accepted, type(verdict.reason)) == (True, str)


def test_constructions_are_ordinary_models():
    for make, task in ((selective_copying, SelectiveCopying()), (decoding_recall, DecodingRecall(n_bits=2))):
        assert names_of(make)[:2] == ["task", "seq_len"]
        assert type(make(task, 20)) is HybridLM


def test_training():
    run = Run(
        task=SelectiveCopying(),
        model=HybridConfig(d_model=4),
        train=Train(steps=1, seq_len=12, test_sequences=2, select_sequences=2),
    )
    result = train(run, seeds=(0, 1), lrs=(0.01, 0.1))
    assert isinstance(result, Result)
    assert [(m.lr, m.seed) for m in result.members] == [(0.01, 0), (0.01, 1), (0.1, 0), (0.1, 1)]
