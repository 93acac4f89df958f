"""How values are written on the command line."""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from plait.checks import named_texts, shortened, unknown, written_value

if TYPE_CHECKING:
    import torch


def parse_fields(option: str, entries: Iterable[str] | None) -> dict[str, Any]:
    """`NAME=JSON` entries as a dict; a bare word stands for the text that it is.

    Raises:
        ValueError: no name, a name given twice, or a value that is neither JSON nor a word.
    """
    texts = named_texts(option, entries, form="NAME=JSON")
    return {name: written_value(f"{option} {name}", text) for name, text in texts.items()}


def parse_numbers(option: str, text: str) -> tuple[float, ...]:
    """Numbers with commas between them, such as `0.001,0.003`.

    Raises:
        ValueError: anything else.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{option} must be numbers with commas between them, got {text!r}") from None


def parse_integers(option: str, text: str) -> tuple[int, ...]:
    """Integers with commas between them, such as `50,100`.

    Raises:
        ValueError: anything else.
    """
    if not all(re.fullmatch(r"\s*-?\d{1,18}\s*", part) for part in text.split(",")):
        raise ValueError(f"{option} must be integers with commas between them, got {text!r}")
    return tuple(int(part) for part in text.split(","))


def parse_lengths(option: str, text: str) -> tuple[int, ...]:
    """Numbers of tokens with commas between them, such as `1000,4k,1M`: k is 1,024, M is 1,048,576.

    Raises:
        ValueError: anything else.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(-?\d{1,18})([kKM]?)\s*", part)
        if match is None:
            raise ValueError(f"{option} must be numbers of tokens such as 1000,4k,1M, got {shortened(text)}")
        found.append(int(match[1]) << {"": 0, "k": 10, "K": 10, "M": 20}[match[2]])
    return tuple(found)


def parse_bytes(option: str, text: str) -> int:
    """A number of bytes: `67108864`, `64MiB`, `80GiB` (of 1,024), `80GB` (of 1,000), rounded down.

    Raises:
        ValueError: anything else.
    """
    match = re.fullmatch(r"\s*(-?\d{1,18}(?:\.\d{1,9})?)\s*(?:([kKMGTP])(i?)B|B)?\s*", text)
    if match is None or ("." in match[1] and not match[2]):
        raise ValueError(
            f"{option} must be bytes such as 67108864, 64MiB, 80GiB or 80GB, got {shortened(text)}"
        )
    power = "KMGTP".index(match[2].upper()) + 1 if match[2] else 0
    return int(Fraction(match[1]) * (1024 if match[3] else 1000) ** power)


def parse_span(option: str, text: str) -> tuple[str, tuple[int, ...]]:
    """`NAME=A..B` as the name and the sizes A, 2A, 4A, .., B.

    Raises:
        ValueError: anything else.
    """
    match = re.fullmatch(r"(\w+)=(\d{1,9})\.\.(\d{1,9})", text)
    if match is None:
        raise ValueError(f"{option} must read NAME=A..B, such as n_words=8..1024, got {text!r}")
    size, last = int(match[2]), int(match[3])
    if not 1 <= size <= last:
        raise ValueError(f"{option} must go up from at least 1, got {text!r}")
    sizes: list[int] = []
    while size < last:
        sizes.append(size)
        size *= 2
    return match[1], (*sizes, last)


def parse_dtype(name: str, known: Sequence[str]) -> "torch.dtype":
    """Raises:
    ValueError: not one of the known types.
    """
    import torch

    if name not in known:
        raise ValueError(unknown("dtype", name, known))
    return getattr(torch, name)


def parse_names(text: str | None, otherwise: Sequence[str]) -> tuple[str, ...]:
    """Names with commas between them; `otherwise` where none are given."""
    return tuple(otherwise) if text is None else tuple(name.strip() for name in text.split(","))
