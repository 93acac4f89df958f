"""What plait does where the released program of arXiv 2603.08859 chooses, computed from the code that runs: blocks."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from plait.experiments.settings import AS_RUN
from plait.layers.transformer import TransformerLayer
from plait.memory import count
from plait.model import HybridConfig, HybridLM
from plait.paper.fig4 import FIG4
from plait.paper.grids import PROTOCOL
from plait.random import DROPOUT, Stream
from plait.tasks import DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.training.run import Run, learning_rate_factor


def program_config(pattern: str, d_model: int = 8, **changes: object) -> HybridConfig:
    """The model of a cell of Figure 4 as the program ran it."""
    base = FIG4.experiment.base
    model = replace(base.model, pattern=pattern, d_model=d_model, **changes)  # pyright: ignore[reportArgumentType]
    return AS_RUN.of(Run(task=base.task, model=model, train=PROTOCOL)).model


def fresh_weights(name: str, d_model: int = 96) -> torch.Tensor:
    """A tensor of a freshly initialised hybrid, large enough for its deviation to be seen."""
    model = HybridLM(replace(program_config("SSM-TF", d_model), vocab_size=34), seed=0, dtype=torch.float64)
    return model.get_parameter(name).detach()


_LINEAR = (
    "layers.0.mixer.in_proj.weight",
    "layers.0.mixer.x_proj.weight",
    "layers.0.mixer.dt_proj.weight",
    "layers.0.mixer.out_proj.weight",
    "layers.1.attention.query_key_value.weight",
    "layers.1.attention.dense.weight",
    "layers.1.mlp.dense_h_to_4h.weight",
    "layers.1.mlp.dense_4h_to_h.weight",
    "embedding.weight",
)
BIASES = (
    "layers.0.mixer.dt_proj.bias",
    "layers.1.attention.query_key_value.bias",
    "layers.1.attention.dense.bias",
    "layers.1.mlp.dense_h_to_4h.bias",
    "layers.1.mlp.dense_4h_to_h.bias",
)


def linear_deviations() -> list[float]:
    """Standard deviations of the initial weights of the linear maps of `_LINEAR`, step projection included."""
    return [float(fresh_weights(name).std()) for name in _LINEAR]


def first_step_size() -> float:
    """Where every step size begins."""
    return float(torch.nn.functional.softplus(fresh_weights("layers.0.mixer.dt_proj.bias")).mean())


def dropout_acts() -> tuple[bool, bool]:
    """Whether dropout acts on the embedding, and whether on anything behind it."""
    model = HybridLM(replace(program_config("TF-TF"), vocab_size=34), seed=0, dtype=torch.float64).train()
    layer = model.layers[0]
    assert isinstance(layer, TransformerLayer)
    hidden = torch.randn(1, 9, 8, dtype=torch.float64)
    stream = Stream(0, 1, DROPOUT)
    tokens = torch.arange(9).unsqueeze(0)
    return (
        not torch.equal(model(tokens, stream), model(tokens, Stream(0, 2, DROPOUT))),
        not torch.equal(layer(hidden, stream), layer(hidden)),
    )


def attention_window() -> int:
    """How many tokens, itself included, a query of Figure 4's attention reads, by what moves its output."""
    layer = TransformerLayer(replace(program_config("TF-TF"), vocab_size=34).layer_specs()[0]).double()
    layer.reset_parameters(Stream(0))
    hidden = torch.randn(1, 40, 8, dtype=torch.float64, requires_grad=True)
    layer(hidden)[0, -1].sum().backward()
    assert hidden.grad is not None
    return int((hidden.grad[0].abs().sum(-1) > 0).sum())


