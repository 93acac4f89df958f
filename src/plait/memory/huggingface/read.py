"""Reading a config.json of Hugging Face without `transformers`."""

from collections.abc import Mapping
from pathlib import Path

from plait.checks.names import unknown
from plait.files import read_json
from plait.memory.architecture import Architecture
from plait.memory.block import TRANSFORMERS
from plait.memory.huggingface.body import Body
from plait.memory.huggingface.families import FAMILIES, WRAPPERS
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.generic import read_generic
from plait.memory.report import dtype_name

TEXT_ONLY = "only the language model of text_config is counted, without the other inputs' encoders"
NO_DTYPE = "the file names no dtype: float32 is taken"


def known_model_types() -> tuple[str, ...]:
    """Every model_type that is read with tested formulas."""
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
    data = dict(source) if isinstance(source, Mapping) else _load(Path(source))
    notes: list[str] = []
    model_type = _model_type(data)
    text = data.get("text_config")
    if isinstance(text, dict):
        inherited = {k: data[k] for k in ("tie_word_embeddings", "dtype", "torch_dtype") if k in data}
        data = inherited | text | {k: v for k, v in inherited.items() if k == "tie_word_embeddings"}
        model_type = str(text.get("model_type") or WRAPPERS.get(model_type, model_type))
        notes.append(TEXT_ONLY)
    model_type = WRAPPERS.get(model_type, model_type)
    fields = Fields(data, model_type)
    family = FAMILIES.get(model_type)
    if family is None and not generic:
        raise ValueError(
            f"{unknown('model_type', model_type, known_model_types())} (or ask for a generic reading)"
        )
    body = read_generic(fields) if family is None else family.read(fields)
    dtype = data.get("dtype") or data.get("torch_dtype")
    if dtype is None:
        notes.append(NO_DTYPE)
    return _assemble(
        body,
        model_type=model_type,
        title=f"{model_type} (generic reading)" if family is None else family.title,
        verified=family is not None,
        dtype=dtype_name(dtype or "float32"),
        notes=(*notes, *body.notes),
    )


def _assemble(
    body: Body, *, model_type: str, title: str, verified: bool, dtype: str, notes: tuple[str, ...]
) -> Architecture:
    return Architecture(
        model_type=model_type,
        title=title,
        convention=TRANSFORMERS,
        verified=verified,
        d_model=body.d_model,
        vocab_size=body.vocab_size,
        dtype=dtype,
        layers=body.layers,
        outside=body.outside,
        notes=notes,
    )


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
        return model_type
    if isinstance(classes, list) and classes:
        by_class = {f"{family.class_name}ForCausalLM": name for name, family in FAMILIES.items()}
        return by_class.get(str(classes[0]), str(classes[0]))
    raise ValueError(
        "config file must have model_type or architectures, got neither: not a Hugging Face config.json?"
    )
