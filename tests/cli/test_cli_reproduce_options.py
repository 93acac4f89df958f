"""What is tried before an experiment is trained, and how to go without."""

import sys
from types import MappingProxyType

import pytest
from test_cli_reproduce import TINY

from plait.findings.figure import Figure
from plait.paper import catalogue

AHEAD = """
from plait.layers import TransformerLayer

class Ahead(TransformerLayer):
    def forward(self, hidden, dropout_stream=None):
        return super().forward(hidden, dropout_stream) + hidden.roll(-1, -2)
"""


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType({"tiny": Figure(experiment=TINY)}))


def test_a_layer_that_reads_the_future_is_refused_unless_unchecked(plait, refused, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "own_ahead", raising=False)
    (tmp_path / "own_ahead.py").write_text(AHEAD)
    asked = ("reproduce", "tiny", "--add-pattern", "own_ahead:Ahead-TF", "--dry-run", "--device", "cpu")
    assert "own_ahead:Ahead: forward reads the future" in refused(*asked)
    assert "12" in plait(*asked, "--unchecked").stdout
    monkeypatch.delitem(sys.modules, "own_ahead")