PARAMETERS = {
    ("SelectiveCopying", "SSM-TF"): {4: 872, 8: 2_192, 12: 3_960},
    ("SelectiveCopying", "TF-TF"): {16: 5_024, 20: 7_560, 24: 10_608, 32: 18_240},
    ("SelectiveCopying", "SSM-SSM"): {16: 7_328, 20: 10_280, 24: 13_488, 32: 21_056},
    ("SelectiveCopying", "TF-SSM"): {8: 2_192},
    ("MultiKeyRecall", "SSM-TF"): {4: 780, 8: 2_008, 12: 3_684, 16: 5_808, 20: 8_460, 24: 11_496},
    ("MultiKeyRecall", "TF-TF"): {4: 396, 8: 1_304, 12: 2_724, 16: 4_656, 20: 7_100, 24: 10_056},
    ("MultiKeyRecall", "SSM-SSM"): {4: 1_164, 8: 2_712, 12: 4_644, 16: 6_960, 20: 9_820, 24: 12_936},
}
"""Trainable parameters that a model of this family has, by task, pattern and width."""

_VOCABULARY = {"SelectiveCopying": 34, "MultiKeyRecall": 11}


def agreeing_sizes() -> int:
    """How many of `PARAMETERS` our models have to the parameter."""
    return sum(
        count(replace(program_config(pattern, d_model), vocab_size=_VOCABULARY[task]), 100).parameters
        == wanted
        for (task, pattern), sizes in PARAMETERS.items()
        for d_model, wanted in sizes.items()
    )


def listed_sizes() -> int:
    """How many models the listed parameter counts are of."""
    return sum(len(sizes) for sizes in PARAMETERS.values())


def needle_scored_from_its_word() -> bool:
    """Whether a needle is scored from its word on, one after its marker."""
    task = Needle()
    tokens = task.sample(Stream(0), batch=32, seq_len=100)
    scored = task.targets(tokens).scored
    marker = (tokens == task.n_words).int().argmax(-1)
    return bool((scored.int().argmax(-1) == marker + 1).all())


def rate_factor(step: int) -> float:
    """The schedule's factor of the learning rate at a step of the protocol."""
    return learning_rate_factor(step, steps=PROTOCOL.steps, warmup=PROTOCOL.warmup)


PROGRAM = "released program"
TEXT = "the paper's text"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One choice of the program, and what plait does as it was run.

    Args:
        what: the choice, in a few words.
        program: what the program does.
        source: where that is known from.
        ours: what our code does, as text to read beside it.
        agrees: whether it is the same.
        note: what to know where it is not.
    """

    what: str
    program: str
    source: str
    ours: Callable[[], str]
    agrees: Callable[[], bool]
    note: str = ""


def _kept_of_mamba() -> bool:
    """Whether decay rates, skips and norms begin with Mamba's and the usual values."""
    rates = fresh_weights("layers.0.mixer.A_log").exp()
    norms = ("layers.1.input_layernorm", "layers.1.post_attention_layernorm", "final_norm")
    ones = ("layers.0.mixer.D", "layers.0.norm.weight", *(f"{name}.weight" for name in norms))
    return bool(
        torch.allclose(rates, torch.arange(1, 17, dtype=rates.dtype).expand_as(rates))
        and all((fresh_weights(name) == 1).all() for name in ones)
        and not any(fresh_weights(f"{name}.bias").any() for name in norms)
    )


_QUERY = 7
"""Of 12 positions: some before it and some behind it."""


def read_at_a_query() -> tuple[int, int]:
    """The first and the last position that moves a hybrid's logits at position 7 of 12, its window being wider."""
    config = replace(program_config("SSM-TF", window=12), vocab_size=34, dropout=0.0)
    model = HybridLM(config, seed=0, dtype=torch.float64)
    tokens = torch.arange(12)
    changed = tokens.repeat(12, 1)
    changed[range(12), range(12)] = 33
    with torch.no_grad():
        moved = (model(changed)[:, _QUERY] != model(tokens.unsqueeze(0))[:, _QUERY]).any(-1).nonzero()
    return int(moved.min()), int(moved.max())


def scored_where_defined() -> bool:
    """Whether the tasks score exactly the positions that their definitions, read token by token, give a target."""
    for task in (SelectiveCopying(), MultiKeyRecall(), DecodingRecall()):
        tokens = task.sample(Stream(0), batch=8, seq_len=100)
        defined = [[answer is not None for answer in task.answers(row)] for row in tokens.tolist()]
        if task.targets(tokens).scored.tolist() != defined:
            return False
    return True


