"""Results in a folder that cannot be written: what is stored is shown, what is not is refused."""

import os
import subprocess

import pytest
from fake_training import FakeTrainer, small_experiment

from plait.experiments import Store, StoreError, run_experiment

EXPERIMENT = small_experiment(steps=4, widths=(4,), seeds=range(2))


@pytest.fixture
def read_only(tmp_path):
    """A folder of results that nobody can write, the superuser neither."""
    folder = tmp_path / "kept"
    run_experiment(EXPERIMENT, folder, train=FakeTrainer())
    bind = [
        ["mount", "--bind", str(folder), str(folder)],
        ["mount", "-o", "remount,bind,ro", str(folder)],
    ]
    if os.geteuid() == 0:
        done = [subprocess.run(options, capture_output=True, check=False).returncode for options in bind]
        if any(done):
            pytest.skip("needs the right to mount a folder for reading alone")
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
    else:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_a_folder_that_cannot_be_written_shows_what_is_stored(read_only):
    before = sorted(read_only.rglob("*"))
    rows = run_experiment(EXPERIMENT, read_only, train=FakeTrainer())
    assert rows.equals(Store(read_only).read())
    assert len(rows) == len(EXPERIMENT.expand())
    with pytest.raises(StoreError, match=r"cannot write results"):
        run_experiment(small_experiment(steps=60, seeds=range(3)), read_only, train=FakeTrainer())
    assert sorted(read_only.rglob("*")) == before
