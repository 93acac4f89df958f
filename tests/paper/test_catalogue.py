"""The catalogue against the paper's specification: what each figure varies, and what its quick form costs."""

from dataclasses import replace

import pytest
import torch
from made_up_rows import made_up_rows

from plait.constructions import layouts
from plait.experiments import cells, evaluated_cells, left_out, member_id
from plait.experiments.shards import cells_of
from plait.model import HybridLM
from plait.paper import CATALOGUE, LR_GRID, find_experiment
from plait.paper.shift import SkewedCopying
from plait.random import Stream
from plait.report import panels
from plait.tasks import MultiKeyRecall, SelectiveCopying, parse_task, task_from_json, task_to_json
from plait.training import train

FIGURES = (
    "fig4",
    "fig5",
    "fig6",
    "fig7",
    "fig8",
    "fig11",
    "fig12",
    "fig13",
    "fig14",
    "fig15",
    "fig16",
    "tab1",
)
WIDE = ("fig8", "tab1")
"""Models of 100 M parameters, with rates and seeds of their own (see test_wide_figures.py)."""
OWN = (
    *("length", "proportion", "proportion5", "shift", "basin", "shapes", "lean", "choices", "needle"),
    *("steps", "rows", "mixers", "mixers-length"),
)
SEEDS = {"mixers": 16, "mixers-length": 16}
"""Of those that have fewer than 32."""
FOUR = {"TF-TF", "SSM-SSM", "TF-SSM", "SSM-TF"}
THREE = {"TF-TF-TF", "SSM-SSM-SSM", "SSM-SSM-TF"}
WIDTHS = {4, 8, 12, 16, 20, 24}


def distinct(name: str, field) -> set:
    return {field(runs[0]) for runs in find_experiment(name).expand_cells()}


def test_every_experiment_is_there():
    assert tuple(CATALOGUE) == ("headline", *FIGURES, *OWN)


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name not in WIDE])
def test_the_full_form_has_every_rate_and_seed_of_every_cell(name):
    for runs in CATALOGUE[name].expand_cells():
        assert {run.train.lr for run in runs} == set(LR_GRID)
        assert {run.train.seed for run in runs} == set(range(SEEDS.get(name, 32)))
        assert len(runs) == 9 * SEEDS.get(name, 32)
        protocol = replace(runs[0].train, lr=1e-2, seed=0)
        assert protocol.steps == (10_000 if name == "fig7" else 4_000)
        assert (protocol.batch, protocol.seq_len, protocol.warmup) == (8, 100, 100)
        assert (protocol.weight_decay, protocol.clip) == (0.1, 1.0)
        assert protocol.test_sequences >= 1_024


@pytest.mark.parametrize(
    ("name", "task", "patterns", "widths", "windows"),
    [
        ("fig4", "selective-copying", FOUR, WIDTHS | {32, 40}, {20}),
        ("fig5", "decoding-recall", THREE, {24, 48, 96, 192, 384, 768}, {None}),
        ("fig6", "multi-key-recall", FOUR, WIDTHS | {32, 40}, {100}),
        ("fig7", "needle", FOUR, WIDTHS, {20, 100}),
        ("needle", "needle", FOUR, WIDTHS, {None}),
        ("fig11", "selective-copying", FOUR, WIDTHS, {20}),
        ("fig12", "selective-copying", FOUR, {12}, {20}),
        ("fig13", "selective-copying", FOUR, WIDTHS, {20}),
        ("fig14", "selective-copying", FOUR - {"SSM-SSM"}, {8, 24}, {1, 5, 10, 20, 40, 70, 100}),
        ("fig15", "multi-key-recall", FOUR - {"SSM-SSM"}, {12, 24}, {1, 5, 10, 20, 40, 70, 100}),
        ("fig16", "multi-key-recall", FOUR, {12}, {100}),
        ("shift", "selective-copying", FOUR, {8, 24}, {20}),
        ("proportion", "decoding-recall", THREE, {24}, {None}),
        ("proportion5", "decoding-recall", THREE, {96}, {None}),
    ],
)
def test_what_a_figure_varies(name, task, patterns, widths, windows):
    assert distinct(name, lambda run: run.task.name) == {task}
    assert distinct(name, lambda run: run.model.pattern) == patterns
    assert distinct(name, lambda run: run.model.d_model) == widths
    assert distinct(name, lambda run: run.model.window) == windows


