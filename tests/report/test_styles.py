"""Colours and marks: every pattern of a study looks like no other, alone, before attention and behind it."""

from dataclasses import replace

from made_up_rows import made_up_rows
from matplotlib.colors import to_hex

from plait.experiments import cells
from plait.paper import find_experiment
from plait.paper.mixers import STUDIED_MIXERS
from plait.report.ceilings import ceiling_sections
from plait.report.document import Picture
from plait.report.frontier import frontier_sections
from plait.report.reports import loss_picture
from plait.report.styles import pattern_style


def test_each_mixer_looks_like_no_other_in_any_arrangement() -> None:
    patterns = ["TF-TF", *(p for m in STUDIED_MIXERS for p in (f"{m}-TF", f"{m}-{m}", f"TF-{m}"))]
    looks = {(s.color, s.marker, s.fill) for s in map(pattern_style, patterns)}
    assert len(looks) == len(patterns) == 34


def test_a_mixer_keeps_its_colour_and_a_mixed_pattern_has_one_of_its_own() -> None:
    alone, before, behind = (pattern_style(p) for p in ("GDN-GDN", "GDN-TF", "TF-GDN"))
    assert len({(s.color, s.marker) for s in (alone, before, behind)}) == 1
    assert pattern_style("GDN-KDA") not in (alone, before, behind, pattern_style("KDA-KDA"))


def test_loss_curves_have_the_colours_of_their_patterns_and_two_of_one_differ_in_dashes() -> None:
    experiment = find_experiment("headline").where({"train.lr": (1e-2,), "train.seed": (0, 1)})
    rows, _ = made_up_rows(experiment)
    found = cells(experiment, rows)
    picture = loss_picture(found, rows, name="any")
    assert picture is not None
    (axes,) = picture.draw().axes
    drawn = {line.get_label(): line for line in axes.get_lines()}
    assert len(drawn) == len(found) == 5
    for cell in found:
        line = drawn[f"{cell.pattern} d{cell.run.model.d_model}"]
        assert to_hex(line.get_color()) == pattern_style(cell.pattern).color.lower()
    looks = {(line.get_color(), line.get_linestyle()) for line in drawn.values()}
    assert len(looks) == 5


def test_loss_curves_are_those_of_the_members_of_the_cell_and_of_no_other() -> None:
    """Also where the run behind a cell is named only, so that no identity can be made from it."""
    experiment = find_experiment("headline").where(
        {"train.lr": (1e-2,), "train.seed": (0,), "model.d_model": (8,)}
    )
    rows, _ = made_up_rows(experiment)
    (cell,) = cells(experiment, rows)
    assert loss_picture([cell], rows, name="any") is not None
    others = replace(cell, members=cell.members.astype("U25") + "other")
    assert loss_picture([others], rows, name="any") is None


def test_of_more_curves_of_a_pattern_than_dashes_one_is_drawn() -> None:
    experiment = find_experiment("fig4").where(
        {"train.lr": (1e-2,), "train.seed": (0,), "model.pattern": ("SSM-TF",)}
    )
    rows, _ = made_up_rows(experiment)
    found = cells(experiment, rows)
    assert 4 < len(found) <= 8
    picture = loss_picture(found, rows, name="any")
    assert picture is not None
    assert len(picture.draw().axes[0].get_lines()) == 1
    assert "each pattern's most accurate model" in picture.caption
    assert "of each model" in loss_picture(found[:4], rows, name="any").caption


def test_the_legend_of_loss_curves_tells_what_differs_and_stays_inside() -> None:
    """Tasks and models of many words: what they have in common is left out, the rest goes over several lines."""
    experiment = find_experiment("tab1").quick_form().where({"train.lr": (1e-3,), "train.seed": (0,)})
    rows, _ = made_up_rows(experiment)
    picture = loss_picture(cells(experiment, rows), rows, name="any")
    assert picture is not None
    figure = picture.draw()
    figure.draw_without_rendering()
    legend = figure.axes[0].get_legend()
    told = [text.get_text() for text in legend.get_texts()]
    assert {text.replace("\n", " ").split(" d32")[0].split()[-1] for text in told} == {"SSM-TF", "TF-TF"}
    assert all("d_mlp" in text.replace("\n", " ") and "n_heads" not in text for text in told)
    inside, whole = legend.get_window_extent(), figure.bbox
    assert inside.x0 >= whole.x0
    assert inside.x1 <= whole.x1


def drawn_looks(figure) -> dict[str, tuple[str, str]]:
    """Colour and mark of every label of a plot."""
    lines = [line for axes in figure.axes for line in axes.get_lines()]
    return {line.get_label(): (to_hex(line.get_color()), line.get_marker()) for line in lines}


def test_frontier_and_ceilings_have_the_looks_of_their_patterns() -> None:
    experiment = find_experiment("headline").where({"train.lr": (1e-2,), "train.seed": (0, 1)})
    rows, _ = made_up_rows(experiment)
    sections = (*frontier_sections(experiment, rows), *ceiling_sections(experiment, rows))
    pictures = [block for one in sections for block in one.blocks if isinstance(block, Picture)]
    assert len(pictures) == 2
    for picture, patterns in zip(pictures, (("TF-TF", "SSM-SSM", "SSM-TF"), ("SSM-SSM",)), strict=True):
        looks = drawn_looks(picture.draw())
        for pattern in patterns:
            style = pattern_style(pattern)
            assert looks[pattern] == (style.color.lower(), style.marker)
