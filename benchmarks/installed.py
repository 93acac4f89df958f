"""Model-steps a second of an installed package beside the source tree's: 8 members of SSM-TF at d_model 8, in turns.

    .venv/bin/python tests/package/check_installed.py --keep DIR
    .venv/bin/python benchmarks/installed.py DIR/env/bin/python [--rounds 7]

Each round trains for about a second there and here, in processes of their own. Prints both medians with their range,
and the ratio of the medians: about 1 on an idle machine, since the kernels are the same bytes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "src"

RATE = "from plait.doctor import measured_engine; print(measured_engine(seconds=1).model_steps)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("python", help="interpreter of an environment that has the wheel")
    parser.add_argument("--rounds", type=int, default=7, help="%(default)s")
    options = parser.parse_args()
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    contenders = {
        "installed": (options.python, clean),
        "source tree": (sys.executable, {**clean, "PYTHONPATH": str(SOURCES)}),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for name, (python, environment) in contenders.items():
                rates[name].append(model_steps(python, environment, folder))
    for name, measured in rates.items():
        print(
            f"{name:12}{statistics.median(measured):10,.0f} model-steps/s"
            f"  ({min(measured):,.0f} to {max(measured):,.0f})"
        )
    medians = {name: statistics.median(measured) for name, measured in rates.items()}
    print(f"ratio of medians, {options.rounds} rounds: {medians['installed'] / medians['source tree']:.2f}")


def model_steps(python: str, environment: dict[str, str], folder: str) -> float:
    """A second, as `python` trains outside the source tree.

    Raises:
        SystemExit: that interpreter has no plait, with what it said.
    """
    command = [str(Path(python).absolute()), "-c", RATE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    if done.returncode:
        raise SystemExit(f"{python}: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout)


if __name__ == "__main__":
    main()
