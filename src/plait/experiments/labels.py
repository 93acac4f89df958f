"""How fields and their values are called in tables and plots."""

from collections.abc import Mapping
from typing import Any

from plait.checks import in_line
from plait.model import HybridConfig
from plait.tasks import DecodingRecall, task_to_json
from plait.tasks.packed import Packed
from plait.training.start import Start

LONGEST = 200
"""Characters of a value that are shown; an own task's fields hold what its author likes."""

_UNNAMED = ("model.pattern", "model", "task", "start", "test.task")
"""Fields whose values speak for themselves."""

_NAMES = {
    "model.d_model": "width",
    "model.window": "window",
    "model.n_heads": "heads",
    "model.d_state": "states",
    "model.rotary_fraction": "rotary fraction",
    "train.lr": "learning rate",
    "task.n_words": "words",
    "task.p_bit": "bit proportion in training",
    "test.p_bit": "bit proportion in the test",
    "test.p_number": "number proportion in the test",
    "test.seq_len": "tokens of a test sequence",
    "start.noise": "relative noise at the start",
    "parameters": "parameters",
}


def field_name(path: str) -> str:
    """The field in words, as an axis or a column is titled."""
    return _NAMES.get(path, path.rsplit(".", maxsplit=1)[-1].replace("_", " "))


def value_text(value: Any) -> str:
    """A value in a few characters: a task's name, a model's pattern and width, what a start disturbs."""
    if isinstance(value, HybridConfig):
        return f"{value.pattern} d{value.d_model}"
    if isinstance(value, Start):
        return f"random {', '.join(value.random)}" if value.random else f"noise {value.noise:g}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str | int | tuple) or value is None:
        return "full" if value is None else in_line(str(value), most=LONGEST)
    if isinstance(value, Packed):
        share = f" p_bit {value.task.p_bit:g}" if isinstance(value.task, DecodingRecall) else ""
        return f"packed {value.task.name}{share} {'with' if value.separator else 'without'} separator"
    return str(task_to_json(value)["task"]).rpartition(":")[2]


def cell_label(settings: Mapping[str, Any]) -> str:
    """`SSM-TF d8`, `SSM-TF d8 window 20`: other fields than pattern and width carry their names.

    What belongs to an evaluation says so: `p_bit 0.1 test p_bit 0.9`.
    """
    words = []
    for path, value in settings.items():
        prefix = "" if path in _UNNAMED else "d" if path == "model.d_model" else f"{path.split('.')[-1]} "
        if prefix and path.startswith("test."):
            prefix = f"test {prefix}"
        words.append(f"{prefix}{value_text(value)}")
    return " ".join(words) or "the base run"
