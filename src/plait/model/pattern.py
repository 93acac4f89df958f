"""Patterns: the layers of a model in a word, read from input to output.

    pattern = item ("-" item)*                    item = layer ["*" count]
    layer = name | "(" pattern ")" | "(" name ("|" name)+ ")"

A name is a built-in layer's or `module:Class`. `SSM-TF-TF` is three layers, `(SSM*5-TF)*2` twelve; `(SSM|TF)-TF` is
two, of which the first has an SSM and a TF side by side; `my_pkg.my_layer:MyLayer-TF` has a user's own layer.
"""

import re
from functools import cache

from plait.checks import cut, unknown
from plait.layers import LAYERS
from plait.layers.registry import HF
from plait.layers.spec import MOST_SIDES, joined, sides

MAX_LAYERS = 4096
"""Beyond any model; `(A-B)*1000000` would fill the memory before anything refused it."""

_ALONE = "a side of layers side by side is one layer by its name, as in (SSM|TF)"

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w.]*(?::[A-Za-z_]\w*)?)|(\d+)|([-*()|]))")


@cache
def expand_pattern(pattern: str) -> tuple[str, ...]:
    """The names of all layers, input first.

    Raises:
        ValueError: text that is no pattern (says where), an unknown layer (a class named `module:Class` is
            looked up when the model is built), or more than `MAX_LAYERS` layers.
    """
    return _Parser(pattern).parse()


def parts(pattern: str) -> tuple[str, ...]:
    """The names of all layers, input first, those side by side one after the other.

    Raises:
        ValueError: as `expand_pattern`.
    """
    return tuple(side for name in expand_pattern(pattern) for side in sides(name))


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.start = 0
        self.token = ""
        self.depth = 0
        self.advance()

    def advance(self) -> None:
        """Read the next token; the empty one stands for the end."""
        rest = self.pattern[self.at :]
        if not rest.strip():
            self.start, self.token = len(self.pattern), ""
            return
        match = _TOKEN.match(self.pattern, self.at)
        if match is None:
            self.start = self.at + len(rest) - len(rest.lstrip())
            raise self.error(f"unexpected {self.pattern[self.start]!r}")
        self.token = match.group(match.lastindex or 0)
        self.start = match.start(match.lastindex or 0)
        self.at = match.end()

    def error(self, what: str) -> ValueError:
        shown = cut(self.pattern, most=80)
        known = ", ".join(LAYERS)
        return ValueError(
            f"pattern {shown!r}, character {self.start + 1}: {what} "
            f"(a pattern looks like SSM-TF, (SSM*5-TF)*2 or (SSM|TF)-TF; layers: {known}, module:Class)"
        )

    def parse(self) -> tuple[str, ...]:
        layers = self.sequence()
        if self.token == "|":
            raise self.error("layers side by side stand in brackets, as (SSM|TF)")
        if self.token:
            raise self.error(f"expected '-' or the end, got {self.token!r}")
        return layers

    def sequence(self) -> tuple[str, ...]:
        layers = self.item()
        while self.token == "-":
            self.advance()
            layers = self.checked(layers, self.item())
        return layers

    def item(self) -> tuple[str, ...]:
        layers = self.atom()
        while self.token == "*":
            self.advance()
            if not self.token.isdecimal() or int(self.token[:9]) == 0:
                raise self.error(f"expected a count of at least 1 after '*', got {self.token or 'the end'!r}")
            count = int(self.token[:9])
            if count * len(layers) > MAX_LAYERS:
                raise self.error(f"at most {MAX_LAYERS} layers are possible")
            layers *= count
            self.advance()
        return layers

    def atom(self) -> tuple[str, ...]:
        name = self.token
        if name == "(":
            self.depth += 1
            if self.depth > 64:
                raise self.error("brackets deeper than 64")
            self.advance()
            begins, first = self.start, self.token
            layers = self.sequence()
            if self.token == "|":
                plain = len(layers) == 1 and self.pattern[begins : self.start].strip() == first
                layers = self.side_by_side(layers[0] if plain else None)
            if self.token != ")":
                raise self.error(f"expected ')', got {self.token or 'the end'!r}")
            self.depth -= 1
        else:
            layers = (self.name(),)
        self.advance()
        return layers

    def name(self) -> str:
        """The token as the name of a layer."""
        name = self.token
        if not name or not (name[0].isalpha() or name[0] == "_"):
            raise self.error(f"expected a layer, got {name or 'the end'!r}")
        if ":" not in name and name not in LAYERS:
            raise self.error(unknown("layer", name, (*LAYERS, "module:Class")))
        if name.startswith(HF):
            from plait.layers.hf import check_family

            try:
                check_family(name)
            except ValueError as error:
                raise self.error(str(error)) from None
        return name

    def side_by_side(self, first: str | None) -> tuple[str, ...]:
        """One layer of several; `first` is the name before '|', None where more than a name stands there."""
        if first is None:
            raise self.error(_ALONE)
        names = [first]
        while self.token == "|":
            self.advance()
            names.append(self.side())
        if self.token in ("-", "*"):
            raise self.error(_ALONE)
        if len(names) > MOST_SIDES:
            raise self.error(f"at most {MOST_SIDES} layers can stand side by side")
        return (joined(tuple(names)),)

    def side(self) -> str:
        """The name behind '|'."""
        if self.token == "(":
            raise self.error(_ALONE)
        name = self.name()
        self.advance()
        return name

    def checked(self, left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
        if len(left) + len(right) > MAX_LAYERS:
            raise self.error(f"at most {MAX_LAYERS} layers are possible")
        return left + right
