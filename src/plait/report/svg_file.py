"""The SVG of a picture as a file of its own, in few letters."""

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from plait.checks import in_line

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure


_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def smallest_svg(svg: str) -> str:
    """The same as a file of its own: each style said once, ids of a letter or two, no groups that say nothing."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(svg)
    styles: dict[str, str] = {}
    clips: dict[str, str] = {}
    ids: dict[str, str] = {}
    for element in root.iter():
        if "d" in element.attrib:
            element.set("d", short_path(element.attrib["d"]))
        if style := element.attrib.pop("style", None):
            style = re.sub(r"([:;]) ", r"\1", style)
            name = styles.setdefault(style, f"s{len(styles)}")
            if clip := element.attrib.pop("clip-path", None):
                name += f" {clips.setdefault(f'clip-path:{clip}', f'c{len(clips)}')}"
            element.set("class", name)
        if name := element.get("id"):
            element.set("id", ids.setdefault(name, f"i{len(ids)}"))
    _unwrap(root)
    hollow = [name for style, name in styles.items() if style.startswith("fill:none;")]
    _join(root, lines={f"{name} {clip}" for name in hollow for clip in clips.values()})
    _ticks(root, ids)
    family = _family(styles)
    rules = "".join(f".{name}{{{style.replace(family, '')}}}" for style, name in (styles | clips).items())
    sheet = root.find(f".//{{{_SVG}}}style")
    if sheet is not None:
        sheet.text = (sheet.text or "") + (f"text{{{family}}}" if family else "") + rules
    ids |= _defined_once(root, ids)
    _gathered(root)
    text = ElementTree.tostring(root, encoding="unicode")
    for name, short in ids.items():
        text = text.replace(f"#{name})", f"#{short})").replace(f'#{name}"', f'#{short}"')
    return text.replace(" />", "/>").replace("xlink:href=", "href=")


def short_path(path: str) -> str:
    """The same path: no blanks that say nothing, a line that goes one way, up or across, by the place where it ends."""
    if re.fullmatch(r"M \S+ \S+(?: L \S+ \S+)+ ?", path):
        numbers = re.findall(r"[^\sML]+", path)
        x, y = numbers[::2], numbers[1::2]
        if len({*x}) == 1 and _one_way(y):
            return f"M{x[0]} {y[0]}V{y[-1]}"
        if len({*y}) == 1 and _one_way(x):
            return f"M{x[0]} {y[0]}H{x[-1]}"
    if not re.search(
        r"[A-KN-Y]", path
    ):  # after M or L the next points are those of lines, after a curve they are not
        path = re.sub(r"(?<=[\d.]) L (?=[-\d])", " ", path)
    return re.sub(r" (?=-)", "", re.sub(r"\s*([A-Za-z])\s*", r"\1", _by_steps(path)))


def _one_way(values: Sequence[str]) -> bool:
    places = [*map(float, values)]
    return places in (sorted(places), sorted(places, reverse=True))


def _by_steps(path: str) -> str:
    """One line through four places or more as its beginning and the steps from there, in tenths as they were."""
    number = r"-?\d+(?:\.\d)?"
    if not re.fullmatch(rf"\s*M {number} {number}(?: {number} {number}){{3,}}\s*z?\s*", path):
        return path
    tenths = [round(10 * float(value)) for value in re.findall(number, path)]
    x, y = tenths[::2], tenths[1::2]
    steps = [late - early for two in zip(pairwise(x), pairwise(y), strict=True) for early, late in two]
    end = "z" if "z" in path else ""
    return f"M {_tenth(x[0])} {_tenth(y[0])} l {' '.join(map(_tenth, steps))}{end}"


def _tenth(tenths: int) -> str:
    return re.sub(r"(?<![0-9])0(?=\.)", "", f"{tenths / 10:.1f}".removesuffix(".0"))


def _unwrap(element: ElementTree.Element) -> None:
    """Put what stands in groups without attributes in their place."""
    for child in list(element):
        _unwrap(child)
        if child.tag == f"{{{_SVG}}}g" and not child.attrib:
            place = list(element).index(child)
            element.remove(child)
            for offset, inner in enumerate(child):
                element.insert(place + offset, inner)


def _join(element: ElementTree.Element, *, lines: set[str]) -> None:
    """Paths that are drawn with the same one of the styles `lines`, such as error bars or a grid, as one path.

    Ticks and their labels may stand between them: `lines` are kept inside of the axes, and these stand outside.
    """
    first: ElementTree.Element | None = None
    for child in list(element):
        _join(child, lines=lines)
        plain = child.tag == f"{{{_SVG}}}path" and set(child.attrib) == {"d", "class"} and not len(child)
        if not plain:
            continue
        if first is not None and child.attrib["class"] == first.attrib["class"]:
            first.set("d", first.attrib["d"] + child.attrib["d"])
            element.remove(child)
        else:
            first = child if child.attrib["class"] in lines else None


def _ticks(root: ElementTree.Element, ids: Mapping[str, str]) -> None:
    """The ticks of an axis, each a straight mark in a group of its own, as one path."""
    drawn_text = {child.get("id"): child for defs in root.iter(f"{{{_SVG}}}defs") for child in defs}
    straight = {
        name: match[1].lower()
        for name, child in drawn_text.items()
        if (match := re.fullmatch(r"M0 0([VH]-?[\d.]+)", child.get("d", "")))
    }
    for parent in list(root.iter()):
        first: dict[str, ElementTree.Element] = {}
        for child in list(parent):
            use = child[0] if len(child) == 1 and set(child.attrib) == {"class"} else None
            name = None if use is None else ids.get(use.get(f"{{{_XLINK}}}href", "").removeprefix("#"))
            if use is None or name not in straight:
                continue
            d, look = f"M{use.get('x')} {use.get('y')}{straight[name]}", child.attrib["class"]
            if look in first:
                first[look].set("d", first[look].attrib["d"] + d)
                parent.remove(child)
            else:
                first[look] = parent[list(parent).index(child)] = ElementTree.Element(
                    f"{{{_SVG}}}path", {"d": d, "class": look}
                )
    asked = {ids.get(use.get(f"{{{_XLINK}}}href", "")[1:]) for use in root.iter(f"{{{_SVG}}}use")}
    for defs in list(root.iter(f"{{{_SVG}}}defs")):
        for child in list(defs):
            if child.get("id") in straight and child.get("id") not in asked:
                defs.remove(child)


def _defined_once(root: ElementTree.Element, ids: Mapping[str, str]) -> dict[str, str]:
    """Drop what is defined a second time, as a legend's marks are; the names that now stand for the first."""
    first: dict[bytes, str] = {}
    renamed: dict[str, str] = {}
    for defs in list(root.iter(f"{{{_SVG}}}defs")):
        for child in list(defs):
            if (name := child.attrib.pop("id", None)) is None:
                continue
            kept = first.setdefault(ElementTree.tostring(child), name)
            if kept == name:
                child.set("id", name)
            else:
                defs.remove(child)
                renamed[name] = kept
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}defs" and not len(child):
                parent.remove(child)
    return {name: renamed[short] for name, short in ids.items() if short in renamed}


