"""plait's models for Hugging Face transformers (an optional package): their blocks, and whole folders."""

from plait.export.bamba import bamba
from plait.export.bamba_program import bamba_program
from plait.export.bamba_stream import WindowNeededError
from plait.export.blocks import BlockStack, gpt_neox_config, mamba_config
from plait.export.folder import Exported, export_hf, right_answers

__all__ = [
    "BlockStack",
    "Exported",
    "WindowNeededError",
    "bamba",
    "bamba_program",
    "export_hf",
    "gpt_neox_config",
    "mamba_config",
    "right_answers",
]
