"""One colour and one mark for each pattern, the same in every picture: colours that colour-blind readers tell apart.

Attention alone is blue, SSM alone vermilion, attention before an SSM pink, an SSM before attention green; each depth
has a mark of its own. A pattern that is not listed gets a colour and a mark by its letters.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from plait.findings.series import Line, Panel

BLUE, VERMILION, PINK, GREEN = "#0072B2", "#D55E00", "#CC79A7", "#009E73"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
PURPLE, _GREY = "#7B52AB", "#8C8C8C"


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a line is drawn: `fill` is matplotlib's style of a mark, `dash` of a line."""

    color: str
    marker: str
    dash: str = "-"
    fill: str = "full"


SMALLEST_PURE = "smallest pure"

_KNOWN: Mapping[str, Style] = MappingProxyType(
    {
        "TF": Style(color=BLUE, marker="8"),
        "TF-TF": Style(color=BLUE, marker="o"),
        "TF-TF-TF": Style(color=BLUE, marker="h"),
        "SSM": Style(color=VERMILION, marker="d"),
        "SSM-SSM": Style(color=VERMILION, marker="s"),
        "SSM-SSM-SSM": Style(color=VERMILION, marker="p"),
        "TF-SSM": Style(color=PINK, marker="D"),
        "SSM-TF": Style(color=GREEN, marker="^"),
        "SSM-SSM-TF": Style(color=GREEN, marker="v"),
        "SSM-TF-TF": Style(color=GREEN, marker="<"),
        "TF*12": Style(color=BLUE, marker="P"),
        "SSM*12": Style(color=VERMILION, marker="P"),
        "SSM*32": Style(color=VERMILION, marker="X"),
        "(TF-SSM)*6": Style(color=PINK, marker="P"),
        "(SSM-TF)*6": Style(color=GREEN, marker="P"),
        "SSM*10-TF*2": Style(color=BLACK, marker=">"),
        "SSM*5-TF-SSM*6": Style(color=ORANGE, marker="X"),
        SMALLEST_PURE: Style(color=BLACK, marker="X"),
    }
)
_MIXERS: Mapping[str, Style] = MappingProxyType(
    {
        "Mamba2": Style(color=SKY, marker="v"),
        "GDN": Style(color=ORANGE, marker=">"),
        "KDA": Style(color=BLACK, marker="P"),
        "DeltaNet": Style(color=PURPLE, marker="X"),
        "GLA": Style(color=_GREY, marker="*"),
        "Retention": Style(color=SKY, marker="p"),
        "RWKV7": Style(color=ORANGE, marker="D"),
        "MLSTM": Style(color=BLACK, marker="<"),
        "RGLRU": Style(color=PURPLE, marker="h"),
        "ShortConv": Style(color=_GREY, marker="d"),
    }
)
"""Of today's mixers, before attention; alone they have hollow marks, behind it half-filled ones."""

_OTHERS = tuple(
    Style(color=color, marker=mark) for mark in (">", "P", "X", "*") for color in (SKY, ORANGE, BLACK)
)
_DASHES = (("-", "full"), ("--", "none"), (":", "left"), ("-.", "right"))
MOST_OF_A_PATTERN = len(_DASHES)
"""Lines of one pattern that can be told apart."""
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*", "p", "h")


def pattern_style(pattern: str) -> Style:
    """Colour and mark of a pattern, the same in every picture; of one that has none of its own, by its name."""
    known = _KNOWN.get(pattern) or _of_mixer(pattern)
    return known or _OTHERS[zlib.crc32(pattern.encode()) % len(_OTHERS)]


def _of_mixer(pattern: str) -> Style | None:
    first, _, second = pattern.partition("-")
    style = _MIXERS.get(second if first == "TF" else first)
    if style is None or {first, second} - {"TF"} - set(_MIXERS):
        return None
    if second == "TF":
        return style
    if first == "TF":
        return replace(style, dash=":", fill="left")
    return replace(style, dash="--", fill="none") if first == second else None


def line_styles(panel: Panel, patterns: Iterable[str] = ()) -> Mapping[str, Style]:
    """A style for every line of a panel, and for patterns that others measured.

    Lines of one pattern that differ in something else have its colour and mark, and dashes and fillings of their own.
    Lines that no pattern tells apart go from dark to light.
    """
    if "model.pattern" not in panel.view.lines or panel.view.y is not None:
        return _shades([line.label for line in panel.lines])
    styles = pattern_styles((line.label, pattern_of(line)) for line in panel.lines)
    return {pattern: pattern_style(pattern) for pattern in patterns} | styles


def pattern_styles(labelled: Iterable[tuple[str, str]]) -> dict[str, Style]:
    """A style for each label of a pattern: of several of one pattern its colour and mark, dashes and fillings apart."""
    styles: dict[str, Style] = {}
    seen: dict[str, int] = {}
    for label, pattern in labelled:
        dash, fill = _DASHES[seen.get(pattern, 0) % len(_DASHES)]
        own = pattern_style(pattern)
        styles[label] = replace(own, dash=dash, fill=fill) if pattern in seen else own
        seen[pattern] = seen.get(pattern, 0) + 1
    return styles


def pattern_of(line: Line) -> str:
    """The pattern of the models that a line joins."""
    return line.points[0].summary.cell.pattern


def _shades(labels: Sequence[str]) -> Mapping[str, Style]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    shade = colormaps["viridis"]
    last = max(1, len(labels) - 1)
    return {
        label: Style(color=to_hex(shade(0.88 * place / last)), marker=_MARKS[place % len(_MARKS)])
        for place, label in enumerate(labels)
    }
