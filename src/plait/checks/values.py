"""How a value is checked and shown: one integer check, one way to shorten what a message quotes, nearest names."""

import difflib
import math
import unicodedata
from collections.abc import Iterable

LONGEST_SHOWN = 60
"""Characters of a value in a message."""

_POWER = 16
"""Bits from which on a limit reads better as a power of two."""


def shortened(value: object, *, most: int = LONGEST_SHOWN) -> str:
    """The value as a message quotes it: on one line, control characters spelled out, cut at `most` characters."""
    try:
        text = repr(value[: most + 1] if isinstance(value, str | bytes) else value)
    except ValueError:  # somewhere in it is an integer of more digits than Python writes
        text = f"a {type(value).__name__} too long to show"
    return cut(text, most=most)


def cut(text: str, *, most: int = LONGEST_SHOWN) -> str:
    """The text itself, its end replaced by dots where it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def counted(n: float, noun: str, plural: str | None = None) -> str:
    """`1 layer`, `1,024 layers`, `2 queries` with its own plural."""
    number = f"{n:,}" if isinstance(n, int) else f"{n:g}"
    return f"{number} {noun}" if n == 1 else f"{number} {plural or noun + 's'}"


def are(n: int) -> str:
    """The verb behind a count: `1 is`, `2 are`."""
    return "is" if n == 1 else "are"


def printable(text: str) -> str:
    """The text with control characters spelled out, so that no text that was read can steer a terminal.

    Line ends and tabs stay.
    """
    return text if text.isprintable() else "".join(map(_spelled, text))


def in_line(text: str, *, most: int = LONGEST_SHOWN) -> str:
    """`printable` text whose line ends and tabs are spaces, cut: what another wrote, among words of our own."""
    return " ".join(printable(cut(text, most=most)).split())


def _spelled(letter: str) -> str:
    steers = unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") and letter not in "\n\t"
    return letter.encode("unicode_escape").decode() if steers else letter


def check_integer(name: str, value: object, *, least: int, most: int | None = None) -> int:
    """The value, which must be an `int` in [least, most]; a bool is none.

    Raises:
        ValueError: it is not; the message says which integers are.
    """
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if number is not None and least <= number and (most is None or number <= most):
        return number
    raise ValueError(f"{name} must be an integer {_limits(least, most)}, got {_number(value)}")


def check_probability(name: str, value: object) -> float:
    """The value as a float, so that 1 and 1.0 are written alike; what is no number in [0, 1] is refused.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a probability in [0, 1], got {shortened(value)}")
    return float(value)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse what is not one of `choices`.

    Raises:
        ValueError: it is not.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {shortened(value)}")


def check_seconds(seconds: object) -> None:
    """Refuse what is no positive, finite number.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < math.inf:
        raise ValueError(f"a search needs a positive budget of seconds, got {shortened(seconds)}")


def _limits(least: int, most: int | None) -> str:
    if most is None:
        return f"of at least {least}"
    bits = (most + 1).bit_length() - 1
    if bits >= _POWER and most + 1 == 2**bits:
        return f"of at least {least}, below 2^{bits}"
    return f"in [{least}, {most}]"


def _number(value: object) -> str:
    """An integer too long to write out (Python stops at 4,300 digits) by its size."""
    if isinstance(value, int) and value.bit_length() > 1000:
        return f"one of {value.bit_length()} bits"
    return shortened(value)


def unknown(kind: str, got: object, known: Iterable[str]) -> str:
    """One line such as `unknown field 'd_modl'; known: d_model, window; nearest: d_model`."""
    names = list(known)
    shown = cut(str(got))
    close = difflib.get_close_matches(shown, names, n=1, cutoff=0.5) or [
        name for name in names if name.lower() == shown.lower()
    ]
    nearest = f"; nearest: {close[0]}" if close else ""
    return f"unknown {kind} {shown!r}; known: {', '.join(names) or 'none'}{nearest}"
