"""What is left out is said in lines that a reader can take in."""

from plait.experiments import left_out
from plait.experiments.notes import MOST_NOTE_LETTERS
from plait.paper import CATALOGUE


def test_long_lists_of_models_are_cut_and_counted() -> None:
    whole = CATALOGUE["tab1"]
    first, *lines = left_out(whole, whole.quick_form().expand())
    assert "members of the full experiment are not trained" in first
    assert all(len(line) < MOST_NOTE_LETTERS + 300 for line in lines)
    (cut,) = (line for line in lines if line.endswith(" more models: not run"))
    n_cells = sum(len(runs) > 0 for runs in whole.expand_cells())
    n_kept = len({id(runs) for runs in whole.quick_form().expand_cells()})
    shown = cut.count("products ")
    assert f" and {n_cells - n_kept - shown} more models: not run" in cut


def test_short_lists_are_whole() -> None:
    whole = CATALOGUE["headline"]
    assert not any(" more model" in line for line in left_out(whole, whole.quick_form().expand()))
