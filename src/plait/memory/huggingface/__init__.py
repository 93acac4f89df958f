"""What Hugging Face models hold, from their config.json alone."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use

if TYPE_CHECKING:
    from plait.memory.huggingface.families import FAMILIES, ConfigFamily
    from plait.memory.huggingface.read import known_model_types, read_config

__all__ = ["FAMILIES", "ConfigFamily", "known_model_types", "read_config"]

__getattr__ = on_first_use(__name__)
