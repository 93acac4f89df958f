"""Closed forms against counted values, the sizes promised, and how costs grow."""

import pytest
import torch
from construction_cases import COPYING, RECALL

from plait.constructions import cost, growth, layouts, smallest_plan, tradeoff
from plait.memory import count
from plait.tasks import DecodingRecall, SelectiveCopying

TASKS = [
    COPYING,
    RECALL,
    DecodingRecall(n_bits=1),
    DecodingRecall(n_bits=3),
    SelectiveCopying(n_words=1, numbers=(2,)),
    SelectiveCopying(n_words=300, numbers=tuple(range(1, 20))),
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("task", TASKS, ids=str)
def test_closed_forms_are_what_is_counted(
    task: SelectiveCopying | DecodingRecall, dtype: torch.dtype
) -> None:
    for plan in layouts(task, 64, dtype=dtype):
        weights = sum(tensor.numel() for tensor in plan.weights().values())
        for seq_len in (1, 5, 64, 5000):
            price = cost(plan, seq_len)
            report = count(plan.config(), seq_len, dtype)
            assert price.parameters == report.parameters == weights, plan.name
            assert price.width == plan.config().d_model
            assert (price.ssm_state, price.conv_tail) == (report.ssm_state, report.conv_tail), plan.name
            assert price.kv_cache == report.kv_cache, plan.name
            assert price.state_bits == report.state_bits, plan.name


def test_mlp_units_and_states_in_use() -> None:
    for plan in layouts(RECALL, 100):
        units = sum(spec.d_mlp for spec in plan.config().layer_specs()[1:])
        assert cost(plan).mlp_units == units
        written = plan.weights()["layers.0.mixer.dt_proj.weight"].count_nonzero()
        assert cost(plan).states_in_use == int(written)


def test_the_sizes_promised() -> None:
    copying = {dtype: smallest_plan(COPYING, 100, dtype=dtype) for dtype in (torch.float64, torch.float32)}
    assert {cost(plan).parameters for plan in copying.values()} == {269}
    recall = {dtype: smallest_plan(RECALL, 100, dtype=dtype) for dtype in (torch.float64, torch.float32)}
    assert cost(recall[torch.float64]).parameters == 634
    assert cost(recall[torch.float32]).parameters == 1172
    assert all(plan.proved() for plan in (*copying.values(), *recall.values()))
    assert cost(smallest_plan(COPYING, 100, dtype=torch.bfloat16)).parameters == 1250


def test_width_is_paid_in_precision() -> None:
    rows = [row for row in tradeoff(COPYING, 100) if "1 frequency" in row["layout"]]
    by_width = sorted(rows, key=lambda row: row["width"])
    gaps = [row["logit_gap"] for row in by_width]
    assert gaps[0] < gaps[1] < gaps[2]
    line = next(row for row in tradeoff(COPYING, 100) if row["layout"] == "one line")
    assert line["precision_bits"] > max(row["precision_bits"] for row in rows)


def test_growth() -> None:
    rows = growth()
    table = {(row["construction"], row["varied"]): [] for row in rows}
    for row in rows:
        table[row["construction"], row["varied"]].append(row)
    words = table["selective-copying", "words"]
    assert [row["width"] for row in words] == [7, 9, 10, 12, 14]
    for key in (("selective-copying", "length"), ("decoding-recall", "length")):
        assert len({row["parameters"] for row in table[key]}) == 1
        assert table[key][-1]["state_bits"] == table[key][-2]["state_bits"]
