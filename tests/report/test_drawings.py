"""Heat maps and diagrams of the constructions, from real tensors."""

import importlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure as Plot
from matplotlib.text import Text

from plait.compiler.program import columns
from plait.constructions import copying_plan, decoding_recall, recall_plan, selective_copying, smallest
from plait.model import HybridConfig, HybridLM
from plait.random import Stream
from plait.report.constructed import DRAWINGS, construction_report, drawings_section
from plait.report.document import Picture, Table
from plait.report.pass_contents import inside
from plait.report.pass_drawings import heat_map, heat_map_alt, pass_diagram, pass_diagram_alt
from plait.tasks import DecodingRecall, SelectiveCopying

IMAGES = Path(__file__).parents[2] / "docs" / "images"
COPYING = SelectiveCopying(n_words=6, numbers=(2, 3, 5))
RECALL = DecodingRecall(n_bits=2)
MODELS: dict[str, Any] = {
    "copying": lambda: selective_copying(COPYING, 30),
    "smallest copying": lambda: smallest(COPYING, 30),
    "recall": lambda: decoding_recall(RECALL, 30),
    "recall, digits": lambda: recall_plan(RECALL, 30, base=2).build(),
    "recall in two layers": lambda: decoding_recall(RECALL, 30, pattern="SSM-TF"),
    "smallest recall": lambda: smallest(RECALL, 30),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_held_and_looked_at_is_what_the_task_asks_for(name: str):
    task = COPYING if "copying" in name else RECALL
    tokens = task.sample(Stream(3), batch=1, seq_len=30)[0]
    seen = inside(MODELS[name](), tokens)
    control, known = task.control(tokens)
    names = [str(n) for n in control.tolist()] if task is COPYING else [f"w{n}" for n in control.tolist()]
    assert list(seen.signals[0].values) == [
        n if there else None for n, there in zip(names, known.tolist(), strict=True)
    ]
    targets = task.targets(tokens)
    for place in range(30):
        if targets.scored[place]:
            source = int(seen.looks[-1].weights[place].argmax())
            assert int(tokens[source]) == int(targets.tokens[place])
            assert seen.answers[place] == seen.targets[place]
        else:
            assert seen.targets[place] is None
    assert len(seen.stages) == len(seen.looks) + 2
    for stage in seen.stages:
        assert sum(width for _, width in stage.subspaces) == len(stage.values)


def test_plots_are_drawn_and_told_in_words():
    tokens = COPYING.sample(Stream(1), batch=1, seq_len=16)[0]
    seen = inside(selective_copying(COPYING, 16), tokens)
    for plot in (heat_map(seen), pass_diagram(seen, marks=("2'",))):
        assert isinstance(plot, Plot)
    scored = int(COPYING.targets(tokens).scored.sum())
    assert f"{scored} of {scored} scored positions answered right" in heat_map_alt(seen)
    assert pass_diagram_alt(seen).count("answers") == scored


@pytest.mark.parametrize("name", ["dyck", "induction_2", "flip_counting", "matrix_lookup", "majority"])
def test_every_signal_of_a_program_is_drawn_as_it_is(name: str):
    program = importlib.import_module(f"examples.programs.{name}").PROGRAM
    model = program.compile(seq_len=30)
    tokens = program.sample(Stream(2), batch=1, seq_len=16)[0]
    seen = inside(model, tokens)
    words = [program.token_names[token] for token in tokens.tolist()]
    meant = columns(words, *program.signals.values())
    signals = {read.label: read.values for read in seen.signals}
    assert signals
    for label in set(signals) & set(program.signals):
        values = meant[program.signals[label]]
        assert signals[label] == tuple(None if value is None else str(value) for value in values)
    assert isinstance(pass_diagram(seen), Plot)
    assert all(label in pass_diagram_alt(seen) for label in signals)


def test_a_fault_is_drawn_in_the_signal_that_it_is_in():
    program = importlib.import_module("examples.programs.induction_2").PROGRAM
    model, tokens = program.compile(seq_len=30), program.sample(Stream(2), batch=1, seq_len=16)[0]
    before = [read.values for read in inside(model, tokens).signals if read.label == "before"]
    with torch.no_grad():
        model.get_parameter("layers.0.mixer.out_proj.weight").neg_()
    assert [read.values for read in inside(model, tokens).signals if read.label == "before"] != before


def test_a_wrong_model_is_drawn_as_one():
    plan = copying_plan(COPYING, 20)
    model = plan.build()
    with torch.no_grad():
        model.get_parameter("layers.1.attention.dense.weight").neg_()
    seen = inside(model, COPYING.sample(Stream(1), batch=1, seq_len=20)[0])
    assert any(a != t for a, t in zip(seen.answers, seen.targets, strict=True) if t is not None)
    heat_map(seen)


@cache
def blocks_of(name: str) -> list[Any]:
    """Of a drawn figure's report, verified once for all tests."""
    return [block for section in construction_report(name).sections for block in section.blocks]


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_page_of_each_figure(name: str):
    blocks = blocks_of(name)
    figures = [block for block in blocks if isinstance(block, Picture)]
    lemmas, *costs = [block for block in blocks if isinstance(block, Table)]
    assert len(figures) == 3
    assert all(figure.svg().startswith("<svg") and figure.alt and figure.caption for figure in figures)
    assert all(row["holds"] for row in lemmas.to_json()["rows"])
    assert len(costs) == (3 if name == "fig10" else 2)
    assert all(cost.rows for cost in costs)


def test_others_take_both_diagrams_and_the_pages_show_them_as_they_are_drawn_now():
    drawn = [block for block in drawings_section().blocks if isinstance(block, Picture)]
    assert [picture.name for picture in drawn] == ["fig9-pass", "fig10-pass"]
    for picture in drawn:
        assert (IMAGES / f"{picture.name}.svg").read_text() == picture.svg(told=False), (
            "`make docs` draws it anew"
        )


PAGE = 686
"""Pixels of a column of text in docs/, to which a wider picture is shrunk."""


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_word_of_a_diagram_can_be_read_on_a_page(name: str):
    pictures = [block for block in blocks_of(name) if isinstance(block, Picture)]
    assert len(pictures) >= 3
    for picture in pictures:
        plot = picture.draw()
        plot.draw_without_rendering()
        texts = [text for text in plot.findobj(Text) if text.get_visible() and text.get_text().strip()]
        pixels = min(text.get_fontsize() for text in texts) * 96 / 72
        assert pixels * min(1.0, PAGE / (plot.get_figwidth() * 96)) >= 9, picture.name


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="unknown drawing 'fig8'"):
        construction_report("fig8")
    with pytest.raises(ValueError, match="carries no construction"):
        inside(HybridLM(HybridConfig(COPYING.vocab_size, d_model=4), seed=0), torch.tensor([0, 6]))
