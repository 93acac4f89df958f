"""Student's distribution, for intervals from few seeds."""

import math


def student_quantile(p: float, degrees: int) -> float:
    """Student's t at probability `p` in [0.5, 1) for whole degrees of freedom, by bisection."""
    low, high = 0.0, 1.0
    while student_cdf(high, degrees) < p:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(middle, degrees) < p else (low, middle)
    return high


def student_cdf(t: float, degrees: int) -> float:
    """P(T <= t) for t >= 0 (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine = math.cos(angle)
    term = cosine if degrees % 2 else 1.0
    total = 0.0
    for k in range(degrees % 2 + 2, degrees + 1, 2):
        total += term
        term *= cosine**2 * (k - 1) / k
    if degrees % 2:
        return 0.5 + (angle + math.sin(angle) * total) / math.pi
    return 0.5 + math.sin(angle) * total / 2