def _gathered(root: ElementTree.Element) -> None:
    """All definitions in one place, and a mark that stands alone without a group."""
    first: ElementTree.Element | None = None
    for parent in list(root.iter()):
        for child in list(parent):
            alone = child[0] if len(child) == 1 and set(child.attrib) == {"class"} else None
            if child.tag == f"{{{_SVG}}}defs" and first is None:
                first = child
            elif child.tag == f"{{{_SVG}}}defs":
                assert first is not None
                first.extend(child)
                parent.remove(child)
            elif alone is not None and _can_stand_alone(alone, child.attrib["class"]):
                alone.set(
                    "class", child.attrib["class"]
                )  # one that is clipped would be clipped where it is drawn
                parent[list(parent).index(child)] = alone


def _can_stand_alone(mark: ElementTree.Element, group: str) -> bool:
    """Whether it has no look of its own, and its group does not clip, which would then go by the mark's own place."""
    return mark.tag == f"{{{_SVG}}}use" and "class" not in mark.attrib and " " not in group


def _family(styles: Mapping[str, str]) -> str:
    """The one font that all texts have, as a rule of its own; nothing where there are several."""
    families = {found[0] for style in styles if (found := re.search(r"font-family:[^;]*;?", style))}
    return families.pop() if len(families) == 1 else ""


_FLAT = r"(?:(?!</?g\b).)*"
"""What holds no group, in SVG."""

LONGEST_DRAWN = 60
"""Characters of a text in a drawing."""


def drawn_text(text: str) -> str:
    """A text that was read, as matplotlib draws it letter for letter: no formula, no control character, cut."""
    return in_line(text, most=LONGEST_DRAWN).replace("$", r"\$")


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
