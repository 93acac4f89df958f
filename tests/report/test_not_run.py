"""Pages count the models that were not run, all of them."""

from made_up_rows import made_up_rows

from plait.findings.evidence import StoredRows
from plait.findings.figure import read
from plait.paper import find_experiment
from plait.report.origin import page_lines


def test_models_beyond_those_that_a_line_names_are_counted_too() -> None:
    whole = find_experiment("tab1")
    part = whole.where({"train.seed": range(1), "model.pattern": ("TF*12",)})
    evidence = read(whole, StoredRows(rows=made_up_rows(part)[0]))
    n_models, n_run = (sum(1 for _ in one.expand_cells()) for one in (whole, part))
    assert 0 < n_run < n_models
    assert [line for line in page_lines(evidence) if "not run" in line] == [
        f"{n_models - n_run} of its models: not run"
    ]
