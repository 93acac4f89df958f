"""What was stored is found for ever: committed rows and evaluations keep their ids and can be read back into runs."""

import json
from pathlib import Path

import pytest

from plait.experiments import Store, member_id
from plait.experiments.evaluations import evaluation_id
from plait.experiments.schema import run_of
from plait.paper import CATALOGUE
from plait.training import Evaluation

RESULTS = Path(__file__).parents[2] / "results"

NEEDED = (
    "member", "task_json", "config_json", "start_json", "lr", "seed", "steps", "batch", "seq_len", "warmup",
    "weight_decay", "clip", "dtype", "test_sequences", "select_sequences",
)  # fmt: skip


@pytest.fixture(scope="module")
def store() -> Store:
    return Store.for_reading(RESULTS)


def test_every_stored_member_is_read_back_as_the_run_that_it_is(store: Store) -> None:
    rows = store.read().select(NEEDED)
    assert len(rows) >= 118_560
    drifted = [row["member"] for row in rows.iter_rows(named=True) if member_id(run_of(row)) != row["member"]]
    assert drifted == []


def test_every_stored_member_is_found_by_an_experiment(store: Store) -> None:
    asked = {member for experiment in CATALOGUE.values() for cell in experiment.members() for member in cell}
    assert store.stored() - asked == set()


def test_every_stored_evaluation_keeps_its_id(store: Store) -> None:
    columns = ("evaluation", "task_json", "seq_len", "sequences")
    for name, task, seq_len, sequences in store.read_evaluations().select(columns).unique().iter_rows():
        document = {"task": json.loads(task), "seq_len": seq_len, "sequences": sequences}
        assert evaluation_id(Evaluation.from_json(document)) == name
