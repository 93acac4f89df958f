"""Reading a config.json of Hugging Face without `transformers`."""

from collections.abc import Mapping
from pathlib import Path

from plait.checks import shortened
from plait.checks.names import unknown
from plait.files import read_json
from plait.memory.architecture import Architecture
from plait.memory.block import TRANSFORMERS
from plait.memory.huggingface.drafts import draft_notes
from plait.memory.huggingface.families import FAMILIES
from plait.memory.huggingface.family import Family
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.generic import read_generic
from plait.memory.huggingface.published import published_dtype
from plait.memory.huggingface.quantization import packing_of
from plait.memory.huggingface.wrappers import WRAPPERS, language_model
from plait.memory.report import dtype_name

TEXT_ONLY = "only the language model within the file is counted, without the other inputs' encoders"
UNREAD = "not read, so the figures may be wrong: {names}"
NO_CLASS = "counted from a published definition, not compared with a class: {source}"
ASSUMED_DTYPE = "the file names no dtype: {dtype} is taken, that of the published checkpoints"
MOST_NAMES = 12


def known_model_types() -> tuple[str, ...]:
    """Every model_type that is read by its family's formulas."""
    return tuple(sorted({*FAMILIES, *WRAPPERS}))


def read_config(source: str | Path | Mapping[str, object], *, generic: bool = False) -> Architecture:
    """The architecture that a config.json describes.

    Args:
        source: the file, a folder that holds it, or its parsed content.
        generic: read an unknown model type by the usual field names; the result says `verified=False`.

    Raises:
        ValueError: no such file, not a JSON object, neither model_type nor architectures, impossible
            numbers, or an unknown model type (unless `generic`).
    """
    data, wrapped = language_model(source if isinstance(source, Mapping) else _load(Path(source)))
    model_type = _model_type(data)
    family = FAMILIES.get(model_type)
    if family is None and not generic:
        raise ValueError(_unknown(model_type))
    fields = Fields(data, shortened(model_type)[1:-1]) if family is None else family.fields(data)
    body = read_generic(fields) if family is None else family.read(fields)
    drafts = draft_notes(fields, body)
    unread = fields.unread()
    doubts = _doubts(family, unread, body.doubts)
    dtype = data.get("dtype") or data.get("torch_dtype")
    assumed = published_dtype(model_type) if dtype is None else None
    return Architecture(
        model_type=model_type,
        title=f"{shortened(model_type)[1:-1]} (generic reading)" if family is None else family.title,
        convention=TRANSFORMERS,
        verified=family is not None and not doubts,
        d_model=body.d_model,
        vocab_size=body.vocab_size,
        dtype=assumed if dtype is None else dtype_name(dtype),
        dtype_note=ASSUMED_DTYPE.format(dtype=assumed) if assumed else None,
        layers=body.layers,
        outside=body.outside,
        notes=(*((TEXT_ONLY,) if wrapped else ()), *doubts, *body.notes, *drafts),
        packing=packing_of(data),
    )


def _doubts(family: Family | None, unread: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Why the figures are not those of a tested class."""
    listed = ", ".join(shortened(name)[1:-1] for name in unread[:MOST_NAMES])
    more = f" and {len(unread) - MOST_NAMES} more" if len(unread) > MOST_NAMES else ""
    source = () if family is None or family.verified else (NO_CLASS.format(source=family.source),)
    return (*source, *others, *((UNREAD.format(names=listed + more),) if unread else ()))


def _unknown(model_type: str) -> str:
    """Without the list of all that are known, which is of no use in one line."""
    known = known_model_types()
    near = unknown("model_type", model_type, known).partition("; nearest: ")[2]
    told = f"unknown model_type {shortened(model_type)}, none of the {len(known)} in known_model_types()"
    return f"{told}{f'; nearest: {near}' if near else ''} (or ask for a generic reading)"


def _load(path: Path) -> dict[str, object]:
    """The JSON object in `path`, or in config.json of the folder `path`."""
    path = path / "config.json" if path.is_dir() else path
    if not path.is_file():
        raise ValueError(f"config file must exist, got {str(path)!r}")
    data = read_json(path)
    if not isinstance(data, dict):
        raise ValueError(f"{path}: a config must be a JSON object, got {type(data).__name__}")
    return data


def _model_type(data: Mapping[str, object]) -> str:
    """model_type, else the family of the class that architectures names."""
    model_type, classes = data.get("model_type"), data.get("architectures")
    if isinstance(model_type, str) and model_type:
        return WRAPPERS.get(model_type, model_type)
    if isinstance(classes, list) and classes:
        by_class = {
            family.class_name: name for name, family in reversed(FAMILIES.items()) if family.class_name
        }
        return by_class.get(str(classes[0]), str(classes[0]))
    if {"d_model", "n_layer", "ssm_cfg"} <= data.keys():
        return "mamba_ssm"
    raise ValueError(
        "config file must have model_type or architectures, got neither: not a Hugging Face config.json?"
    )
