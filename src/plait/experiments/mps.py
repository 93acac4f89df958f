"""NVIDIA's multi-process service, so that processes on one card compute at the same time and not by turns.

It is a program of the user's own, started for as long as it is needed; it changes no setting of a card. Source:
https://docs.nvidia.com/deploy/mps.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from plait.checks import one_line

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
RUNNING = Path("/tmp/nvidia-mps/control")
"""What a service that somebody has started leaves where nothing else is said."""

SECONDS_TO_START, SECONDS_TO_END = 20.0, 20.0


@contextmanager
def shared_cards(say: Callable[[str], None]) -> Generator[Mapping[str, str], None, None]:
    """What the environment of processes adds that share cards, while the service runs for them.

    One that runs already is used as it is. Where it cannot be started, `say` is told, and processes take turns.
    """
    if PIPES in os.environ or RUNNING.exists():
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="plait-mps-", ignore_cleanup_errors=True) as folder:
        own = {PIPES: folder, LOGS: folder}
        if (fault := _started(own)) is not None:
            say(f"{fault}: processes on one card take turns")
            yield {}
            return
        try:
            yield own
        finally:
            _control(own, said="quit\n", seconds=SECONDS_TO_END)


def _started(own: Mapping[str, str]) -> str | None:
    """Start it; why that cannot be done, if so."""
    if shutil.which(CONTROL) is None:
        return f"no {CONTROL} here"
    code, said = _control(own, "-d", seconds=SECONDS_TO_START)
    return f"{CONTROL} cannot be started ({said})" if code else None


def _control(own: Mapping[str, str], *options: str, said: str = "", seconds: float) -> tuple[int, str]:
    """Its exit code and what it says in one line."""
    # The service sees every card: its processes choose theirs by the numbers that they have without it.
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    with tempfile.TemporaryFile("w+") as answer:  # no pipe: the service would hold it open
        try:
            done = subprocess.run(
                [CONTROL, *options],
                input=said,
                env=environment | dict(own),
                stdout=answer,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return 1, one_line(error)
        answer.seek(0)
        return done.returncode, " ".join(answer.read().split())[:200]
