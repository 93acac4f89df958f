"""The table of the released program's choices: every row is computed, and would notice another protocol."""

from dataclasses import replace

import pytest

from plait.experiments.settings import KEPT
from plait.paper import protocol, protocol_small
from plait.paper.grids import LR_GRID
from plait.paper.protocol import FACTS, protocol_rows
from plait.tasks import Needle, SelectiveCopying
from plait.tasks.base import Targets
from plait.tasks.framed import Framed

OTHERWISE = {
    "what a row holds",
    "where a needle is scored",
    "accuracy",
    "Figure 8 and Table 1: tests",
    "Figure 8 and Table 1: numbers",
}
"""What plait does otherwise, each with a note that says so."""


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.what)
def test_our_side_is_the_program_s(fact):
    assert fact.agrees() is (fact.what not in OTHERWISE)
    assert fact.ours()
    assert fact.note or fact.what not in OTHERWISE


def test_every_fact_stands_in_the_table_with_its_source():
    rows = protocol_rows()
    assert [row["what"] for row in rows] == [fact.what for fact in FACTS]
    assert all(row["source"] for row in rows)
    assert len({row["what"] for row in rows}) == len(rows)


def test_the_protocol_that_plait_had_before_is_noticed(monkeypatch):
    """Mamba's steps kept, dropout everywhere or nowhere, rotary dimensions in pairs."""
    for place in (protocol_small, protocol):
        monkeypatch.setattr(place, "AS_RUN", KEPT)
    noticed = {fact.what for fact in FACTS if not fact.agrees()} - OTHERWISE
    for words in (
        "linear maps",
        "biases",
        "step sizes",
        "convolution",
        "dropout",
        "rotary",
        "which rate",
        "runs",
    ):
        assert any(words in what for what in noticed), words


def test_dropout_elsewhere_is_noticed(monkeypatch):
    for place in (protocol_small, protocol):
        monkeypatch.setattr(place, "AS_RUN", replace(place.AS_RUN, dropout_at="all"))
    (fact,) = (fact for fact in FACTS if fact.what == "dropout")
    assert not fact.agrees()
    assert fact.ours() == "0.1, elsewhere"


def test_positions_that_are_read_or_scored_otherwise_are_noticed(monkeypatch):
    reads, scored = (
        next(fact for fact in FACTS if fact.what.startswith(w))
        for w in ("what a position", "which positions")
    )
    assert reads.agrees()
    window = protocol_small.program_config
    monkeypatch.setattr(protocol_small, "program_config", lambda *a, **more: window("TF-TF", window=3))
    assert not reads.agrees()
    assert reads.ours() == "position 7 reads 3 to 7", "two layers of window 3"
    every = protocol_small.MultiKeyRecall
    monkeypatch.setattr(every, "targets", lambda self, tokens: Targets(tokens, tokens >= 0))
    assert not scored.agrees()


def test_another_grid_of_rates_is_noticed(monkeypatch):
    (fact,) = (fact for fact in FACTS if fact.what == "learning rates")
    monkeypatch.setattr(protocol, "LR_GRID", (*LR_GRID[:4], 2e-2, *LR_GRID[5:]))
    assert not fact.agrees()


def test_another_schedule_is_noticed(monkeypatch):
    for place in (protocol_small, protocol):
        monkeypatch.setattr(place, "PROTOCOL", replace(place.PROTOCOL, warmup=200))
    (fact,) = (fact for fact in FACTS if fact.what == "schedule")
    assert not fact.agrees()


def test_rows_and_needles_that_are_the_program_s_are_noticed(monkeypatch):
    def taken(figure, task):
        base = replace(
            figure.experiment.base, task=task, model=replace(figure.experiment.base.model, vocab_size=None)
        )
        return replace(figure, experiment=replace(figure.experiment, base=base))

    assert (protocol.framed(), protocol.scores_the_marker()) == (False, False)
    monkeypatch.setattr(protocol, "FIG7", taken(protocol.FIG7, Needle(score_marker=True)))
    monkeypatch.setattr(protocol, "FIG4", taken(protocol.FIG4, Framed(task=SelectiveCopying())))
    assert (protocol.framed(), protocol.scores_the_marker()) == (True, True)
