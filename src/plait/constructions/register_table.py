"""Registers of two numbers, found by a search over decays and maps; the proofs use nothing but their leads.

Two numbers keep levels apart that one number brings together: at five bits the least lead, over the squared
radius of the levels, is 1.4 * 10^-2 against 2.0 * 10^-4 (docs/theory-constructions.md, section 7.4).
"""

from plait.constructions.register import Register, scaled

_FOUND: dict[int, tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]] = {
    4: ((0.0823, 0.1671, 0.2508), ((-25.16, 49.82, -24.39), (-24.06, 49.12, -25.30))),
    5: ((0.0931, 0.1964, 0.2756), ((-21.19, 49.97, -28.84), (21.44, -47.76, 26.25))),
    6: ((0.0244, 0.1043, 0.2435, 0.3453), ((-42.82, 79.86, -57.13, 20.20), (29.55, -69.53, 70.42, -30.50))),
    7: ((0.0356, 0.1298, 0.2670, 0.3619), ((-28.2, 68.2, -71.8, 31.8), (28.7, -70.8, 71.2, -29.2))),
}


def two_numbers(n_bits: int) -> Register | None:
    """The register found for this many bits, if any."""
    if n_bits not in _FOUND:
        return None
    decays, maps = _FOUND[n_bits]
    return scaled(Register(n_bits=n_bits, decays=decays, maps=maps))
