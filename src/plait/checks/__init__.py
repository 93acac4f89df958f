from plait.checks.added import added_field, neutral_fields
from plait.checks.aliases import present_name, stored_name
from plait.checks.code import code_digest
from plait.checks.names import unknown

__all__ = ["added_field", "code_digest", "neutral_fields", "present_name", "stored_name", "unknown"]
