"""The one place where a mistake becomes one line on stderr and an exit code.

0 done, 1 a check that failed (or nobody reads our output), 2 what was asked for cannot be done, 124 the time given by
--for is up, 130 Ctrl-C, 143 SIGTERM.
"""

import os
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from plait.checks import cut, one_line, printable, unknown
from plait.cli.entry import exit_code, interrupted_line

CHECK_FAILED, _REFUSED = 1, 2

_LONGEST = 2000
"""Characters of a line: what was given may be megabytes, and none of our own sentences is as long."""

_PACKAGE = Path(__file__).parents[1]
_LIBRARIES = {"site-packages", "dist-packages"}


class Command(TyperCommand):
    """A command whose usage line has what must be given as it stands, where typer puts braces around it."""

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


class Commands(TyperGroup):
    """A group of commands that ends in a line and an exit code where Python would show a traceback."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        args = (sys.argv[1:] if args is None else args) or ["--help"]
        try:
            with _warnings_said():
                code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
            sys.stdout.flush()
        except typer.Abort:
            _say("standard input has ended")
            code = _REFUSED
        except typer.TyperException as error:
            _say(_usage_line(error))
            code = error.exit_code
        except BrokenPipeError:
            _drop_output()
            code = CHECK_FAILED
        except OSError as error:
            _say(f"cannot print: {error_line(error)}")
            _drop_output()
            code = _REFUSED
        sys.exit(code or 0)

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SystemExit as left:
            if isinstance(
                left.__context__, BrokenPipeError
            ):  # rich leaves by itself where nobody reads any more
                raise typer.Exit(CHECK_FAILED) from None
            _say(f"code that is not plait's left the program (SystemExit: {left.code})")
            raise typer.Exit(_REFUSED) from None
        except KeyboardInterrupt as stop:
            _say(interrupted_line(stop))
            raise typer.Exit(exit_code(stop)) from None
        except BrokenPipeError:
            raise
        except (ValueError, OSError, MemoryError) as error:
            _say(error_line(error))
            if getattr(error, "joined", False):  # of `LostProcessError`
                sys.stdout.flush()
                os._exit(_REFUSED)
            raise typer.Exit(_REFUSED) from None
        except Exception as error:
            if isinstance(error, RuntimeError) and _out_of_memory(error):
                _say(f"not enough memory: {_folded(str(error))}")
            elif (place := _place_in_own_code(error)) is not None:
                _say(f"code that is not plait's failed ({place}: {one_line(error)})")
            else:
                raise
            raise typer.Exit(_REFUSED) from None

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:
        """Every command with its whole first sentence."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, self.commands[name].get_short_help_str(1000)) for name in self.commands]
            )

    def make_context(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().make_context(*args, **extra)
        except KeyboardInterrupt as stop:
            _say(interrupted_line(stop))
            raise typer.Exit(exit_code(stop)) from None

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            ctx.fail(unknown("command", args[0], self.commands))
        return super().resolve_command(ctx, args)


def error_line(error: Exception) -> str:
    """What went wrong, in one line; a file's error begins with its name."""
    if isinstance(error, FileExistsError) and error.filename is not None:
        return _folded(f"{error.filename}: a folder is needed, got a file")
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return _folded(f"{where}{error.strerror}")
    if isinstance(error, MemoryError):
        return "not enough memory"
    return _folded(str(error) or type(error).__name__)


def _usage_line(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    return f"{_folded(error.format_message())}{hint}"


@contextmanager
def _warnings_said() -> Generator[None, None, None]:
    """The package's own warnings as lines like any other; those of libraries as Python shows them."""
    as_ever = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], filename: str, *more: Any) -> None:
        if _PACKAGE in Path(filename).parents:
            _say(_folded(str(message)))
        else:
            as_ever(message, category, filename, *more)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _say(line: str) -> None:
    with suppress(OSError, ValueError):  # nobody reads it
        print(f"plait: {printable(cut(line, most=_LONGEST))}", file=sys.stderr)


def _folded(text: str) -> str:
    return " ".join(text.split())


def _out_of_memory(error: RuntimeError) -> bool:
    """PyTorch tells so in the text alone."""
    text = str(error).lower()
    return "out of memory" in text or "not enough memory" in text or "can't allocate memory" in text


def _place_in_own_code(error: Exception) -> str | None:
    """The innermost line that belongs neither to plait nor to a library: the user's own; None without one."""
    known = {_PACKAGE, Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("platstdlib"))}
    known.add(Path(typer.__file__).parents[1])  # where libraries are, whatever that folder is called
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_file() and not known & {*path.parents} and not _LIBRARIES & {*path.parts}:
            return f"{path.name}, line {frame.lineno}"
    return None


def _drop_output() -> None:
    """What is still to be flushed goes nowhere: its reader has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