def test_what_is_particular_to_a_figure():
    assert distinct("fig11", lambda run: run.task.n_words) == {200, 1_000}
    assert distinct("fig13", lambda run: run.task.variant) == {"adversarial"}
    for name in ("fig12", "fig16"):
        heads = {runs[0].model.n_heads for runs in find_experiment(name).expand_cells()}
        states = {runs[0].model.d_state for runs in find_experiment(name).expand_cells()}
        assert (heads, states) == ({1, 2, 3, 4}, {1, 2, 4, 8, 12, 16})
    for name, bits in (("proportion", 3), ("proportion5", 5)):
        assert distinct(name, lambda run: run.task.p_bit) == {0.05, 0.1, 0.3, 0.5, 0.8, 0.9}
        tested = [evaluation.task for evaluation in find_experiment(name).evaluations]
        assert {task.p_bit for task in tested} == {0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.9}
        assert {task.n_bits for task in tested} == distinct(name, lambda run: run.task.n_bits) == {bits}
    assert [e.seq_len for e in find_experiment("length").evaluations] == [100 * 2**i for i in range(8)]
    assert distinct("length", lambda run: run.model.rotary_fraction) == {0.25, 0.0}
    noise = {run.start.noise for run in find_experiment("basin").expand() if run.start is not None}
    assert {0.0, 1.0} < noise


COPYING = {
    ("SSM-TF", 4): 872, ("SSM-TF", 8): 2_192, ("SSM-TF", 12): 3_960, ("TF-TF", 16): 5_024,
    ("TF-TF", 20): 7_560, ("TF-TF", 24): 10_608, ("TF-TF", 32): 18_240, ("SSM-SSM", 16): 7_328,
    ("SSM-SSM", 20): 10_280, ("SSM-SSM", 24): 13_488, ("SSM-SSM", 32): 21_056, ("TF-SSM", 8): 2_192,
}  # fmt: skip
RECALL = {
    ("SSM-TF", 4): 780, ("TF-SSM", 8): 2_008, ("SSM-TF", 12): 3_684, ("TF-SSM", 16): 5_808,
    ("SSM-TF", 20): 8_460, ("TF-SSM", 24): 11_496, ("TF-TF", 4): 396, ("TF-TF", 20): 7_100,
    ("TF-TF", 24): 10_056, ("SSM-SSM", 4): 1_164, ("SSM-SSM", 24): 12_936,
}  # fmt: skip


@pytest.mark.parametrize(("name", "counts"), [("fig4", COPYING), ("fig6", RECALL)])
def test_sizes_are_the_papers(name, counts):
    models = {
        (r[0].model.pattern, r[0].model.d_model): r[0].model for r in find_experiment(name).expand_cells()
    }
    for key, count in counts.items():
        assert sum(parameter.numel() for parameter in HybridLM(models[key]).parameters()) == count


def seconds(run) -> float:
    """Of its steps on two cores, from measured speeds: SSM-TF 780, TF-TF 1,160, SSM-SSM 605 steps a second at d24."""
    layer = {"TF": 0.43 / 24, "SSM": 0.83 / 24}
    window = max(
        w or 100 for w in (run.model.window if isinstance(run.model.window, tuple) else (run.model.window,))
    )
    attention = 1 + 0.5 * max(0, window - 20) / 80
    milliseconds = sum(
        layer.get(name, layer["SSM"]) * run.model.d_model * (attention if name == "TF" else 1.0)
        for name in run.model.layers
    )
    head = 1 + 0.002 * max(0, run.model.vocab_size - 34)
    tokens = run.train.steps * run.train.batch * run.train.seq_len / (8 * 100)
    return tokens / 1_000 * (milliseconds + 0.02) * head


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_quick_form_is_a_part_of_an_hour_or_less(name):
    experiment = CATALOGUE[name]
    quick = experiment.quick_form()
    runs = quick.expand()
    assert set(map(member_id, runs)) < set(map(member_id, experiment.expand()))
    assert sum(map(seconds, runs)) < 3_600
    assert {run.model.pattern for run in runs} == {
        run.model.pattern for run in experiment.expand()
    } or name in ("length", *WIDE)
    for cell in cells_of(runs):
        assert len({run.train.lr for run in cell}) >= 2
        assert len({run.train.seed for run in cell}) >= 2
    first, *lines = left_out(experiment, runs)
    assert first.endswith(f" are not trained, {len(runs):,} are")
    assert lines


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_view_shows_something(name):
    rates = (3e-4, 1e-3) if name in WIDE else (1e-3, 1e-2)
    experiment = CATALOGUE[name].where({"train.lr": rates, "train.seed": (0, 1)})
    if name in WIDE:
        lengths = [test for test in CATALOGUE[name].evaluations if test.seq_len in (10, 100)]
        experiment = replace(experiment, evaluations=tuple(lengths))
    rows, evaluations = made_up_rows(experiment)
    found = evaluated_cells(experiment, rows, evaluations) if evaluations.height else cells(experiment, rows)
    assert len(found) == len(experiment.expand_cells()) * max(1, len(experiment.evaluations))
    for view in experiment.views:
        shown = panels(view, found)
        assert shown
        assert all(len(line.points) > 0 for panel in shown for line in panel.lines)
        assert any(len(line.points) > 1 for panel in shown for line in panel.lines)
        for panel in shown:
            for line in panel.lines:
                assert len({repr(point.x) for point in line.points}) == len(line.points), (
                    "a place has one point"
                )


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name not in ("basin", "shapes")])
def test_a_pattern_of_ones_own_is_a_further_row(name):
    experiment = CATALOGUE[name]
    more = experiment.with_pattern("SSM-TF-SSM")
    new = [cell for cell in more.expand_cells() if cell[0].model.pattern == "SSM-TF-SSM"]
    assert new
    assert len(more.expand_cells()) == len(experiment.expand_cells()) + len(new)
    assert set(map(member_id, experiment.expand())) < set(map(member_id, more.expand()))
    if name != "length":
        assert any(run.model.pattern == "SSM-TF-SSM" for run in more.quick_form().expand())


