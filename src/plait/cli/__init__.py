"""The command line: parse, call, print."""

from plait.cli.app import app, main

__all__ = ["app", "main"]
