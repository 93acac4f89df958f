"""Made-up results of the whole catalogue, shared by the tests of pages."""

from pathlib import Path

import pytest

SMALL = {
    "fig4": {"train.lr": (3.16e-3, 1e-2), "train.seed": range(3)},
    "fig6": {"train.lr": (3.16e-3, 1e-2), "train.seed": range(3)},
    "fig14": {"train.lr": (3.16e-3, 1e-2), "train.seed": range(2)},
    "length": {"train.lr": (1e-2,), "train.seed": range(2)},
    "proportion": {"train.lr": (1e-2,), "train.seed": range(2)},
    "proportion5": {"train.lr": (1e-2,), "train.seed": range(2)},
    "basin": {"train.lr": (1e-3, 1e-2), "train.seed": range(2)},
}


@pytest.fixture(scope="session")
def made_up_folder(tmp_path_factory) -> Path:
    """A folder that holds a part of several experiments."""
    from made_up_rows import made_up_rows

    from plait.experiments import Store
    from plait.paper import find_experiment

    store = Store.for_writing(tmp_path_factory.mktemp("results"))
    for name, where in SMALL.items():
        rows, evaluations = made_up_rows(find_experiment(name).where(where))
        store.add(rows)
        if len(evaluations):
            store.add_evaluations(evaluations)
    return store.folder
