"""Costs by formula against counters on real passes."""

from collections.abc import Iterator

import hf_instances as hf
import pytest
import torch
from drawn_configs import configs
from elementwise import Elementwise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from plait import HybridConfig, HybridLM
from plait.kernels.graph import Draft, reference_states
from plait.kernels.graph.signals import Op
from plait.kernels.matrix_state.reference import Vectors, recurrent, step
from plait.kernels.selective_scan.reference import selective_step
from plait.layers import DrawnLayer, MambaLayer, TransformerLayer
from plait.layers.parts import CausalConvolution
from plait.memory import cost, count, read_config
from plait.memory.count import operations


@pytest.fixture(scope="module", autouse=True)
def _plain_operations() -> Iterator[None]:
    """The layers in plain PyTorch operations, which alone a counter sees."""
    with pytest.MonkeyPatch.context() as patch:
        for layer in (MambaLayer, TransformerLayer):
            patch.setattr(layer, "forward", layer.reference_forward)
            patch.setattr(layer, "step", layer.reference_step)
        patch.setattr(DrawnLayer, "forward", DrawnLayer.reference_forward)
        # A token's state is products of vectors, which the formula has among the recurrences.
        patch.setattr(reference_states, "chunked", recurrent)
        yield


def matmul_flops(model: HybridLM, tokens: torch.Tensor, *, stream: bool) -> int:
    """What PyTorch's counter sees: products of matrices."""
    if stream:
        state = model.init_state(1)
        for token in tokens[:, :-1].T:
            _, state = model.step(token, state)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        if stream:
            model.step(tokens[:, -1], state)
        else:
            model(tokens)
    return counter.get_total_flops()


@settings(max_examples=40, deadline=None)
@given(config=configs(), seq_len=st.integers(1, 9))
def test_decode_step(config: HybridConfig, seq_len: int) -> None:
    tokens = torch.zeros(1, seq_len, dtype=torch.int64)
    ours = cost(config, seq_len)
    assert ours.matmul_flops + ours.attention_flops == matmul_flops(HybridLM(config), tokens, stream=True)


@settings(max_examples=30, deadline=None)
@given(config=configs(), seq_len=st.integers(1, 12))
def test_prefill_is_the_sum_of_its_steps(config: HybridConfig, seq_len: int) -> None:
    steps = [cost(config, t) for t in range(1, seq_len + 1)]
    whole = cost(config, seq_len, phase="prefill")
    for name in ("matmul_flops", "attention_flops", "recurrence_flops"):
        assert getattr(whole, name) == sum(getattr(step, name) for step in steps)


@pytest.mark.parametrize("pattern", ["SSM", "TF", "SSM-TF-TF"])
@pytest.mark.parametrize("seq_len", [1, 7, 32])
def test_prefill_pass(pattern: str, seq_len: int) -> None:
    """A masked product computes all pairs, where the formula has those needed."""
    config = HybridConfig(11, pattern=pattern, d_model=8)
    counted = matmul_flops(HybridLM(config), torch.zeros(1, seq_len, dtype=torch.int64), stream=False)
    ours = cost(config, seq_len, phase="prefill")
    all_pairs = ours.attention_flops * 2 * seq_len // (seq_len + 1)
    assert counted == ours.matmul_flops + all_pairs


@pytest.mark.parametrize(("inner", "n_states", "taps"), [(6, 4, 4), (1, 1, 1), (5, 3, 2)])
def test_recurrence_of_one_token(inner: int, n_states: int, taps: int) -> None:
    conv = CausalConvolution(inner, taps)
    x, dt, D = torch.rand(3, 1, inner)
    A, B, C = torch.rand(inner, n_states), torch.rand(1, n_states), torch.rand(1, n_states)
    state = torch.rand(1, inner, n_states)
    with Elementwise() as counter, torch.no_grad():
        conv(torch.rand(1, 1, inner), torch.rand(1, taps - 1, inner))
        selective_step(x, state, dt=dt, A=A, B=B, C=C, D=D.squeeze(0))
    config = HybridConfig(2, pattern="SSM", d_model=3, d_inner=inner, d_state=n_states, d_conv=taps)
    assert cost(config, 5).recurrence_flops == counter.count


