"""Names of layer types: those that are read, and those that `transformers` renames on load."""

import ast
import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LAYER_TYPES = frozenset(
    (
        "full_attention",
        "sliding_attention",
        "chunked_attention",
        "indexed_attention",
        "compressed_sparse_attention",
        "heavily_compressed_attention",
        "linear_attention",
        "conv",
        "hybrid",
        "hybrid_sliding",
        "mlp",
        "moe",
        "minimax_m3_sparse",
    )
)
"""What a list of layer types may hold, each named where a family reads it."""

RENAMED_WITHOUT_TRANSFORMERS = {
    "mamba": "linear_attention",
    "attention": "full_attention",
    "deepseek_sparse_attention": "indexed_attention",
    "qwen_sparse_attention": "indexed_attention",
}
"""The renamings of `transformers` 5.24, for where none is installed."""

_TABLE = re.compile(r"^_LEGACY_LAYER_TYPE_REMAP\s*=\s*(\{.*?^\})", re.MULTILINE | re.DOTALL)


@cache
def renamed_layer_types() -> Mapping[str, str]:
    """Old names and what the installed `transformers` renames them to.

    Its source is read, nothing of it is imported. Where it is not installed, or has no such table, the names of
    version 5.24 stand.
    """
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        return RENAMED_WITHOUT_TRANSFORMERS
    try:
        source = Path(spec.origin).with_name("configuration_utils.py").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return RENAMED_WITHOUT_TRANSFORMERS
    return RENAMED_WITHOUT_TRANSFORMERS | table_in(source)


def table_in(source: str) -> dict[str, str]:
    """The renamings that a version's `configuration_utils.py` writes out; none where there is no such table."""
    found = _TABLE.search(source)
    if found is None:
        return {}
    try:
        table = ast.literal_eval(found[1])
    except (SyntaxError, ValueError):
        return {}
    return {str(old): str(new) for old, new in table.items()} if isinstance(table, dict) else {}
