"""What models hold: parameters, streaming state, cache, and what a pass costs."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use
from plait.memory.architecture import Architecture
from plait.memory.cost import Cost, cost
from plait.memory.count import architecture_of, count
from plait.memory.crossing import Crossing, crossing, with_full_attention
from plait.memory.formats import Storage
from plait.memory.report import LayerMemory, MemoryReport

if TYPE_CHECKING:
    from plait.memory.huggingface import known_model_types, read_config

__all__ = [
    "Architecture",
    "Cost",
    "Crossing",
    "LayerMemory",
    "MemoryReport",
    "Storage",
    "architecture_of",
    "cost",
    "count",
    "crossing",
    "known_model_types",
    "read_config",
    "with_full_attention",
]

__getattr__ = on_first_use(__name__)
