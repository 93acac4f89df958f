"""Stateless randomness: every draw is a pure function of (seed, step, purpose, draw, index).

The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC 2011), written in integer tensor operations, so that CPU and GPU give the same bits. The key is the seed;
the counter is (block, draw, step, purpose), and word `index % 4` of block `index // 4` is draw number `index`.
Only correctly rounded floating-point operations follow, so the floats are the same everywhere too.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from plait.checks import check_integer
from plait.deferred import deferred
from plait.native import library
from plait.native.library import INTEGER, POINTER, CompiledFunction

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = deferred("torch")

TRAIN, SELECT, TEST, INIT, DROPOUT = range(5)
"""What a stream is for: training tokens, learning-rate selection, final test, initial weights, dropout."""

_MASK = 0xFFFFFFFF
"""The low 32 bits."""
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
"""Of Philox4x32 (Salmon et al., SC 2011), as the next ones, which its key grows by in each round."""
_WEYL = (0x9E3779B9, 0xBB67AE85)


_Word = TypeVar("_Word", "Tensor", int)


def philox4x32(
    counter: Sequence[_Word], key: Sequence[_Word], *, rounds: int = 10, lanes: int = 1
) -> tuple[_Word, ...]:
    """Four 32-bit words for counters of four and keys of two: integers or int64 tensors below 2^32.

    Long integers may hold one word in each 64 bits; `lanes` then has a 1 in each, and no product leaves its lane.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    mask, weyl0, weyl1 = _MASK * lanes, _WEYL[0] * lanes, _WEYL[1] * lanes
    for _ in range(rounds):
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            ((product1 >> 32) & mask) ^ c1 ^ k0,
            product1 & mask,
            ((product0 >> 32) & mask) ^ c3 ^ k1,
            product0 & mask,
        )
        k0, k1 = (k0 + weyl0) & mask, (k1 + weyl1) & mask
    return c0, c1, c2, c3


