"""What a replayed step may rely on, with CUDA played by stand-ins: whole captures only, and nothing freed in them."""

import contextlib
import gc
import weakref
from unittest import mock

import pytest
import torch

from plait.training import replay
from plait.training.replay import Replay

UNCAPTURED = 3


class Graph:
    """Counts its replays; `whole` once its capture ended without an exception."""

    def __init__(self) -> None:
        self.whole, self.replays = False, 0

    def replay(self) -> None:
        self.replays += 1


@pytest.fixture
def graphs(monkeypatch):
    """Every graph that is made."""
    made = []

    def new_graph():
        made.append(Graph())
        return made[-1]

    @contextlib.contextmanager
    def capture(graph):
        yield
        graph.whole = True

    monkeypatch.setattr(torch.cuda, "CUDAGraph", new_graph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "Stream", lambda _: mock.MagicMock())
    monkeypatch.setattr(torch.cuda, "current_stream", mock.MagicMock())
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
    return made


def test_a_capture_that_was_interrupted_is_not_replayed(graphs):
    calls = []

    def advance(clock):
        calls.append(int(clock))
        if len(calls) == UNCAPTURED + 1:
            raise KeyboardInterrupt

    steps = Replay(advance, torch.device("cpu"))
    for number in range(UNCAPTURED):
        steps.step(number)
    with pytest.raises(KeyboardInterrupt):
        steps.step(UNCAPTURED)
    assert [graph.whole for graph in graphs] == [False]
    for number in range(UNCAPTURED, UNCAPTURED + 3):
        steps.step(number)
    assert graphs[0].replays == 0
    assert [(graph.whole, graph.replays) for graph in graphs[1:]] == [(True, 3)]
    assert calls[:UNCAPTURED] == [0, 1, 2]


def test_where_a_capture_is_refused_steps_go_on_without_and_say_so_once(graphs, monkeypatch):
    calls = []

    def advance(clock):
        calls.append(int(clock))
        if len(calls) == UNCAPTURED + 1:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    steps = Replay(advance, torch.device("cpu"))
    for number in range(UNCAPTURED):
        steps.step(number)
    with pytest.warns(
        UserWarning, match="kernel by kernel: operation not permitted when stream is capturing$"
    ):
        steps.step(UNCAPTURED)
    steps.step(UNCAPTURED + 1)
    assert calls == [0, 1, 2, 3, 3, 4]
    assert [graph.replays for graph in graphs] == [0]


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("raising", [True, False])
def test_nothing_is_collected_during_a_capture(enabled, raising):
    class Cycle:
        pass

    before, thresholds = gc.isenabled(), gc.get_threshold()
    try:
        (gc.enable if enabled else gc.disable)()
        outcome = pytest.raises(ZeroDivisionError) if raising else contextlib.nullcontext()
        with outcome, replay._collection_paused():
            cycle = Cycle()
            cycle.itself, gone = cycle, weakref.ref(cycle)
            del cycle
            gc.set_threshold(1, 1, 1)
            _ = [[] for _ in range(1_000)]
            assert gone() is not None
            if raising:
                raise ZeroDivisionError
        assert gc.isenabled() is enabled
    finally:
        gc.set_threshold(*thresholds)
        (gc.enable if before else gc.disable)()
