"""plait: a laboratory for hybrid sequence models."""
