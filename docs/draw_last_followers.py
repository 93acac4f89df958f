"""Draws docs/images/last-followers.svg: python docs/draw_last_followers.py

The last followers of a text, keys of two letters, over the de Bruijn graph in which they are a spanning in-tree.
"""

from itertools import pairwise
from math import cos, hypot, pi, sin
from pathlib import Path

TEXT = "bbcccabaacbca"
LETTERS = "abc"
KEYS = [x + y for x in LETTERS for y in LETTERS]
SIZE, RADIUS, NODE = 460, 175, 19
THIN, THICK, ROOT = "#c9c9c9", "#0072B2", "#D55E00"


def last_followers(text: str) -> dict[str, str]:
    """For each key with a follower, the key that followed its last occurrence."""
    keys = [text[i : i + 2] for i in range(len(text) - 1)]
    followers = dict(pairwise(keys))
    followers.pop(keys[-1], None)
    return followers


def draw(text: str) -> str:
    """The picture of a text in which every key occurs."""
    tree, root = last_followers(text), text[-2:]
    assert set(tree) | {root} == set(KEYS)
    parts = [_arrow(x, x[1] + y, THIN, 1.2) for x in KEYS for y in LETTERS if x[0] != x[1] or x[1] != y]
    parts += [_arrow(x, y, THICK, 3.0) for x, y in sorted(tree.items())]
    for key in KEYS:
        x, y = _place(key)
        ring = ROOT if key == root else "#333333"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{NODE}" fill="#ffffff" stroke="{ring}" '
            f'stroke-width="{3 if key == root else 1.5}"/>'
        )
        parts.append(f'<text x="{x:.1f}" y="{y + 5:.1f}" text-anchor="middle">{key}</text>')
    spaced = " ".join(text)
    heading = f'<text x="{SIZE / 2:.0f}" y="24" text-anchor="middle">{spaced}</text>'
    legend = (
        f'<text x="{SIZE / 2:.0f}" y="{SIZE + 28}" text-anchor="middle" font-size="13">'
        f"thick: what followed each key last; root: {root}, the last key</text>"
    )
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="{size}" markerHeight="{size}" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 10 5 0 10z" fill="{colour}"/></marker>'
        for name, size, colour in (("thin", 8, THIN), ("thick", 13, THICK))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE + 44}" width="{SIZE}" '
        f'font-family="monospace" font-size="16"><title>Last followers of {text}</title><defs>{heads}</defs>'
        f'<rect width="{SIZE}" height="{SIZE + 44}" fill="#ffffff"/>{heading}{"".join(parts)}{legend}</svg>\n'
    )


def _place(key: str) -> tuple[float, float]:
    angle = 2 * pi * KEYS.index(key) / len(KEYS) - pi / 2
    return SIZE / 2 + RADIUS * cos(angle), SIZE / 2 + 12 + RADIUS * sin(angle)


def _arrow(start: str, end: str, colour: str, width: float) -> str:
    """From rim to rim, bent a little so that both ways between two keys are seen."""
    (x, y), (u, v) = _place(start), _place(end)
    length = hypot(u - x, v - y)
    over, up = (u - x) / length, (v - y) / length
    middle = ((x + u) / 2 - 14 * up, (y + v) / 2 + 14 * over)
    begin = (x + NODE * over - 4 * up, y + NODE * up + 4 * over)
    rim = (u - (NODE + 2) * over - 4 * up, v - (NODE + 2) * up + 4 * over)
    head = "thick" if colour == THICK else "thin"
    return (
        f'<path d="M{begin[0]:.1f} {begin[1]:.1f} Q{middle[0]:.1f} {middle[1]:.1f} {rim[0]:.1f} {rim[1]:.1f}" '
        f'fill="none" stroke="{colour}" stroke-width="{width}" marker-end="url(#{head})"/>'
    )


if __name__ == "__main__":
    (Path(__file__).parent / "images" / "last-followers.svg").write_text(draw(TEXT))