def _biases_of_mamba() -> list[str]:
    names = HybridLM(replace(program_config("SSM-SSM"), vocab_size=34)).layers[0].state_dict()
    return sorted(name.removeprefix("mixer.") for name in names if name.endswith("bias"))


def _parallel() -> bool:
    """Whether attention and MLP both read the layer's input, the MLP through SiLU and twice the width."""
    layer = TransformerLayer(replace(program_config("TF-TF"), vocab_size=34).layer_specs()[0]).double()
    layer.reset_parameters(Stream(0))
    hidden = torch.randn(1, 5, 8, dtype=torch.float64)
    with torch.no_grad():
        layer.attention.dense.weight.zero_()
        mlp, read = layer.mlp, layer.post_attention_layernorm(hidden)
        inner = torch.nn.functional.silu(mlp.dense_h_to_4h(read))
        return inner.shape[-1] == 16 and torch.allclose(layer(hidden), hidden + mlp.dense_4h_to_h(inner))


def _tied() -> bool:
    """Whether the last norm is read through the embedding, without a bias."""
    model = HybridLM(replace(program_config("SSM-TF"), vocab_size=34), seed=0, dtype=torch.float64)
    outside = {name for name, _ in model.named_parameters() if not name.startswith("layers.")}
    return outside == {"embedding.weight", "final_norm.weight", "final_norm.bias"}


def _ssm_sizes() -> str:
    spec, wider = (program_config("SSM-SSM", d_model).layer_specs()[0] for d_model in (8, 24))
    return f"{spec.d_inner} channels of 8, convolution {spec.d_conv}, rank {spec.dt_rank} ({wider.dt_rank} of 24)"


def _tf_sizes() -> str:
    config = program_config("TF-TF")
    return f"{config.n_heads} head, {config.rotary_fraction:g} turned, base {config.rotary_base:,.0f}"


BLOCK_FACTS = (
    Fact(
        what="what a position reads",
        program="itself and earlier tokens; its target stands at the same position",
        source=TEXT,
        ours=lambda: "position {} reads {} to {}".format(_QUERY, *read_at_a_query()),
        agrees=lambda: read_at_a_query() == (0, _QUERY),
    ),
    Fact(
        what="which positions are scored",
        program="those that have a target; others are left out of loss and accuracy",
        source=TEXT,
        ours=lambda: "the same" if scored_where_defined() else "others",
        agrees=scored_where_defined,
        note="a needle's marker apart",
    ),
    Fact(
        what="decay rates, skips and norms at the start",
        program="A from 1 to 16, D 1, norms 1 and 0",
        source=PROGRAM,
        ours=lambda: "the same" if _kept_of_mamba() else "others",
        agrees=_kept_of_mamba,
    ),
    Fact(
        what="around the layers",
        program="embedding, LayerNorm behind the last layer, unembedding tied to the embedding without a bias",
        source=TEXT,
        ours=lambda: "the same" if _tied() else "others",
        agrees=_tied,
    ),
    Fact(
        what="an SSM layer",
        program="RMSNorm, Mamba-1 of 2 d channels, convolution of width 4, step rank d / 16 rounded up; biases on the "
        "convolution and the step projection alone",
        source="MambaBlock of transformers, with the program's sizes",
        ours=lambda: f"{_ssm_sizes()}; biases on {' and '.join(_biases_of_mamba())}",
        agrees=lambda: (
            _ssm_sizes() == "16 channels of 8, convolution 4, rank 1 (2 of 24)"
            and _biases_of_mamba() == ["conv1d.bias", "dt_proj.bias"]
        ),
    ),
    Fact(
        what="a TF layer",
        program="GPT-NeoX, attention and MLP side by side, each behind its LayerNorm; one head, biases, a quarter "
        "turned (base 10,000); MLP of 2 d units, SiLU",
        source="GPTNeoXLayer of transformers, with the program's sizes",
        ours=lambda: f"{'side by side' if _parallel() else 'otherwise'}, {_tf_sizes()}",
        agrees=lambda: _parallel() and _tf_sizes() == "1 head, 0.25 turned, base 10,000",
    ),
)
