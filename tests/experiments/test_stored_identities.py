"""What was stored is found for ever: committed rows and evaluations keep their ids and can be read back into runs."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from plait.experiments import Store, member_id
from plait.experiments.schema import evaluation_id, run_of
from plait.experiments.settings import SETTINGS
from plait.experiments.shards import cell_key
from plait.paper import CATALOGUE
from plait.training import Evaluation
from plait.training.identity import member_ids

RESULTS = Path(__file__).parents[2] / "results"

NEEDED = (
    "member", "task_json", "config_json", "start_json", "lr", "seed", "steps", "batch", "seq_len", "warmup",
    "weight_decay", "clip", "dtype", "test_sequences", "select_sequences", "products",
)  # fmt: skip


@pytest.fixture(scope="module")
def store() -> Store:
    return Store.for_reading(RESULTS)


def test_readers_of_parquet_take_the_rows_together_by_a_pattern(store: Store) -> None:
    """As README and docs/how-to say: all files of one form, members and evaluations apart."""
    assert pl.read_parquet(RESULTS / "*.parquet").height == len(store.read())
    assert pl.read_parquet(RESULTS / "_evaluations" / "*.parquet").height == len(store.read_evaluations())
    assert {path.parent.name for path in RESULTS.rglob("*.parquet")} == {"results", "_evaluations"}


def test_every_stored_member_is_read_back_as_the_run_that_it_is(store: Store) -> None:
    rows = store.read().select(NEEDED)
    assert len(rows) >= 180_450
    drifted: list[str] = []
    for cell in rows.partition_by([name for name in NEEDED if name not in ("member", "lr", "seed")]):
        first = run_of(cell.row(0, named=True))
        rates = cell.select("lr", "seed").iter_rows()
        ids = member_ids(first, [replace(first.train, lr=lr, seed=seed) for lr, seed in rates])
        drifted += [name for name, now in zip(cell["member"], ids, strict=True) if name != now]
        assert member_id(run_of(cell.row(-1, named=True))) == cell["member"][-1]
    assert drifted == []


def test_every_stored_member_is_found_by_an_experiment(store: Store) -> None:
    """In one of its settings: an experiment's first run of each cell stands for all rates and seeds of its sweep."""
    swept: dict[str, list[tuple[Sequence[float], Sequence[int]]]] = {}
    for experiment in CATALOGUE.values():
        rates, seeds = (experiment.values(path) for path in ("train.lr", "train.seed"))
        alone = {"train.lr": rates[:1], "train.seed": seeds[:1]}
        # Not every cell of the wide models has every rate.
        first = experiment if experiment.name in ("fig8", "tab1") else experiment.where(alone)
        for setting in (experiment.setting, *SETTINGS.values()):
            for run in first.in_setting(setting).expand():
                swept.setdefault(cell_key(run), []).append((rates, seeds))
    alike = [name for name in NEEDED if name not in ("member", "lr", "seed")]
    lost = [
        (row["pattern"], row["d_model"], row["lr"], row["seed"])
        for cell in store.read().partition_by(alike)
        for found in [swept.get(cell_key(run_of(cell.row(0, named=True))), [])]
        for row in cell.unique(["lr", "seed"]).iter_rows(named=True)
        if not any(row["lr"] in rates and row["seed"] in seeds for rates, seeds in found)
    ]
    assert lost == []


def test_every_stored_evaluation_keeps_its_id(store: Store) -> None:
    columns = ("evaluation", "task_json", "seq_len", "sequences")
    for name, task, seq_len, sequences in store.read_evaluations().select(columns).unique().iter_rows():
        document = {"task": json.loads(task), "seq_len": seq_len, "sequences": sequences}
        assert evaluation_id(Evaluation.from_json(document)) == name
