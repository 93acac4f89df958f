"""What the page headers of a Parquet file promise, checked before a parser believes them.

A page header says how many values and bytes follow. Polars sets memory aside for that many and ends the whole process
where there is none, so a file of a few kilobytes could do that. Source: the Parquet format, `parquet.thrift`, in
Thrift's compact protocol.
"""

from typing import Any

_MAGIC = b"PAR1"
_DEEPEST = 16
"""Structs within structs; Parquet's own metadata has fewer, and damaged bytes may say any number."""

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)  # of the compact protocol of Thrift, as the line above

# Of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_ROW_GROUPS, _COLUMNS, _META = 4, 1, 3
_NUM_VALUES, _COMPRESSED, _DATA_AT, _DICTIONARY_AT = 5, 7, 9, 11

# Of PageHeader, and of each of its headers by kind: data, dictionary, data of version 2.
_PAGE_BYTES, _PAGE_STORED, _KINDS, _VALUES = 2, 3, (5, 7, 8), 1


def check_pages(data: bytes, *, most: int) -> None:
    """Raises:
    ValueError: no Parquet file, pages that do not lie in it, or pages that promise more values than their column has
        or more than `most` bytes together.
    """
    if len(data) < 12 or data[:4] != _MAGIC or data[-4:] != _MAGIC:
        raise ValueError("no Parquet file")
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    if start < 4:
        raise ValueError("its footer is longer than the file")
    try:
        footer, _ = _struct(data, start)
        for group in footer[_ROW_GROUPS]:
            for column in group[_COLUMNS]:
                most -= _checked_bytes(data, column[_META], start, most)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("its footer or a page header cannot be followed") from error


def _checked_bytes(data: bytes, meta: dict[int, Any], end: int, most: int) -> int:
    """Of a column's pages, unpacked."""
    n_values = meta[_NUM_VALUES]
    at = min(meta[_DATA_AT], meta.get(_DICTIONARY_AT) or meta[_DATA_AT])
    last = at + meta[_COMPRESSED]
    if not 4 <= at <= last <= end:
        raise ValueError("a column lies outside the file")
    seen = total = 0
    while at < last:
        page, at = _struct(data, at)
        size, stored = page[_PAGE_BYTES], page[_PAGE_STORED]
        kind = next(kind for kind in (*_KINDS, 0) if kind in page or not kind)
        values = page[kind][_VALUES] if kind else 0
        if not (0 <= size <= most - total and 0 <= stored <= last - at and 0 <= values <= n_values):
            raise ValueError(
                f"a page of {values:,} values and {size:,} bytes in a column of {n_values:,} values"
            )
        seen += values if kind != _KINDS[1] else 0
        total += size
        at += stored
    if seen != n_values:
        raise ValueError(f"a column of {n_values:,} values whose pages have {seen:,}")
    return total


def _struct(data: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """The fields of a struct by their numbers, and where it ends."""
    found: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            number, at = _zigzag(data, at)
        if kind in (_TRUE, _FALSE):
            found[number] = kind == _TRUE
        else:
            found[number], at = _value(data, at, kind, depth)
    return found, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if depth > _DEEPEST:
        raise ValueError("its headers lie too deep in each other")
    if kind in _INTEGERS:
        return _zigzag(data, at)
    if kind == _BINARY:
        length, at = _varint(data, at)
        if length > len(data) - at:
            raise ValueError("a text reaches beyond the file")
        return None, at + length  # no text decides how much is read
    if kind == _STRUCT:
        return _struct(data, at, depth + 1)
    if kind in (_LIST, _SET):
        head, at = data[at], at + 1
        length = head >> 4
        if length == 15:
            length, at = _varint(data, at)
        items: list[Any] = []
        for _ in range(length):
            item, at = _value(data, at, _BYTE if head & 15 in (_TRUE, _FALSE) else head & 15, depth + 1)
            items.append(item)
        return items, at
    if kind in (_BYTE, _DOUBLE):
        size = 1 if kind == _BYTE else 8
        if at + size > len(data):
            raise ValueError("a header reaches beyond the file")
        return None, at + size
    raise ValueError(f"a header has a field of kind {kind}")


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return value >> 1 ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a header has a number of more than 64 bits")
