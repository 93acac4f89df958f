"""Numbers, points and lists in words."""

import math
from collections.abc import Sequence

from plait.checks import counted
from plait.experiments import Ratio, Summary, cell_label
from plait.experiments.fields import counted_text
from plait.findings.series import Line, Point


def decimals(accuracy: float, places: int = 3) -> str:
    """`0.846`, `1.000`; zero has no sign."""
    text = f"{accuracy:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def above_zero(low: float) -> bool:
    """Whether an interval that begins at `low` leaves 0 out: to the decimals that are shown, so 0.0004 is 0."""
    return float(decimals(low)) > 0


def signed(difference: float) -> str:
    """`+0.127`, `-0.020`; `0.000` for what rounds to it."""
    text = decimals(abs(difference))
    return text if float(text) == 0 else f"{'-' if difference < 0 else '+'}{text}"


def interval_text(summary: Summary) -> str:
    if summary.interval is None:
        return ""
    return f"95% interval {decimals(summary.interval.low)} to {decimals(summary.interval.high)}"


def bracketed(summary: Summary) -> str:
    """`0.598 [0.549, 0.710]`: a mean and its 95% interval."""
    if summary.interval is None:
        return decimals(summary.mean)
    return f"{decimals(summary.mean)} [{decimals(summary.interval.low)}, {decimals(summary.interval.high)}]"


def point_text(line: Line, point: Point, x_label: str) -> str:
    """A point as it is read out: what it is, its mean, interval, seeds and learning rate."""
    summary = point.summary
    cell = summary.cell
    where = "" if not x_label or x_label == "parameters" else f", {x_label} {counted_text(point.x)}"
    named = f"{cell_label(cell.settings)}{where}, {cell.parameters:,} parameters"
    spread = f", {interval_text(summary)}" if summary.interval is not None else ""
    return f"{named}: {decimals(summary.mean)}{spread}, {counted(summary.seeds, 'seed')}, learning rate {summary.lr:g}"


def times_text(factor: float) -> str:
    """`2.46`; beside 1, which is no effect, with the decimals that verdicts count: `1.003`, `0.996`, `1.000`."""
    text = f"{factor:.2f}"
    return f"{factor:.3f}" if text == "1.00" else text


def ratio_text(ratio: Ratio) -> str:
    """`5.21 [4.80, 5.66]`; a bound begins with >= or <=; `-` where neither side got there."""
    if ratio.low == ratio.high:
        text = times_text(ratio.low)
    elif ratio.low > 0:
        text = f">= {times_text(ratio.low)}"
    elif math.isfinite(ratio.high):
        text = f"<= {times_text(ratio.high)}"
    else:
        return "-"
    if ratio.interval is None:
        return text
    return f"{text} [{_end(ratio.interval.low, '0')}, {_end(ratio.interval.high, '..')}]"


def span_text(ratios: Sequence[Ratio]) -> str:
    """The least and the most of some ratios."""
    least, most = (chosen(ratios, key=lambda ratio: ratio.low) for chosen in (min, max))
    return f"from {ratio_text(least)} to {ratio_text(most)}"


def _end(value: float, unbounded: str) -> str:
    return times_text(value) if math.isfinite(value) and value > 0 else unbounded


def with_and(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def sentence(parts: Sequence[str]) -> str:
    """The parts behind one another, the first with a capital."""
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."
