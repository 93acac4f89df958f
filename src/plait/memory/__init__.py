"""What models hold: parameters, streaming state, cache, and what a pass costs."""

from plait.memory.architecture import Architecture
from plait.memory.cost import Cost, cost
from plait.memory.count import architecture_of, count
from plait.memory.crossing import Crossing, crossing, with_full_attention
from plait.memory.huggingface import known_model_types, read_config
from plait.memory.report import LayerMemory, MemoryReport
from plait.memory.storage import Storage

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
