r"""Formulas of the pages as MathML, which browsers draw by themselves: no script, no font, no request.

The pages write LaTeX as GitHub reads it: `` $`x^2`$ `` in a line, a fence named `math` for one of its own. Both forms
keep `_`, `*` and `\` from Markdown. A hook of mkdocs.yml.
"""

import re
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from mkdocs.config.defaults import MkDocsConfig

INLINE = r"\$`([^`]+)`\$"
BEFORE_CODE = 195
"""Inline patterns run from the highest number; backticks alone have 190."""

LONGEST_IN_A_LINE = 30
"""Characters of LaTeX beyond which a formula may be wider than a telephone, and scrolls by itself there."""

OPENED = r"(?:<mrow>|<mo[^>]*>(?:&#x00028;|&#x0002C;|&#x0003D;|&#x02265;|&#x02264;|\()</mo>)"
DRAWN = {
    "<mrow><mo>&#x0002C;</mo></mrow>": "<mn>,</mn>",
    "<mo[^>]*>(&#x0007C;|&#x02016;)</mo>": r'<mo lspace="0" rspace="0" stretchy="false">\1</mo>',
    f"({OPENED})<mo>&#x02212;</mo>": r'\1<mo form="prefix">&#x02212;</mo>',
    "<mi>&#x0007E;</mi>": "<mo>&#x0223C;</mo>",
    '<mn mathvariant="bold">1</mn>': "<mn>\U0001d7cf</mn>",
}
"""Commas in numbers, bars and signs, which browsers space otherwise than TeX; and two signs drawn as others."""

FUNCTION = (
    r"(?P<before><mrow>|&#x00028;</mo>)?(?P<base><msub>)?<m[io]>(?P<name>(?!mod\b)[A-Za-z]{2,})</m[io]>"
)


def _named(found: re.Match[str]) -> str:
    """A function's name as an operator: thin spaces around it, none behind a bracket or before one."""
    before, base, name = found["before"] or "", found["base"] or "", found["name"]
    left = "0" if before else "0.17em"
    right = "0" if re.match(r"<mo[^>]*>&#x00028;", found.string[found.end() :]) else "0.17em"
    return f'{before}{base}<mo lspace="{left}" rspace="{right}">{name}</mo>'


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Both forms join the Markdown extensions."""
    config.markdown_extensions.append(Formulas())  # type: ignore[arg-type]
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {}).setdefault("custom_fences", [])
    fences.append({"name": "math", "class": "formula", "format": displayed})
    return config


class Formulas(Extension):
    """Formulas in a line."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802, the name is Markdown's
        md.inlinePatterns.register(Inline(INLINE, md), "formula", BEFORE_CODE)


class Inline(InlineProcessor):
    """One formula in a line, stored away so that no later pattern reads it."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:  # type: ignore[override]  # noqa: N802
        shown = mathml(m[1])
        if len(m[1]) > LONGEST_IN_A_LINE:
            shown = f'<span class="long-formula">{shown}</span>'
        return self.md.htmlStash.store(shown), m.start(0), m.end(0)


def displayed(
    source: str, language: str, css_class: str, options: dict[str, Any], md: Markdown, **kwargs: Any
) -> str:
    """A formula of its own (what pymdownx.superfences calls for a fence)."""
    return f'<div class="{css_class}">{mathml(source, display="block")}</div>'


def mathml(latex: str, display: str = "inline") -> str:
    """One `<math>` element.

    Raises:
        ValueError: a command that latex2mathml does not know, which it would print as it stands.
    """
    text = convert(" ".join(latex.split()), display=display)
    for written, drawn in DRAWN.items():
        text = re.sub(written, drawn, text)
    text = re.sub(FUNCTION, _named, text)
    text = re.sub(
        r"<mtext>([^<]*[A-Za-z][^<]*)</mtext>", r"<mi>\1</mi>", text
    )  # beside a text no operator has space
    if unknown := re.findall(r"\\\w+", "".join(ElementTree.fromstring(text).itertext())):
        raise ValueError(f"no MathML for {unknown[0]} in {latex}")
    return text
