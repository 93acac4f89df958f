"""A matplotlib figure as SVG text that can stand in a page, with values shown where the pointer rests."""

import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_HOVER = "hover:"


def hover(artist: "Artist", text: str) -> None:
    """Give a drawn thing the text that a browser shows when the pointer rests on it."""
    artist.set_gid(f"{_HOVER}{text}")


def svg_text(figure: "Figure", *, name: str) -> str:
    """The figure as an `<svg>` element to be put into a page; `name` keeps its ids apart from other figures'."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    # matplotlib writes an artist's id on its group: the text goes inside as the group's title.
    svg = re.sub(rf'<g id="{_HOVER}([^"]*)">', r"<g><title>\1</title>", svg)
    svg = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', svg)
    return re.sub(r'(url\(#|xlink:href="#)', rf"\g<1>{name}-", svg)