def test_a_pattern_that_cannot_be_added_is_refused():
    with pytest.raises(ValueError, match="has the pattern SSM-TF already"):
        find_experiment("fig4").with_pattern("SSM-TF")
    with pytest.raises(ValueError, match="does not vary the pattern"):
        find_experiment("basin").with_pattern("TF-TF")
    with pytest.raises(ValueError, match="unknown layer 'TFF'"):
        find_experiment("fig4").with_pattern("TFF-SSM")


def test_experiments_share_their_members():
    own = {name: {member_id(run) for run in experiment.expand()} for name, experiment in CATALOGUE.items()}
    assert own["shift"] < own["fig4"]
    assert own["mixers-length"] < own["mixers"]
    assert len(own["length"] & own["fig4"]) == 4 * 288
    assert len(own["length"] & own["fig6"]) == 4 * 288
    assert len(own["fig14"] & own["fig4"]) == 6 * 288


class TestBasin:
    def test_the_undisturbed_start_is_right_before_training(self):
        for task in ("selective-copying", "decoding-recall"):
            cell = find_experiment("basin").where({"task": (task,)}).expand_cells()[0]
            assert cell[0].start is not None
            assert (cell[0].start.noise, cell[0].start.random) == (0.0, ())
            protocol = replace(cell[0].train, steps=1, test_sequences=32, select_sequences=1)
            result = train(replace(cell[0], train=protocol), lrs=(1e-4,), seeds=(0,), device="cpu")
            assert result.members[0].accuracy > 0.97

    def test_each_random_part_and_all_of_them(self):
        starts = [cell[0].start for cell in find_experiment("basin").expand_cells()]
        random = [start.random for start in starts if start is not None and start.random]
        assert sum(part == ("embedding",) for part in random) == 2
        assert sum(part == ("layers.0",) for part in random) == 2
        assert ("layers.1",) in random
        assert ("layers.1", "layers.2") in random
        assert sum(len(part) >= 4 for part in random) == 2


class TestShapes:
    def test_built_ones_and_one_of_them_with_a_part_set_back(self):
        models = [cell[0].model for cell in find_experiment("shapes").expand_cells()]
        counts = [sum(p.numel() for p in HybridLM(model).parameters()) for model in models]
        assert counts == [269, 582, 822, 954, 954, 954, 1_296, 1_224, 972]
        built = {smallest.config() for smallest in layouts(SelectiveCopying(), 100)}
        assert set(models[:4]) < built
        assert not built & set(models[4:])


class TestSkewedCopying:
    def test_words_follow_zipf_and_nothing_else_changes(self):
        task, plain = SkewedCopying(n_words=4, numbers=(1,)), SelectiveCopying(n_words=4, numbers=(1,))
        tokens = task.sample(Stream(1), batch=200, seq_len=200)
        usual = plain.sample(Stream(1), batch=200, seq_len=200)
        assert torch.equal(tokens >= 4, usual >= 4)
        words = tokens[tokens < 4]
        shares = torch.bincount(words, minlength=4) / len(words)
        # 32,000 words: a share's standard deviation is below 0.003.
        assert torch.allclose(shares, torch.tensor([12.0, 6.0, 4.0, 3.0]) / 25, atol=0.015)
        assert torch.equal(task.targets(tokens).scored, plain.targets(tokens).scored)

    def test_members_and_names(self):
        task = SkewedCopying()
        seeds = torch.tensor([3, 5])
        together = task.sample(Stream(seeds), batch=2, seq_len=30)
        assert torch.equal(together[1], task.sample(Stream(5), batch=2, seq_len=30))
        assert task_from_json(task_to_json(task)) == task
        assert task != SelectiveCopying()

    def test_refused(self):
        with pytest.raises(ValueError, match="have the variant uniform alone"):
            SkewedCopying(variant="repetitive")


def test_a_task_is_found_by_its_name_in_a_slice():
    part = find_experiment("length").where({"task": ("multi-key-recall",)})
    assert {run.task for run in part.expand()} == {MultiKeyRecall()}
    with pytest.raises(ValueError, match="it has selective-copying, multi-key-recall, decoding-recall"):
        find_experiment("length").where({"task": ("needle",)})
    assert parse_task("multi-key-recall") == MultiKeyRecall()
