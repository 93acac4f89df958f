"""The command line: parse, call, print."""

from typing import TYPE_CHECKING

from plait.cli.entry import main
from plait.deferred import on_first_use

if TYPE_CHECKING:
    from plait.cli.commands import app

__all__ = ["app", "main"]

__getattr__ = on_first_use(__name__)
