"""An edited layer is trained anew, and the output says so; what cannot be read is said to be unchecked."""

import json
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from plait.cli import app
from plait.experiments import Experiment, run_experiment
from plait.experiments.schema import COLUMNS, run_of
from plait.experiments.shards import Unwatched
from plait.experiments.store import Store
from plait.model import HybridConfig
from plait.tasks import Needle
from plait.training.run import Run, Train

LAYER = """
from plait.layers import TransformerLayer

class Mine(TransformerLayer):
    def forward(self, hidden, dropout_stream=None):
        return super().forward(hidden, dropout_stream){end}

    def step(self, hidden, state):
        output, after = super().step(hidden, state)
        return output{end}, after
"""


@pytest.fixture
def edit(tmp_path, monkeypatch):
    """Writes the layer's file, as an editor between two commands does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*(entry for entry in sys.path if entry)])

    def write(end):
        (tmp_path / "edited_layer.py").write_text(LAYER.format(end=end))
        sys.modules.pop("edited_layer", None)

    yield write
    sys.modules.pop("edited_layer", None)
    sys.modules.pop("no_source", None)


def trained(*more):
    arguments = ["train", "--task", "needle", "--param", "n_words=4", "--pattern", "edited_layer:Mine-TF"]
    arguments += "--d-model 4 --steps 3 --seq-len 8 --seeds 0..1 -o out --json".split()  # noqa: SIM905
    arguments += ["--train", "test_sequences=8", "--train", "select_sequences=8", *more]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [member["losses"] for member in json.loads(done.stdout)["members"]], done.stderr


def test_an_edited_layer_is_trained_anew_and_said(edit):
    edit("")
    first, said = trained()
    assert "changed" not in said
    edit(" * 0.5")
    second, said = trained()
    assert "layer edited_layer:Mine changed since these 2 members were trained: trained anew" in said
    assert second != first
    third, said = trained()
    assert third == second
    assert "changed" not in said
    edit("")
    assert trained()[0] == first


def test_only_what_was_trained_with_it_counts(edit):
    edit("")
    trained()
    edit(" * 0.5")
    assert "changed" not in trained("--model", "n_heads=2")[1]


class Heard(Unwatched):
    def __init__(self):
        self.lines = []

    def noted(self, line):
        self.lines.append(line)


def test_a_layer_without_source_is_said_to_be_unchecked(edit, tmp_path):
    """As one that stands in a notebook."""
    edit("")
    module = type(sys)("no_source")
    exec(compile(LAYER.format(end=""), "<input>", "exec"), module.__dict__)
    sys.modules["no_source"] = module
    run = Run(
        task=Needle(n_words=4),
        model=HybridConfig(pattern="no_source:Mine", d_model=4),
        train=Train(steps=2, seq_len=8, test_sequences=8, select_sequences=8),
    )
    experiment = Experiment(name="one", question="Is it said?", base=run)
    heard = Heard()
    run_experiment(experiment, tmp_path / "out", device="cpu", watch=heard)
    wanted = "layer no_source:Mine has no source that can be read: an edit of it will not be noticed"
    assert heard.lines == [wanted]


def test_identity_before_and_after_the_first_import_is_one(edit):
    from plait.experiments import member_id

    edit("")
    run = Run(task=Needle(n_words=4), model=HybridConfig(pattern="edited_layer:Mine", d_model=4))
    before = member_id(run)
    from plait.layers import layer_class

    layer_class("edited_layer:Mine")
    assert member_id(run) == before


def test_stored_code_that_nobody_asked_for_is_not_imported(edit, tmp_path):
    """A downloaded folder may hold rows of any module."""
    edit("")
    trained()
    (tmp_path / "foreign_task.py").write_text(
        "from plait.tasks import Needle\nopen('ran', 'w').close()\nclass Mine(Needle): pass\n"
    )
    row = Store(tmp_path / "out").read().row(0, named=True)
    foreign = row | {"task_json": row["task_json"].replace("needle", "foreign_task:Mine")}
    with pytest.raises(ValueError, match="code that is not plait's, edited_layer:Mine, foreign_task:Mine"):
        run_of(foreign)
    Store(tmp_path / "out").add(pl.DataFrame([foreign | {"member": "ab" * 10}], schema=COLUMNS))
    edit(" * 0.5")
    assert "changed since these 2 members" in trained()[1]
    assert not (tmp_path / "ran").exists()
