"""The smallest proved hybrid of tasks at usual sizes: src/plait/advisor/hybrids.json.

`plait bounds` shows them beside the bounds of the pure models, and reads them here instead of importing PyTorch.

    python benchmarks/hybrids.py
"""

import json
from dataclasses import asdict

from plait.advisor.bounds import KEPT_HYBRIDS, key_of, looked_for
from plait.files import write_whole
from plait.tasks import DecodingRecall, SelectiveCopying, Task

LENGTH = 100

TASKS: tuple[Task, ...] = (
    *(SelectiveCopying(n_words=n) for n in (8, 16, 26, 32, 64)),
    SelectiveCopying(numbers=(1, 2)),
    *(DecodingRecall(n_bits=n) for n in range(1, 9)),
)


def kept() -> dict[str, dict[str, object]]:
    """Every task's, by its key."""
    found = {key_of(task, LENGTH): looked_for(task, LENGTH) for task in TASKS}
    return {key: asdict(hybrid) for key, hybrid in found.items() if hybrid is not None}


if __name__ == "__main__":
    write_whole(KEPT_HYBRIDS, (json.dumps(kept(), indent=1) + "\n").encode())
