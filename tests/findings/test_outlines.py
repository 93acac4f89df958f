"""Which figures a folder may hold is seen by its rows' outlines, before the members of all figures are made."""

import pytest
from made_up_rows import made_up_rows

from plait.experiments import Experiment
from plait.experiments.spec import OUTLINE
from plait.findings.evidence import StoredRows
from plait.findings.figure import stored_figures
from plait.model import HybridConfig
from plait.paper import find_experiment
from plait.paper.catalogue import FIGURES
from plait.tasks import Needle
from plait.training.run import Run, Train

OWN = Experiment(
    name="own",
    question="Of no figure?",
    base=Run(task=Needle(), model=HybridConfig(d_model=8), train=Train(steps=7)),
    vary={},
    sweep={"train.lr": (1e-2,), "train.seed": range(3)},
)


def test_three_members_of_no_figure_are_seen_without_any_of_the_figures(monkeypatch):
    rows, _ = made_up_rows(OWN)

    def members(experiment):
        raise AssertionError(f"the members of {experiment.name} were made")

    monkeypatch.setattr(Experiment, "members", members)
    assert stored_figures(FIGURES.values(), StoredRows(rows=rows)) == ((), frozenset())


@pytest.mark.parametrize("name", ["fig6", "fig8", "fig14", "length", "proportion", "basin", "rows"])
def test_every_member_has_an_outline_of_its_experiment(name):
    experiment = find_experiment(name)
    rows, _ = made_up_rows(experiment.where({"train.seed": experiment.values("train.seed")[:1]}))
    outlines = set(rows.select(OUTLINE).unique().iter_rows())
    assert outlines
    assert outlines <= experiment.outlines
