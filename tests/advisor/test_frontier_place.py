"""Models beside the curve: what counts as reach, what as state, and which are ruled out."""

from dataclasses import replace
from pathlib import Path

import pytest

from plait import HybridConfig
from plait.advisor.frontier import held_by, needed_at, placed
from plait.memory import architecture_of, count, read_config
from plait.memory.block import Block
from plait.memory.report import LayerMemory
from plait.tasks import Needle, SelectiveCopying
from plait.theory import frontier, frontier_states

FIXTURES = Path(__file__).parents[1] / "memory" / "fixtures"
LENGTH = 60


def config(pattern, **fields):
    return HybridConfig(34, pattern=pattern, d_model=8, **fields)


@pytest.mark.parametrize(
    ("model", "reach", "scalars"),
    [
        (config("SSM-TF", window=20), 19 + 3, 16 * 16),
        (config("SSM-TF", window=20, d_conv=1), 19, 16 * 16),
        (config("TF-TF", window=(5, 7)), 4 + 6, 0),
        (config("SSM-SSM", d_state=1), 3 + 3, 2 * 16),
        (config("TF-SSM", window=1), 3, 16 * 16),
    ],
    ids=lambda value: getattr(value, "pattern", value),
)
def test_windows_and_taps_are_reach_and_the_rest_is_state(model, reach, scalars):
    first, *others = held_by(model, seq_len=LENGTH)
    assert (first.reach, first.bits) == (reach, 32 * scalars)
    whole = count(model, LENGTH).state_bits
    assert [(other.reach, other.bits) for other in others] == ([(0, whole)] if whole > first.bits else [])


def test_an_open_window_reaches_without_limit():
    (only,) = held_by(config("SSM-TF"), seq_len=LENGTH)
    assert only.reach is None
    assert needed_at(frontier(Needle(), LENGTH), None) == 0


def test_the_type_counts():
    (first, *_) = held_by(config("SSM-TF", window=9), seq_len=LENGTH, dtype="bfloat16")
    assert first.bits == 32 * 256  # the recurrent state stays in float32


def test_a_published_hybrid_with_windows_alone_has_a_reach():
    """RecurrentGemma: 2,048 tokens of window in every third layer, and recurrent layers whose taps are state."""
    model = read_config(FIXTURES / "recurrent_gemma.json")
    windows = [block.window for block in model.blocks if block.kv_per_token]
    first, second = held_by(model, seq_len=10**6, dtype="float32")
    assert first.reach == sum(window - 1 for window in windows) > 0
    recurrent = [block for block in model.blocks if block.recurrent]
    assert first.bits == 32 * sum(block.recurrent + block.conv for block in recurrent)
    assert second.reach == 0
    assert second.bits > first.bits


def test_below_the_curve_is_ruled_out_and_on_it_is_not():
    points = frontier(SelectiveCopying(n_words=4, numbers=(2, 6)), LENGTH)
    pure = placed(points, held_by(config("TF-TF", window=9), seq_len=LENGTH))
    assert pure.ruled_out
    assert pure.needed == 1  # which of the two numbers came last
    assert pure.held.reach == 16
    hybrid = placed(points, held_by(config("SSM-TF", window=9), seq_len=LENGTH))
    assert not hybrid.ruled_out
    assert not placed(points, held_by(config("TF-TF", window=60), seq_len=LENGTH)).ruled_out


def test_a_cache_may_be_counted_against_a_model_as_state():
    """Two scalars of width 1 keep 128 bits for one token; a window of 2 leaves more to be known than that."""
    task = SelectiveCopying(n_words=2**24, numbers=(2, 40))
    points = frontier(task, LENGTH, reaches=[0, 1, 2, 3])
    small = HybridConfig(2**24 + 5, pattern="TF", d_model=1, window=2, n_heads=1, rotary_fraction=0.0)
    place = placed(points, held_by(small, seq_len=LENGTH))
    assert place.ruled_out


def test_needed_at_a_reach_between_two_points_is_that_of_the_greater():
    task = SelectiveCopying(n_words=3, numbers=(2, 5))
    points = frontier(task, LENGTH, reaches=[0, 4, 30])
    assert needed_at(points, 2) == points[1].bits
    assert needed_at(points, 31) == 0
    assert 2 ** float(points[1].bits) <= frontier_states(task, 4)


def test_a_layer_of_one_s_own_counts_as_state():
    (only,) = held_by(config("SSM-examples.my_layer:GatedLinearAttention", d_conv=1), seq_len=LENGTH)
    assert (only.reach, only.bits) == (0, 32 * (256 + 8 * 8))


@pytest.mark.parametrize(("per_token", "reach"), [(0, 0), (3, None)])
def test_and_as_reaching_without_limit_if_it_grows(per_token, reach):
    class Own:
        kind = "own"
        blocks = (Block(part="own", weights=5),)

        def memory(self, index, *, cached, dtype):
            held = per_token * cached.seq_len
            return LayerMemory(
                index=index, kind="own", parameters=5, ssm_state=2, conv_tail=0, kv_cache=held,
                state_bytes=8 + 4 * held, kv_bytes=4 * held, stored_bytes=0,
            )  # fmt: skip

    model = replace(architecture_of(config("TF", window=1)), layers=(Own(),))
    (first, *_) = held_by(model, seq_len=LENGTH)
    assert first.reach == reach
