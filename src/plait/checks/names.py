"""How an unknown name is refused: what was got, what is known, and what comes nearest."""

import difflib
from collections.abc import Iterable

from plait.checks.values import cut


def unknown(kind: str, got: object, known: Iterable[str]) -> str:
    """One line such as `unknown field 'd_modl'; known: d_model, window; nearest: d_model`."""
    names = list(known)
    shown = cut(str(got))
    close = difflib.get_close_matches(shown, names, n=1, cutoff=0.5) or [
        name for name in names if name.lower() == shown.lower()
    ]
    nearest = f"; nearest: {close[0]}" if close else ""
    return f"unknown {kind} {shown!r}; known: {', '.join(names) or 'none'}{nearest}"
