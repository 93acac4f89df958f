"""A config file of either kind: plait's own, or Hugging Face's."""

from pathlib import Path

from plait.checks.own_names import refuse_foreign
from plait.files import read_json
from plait.memory.architecture import Architecture
from plait.model import HybridConfig


def read_model(
    path: str | Path, *, generic: bool = False, trust_code: bool = False
) -> HybridConfig | Architecture:
    """The model that a config.json describes, or the one of the folder that holds it.

    It is plait's where it has a `pattern` and no `model_type` or `architectures`.

    Args:
        generic: read an unknown Hugging Face model type by the usual field names.
        trust_code: whether plait's kind may name layers of other packages, which are imported to be counted.

    Raises:
        ValueError: no JSON object, or a config that its reader refuses.
        OSError: it cannot be read.
    """
    file = Path(path) / "config.json" if Path(path).is_dir() else Path(path)
    values = read_json(file)
    try:
        return model_of(values, generic=generic, trust_code=trust_code)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def model_of(
    values: object, *, generic: bool = False, trust_code: bool = False
) -> HybridConfig | Architecture:
    """The model that the JSON of a config describes, as `read_model`.

    Raises:
        ValueError: no JSON object, or a config that its reader refuses.
    """
    if not isinstance(values, dict):
        raise ValueError(f"a config must be a JSON object, got {type(values).__name__}")
    own = "pattern" in values and not {"model_type", "architectures"} & values.keys()
    if own:
        config = HybridConfig.from_json(values)
        refuse_foreign(config.parts, trust_code=trust_code)
        return config
    from plait.memory.huggingface import read_config

    return read_config(values, generic=generic)
