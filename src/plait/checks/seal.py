"""A checksum inside the file that it is of, so that no bit of it changes unseen.

The file's format must have a place for a text of its own (metadata). There the writer puts `UNSEALED`, `sealed` sets
the checksum of the whole file in its place, and `broken` looks whether it is still that of the file.
"""

import hashlib

_MARK = b"plait-sha256:"
_DIGITS = 64

UNSEALED = (_MARK + b"0" * _DIGITS).decode()
"""The text that the writer puts into the file."""


def sealed(data: bytes) -> bytes:
    """The file with its checksum in the place of `UNSEALED`, which must be in it."""
    start = data.rfind(UNSEALED.encode())
    assert start >= 0, "a file to be sealed has a place for its checksum"
    return _filled(data, start + len(_MARK), hashlib.sha256(data).hexdigest().encode())


def broken(data: bytes) -> bool | None:
    """Whether the file is another than the one that was sealed; None where no seal is in it."""
    start = data.rfind(_MARK)
    if start < 0:
        return None
    place = start + len(_MARK)
    unsealed = _filled(data, place, b"0" * _DIGITS)
    return data[place : place + _DIGITS] != hashlib.sha256(unsealed).hexdigest().encode()


def _filled(data: bytes, place: int, digits: bytes) -> bytes:
    return b"".join((data[:place], digits, data[place + _DIGITS :]))
