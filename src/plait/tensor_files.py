"""Tensors as the bytes of a safetensors file that carries its checksum: equal tensors and metadata are equal bytes."""

import json
from collections.abc import Mapping

from safetensors.torch import save as serialise
from torch import Tensor

from plait.files import UNSEALED, sealed_bytes

_SIZE = 8
"""Bytes in which a safetensors file begins with the length of its header, the least byte first."""

_METADATA = "__metadata__"


def tensor_file(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The file of these tensors (on the CPU, contiguous), with `metadata` and a checksum under `seal`.

    `plait.files.broken` looks whether it is still whole.
    """
    return sealed_bytes(in_fixed_order(serialise(dict(tensors), metadata={**metadata, "seal": UNSEALED})))


def in_fixed_order(data: bytes) -> bytes:
    """A safetensors file with its metadata sorted by name; the library writes them in an order drawn anew each time.

    Nothing else changes, the header's length neither.
    """
    length = int.from_bytes(data[:_SIZE], "little")
    header = json.loads(data[_SIZE : _SIZE + length])
    if _METADATA in header:
        header[_METADATA] = dict(sorted(header[_METADATA].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return b"".join((data[:_SIZE], text.ljust(length), data[_SIZE + length :]))