@pytest.mark.parametrize("erases", [False, True])
def test_a_matrix_state_of_one_token(erases: bool) -> None:
    """All of the step but the exponential, which is the layer's."""
    draft = Draft(6)
    x, gate = draft.input, draft.constant((-0.1, -0.2))
    e = x if erases else None
    y = draft.matrix_state(heads=2, d_k=3, q=x, w=x, v=x, log_a=gate, e=e, f=e)
    state, key, value = torch.rand(2, 3, 3), torch.rand(2, 3), torch.rand(2, 3)
    given = Vectors(torch.rand(2), key if erases else None, key if erases else None, key, value, key)
    with Elementwise() as counter:
        step(given, state)
    (node,) = (node for node in draft.finish(y).nodes if node.op == Op.MATRIX_STATE)
    assert operations(draft.finish(y), node) == counter.count - len(gate_of(given))


def gate_of(given: Vectors) -> torch.Tensor:
    assert given.log_a is not None
    return given.log_a


def test_bytes_of_a_decode_step() -> None:
    """Weights once (one row of the tied table more), the state read and written, the cache read and grown."""
    config = HybridConfig(11, pattern="SSM-TF", d_model=8, window=6)
    model, before = HybridLM(config), count(config, 19)
    weights = sum(p.numel() for p in model.parameters()) + 8
    ours = cost(config, 20, batch=4)
    assert ours.weight_bytes == 4 * weights + 3 * 4 * 8
    fixed = 4 * (before.ssm_state + before.conv_tail)
    assert ours.state_bytes == 2 * fixed + 4 * before.kv_cache + 4 * 16
    assert ours.bytes_per_token * 4 == ours.weight_bytes + 4 * ours.state_bytes


def test_a_half_precision_model_moves_half_the_weights() -> None:
    config = HybridConfig(11, pattern="TF", d_model=8)
    assert cost(config, 9).weight_bytes == 2 * cost(config, 9, dtype="bfloat16").weight_bytes


def test_refused() -> None:
    config = HybridConfig(11, pattern="test_count:Averager-TF", d_model=8)
    with pytest.raises(ValueError, match="layer 0 is test_count:Averager"):
        cost(config, 9)
    with pytest.raises(ValueError, match='phase must be "decode" or "prefill", got \'training\''):
        cost(HybridConfig(11, d_model=8), 9, phase="training")
    with pytest.raises(ValueError, match="batch must be an integer of at least 1, got 0"):
        cost(HybridConfig(11, d_model=8), 9, batch=0)


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "gpt_neox"])
@pytest.mark.parametrize("seq_len", [3, 12])
@torch.no_grad()
def test_decode_step_of_a_real_class(name: str, seq_len: int) -> None:
    """Beyond the windows and inside them; rotary angles, which are products of matrices there, left out."""
    model = hf.build(hf.fixture(name), torch.float32)
    model.set_attn_implementation("eager")
    tokens = torch.ones(1, seq_len, dtype=torch.int64)
    cache = model(tokens[:, :-1], use_cache=True).past_key_values
    with FlopCounterMode(display=False) as counter:
        model(tokens[:, -1:], past_key_values=cache)
    angles = sum(
        sum(counts.values())
        for module, counts in counter.get_flop_counts().items()
        if module.endswith("rotary_emb")
    )
    ours = cost(read_config(hf.fixture(name)), seq_len)
    assert ours.matmul_flops + ours.attention_flops == counter.get_total_flops() - angles


def test_experts_that_a_token_does_not_visit_are_not_read() -> None:
    """Four experts of 2,880 weights and 2 visited by one token: at most all of them by several."""
    model = read_config(hf.fixture("mixtral"))
    read = [cost(model, 5, batch=n).weight_bytes // 4 for n in (1, 2, 3)]
    everything = model.parameters - 97 * 24
    assert read == [everything + 24 - 2 * 2 * 2880, everything + 48, everything + 72]


@pytest.mark.parametrize(("name", "outputs"), [("zaya", 1), ("inkling_text", 2)])
@torch.no_grad()
def test_convolutions_beside_attention(name: str, outputs: int) -> None:
    """Nothing else recurs in these families; Inkling's class also computes an output that it throws away."""
    model = hf.build(hf.fixture(name), torch.float32)
    cache = model(torch.ones(1, 9, dtype=torch.int64), use_cache=True).past_key_values
    with FlopCounterMode(display=False) as counter:
        model(torch.ones(1, 1, dtype=torch.int64), past_key_values=cache)
    counts = counter.get_flop_counts()["Global"]
    counted = sum(n for op, n in counts.items() if "convolution" in str(op))
    assert cost(read_config(hf.fixture(name)), 10).recurrence_flops * outputs == counted
