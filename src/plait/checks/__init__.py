from plait.checks.code import added_field, code_digest, neutral_fields
from plait.checks.own_names import is_own_name, one_line, present_name, resolve, stored_name
from plait.checks.values import (
    are,
    check_choice,
    check_integer,
    check_probability,
    check_seconds,
    counted,
    cut,
    in_line,
    printable,
    shortened,
    unknown,
)
from plait.checks.written import named_texts, parse_choices, parse_seeds, written_value

__all__ = [
    "added_field",
    "are",
    "check_choice",
    "check_integer",
    "check_probability",
    "check_seconds",
    "code_digest",
    "counted",
    "cut",
    "in_line",
    "is_own_name",
    "named_texts",
    "neutral_fields",
    "one_line",
    "parse_choices",
    "parse_seeds",
    "present_name",
    "printable",
    "resolve",
    "shortened",
    "stored_name",
    "unknown",
    "written_value",
]
