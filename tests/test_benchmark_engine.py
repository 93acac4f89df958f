"""What `plait bench engine` divides by: the loop's best round, on one thread."""

import pytest
import torch
from benchmarks.engine import on_one_thread, ratio_to_best


def test_a_disturbed_loop_flatters_nobody() -> None:
    ratio = ratio_to_best([400.0, 500.0, 600.0], [0.4, 20.0, 10.0])
    assert ratio == pytest.approx((25.0, 20.0, 30.0))


def test_the_loop_runs_on_one_thread_and_nothing_else_does() -> None:
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        on_one_thread(lambda: seen.append(torch.get_num_threads()))()
        assert seen == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
