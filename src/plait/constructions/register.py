"""A register of bits in decaying states: how far apart the last bits of two histories keep them.

A channel with decay `d` that takes up one bit a bit token holds `sum over k of d^k bit_k`, bit_0 the newest.
A few channels and a linear map give `n` numbers, whose response to the bit k places back is
`sum over channels of map * decay^k`. Bits older than the last `n_bits` are a tail, bounded and unknown.
Source: docs/theory-constructions.md, section 7.2.

`two_decays` are registers of one number from two channels, whose response to older bits falls faster than any one
decay. The response d_1^k - r d_2^k with d_1, d_2 a little above and below `d` vanishes at a lag `z` of choice: near
`d^k (1 - k / z)`. A grid over d and z finds the best; the proofs use nothing but its lead or gap.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.constructions.rounding import Rounding, grown

MOST_DIFFERENCES_BITS = 12
"""Registers of more than one number are compared pair by pair, 3^bits of them: up to this many bits."""


@dataclass(frozen=True, kw_only=True)
class Register:
    """`n_bits` bits read as `len(maps)` numbers from channels of these decays.

    Args:
        n_bits: bits that matter.
        decays: what one bit token leaves of each channel's state, in (0, 1).
        maps: for every number, the weight of every channel.
    """

    n_bits: int
    decays: tuple[float, ...]
    maps: tuple[tuple[float, ...], ...]

    @property
    def width(self) -> int:
        return len(self.maps)

    def response(self, first: int, stop: int) -> Float[Tensor, "width lags"]:
        """What the numbers get from a bit 1 that is `first` .. `stop - 1` bit tokens old."""
        lags = torch.arange(first, stop, dtype=torch.float64)
        decays = torch.tensor(self.decays, dtype=torch.float64)
        return torch.tensor(self.maps, dtype=torch.float64) @ decays.unsqueeze(-1) ** lags

    @cached_property
    def horizon(self) -> int:
        """Lags from here on respond with less than 2^-80 in all."""
        slowest = max(self.decays)
        total = max(sum(abs(weight) for weight in row) for row in self.maps) / (1.0 - slowest)
        # All d^k from k on sum to d^k / (1 - d), which is below 2^-80 from here on.
        return self.n_bits + max(1, math.ceil((math.log(total) + 80 * math.log(2)) / -math.log(slowest)))

    @cached_property
    def tail(self) -> Float[Tensor, "width lags"]:
        """The response to bits that no longer matter."""
        return self.response(self.n_bits, self.horizon)

    @cached_property
    def middle(self) -> Float[Tensor, " width"]:
        """The numbers halfway between all bits 0 and all bits 1."""
        return self.response(0, self.horizon).sum(-1) / 2

    @cached_property
    def reach(self) -> float:
        """The largest deviation of any number from its middle."""
        return float(self.response(0, self.horizon).abs().sum(-1).max()) / 2

    @cached_property
    def levels(self) -> Float[Tensor, "words width"]:
        """For every word, the numbers less their middle, the tail being at its own middle."""
        words = torch.arange(2**self.n_bits)
        bits = torch.stack([words >> k & 1 for k in range(self.n_bits)], dim=-1).to(torch.float64)
        return (bits - 0.5) @ self.response(0, self.n_bits).T

    @cached_property
    def spacing(self) -> float:
        """The least distance between two words' levels."""
        return math.sqrt(2 * self._least(tail=0.0))

    @cached_property
    def lead(self) -> float:
        """The least of `(|x - other level|^2 - |x - own level|^2) / 2` over words and histories; positive if
        the nearest level is always the register's word."""
        return self._least(tail=1.0)

    @cached_property
    def gap(self) -> float:
        """The least gap between the intervals that two words' numbers may lie in; of a single number."""
        spacing = self._neighbours.min()
        return float(spacing - self.tail.abs().sum())

    def lead_with_error(self, error: float) -> float:
        """`lead`, where every number is known up to `error`."""
        return self._least(tail=1.0, error=error * math.sqrt(self.width))

    def numbers(
        self, bits: Int[Tensor, "*batch time"], is_bit: Bool[Tensor, "*batch time"]
    ) -> Float[Tensor, "*batch time width"]:
        """The numbers after every position, in exact arithmetic: bits taken up where `is_bit`, else held."""
        decays = torch.tensor(self.decays, dtype=torch.float64)
        state = torch.zeros(*bits.shape[:-1], len(decays), dtype=torch.float64)
        states = []
        for position in range(bits.shape[-1]):
            taken = decays * state + bits[..., position, None].double()
            state = torch.where(is_bit[..., position, None], taken, state)
            states.append(state)
        return torch.stack(states, dim=-2) @ torch.tensor(self.maps, dtype=torch.float64).T

    @cached_property
    def drift(self) -> float:
        """The largest change of a number when steps change by small factors, alike in all channels, over the largest of
        them: each bit's own step scales what it adds, and every step since has scaled its exponent."""
        lags = torch.arange(self.horizon, dtype=torch.float64)
        decays = torch.tensor(self.decays, dtype=torch.float64).unsqueeze(-1)
        maps = torch.tensor(self.maps, dtype=torch.float64)
        later = lags * (maps @ (decays**lags * decays.log())).abs()
        return float(((maps @ decays**lags).abs() + later).sum(-1).max())

    @cached_property
    def cancellation(self) -> float:
        """What the channels measure before the maps take their difference: rounding acts on that."""
        return self._over_channels(lambda decay: 1.0 / (1.0 - decay))

    @cached_property
    def rereading(self) -> float:
        """The same, each bit weighed by the steps since: what errs at every step acts on that."""
        return self._over_channels(lambda decay: decay / (1.0 - decay) ** 2)

    @cached_property
    def slackening(self) -> float:
        """The largest change of a number when every channel's rate changes on its own, over the relative change."""
        return self._over_channels(lambda decay: -math.log(decay) * decay / (1.0 - decay) ** 2)

    @property
    def steepest_rate(self) -> float:
        """The largest logarithm of a rate `-ln(decay) / 128`, in size: A_log, which is rounded."""
        return max(abs(math.log(-math.log(decay) / 128.0)) for decay in self.decays)

    def rounded(self, rounding: Rounding, step: float) -> float:
        """Lemma 7.8: by how much a number may be off that takes up exact ones, steps at bits being off by `step`."""
        # 7.8: a rate, -exp(A_log), errs by |A_log| u + (10) + (1).
        rate = grown(1.0, self.steepest_rate * rounding.weight, rounding.function, rounding.off(1.0))
        # 7.8: a decay by an exponential, its product and the sum: (13).
        decay = grown(1.0, 0.0, rounding.function, rounding.off(3.0))
        # 7.8: reading the state out, (6).
        read = rounding.off(6.0, stored=2.0)
        return self.drift * step + self.slackening * rate + self.rereading * decay + self.cancellation * read

    def _over_channels(self, weight: Callable[[float], float]) -> float:
        """Of any number, the sum over channels of the map's size times a weight of the decay."""
        sums = (sum(abs(m) * weight(d) for m, d in zip(row, self.decays, strict=True)) for row in self.maps)
        return max(sums)

    @cached_property
    def _neighbours(self) -> Float[Tensor, "pairs width"]:
        """Differences of levels that may be least: of one number, those of neighbours; else all."""
        if self.width == 1:
            return self.levels[:, 0].sort().values.diff().unsqueeze(-1)
        return _differences(self.n_bits) @ self.response(0, self.n_bits).T

    def _least(self, *, tail: float, error: float = 0.0) -> float:
        """Least over pairs of words of |delta|^2 / 2 less what the tail can take: sum_k |delta . r_k| / 2."""
        delta = self._neighbours
        size = delta.norm(dim=-1)
        taken = size * self.tail.abs().sum() if self.width == 1 else (delta @ self.tail).abs().sum(-1)
        return float((size.square() / 2 - size * error - tail * taken / 2).min())


