"""The project's own fuzzers beyond CI: other seeds, many processes, until a count or a time is reached.

    python tests/fuzz.py --seconds 450 --processes 7 --seed 1 -o summary.txt

Command lines (of `test_cli_fuzz_options` and, where hypothesis is installed, `test_cli_fuzz`), changed files (of
`test_mutated_files`) and kills at random instants (of `test_kill`). Every process draws from a seed of its own, in
folders of its own. A failure is written down whole and the process goes on; one that dies or stands still is replaced,
and what it was at stands in the summary. Ends with 1 if anything failed.
"""

import argparse
import contextlib
import importlib.util
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WANTED = {"lines": 30_000, "files": 20_000, "kills": 200}
ROUND = {"lines": 240, "files": 160, "kills": 2}
"""In the proportion of what is wanted, so that a run cut short has some of each."""
STILL_SECONDS = 120.0
"""A process that has been at one thing for so long is stuck; what it is at is a failure."""
MOST_BYTES = 200_000
"""Of failures in the summary."""
Step = Callable[[random.Random], object]


def prepare() -> None:
    for folder in ("tests/experiments", "tests/cli", "tests", "src", "."):
        sys.path.insert(0, str(ROOT / folder))
    os.environ.setdefault("OMP_NUM_THREADS", "1")


