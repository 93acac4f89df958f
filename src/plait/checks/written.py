"""Values as text has them: on the command line, and in what says which part of an experiment checks a claim."""

import json
import re
from collections.abc import Iterable
from typing import Any, cast

_MOST_SEEDS = 100_000
"""Beyond what any machine trains; a slip such as 0-1000000000 would fill the memory."""

_WORD = re.compile(r"[A-Za-z(][\w.:*()|-]*")


def parse_choices(option: str, entries: Iterable[str] | None) -> dict[str, tuple[Any, ...]]:
    """`NAME=A,B,..` entries as a dict of values: each JSON or a bare word, `0..3` the integers with both ends.

    Raises:
        ValueError: no name, a name given twice, or a value that is none of these.
    """
    texts = named_texts(option, entries, form="NAME=VALUE,.. ")
    return {name: _choices(f"{option} {name}", text) for name, text in texts.items()}


def named_texts(option: str, entries: Iterable[str] | None, *, form: str) -> dict[str, str]:
    """`NAME=TEXT` entries as a dict; `form` is how a message says that they read.

    Raises:
        ValueError: no name, or a name given twice.
    """
    texts: dict[str, str] = {}
    for entry in entries or ():
        name, equals, text = entry.partition("=")
        if not equals or not name:
            raise ValueError(f"{option} must read {form}, got {entry!r}")
        if name in texts:
            raise ValueError(f"{option} {name} is given twice")
        texts[name] = text
    return texts


def parse_seeds(text: str) -> tuple[int, ...]:
    """`0..7`, `3`, or `0..3,8,10..12`: both ends are included.

    Raises:
        ValueError: anything else, or more than `_MOST_SEEDS`.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        ends = (first, last) if dots else (first, first)
        if not all(re.fullmatch(r"\s*\d{1,19}\s*", end) for end in ends) or int(ends[0]) > int(ends[1]):
            raise ValueError(f"seeds must read like 0..7 or 0,3,5 (integers of at least 0), got {text!r}")
        low, high = map(int, ends)
        if high - low + len(seeds) >= _MOST_SEEDS:
            raise ValueError(f"at most {_MOST_SEEDS} seeds can be asked for at once, got {text!r}")
        seeds += range(low, high + 1)
    return tuple(seeds)


def _choices(what: str, text: str) -> tuple[Any, ...]:
    if text.startswith("["):
        values = written_value(what, text)
        return tuple(cast(list[Any], values)) if isinstance(values, list) else (values,)
    found: list[Any] = []
    for part in text.split(","):
        found += parse_seeds(part) if re.fullmatch(r"\d+\.\.\d+", part) else [written_value(what, part)]
    return tuple(found)


def written_value(what: str, text: str) -> Any:
    """JSON, or a bare word, which stands for the text that it is.

    Raises:
        ValueError: neither.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if _WORD.fullmatch(text):
            return text
        raise ValueError(f"{what} must be JSON (a text in quotes) or one word, got {text[:60]!r}") from None
