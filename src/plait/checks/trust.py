"""What a file may make this program run: nothing but what is plait's own, unless the user trusts the file."""

from collections.abc import Iterable

from plait.checks.aliases import present_name
from plait.checks.values import cut

_PACKAGE = __name__.partition(".")[0]


def foreign_names(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the form `module:NAME` that lead out of this package, in order, once.

    `hf:NAME` leads to a class on a list of plait's (`plait.layers.hf`), in a library that is installed.
    """
    own = (name for name in names if ":" in name and not name.startswith("hf:"))
    return tuple(dict.fromkeys(name for name in own if present_name(name).partition(".")[0] != _PACKAGE))


def refuse_foreign(names: Iterable[str], *, trust_code: bool) -> None:
    """Refuse names in a file that would import somebody's module, unless its code is trusted.

    Raises:
        ValueError: what would be imported, and how to allow it.
    """
    foreign = foreign_names(names)
    if foreign and not trust_code:
        listed = ", ".join(cut(name) for name in foreign[:3]) + (", .." if len(foreign) > 3 else "")
        raise ValueError(
            f"it names code that is not plait's, {listed}, which would be imported and run; if you trust it: "
            "--trust-code, in Python trust_code=True"
        )