def plain_bits(
    seed: int,
    n: int,
    *,
    step: int = 0,
    purpose: int = TRAIN,
    draw: int = 0,
    start: int = 0,
    below: int = 2**32,
) -> list[int]:
    """`n` words of `Stream(seed, step, purpose)` from word `start` on, as `integers(below, ..)`, without torch."""
    blocks = range(start // 4, -(-(start + n) // 4))
    lanes = int.from_bytes(struct.pack("<Q", 1) * len(blocks), "little")
    numbers = int.from_bytes(struct.pack(f"<{len(blocks)}Q", *blocks), "little")
    key = ((seed & _MASK) * lanes, (seed >> 32 & _MASK) * lanes)
    words = philox4x32((numbers, draw * lanes, step * lanes, purpose * lanes), key, lanes=lanes)
    columns = [
        struct.unpack(
            f"<{len(blocks)}Q", (word * below >> 32 & _MASK * lanes).to_bytes(8 * len(blocks), "little")
        )
        for word in words
    ]
    return list(chain.from_iterable(zip(*columns, strict=True)))[start % 4 :][:n]


@dataclass(frozen=True)
class Stream:
    """Random numbers of one (seed, step).

    Args:
        seed: in [0, 2^63); a one-dimensional int64 tensor adds a leading members axis to every draw.
        step: in [0, 2^32), the training step or another counter; an int64 tensor without axes is read where it
            lies when a draw is made, so that a captured graph can count on.
        purpose: keeps streams of one seed apart (`TRAIN`, `SELECT`, `TEST`, `INIT`, `DROPOUT`, or any number
            in [0, 2^32)).

    A draw is told from the others of its stream by `draw`, in [0, 2^32).

    Raises:
        ValueError: a value outside its range (of a seed tensor checked on the CPU alone: elsewhere it would make
            the device wait), or a seed tensor that is not one-dimensional and int64.
    """

    seed: int | Tensor
    step: int | Tensor = 0
    purpose: int = TRAIN

    def __post_init__(self) -> None:
        if isinstance(self.seed, torch.Tensor):
            if self.seed.ndim != 1 or self.seed.dtype != torch.int64:
                raise ValueError(
                    f"seed must be an integer or an int64 tensor of one axis (members), "
                    f"got {self.seed.dtype} of shape {tuple(self.seed.shape)}"
                )
            if self.seed.device.type == "cpu" and self.seed.numel() > 0 and int(self.seed.min()) < 0:
                raise ValueError(f"seeds must be in [0, 2^63), got {int(self.seed.min())}")
        else:
            check_integer("seed", self.seed, least=0, most=2**63 - 1)
        for name in ("step", "purpose"):
            value = getattr(self, name)
            if (
                name == "step"
                and isinstance(value, torch.Tensor)
                and value.ndim == 0
                and value.dtype == torch.int64
            ):
                continue
            check_integer(name, value, least=0, most=_MASK)

    @property
    def members(self) -> tuple[int, ...]:
        """The leading axes that the seed adds: `()` or `(n_members,)`."""
        return tuple(self.seed.shape) if isinstance(self.seed, torch.Tensor) else ()

    @property
    def device(self) -> torch.device:
        return self.seed.device if isinstance(self.seed, torch.Tensor) else torch.device("cpu")

    def bits(self, shape: Sequence[int], *, draw: int = 0) -> Tensor:
        """Uniform integers in [0, 2^32) as int64, of shape `(*members, *shape)`.

        Raises:
            ValueError: a draw outside [0, 2^32).
        """
        check_integer("draw", draw, least=0, most=_MASK)
        n = math.prod(shape)
        seeds = (
            self.seed if isinstance(self.seed, torch.Tensor) else torch.tensor([self.seed], dtype=torch.int64)
        )
        words = _philox_words(seeds, n, (draw, self.step, self.purpose))
        return words.reshape((*self.members, *shape))

    def uniform(self, shape: Sequence[int], *, draw: int = 0) -> Tensor:
        """Float64 in (0, 1): the middles of 2^32 equal cells."""
        return (self.bits(shape, draw=draw).to(torch.float64) + 0.5) * 2.0**-32

    def bernoulli(self, p: float, shape: Sequence[int], *, draw: int = 0) -> Tensor:
        """True with probability `p`, exact to 2^-32.

        Raises:
            ValueError: p outside [0, 1].
        """
        if not 0 <= p <= 1:
            raise ValueError(f"p must be a probability in [0, 1], got {p!r}")
        return self.bits(shape, draw=draw) < round(p * 2**32)

    def integers(self, n: int, shape: Sequence[int], *, draw: int = 0) -> Tensor:
        """Integers in [0, n), each with probability 1/n up to 2^-32.

        Raises:
            ValueError: n outside [1, 2^31].
        """
        check_integer("n", n, least=1, most=2**31)
        return (self.bits(shape, draw=draw) * n) >> 32

    def normal(self, shape: Sequence[int], *, draw: int = 0) -> Tensor:
        """Standard normal float64 by inversion, the same on every device (see `normal_quantile`)."""
        return normal_quantile(self.uniform(shape, draw=draw))


_COMPILED_PHILOX = CompiledFunction("plait_philox", (POINTER, POINTER, *(INTEGER,) * 5))


def _philox_words(seeds: Tensor, n: int, tail: tuple[int, int | Tensor, int]) -> Tensor:
    """`(members, n)` words: in a compiled kernel where there is one, else integer tensor operations."""
    if seeds.is_cuda and library.has_triton():
        from plait.native.philox_gpu import philox_words

        return philox_words(seeds, n, tail)
    if seeds.device.type == "cpu" and not isinstance(tail[1], torch.Tensor):
        compiled = _COMPILED_PHILOX.find()
        if compiled is not None:
            words = torch.empty(len(seeds), n, dtype=torch.int64)
            contiguous = seeds.contiguous()
            compiled(words.data_ptr(), contiguous.data_ptr(), len(seeds), n, *tail)
            return words
    blocks = torch.arange((n + 3) // 4, device=seeds.device).unsqueeze(0)
    counter = (blocks, *(torch.zeros_like(blocks) + word for word in tail))
    key = ((seeds & _MASK).unsqueeze(1), ((seeds >> 32) & _MASK).unsqueeze(1))
    words = torch.stack(philox4x32(counter, key), dim=-1)
    return words.reshape(len(seeds), -1)[:, :n]


# Coefficients of algorithm AS 241 (PPND16), M. J. Wichura, Applied Statistics 37 (1988) 477-484,
# each numerator and denominator from the highest power down: centre, middle, tail.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


def normal_quantile(p: Tensor) -> Tensor:
    """The standard normal quantile of float64 `p` in (0, 1), to about 1e-15 (Wichura's AS 241).

    Built from additions, products, quotients and exact scalings alone, each correctly rounded, so the result
    does not depend on the device or on how a tensor is split among threads.
    """
    q = p - 0.5
    centre = _ratio(_CENTRE, 0.180625 - q * q) * q
    r = _sqrt(-_log(torch.where(q < 0, p, 1.0 - p)))
    tail = torch.where(r <= 5.0, _ratio(_MIDDLE, r - 1.6), _ratio(_TAIL, r - 5.0))
    return torch.where(q.abs() <= 0.425, centre, torch.where(q < 0, -tail, tail))


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Tensor) -> Tensor:
    values: list[Tensor] = []
    for row in coefficients:
        value = torch.full_like(x, row[0])
        for coefficient in row[1:]:
            value = value * x + coefficient
        values.append(value)
    return values[0] / values[1]


def _sqrt(x: Tensor) -> Tensor:
    """The square root of float64 `x` in [2.5, 750], to about an ulp, by Heron's rule.

    That covers the tails of `normal_quantile`; its centre does not look at the result. `torch.sqrt` will not do:
    on the CPU it may come from a vector library that is not correctly rounded.
    """
    root = 1.5 + x * 0.0625
    for _ in range(7):
        root = (root + x / root) * 0.5
    return root


def _log(x: Tensor) -> Tensor:
    """The natural logarithm of positive float64 `x`: exponent, and the series of 2 artanh of the mantissa."""
    mantissa, exponent = torch.frexp(x)
    small = mantissa < math.sqrt(0.5)
    mantissa = torch.where(small, mantissa * 2.0, mantissa)
    exponent = exponent.to(x.dtype) - small.to(x.dtype)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    series = torch.full_like(x, 1.0 / 27.0)
    for odd in range(25, 0, -2):
        series = series * square + 1.0 / odd
    return exponent * math.log(2.0) + 2.0 * s * series
