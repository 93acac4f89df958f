"""Tables and plots of summaries: what they show, and how they name it."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from plait.experiments import Cell, summarise
from plait.model import HybridConfig
from plait.paper import HEADLINE
from plait.report import (
    Column,
    Entry,
    Table,
    accuracy_panel,
    accuracy_plot,
    panel_alt,
    ratio_table,
    results_table,
    svg_text,
)
from plait.report.svg_file import short_path, smallest_svg
from plait.tasks import SelectiveCopying
from plait.training.run import Run


def cell(pattern, d_model, parameters, accuracy, *, unused=0) -> Cell:
    table = np.asarray(accuracy, dtype=np.float64)
    return Cell(
        run=Run(task=SelectiveCopying(), model=HybridConfig(pattern=pattern, d_model=d_model)),
        settings={"model.pattern": pattern, "model.d_model": d_model},
        parameters=parameters,
        lrs=tuple(10.0 ** -(3 - i) for i in range(len(table))),
        seeds=tuple(range(table.shape[1])),
        select=table,
        accuracy=table,
        diverged=np.zeros(table.shape, dtype=bool),
        unused=unused,
    )


CELLS = (
    cell("SSM-TF", 8, 2_192, [[0.5] * 6, [0.99, 1.0, 0.995, 0.985, 0.9, 1.0], [0.1] * 6]),
    cell("TF-TF", 10, 2_180, [[0.3] * 6, [0.2] * 6]),
    cell("TF-TF", 26, 12_324, [[0.9] * 4, [0.95] * 4], unused=2),
)
SUMMARIES = [summarise(one) for one in CELLS]


class TestTables:
    def test_ours_stand_beside_the_papers_and_the_reruns(self):
        table = results_table(SUMMARIES, paper=HEADLINE.paper, rerun=HEADLINE.rerun)
        shown = [[entry.text for entry in row] for row in table.rows]
        names = [column.name for column in table.columns]
        first = dict(zip(names, shown[0], strict=True))
        assert first["model"] == "SSM-TF d8"
        assert (first["mean"], first["lr"], first["lrs"], first["seeds"]) == ("0.978", "0.01", "3", "6")
        assert (first["paper"], first["rerun"]) == ("0.999 (2k)", "0.99998 (2.2k)")
        last = dict(zip(names, shown[2], strict=True))
        assert (last["parameters"], last["paper"], last["rerun"]) == (
            "12,324",
            "0.923 (12k)",
            "0.846 (10.6k)",
        )

    def test_what_a_reader_must_know_is_noted(self):
        notes = results_table(SUMMARIES).notes
        assert "intervals from fewer than 6 seeds are narrower than 95%" in notes
        assert any(note.startswith("TF-TF d26: 2 stored members are not used") for note in notes)
        (edge,) = [note for note in notes if "smallest or largest tried" in note]
        assert edge.endswith(": TF-TF d10, TF-TF d26")
        assert len(results_table(SUMMARIES[:1]).notes) == 1

    def test_a_rate_that_some_of_the_told_seeds_chose_is_noted_where_those_of_another_have_more(self):
        both = cell("TF-TF", 10, 2_180, [[0.9, 0.9, 0.2, 0.2], [0.8] * 4, [0.1] * 4])
        some = np.ones((3, 4), dtype=bool)
        some[1, 2:] = False
        notes = results_table([summarise(replace(both, trained=some))]).notes
        (note,) = [note for note in notes if "with both rates" in note]
        assert note == (
            "TF-TF d10: the 2 seeds with both rates have 0.900 on separate sequences at 0.001 for 0.800 at 0.01; here "
            "are all 4 seeds at 0.001, and the 2 at 0.01 have 0.800"
        )
        elsewhere = replace(both, trained=some, settings={**both.settings, "test.seq_len": 400})
        level = replace(both, trained=some, accuracy=np.array([[0.9, 0.9, 0.2, 0.2], [0.55] * 4, [0.1] * 4]))
        for without in (both, elsewhere, level):
            assert not any("with both rates" in note for note in results_table([summarise(without)]).notes)

    def test_a_model_at_its_best_has_every_rate_twice(self):
        """Without dropout and with it: near rates are listed once, and a rate of both says which is meant."""
        twice = cell("TF-TF", 10, 2_180, [[0.7] * 4, [0.1] * 4, [0.6, 0.6, 0.99, 0.99], [0.65] * 4])
        twice = replace(twice, lrs=(0.001, 0.01) * 2, setting=np.array([0, 0, 1, 1]))
        some = np.ones((4, 4), dtype=bool)
        some[3, 2:] = False
        table = results_table([summarise(replace(twice, trained=some))])
        (row,) = table.rows
        near = row[[column.name for column in table.columns].index("near")]
        assert (near.text, near.value) == ("0.001", [0.001])
        (note,) = [note for note in table.notes if "with both rates" in note]
        assert note.endswith(
            "the 2 seeds with both rates have 0.650 on separate sequences at 0.01 with the other dropout for 0.600 at "
            "0.001 with the other dropout, and 0.01 with the other dropout lost to 0.001 by all that have these two; "
            "here are all 4 seeds at 0.001, and the 4 at 0.001 with the other dropout have 0.795"
        )
        some[2:, 2:] = False
        accuracy, select = (
            np.outer(means, [1.0] * 4) for means in ((0.7, 0.1, 0.9, 0.1), (0.7, 0.1, 0.6, 0.1))
        )
        twice = replace(twice, trained=some, accuracy=accuracy, select=select)
        (note,) = [note for note in results_table([summarise(twice)]).notes if "with both rates" in note]
        assert "the 2 seeds with both rates have 0.700 on separate sequences at 0.001" in note
        assert note.endswith("and the 2 at 0.001 with the other dropout have 0.900")

    def test_values_are_plain_json(self):
        data = results_table(SUMMARIES, paper=HEADLINE.paper).to_json()
        again = json.loads(json.dumps(data, allow_nan=False))
        assert again["rows"][0]["mean"] == pytest.approx(SUMMARIES[0].mean)
        assert again["rows"][0]["paper"]["accuracy"] == 0.999

    def test_ratios_say_when_they_are_bounds(self):
        table = ratio_table(CELLS, reported=HEADLINE.ratios)
        assert table is not None
        by_accuracy = {row[0].value: [entry.text for entry in row] for row in table.rows}
        assert by_accuracy[0.9][1].startswith(">= ")
        assert by_accuracy[0.99][1] == "-"
        assert by_accuracy[0.9][-1] == "TF-TF 8.3 (independent rerun); SSM-SSM 9.6 (independent rerun)"
        json.dumps(table.to_json(), allow_nan=False)

    def test_no_ratio_without_both_kinds(self):
        assert ratio_table(CELLS[1:]) is None

    def test_a_ragged_row_is_refused(self):
        columns = (Column(name="a", title="a"), Column(name="b", title="b"))
        with pytest.raises(ValueError, match="a table of 2 columns got a row of 1 entries"):
            Table(caption="", columns=columns, rows=((Entry(text="1"),),))


class TestPlot:
    def test_the_points_are_the_means(self):
        (axes,) = accuracy_plot(SUMMARIES).axes
        drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        assert drawn["SSM-TF"] == [[2_192, pytest.approx(SUMMARIES[0].mean)]]
        assert drawn["TF-TF"] == [[2_180, pytest.approx(0.3)], [12_324, pytest.approx(0.95)]]

    def test_patterns_differ_in_colour_and_in_shape(self):
        (axes,) = accuracy_plot(SUMMARIES, paper=HEADLINE.paper).axes
        ours = [line for line in axes.lines if not line.get_label().startswith("_")]
        assert (
            len({line.get_color() for line in ours}) == len({line.get_marker() for line in ours}) == len(ours)
        )

    def test_the_papers_points_are_marked(self):
        (axes,) = accuracy_plot(SUMMARIES, paper=HEADLINE.paper).axes
        hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
        points = {tuple(point) for line in hollow for point in line.get_xydata().tolist()}
        assert points == {(r.parameters, r.accuracy) for r in HEADLINE.paper}

    def test_in_words(self):
        words = panel_alt(accuracy_panel(SUMMARIES))
        assert "TF-TF d26, 12,324 parameters: 0.950, 95% interval 0.950 to 0.950, 4 seeds" in words

    def test_svg_is_an_element_and_the_same_twice(self):
        first, second = (svg_text(accuracy_plot(SUMMARIES), name="a") for _ in range(2))
        assert first == second
        assert first.startswith("<svg")
        assert first.rstrip().endswith("</svg>")

    def test_a_small_file_has_every_tick_in_one_path_and_every_mark(self):
        plot = accuracy_plot(SUMMARIES)
        whole, small = (svg_text(plot, name="a", told=told) for told in (True, False))
        straight = set(re.findall(r'<path id="([^"]*)" d="M 0 0 (?:L|V|H)[^"C]*"', whole))
        ticks = [
            (x, y)
            for name, x, y in re.findall(r'href="#([^"]*)" x="([^"]*)" y="([^"]*)"', whole)
            if name in straight
        ]
        assert len(ticks) > 8
        assert all(f"M{x} {y}v" in small or f"M{x} {y}h" in small for x, y in ticks)
        assert small.count("<use") == whole.count("<use") - len(ticks)
        assert small.count("<defs>") == 1
        assert not re.search(r'<g class="\w+"><use [^>]*/></g>', small)

    @pytest.mark.parametrize(
        ("group", "mark", "kept"),
        [
            ('style="fill: red"', "", False),
            ('style="fill: red" clip-path="url(#k)"', "", True),
            ('style="fill: red"', 'style="stroke: blue"', True),
        ],
    )
    def test_a_lone_mark_keeps_a_group_that_clips_or_has_another_look(self, group, mark, kept):
        small = smallest_svg(
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
            '<defs><style>*{}</style><path id="m" d="M 0 0 L 1 2"/></defs>'
            f'<g {group}><use xlink:href="#m" x="3" y="4" {mark}/></g></svg>'
        )
        assert ("<g " in small) == kept
        assert small.count("<use ") == 1
        assert "fill:red" in small

    @pytest.mark.parametrize(
        ("path", "short"),
        [
            ("M 1 2 L 1 5 ", "M1 2V5"),
            ("M 1 2 L 7.5 2", "M1 2H7.5"),
            ("M 47.5 2 L 9.8 2 L -4 2 ", "M47.5 2H-4"),
            ("M 47.5 2 L 55.8 2 L 50 2", "M47.5 2 55.8 2 50 2"),
            ("M 0 0 L 3 4 L -5 6 z ", "M0 0 3 4-5 6z"),
            ("M 0 1 C 2 3 -4 5 6 7 L 1 2 z", "M0 1C2 3-4 5 6 7L1 2z"),
            ("M 58.2 9.9 L 65.7 9.8 L 65.2 12 L 5 12.1 z", "M58.2 9.9l7.5-.1-.5 2.2-60.2 .1z"),
        ],
    )
    def test_short_paths_are_the_same_paths(self, path, short):
        assert short_path(path) == short

    def test_matplotlib_waits_until_it_is_needed(self):
        code = "import sys, plait.report, plait.experiments; print('matplotlib' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "False"
