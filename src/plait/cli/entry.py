"""The program `plait`: signals and standard streams first, so that whatever happens from then on is one line.

Nothing heavy is imported before that: Ctrl-C while PyTorch is loading is no traceback either.
"""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Generator
from types import FrameType
from typing import NoReturn

COLLECT_AFTER = 20_000
"""New objects after which Python looks for cycles among them.

Imports make many and free none: at Python's own 700, looking takes a fifteenth of a light command's time.
"""

INTERRUPTED, TERMINATED, TIME_IS_UP, _REFUSED = 130, 143, 124, 2  # as shells and `timeout` have them


class TerminatedError(KeyboardInterrupt):
    """SIGTERM; what a Ctrl-C stops cleanly, this does."""


class TimeIsUpError(KeyboardInterrupt):
    """The time of `stop_after` has passed; it stops as Ctrl-C does."""


def main() -> None:
    """The program `plait`."""
    try:
        signal.signal(signal.SIGTERM, _terminate)
        if (
            signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):  # else: to be ignored, as under nohup
            signal.signal(signal.SIGINT, _interrupt)
        sys.unraisablehook = _end_at_once_or_say
        if not _keep_streams():
            _say("cannot print: standard output is closed")
            sys.exit(_REFUSED)
        gc.set_threshold(COLLECT_AFTER)
        from plait.cli.commands import app

        app()
    except KeyboardInterrupt as stop:
        _no_further_interrupt()
        _say(interrupted_line(stop))
        sys.exit(exit_code(stop))
    finally:
        _no_further_interrupt()


def interrupted_line(stop: KeyboardInterrupt) -> str:
    if _is_time_up(stop):
        return f"time is up, {stop}" if str(stop) else "time is up"
    return str(stop) or ("terminated" if isinstance(stop, TerminatedError) else "interrupted")


def exit_code(stop: KeyboardInterrupt) -> int:
    """As shells give it for the signal; a `KeyboardInterrupt` raised from another tells by its cause."""
    if isinstance(stop, TerminatedError) or _received:
        return TERMINATED
    return TIME_IS_UP if _is_time_up(stop) else INTERRUPTED


@contextlib.contextmanager
def stop_after(minutes: float | None) -> Generator[None, None, None]:
    """Stop what is inside after so long; None: never."""
    if minutes is None:
        yield
        return
    before = signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        yield
    finally:
        if not _put_off:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def _is_time_up(stop: BaseException | None) -> bool:
    """Whether it is that, or was raised while that was handled."""
    while stop is not None and not isinstance(stop, TimeIsUpError):
        stop = stop.__context__
    return stop is not None


_received: list[int] = []
"""SIGTERM, once it has come."""


def _terminate(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    _stop(TerminatedError(), frame)


def _time_is_up(number: int, frame: FrameType | None) -> None:
    _stop(TimeIsUpError(), frame)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _stop(KeyboardInterrupt(), frame)


def _stop(stop: KeyboardInterrupt, frame: FrameType | None) -> None:
    """Raise it, but while a module is imported end at once.

    What imports NumPy from C (PyTorch does) goes on without it after any exception, which would lose the signal and
    leave half a module behind. While processes work for this one it is put off until the module is there: whoever
    began them is to end them.
    """
    place = frame
    while place is not None:
        if place.f_code.co_filename.startswith("<frozen importlib"):
            if not _has_workers():
                _end_at_once(stop)
            _put_off[:] = [stop]
            signal.signal(signal.SIGALRM, _once_more)
            signal.setitimer(signal.ITIMER_REAL, SECONDS_PUT_OFF)
            return
        place = place.f_back
    _put_off.clear()
    raise stop


SECONDS_PUT_OFF = 0.02
"""Before it is tried again whether a module is still being imported."""

_put_off: list[KeyboardInterrupt] = []
"""What is to stop the program as soon as nothing is imported."""


def _once_more(number: int, frame: FrameType | None) -> None:
    for stop in tuple(_put_off):
        _stop(stop, frame)


def _has_workers() -> bool:
    """Whether `multiprocessing` has begun processes that have not ended."""
    module = sys.modules.get("multiprocessing.process")
    active = getattr(module, "active_children", None)  # not there yet while it is itself imported
    return bool(active and active())


def _end_at_once_or_say(unraisable: "sys.UnraisableHookArgs") -> None:
    """A signal that comes while a finaliser or a callback runs would be printed and lost."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        _end_at_once(unraisable.exc_value)
    sys.__unraisablehook__(unraisable)


def _end_at_once(stop: KeyboardInterrupt) -> NoReturn:
    _no_further_interrupt()
    _say(interrupted_line(stop))
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    os._exit(exit_code(stop))


def _no_further_interrupt() -> None:
    """From here on a signal ends the process at once: a second Ctrl-C is no traceback."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_DFL)


def _keep_streams() -> bool:
    """Put the null device in the place of closed standard streams, lest the next file that is opened be one of them.

    False where standard output was closed: there is nowhere to say anything.
    """
    closed: list[int] = []
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            closed.append(number)
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    if 0 in closed:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if 2 in closed:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    return 1 not in closed


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"plait: {line}", file=sys.stderr)