class Diary:
    """In a folder: how much is done, what is being done, and what failed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.counts, self.kept = folder, Counter[str](), 0.0

    def at(self, what: str, kind: str | None = None) -> None:
        (self.folder / "at").write_text(what)
        if kind is not None:
            self.counts[kind] += 1
        if time.monotonic() > self.kept + 1:
            self.keep()

    def keep(self) -> None:
        self.kept = time.monotonic()
        (self.folder / ".counts").write_text(json.dumps(self.counts))
        (self.folder / ".counts").replace(self.folder / "counts")

    def failed(self, seed: str) -> None:
        with (self.folder / "failures").open("a") as file:
            file.write(
                f"== seed {seed!r}: {(self.folder / 'at').read_text()}\n{traceback.format_exc()[-20_000:]}\n"
            )


def work(seed: int, seconds: float, wanted: dict[str, int], folder: Path) -> None:
    """Rounds of every kind until each has its count or the time is over."""
    prepare()
    ends, diary = time.monotonic() + seconds, Diary(folder)
    for number in itertools.count():
        left = [kind for kind in KINDS if diary.counts[kind] < wanted[kind]]
        for kind in left:
            with tempfile.TemporaryDirectory(dir=folder) as place, contextlib.chdir(place):
                began = time.monotonic()
                for name, step in KINDS[kind](Path(place), number, diary.at):
                    chance = f"{seed} {number} {kind} {name}"
                    try:
                        step(random.Random(chance))
                    except Exception:
                        diary.failed(chance)
                    if time.monotonic() > ends:
                        break
            diary.counts[f"{kind} seconds"] += round(time.monotonic() - began)
            diary.keep()
        if not left or time.monotonic() > ends:
            return


def lines(place: Path, number: int, at: Callable[..., None]) -> Iterator[tuple[str, Step]]:
    """Options of all commands; every fourth round what hypothesis draws, one function of its module."""
    import test_cli_fuzz_options as options  # pyright: ignore[reportMissingImports]

    if number % 4 == 3 and importlib.util.find_spec("hypothesis"):
        yield from _drawn(place, number, at)
        return
    options.fill(place)

    def one(draw: random.Random) -> None:
        words = options.line(draw)
        at(repr(words), "lines")
        options.ends_well(words)

    for index in range(ROUND["lines"]):
        yield f"{index}", one


def _drawn(place: Path, number: int, at: Callable[..., None]) -> Iterator[tuple[str, Step]]:
    import hypothesis
    import test_cli_fuzz as drawn  # pyright: ignore[reportMissingImports]

    from plait import HybridConfig, HybridLM

    HybridLM(HybridConfig(34, pattern="SSM-TF", d_model=4, window=3), seed=0).save(place / "model")
    names = sorted(name for name in vars(drawn) if name.startswith("test_"))
    name = names[number // 4 % len(names)]
    ends_well = drawn.ends_well

    def watched(args: list[str], stdin: str | None = None) -> None:
        at(repr((name, args, stdin)), "lines")
        ends_well(args, stdin)

    def one(draw: random.Random) -> None:
        drawn.ends_well = watched
        try:
            hypothesis.seed(draw.getrandbits(64))(getattr(drawn, name))()
        finally:
            drawn.ends_well = ends_well

    yield name, one


def files(place: Path, number: int, at: Callable[..., None]) -> Iterator[tuple[str, Step]]:
    import test_mutated_files as mutated  # pyright: ignore[reportMissingImports]

    mutated.fill(place)
    for index in range(ROUND["files"]):
        kind = mutated.KINDS[index % len(mutated.KINDS)]

        def one(draw: random.Random, kind: Any = kind) -> None:
            at(f"{kind.file}: plait {' '.join(kind.asked)}", "files")
            mutated.try_one(kind, draw)

        yield f"{index}", one


def kills(place: Path, number: int, at: Callable[..., None]) -> Iterator[tuple[str, Step]]:
    import test_kill  # pyright: ignore[reportMissingImports]

    def one(draw: random.Random) -> None:
        at("kills of a run")
        for _ in range(test_kill.killed_run(place, draw, kills=ROUND["kills"])):
            at("kills of a run", "kills")

    yield "run", one


KINDS = {"lines": lines, "files": files, "kills": kills}


class Worker:
    """A process at work in a folder, and those that took its place."""

    def __init__(self, folder: Path, arguments: list[str], seed: int) -> None:
        self.top, self.arguments, self.seed, self.counts = folder, arguments, seed, Counter[str]()
        self.failures: list[str] = []
        self.start()

    def start(self) -> None:
        self.folder = self.top / f"{self.seed}"
        self.folder.mkdir(parents=True)
        (self.folder / "at").write_text("its start")
        told = [
            sys.executable,
            __file__,
            "--work",
            str(self.folder),
            "--seed",
            str(self.seed),
            *self.arguments,
        ]
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(told, stdout=output, stderr=output, start_new_session=True)

    def look(self, ends: float) -> bool:
        """Whether it still works; a process that died or stands still is replaced."""
        still = time.time() - (self.folder / "at").stat().st_mtime > STILL_SECONDS
        code = self.process.poll()
        if code is None and not still:
            return True
        if code == 0:
            return False
        self.stop()
        how = "stands still" if code is None else f"died with {code}"
        said = (self.folder / "output").read_text(errors="replace")[-5_000:]
        self.failures.append(
            f"== process of seed {self.seed} {how} at {(self.folder / 'at').read_text()}\n{said}\n"
        )
        self.collect()
        if time.monotonic() > ends:
            return False
        self.seed += 1_000
        self.start()
        return True

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def collect(self) -> None:
        for name, take in (
            ("counts", lambda text: self.counts.update(json.loads(text))),
            ("failures", self.failures.append),
        ):
            path = self.folder / name
            if path.exists():
                take(path.read_text(errors="replace"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=450)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    for kind, count in WANTED.items():
        parser.add_argument(
            f"--{kind}", type=int, default=count, help=f"how many, of all processes ({count:,})"
        )
    parser.add_argument("-o", dest="output", type=Path, help="file of the summary (standard output)")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    wanted = {kind: getattr(given, kind) for kind in WANTED}
    if given.work:
        work(given.seed, given.seconds, wanted, given.work)
        return 0
    summary, failed = watch(given.seconds, given.processes, given.seed, wanted)
    if given.output:
        given.output.write_text(summary)
    print(summary if not given.output else summary.splitlines()[0])
    return int(failed)


def watch(seconds: float, processes: int, seed: int, wanted: dict[str, int]) -> tuple[str, bool]:
    """The summary of all processes, and whether anything failed."""
    began, ends = time.monotonic(), time.monotonic() + seconds
    share = [word for kind, count in wanted.items() for word in (f"--{kind}", str(-(-count // processes)))]
    with tempfile.TemporaryDirectory(prefix="plait-fuzz-", ignore_cleanup_errors=True) as top:
        arguments = ["--seconds", str(seconds), *share]
        workers = [Worker(Path(top) / f"{i}", arguments, seed + i) for i in range(processes)]
        try:
            while sum(worker.look(ends) for worker in workers) and time.monotonic() < ends + 5:
                time.sleep(0.5)
        finally:
            for worker in workers:
                worker.stop()
        for worker in workers:
            worker.collect()
        failures = [text for worker in workers for text in worker.failures]
        counts = sum((worker.counts for worker in workers), Counter[str]())
    head = (
        ", ".join(f"{counts[kind]:,} of {count:,} {kind}" for kind, count in wanted.items())
        + f"; {sum(text.count('== ') for text in failures)} failures; {time.monotonic() - began:.0f} s, "
        f"{processes} processes, seeds from {seed}"
    )
    own = "\n".join(f"seed {worker.seed}: {json.dumps(worker.counts)}" for worker in workers)
    return f"{head}\n{own}\n\n{''.join(failures)[:MOST_BYTES]}\n", bool(failures)


if __name__ == "__main__":
    sys.exit(main())
