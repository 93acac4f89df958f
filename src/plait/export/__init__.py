"""plait's models for Hugging Face transformers (an optional package): their blocks, and whole folders."""

from plait.export.blocks import BlockStack, gpt_neox_config, mamba_config

__all__ = ["BlockStack", "gpt_neox_config", "mamba_config"]