def _differences(n_bits: int) -> Float[Tensor, "pairs bits"]:
    """Differences of two words' bits, one of each pair of opposite ones."""
    if n_bits > MOST_DIFFERENCES_BITS:
        raise ValueError(
            f"registers of several numbers are compared up to {MOST_DIFFERENCES_BITS} bits, got {n_bits}"
        )
    # Each bit differs by -1, 0 or 1, a digit of base 3; the index in the middle is no difference, those above
    # it are opposites.
    index = torch.arange((3**n_bits - 1) // 2)
    return torch.stack([index // 3**k % 3 - 1 for k in range(n_bits)], dim=-1).to(torch.float64)


def scaled(register: Register) -> Register:
    """The same register with numbers that deviate from their middle by at most 1/2."""
    factor = 0.5 / register.reach
    maps = tuple(tuple(factor * weight for weight in row) for row in register.maps)
    return Register(n_bits=register.n_bits, decays=register.decays, maps=maps)


def single_decay(n_bits: int) -> Register:
    """One channel, one number: a Cantor set, with the decay of the largest lead (Lemma 7.4).

    The lead is d^(2b-2) (1 - 2d) (1 - d) / 2; its derivative vanishes at a root of a quadratic.
    """
    b = 2 * n_bits - 2
    # 7.4: the smaller root of (2B + 4) d^2 - (3B + 3) d + B, B = 2b - 2; that of one bit is 0, and e^-128
    # stands for it.
    root = math.sqrt((3 * b + 3) ** 2 - 4 * b * (2 * b + 4))
    decay = max((3 * b + 3 - root) / (2 * (2 * b + 4)), math.exp(-128.0))
    return Register(n_bits=n_bits, decays=(decay,), maps=((1.0 - decay,),))


def widest_gap_decay(n_bits: int) -> Register:
    """One channel, one number, with the decay of the widest gap between any two levels (Lemma 7.3).

    The gap is d^(b-1) (1 - 2d); relative to all that the number may be.
    """
    # 7.3: the derivative of d^(b-1) (1 - 2d) vanishes here; e^-128 stands for the 0 of one bit.
    decay = max((n_bits - 1) / (2 * n_bits), math.exp(-128.0))
    return Register(n_bits=n_bits, decays=(decay,), maps=((1.0 - decay,),))


_MOST_BITS = 12
"""Levels are listed for every word at every point of the grid: up to this many bits."""

_APART = 0.06
"""By how much the two decays differ from their middle; the proof uses nothing but the gap found (Lemma 7.3)."""


def _grid(n_bits: int) -> list[tuple[float, float]]:
    """Decays and zeros worth trying; long registers have their best where the fine grid of short ones had it."""
    # Looked through once, coarser and finer: numbers chosen by trying, which the proof does not see (Lemma 7.3).
    if n_bits < 6:
        return [(0.10 + 0.02 * row, 0.05 * 1.22**column) for row in range(32) for column in range(34)]
    return [(0.52 + 0.02 * row, n_bits * (1.2 + 0.07 * column)) for row in range(5) for column in range(5)]


def two_decays(decay: float, zero: float, n_bits: int) -> Register:
    """The register with decays around `decay` and no response at lag `zero`."""
    slow, fast = decay * (1.0 + _APART), decay * (1.0 - _APART)
    ratio = (slow / fast) ** zero
    return scaled(Register(n_bits=n_bits, decays=(slow, fast), maps=((1.0, -ratio),)))


@lru_cache(maxsize=64)  # one a number of bits, of which there are no more than 12
def largest_lead(n_bits: int) -> Register | None:
    """The one of the largest lead on the grid; None beyond `_MOST_BITS`."""
    return _best(n_bits, lambda register: register.lead)


@lru_cache(maxsize=64)  # one a number of bits, of which there are no more than 12
def largest_gap(n_bits: int) -> Register | None:
    """The one of the widest gap between two words' numbers on the grid; None beyond `_MOST_BITS`."""
    return _best(n_bits, lambda register: register.gap)


def _best(n_bits: int, quality: Callable[[Register], float]) -> Register | None:
    if not 2 <= n_bits <= _MOST_BITS:
        return None
    best, most = None, -math.inf
    for decay, zero in _grid(n_bits):
        register = two_decays(decay, zero, n_bits)
        if (value := quality(register)) > most:
            best, most = register, value
    return best
