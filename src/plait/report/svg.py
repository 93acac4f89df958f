"""A matplotlib figure as SVG text that can stand in a page, with values shown where the pointer rests."""

import io
import re
from typing import TYPE_CHECKING

from plait.report.svg_file import smallest_svg

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_FLAT = r"(?:(?!</?g\b).)*"
"""What holds no group, in SVG."""

_HOVER, _BETWEEN = "hover:", "\N{SYMBOL FOR UNIT SEPARATOR}"


def hover(artist: "Artist", *texts: str) -> None:
    """Give each mark of a drawn thing, in order, the text that a browser shows when the pointer rests on it."""
    artist.set_gid(_HOVER + _BETWEEN.join(text.replace('"', "'") for text in texts))


def svg_text(figure: "Figure", *, name: str, told: bool = True) -> str:
    """The figure as an `<svg>` element to be put into a page.

    Args:
        name: keeps its ids apart from other figures'.
        told: whether marks say their values; without them it is a file for pages that show it as an image.
    """
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context(
        {"svg.hashsalt": name, "svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans", "Verdana"]}
    ):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # matplotlib writes an artist's id on its group: the texts go inside, on its marks or on the whole.
    svg = re.sub(
        rf'<g id="{_HOVER}([^"]*)">({_FLAT}(?:<g\b[^>]*>{_FLAT}</g>{_FLAT})*</g>)',
        lambda group: _told(group, told=told),
        svg,
        flags=re.DOTALL,
    )
    return _small(svg, f"{name}-") if told else smallest_svg(_small(svg, ""))


def _told(group: re.Match[str], *, told: bool) -> str:
    texts, inside = group[1].split(_BETWEEN), group[2]
    if not told:
        return f"<g>{inside}"
    marks = re.findall(r"<use [^>]*/>", inside)
    if len(marks) != len(texts):
        return f"<g><title>{' '.join(texts)}</title>{inside}"
    left = iter(texts)
    return "<g>" + re.sub(
        r"<use ([^>]*)/>", lambda use: f"<use {use[1]}><title>{next(left)}</title></use>", inside
    )


def _small(svg: str, prefix: str) -> str:
    """The same drawing in fewer letters: places to a tenth of a point, ids and styles only where they are needed."""
    svg = re.sub(r'\b(?:d|x|y|points|transform)="[^"]*"', lambda attribute: _rounded(attribute[0]), svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", svg)
    used = set(re.findall(r'(?:url\(|xlink:href=")#([^)"]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda name: f' id="{prefix}{name[1]}"' if name[1] in used else "", svg)
    svg = re.sub(r'(url\(#|xlink:href="#)', rf"\g<1>{prefix}", svg)
    svg = re.sub(
        r"<g([^>]*)>\s*((?:<use [^>]*/>\s*|<use [^>]*><title>[^<]*</title></use>\s*)+)</g>", _hoisted, svg
    )
    svg = re.sub(r"<g>\s*</g>", "", svg)
    svg = re.sub(r">\s+<(?!/text|/title)", "><", svg)
    return re.sub(r"\s*\n\s*", " ", svg).replace('" /', '"/').replace(' "', '"')


def _rounded(text: str) -> str:
    return re.sub(r"-?\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), text)


def _hoisted(group: re.Match[str]) -> str:
    """The one style of a group's marks on the group, said once; the marks' definition says it as well."""
    styles = set(re.findall(r'<use [^>]*? style="([^"]*)"', group[2]))
    if len(styles) != 1 or "style=" in group[1]:
        return group[0]
    marks = re.sub(r' style="[^"]*"', "", group[2])
    return f'<g{group[1]} style="{styles.pop()}">{marks}</g>'
