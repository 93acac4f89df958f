"""Reading a certificate without trusting it: size, nesting, numbers and digest are checked before anything else.

A certificate is plain JSON. Nothing in it is ever run, imported or opened.
"""

import hashlib
import json
import os
import re
import select
import stat
from collections.abc import Mapping
from fractions import Fraction

MOST_BYTES = 8 * 2**20
MOST_DEPTH = 12
_MOST_VALUES = 1_000_000
MOST_INTEGER = 2**40
MOST_NUMBER_LENGTH = 40
MOST_DECIMALS = 1_000
MOST_QUOTES = 1_000_000
"""What a certificate may hold, so that any is read in bounded time and memory; none that is made comes near."""

_PIPE_SECONDS = 5
"""How long a pipe without a writer is waited for."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # nothing is ever tried a second way
_OBJECT = re.compile(rb"(\xef\xbb\xbf)?[ \t\n\r]*\{")
_NO_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")


class Refused(Exception):  # noqa: N818  # an outcome, not a fault
    """The certificate is refused; the message is the reason."""


class NotACertificate(Refused):
    """There is nothing to refuse: what was given cannot be read, or is no JSON object."""


def read_file(path: str | os.PathLike[str]) -> object:
    """The JSON document in a file, read no further than the limit.

    Raises:
        NotACertificate: a file that cannot be read.
        Refused: as `read_text`.
    """
    try:
        text = _head(path)
    except OSError as error:
        raise NotACertificate(f"cannot read {os.fspath(path)}: {error.strerror}") from error
    return read_text(text)


def _head(path: str | os.PathLike[str]) -> bytes:
    """What is read of a file; to open a pipe that has no writer would wait for one without end."""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        begun = b""
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            begun = _begun(file.fileno())
            os.set_blocking(file.fileno(), True)
        return begun + file.read(MOST_BYTES + 1 - len(begun))


def _begun(pipe: int) -> bytes:
    """Wait until a pipe has something to read, or its writers are gone; what was read of it to see whether it has any.

    Raises:
        NotACertificate: nobody writes into it.
    """
    if select.select([pipe], [], [], _PIPE_SECONDS)[0]:
        return b""
    try:
        begun = os.read(pipe, 1)
    except BlockingIOError:  # somebody does, and is slow
        select.select([pipe], [], [])
        return b""
    if not begun:
        raise NotACertificate(f"a pipe into which nobody wrote for {_PIPE_SECONDS} seconds")
    return begun


def read_text(text: bytes | str) -> object:
    """The JSON object in a text.

    Raises:
        NotACertificate: no JSON object.
        Refused: too long, nested too deep, too many values, a repeated key, or a number without limits.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not _OBJECT.match(raw):  # seen first, since the limits would find fault with most other files
        raise NotACertificate("a certificate is a JSON object, and this is none")
    if len(raw) > MOST_BYTES:
        raise Refused(f"a certificate has at most {MOST_BYTES} bytes, this one has more")
    if raw.count(b'"') > MOST_QUOTES:
        raise Refused(f"a certificate has at most {MOST_QUOTES} quotation marks, this one has more")
    _check_shape(_STRING.sub(b"", raw))
    try:
        return json.loads(
            raw.decode("utf-8"),
            parse_int=_integer,
            parse_float=_Decimals(),
            parse_constant=_no_constant,
            object_pairs_hook=_no_repeats,
        )
    except (ValueError, RecursionError) as error:
        raise NotACertificate(f"not a JSON document: {error}") from error


def _check_shape(bare: bytes) -> None:
    """Values and depth of a text without its strings, before anything is made of it."""
    brackets = bare.translate(None, _NO_BRACKET)
    if bare.count(b",") + brackets.count(b"[") + brackets.count(b"{") > _MOST_VALUES:
        raise Refused(f"a certificate has at most {_MOST_VALUES} values, this one has more")
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > MOST_DEPTH:
            raise Refused(f"a certificate is nested at most {MOST_DEPTH} deep, this one is deeper")


def plain(document: object) -> dict[str, object]:
    """The document as dicts, lists, strings, ints, Fractions, bools and None, its digest found right and removed.

    Raises:
        NotACertificate: no object.
        Refused: another type inside, too deep or too many values, a number without limits, no digest or a wrong one.
    """
    left = [_MOST_VALUES]
    copy = _plain(document, 1, left)
    if not isinstance(copy, dict):
        raise NotACertificate(f"a certificate is a JSON object, got {type(document).__name__}")
    digest = copy.pop("digest", None)
    if digest is None:
        raise Refused("the certificate has no digest")
    if digest != hashlib.sha256(_canonical(copy).encode()).hexdigest():
        raise Refused("the digest is wrong: the certificate was changed after it was made")
    return copy


def _plain(value: object, depth: int, left: list[int]) -> object:
    left[0] -= 1
    if depth > MOST_DEPTH:
        raise Refused(f"a certificate is nested at most {MOST_DEPTH} deep, this one is deeper")
    if left[0] < 0:
        raise Refused(f"a certificate has at most {_MOST_VALUES} values, this one has more")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > 1000:
            raise Refused("a string of more than 1000 characters")
        return value
    if isinstance(value, int):
        if abs(value) > MOST_INTEGER:
            raise Refused(f"an integer beyond {MOST_INTEGER}")
        return int(value)
    if isinstance(value, float | Fraction):
        return _short(Fraction(repr(value)) if isinstance(value, float) and _finite(value) else value)
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1, left) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and len(key) <= 100 for key in value):
            raise Refused("a key that is not a short string")
        return {str(key): _plain(item, depth + 1, left) for key, item in value.items()}
    raise Refused(f"a value of type {type(value).__name__}")


def _short(value: object) -> Fraction:
    if not isinstance(value, Fraction):
        raise Refused("a number that is not finite")
    if abs(value) > MOST_INTEGER or value.denominator > 10**MOST_NUMBER_LENGTH:
        raise Refused("a number beyond all limits")
    return value


def _finite(value: float) -> bool:
    return value - value == 0


def _canonical(value: object) -> str:
    """One spelling for each document: sorted keys, no blanks, every number a fraction in lowest terms."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, Fraction) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return json.dumps(value)


def _integer(text: str) -> int:
    if len(text) > MOST_NUMBER_LENGTH:
        raise Refused(f"a number of {len(text)} digits")
    return int(text)


class _Decimals:
    """Reads decimals exactly; few are ever needed, and each costs as much as many integers."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, text: str) -> Fraction:
        self.read += 1
        if self.read > MOST_DECIMALS:
            raise Refused(f"a certificate has at most {MOST_DECIMALS} decimals, this one has more")
        exponent = re.search(r"[eE]([+-]?\d+)$", text)
        # 1e999 has a thousand digits already.
        if len(text) > MOST_NUMBER_LENGTH or (exponent and len(exponent[1]) > 3):
            raise Refused(f"a number of {len(text)} characters, beyond all limits")
        return Fraction(text)


def _no_constant(text: str) -> object:
    raise Refused(f"{text} is no number")


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise Refused("a key occurs twice")
    return document
