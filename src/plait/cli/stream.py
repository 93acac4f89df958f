"""`plait stream`: a model in a pipe."""

import re
import sys
import warnings
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from io import BufferedReader
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, cast

import typer

from plait.checks.values import unknown
from plait.cli.options import Device, JsonFlag, Params, TrustCode
from plait.cli.output import plain_json
from plait.cli.values import parse_fields

if TYPE_CHECKING:
    from plait.model import HybridLM
    from plait.model.compiled import Answer, StreamReader
    from plait.tasks.rows import StreamedScores

CHUNK_BYTES = 2**16
"""Read from standard input at once, or what is there."""
LONGEST_WORD = 128
"""Letters, so that input without a space in it is refused before it fills the memory."""
_MOST_LISTED = 64
"""Names among which those like an unknown word are looked for."""
MOST_TOGETHER = 4096
"""Tokens that one call of the model reads."""

_PIECE = re.compile(r"\n|\S+(?=\s)|\S+$")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Marker(Enum):
    """What comes between words."""

    LINE = "the line ends"
    RESTART = "an empty line ends: a new sequence begins"
    PAUSE = "nothing more is there to read yet"


def stream(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A saved model.")],
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="Read and write the names of this task's tokens, not numbers."),
    ] = None,
    param: Params = None,
    trust_code: TrustCode = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Tokens from stdin, an answer to each as it comes, in constant memory where windows are bounded.

    Tokens stand apart by spaces or line ends, and their answers likewise; an empty line starts a new sequence.
    With --task an answer in brackets is a guess: the task asks for nothing there. With --json the answers are a list
    of {"token", "answer", "gap"}, the gap being how far the answer is ahead of the next best (nats), with --task also
    "scored"; null stands for a new sequence.

    \b
    echo 0 26 1 2 3 4 5 6 | plait stream my-model
    echo "a 5' b c d e f g" | plait stream my-model --task selective-copying
    """
    from plait.model import load
    from plait.model.compiled import StreamReader
    from plait.tasks import parse_task
    from plait.tasks.rows import StreamedScores
    from plait.training.machine import resolve_device

    place = resolve_device(device)
    if task is None and param:
        raise ValueError("--param needs --task")
    asked = None if task is None else parse_task(task, parse_fields("--param", param))
    model = load(folder, trust_code=trust_code).to(place)
    if asked is not None and asked.vocab_size != model.config.vocab_size:
        raise ValueError(
            f"the model must have the task's vocab_size, {asked.vocab_size}, got {model.config.vocab_size}"
        )
    reading = SequenceReading(
        StreamReader(model),
        names=None if asked is None else asked.token_names,
        scores=None if asked is None else StreamedScores(asked),
        built_for=_built_for(folder, model),
    )
    source = answer_words(cast(BufferedReader, sys.stdin.buffer))
    (_answer_json if json else _answer_text)(reading, source)


class BuiltFor(NamedTuple):
    """What a constructed model was built for: sequences of so many tokens, the window of its last layer."""

    seq_len: int
    window: int | None


class SequenceReading:
    """A sequence that is read: its answers, which of them are asked for, and a word where the promise ends."""

    def __init__(
        self,
        reader: "StreamReader",
        *,
        names: Sequence[str] | None,
        scores: "StreamedScores | None",
        built_for: BuiltFor | None,
    ) -> None:
        self.reader, self.names, self.scores, self._built_for = reader, names, scores, built_for
        self._read, self._warned = 0, False

    def restart(self) -> None:
        self.reader.restart()
        self._read = 0
        if self.scores is not None:
            self.scores.restart()

    def read_all(self, tokens: Sequence[int]) -> "list[tuple[Answer, bool | None]]":
        self._read += len(tokens)
        built = self._built_for
        if built is not None and self._read > built.seq_len and not self._warned:
            self._warned = True
            promised = "nothing is promised of what comes after them"
            if built.window is not None:
                promised += (
                    f", but where the token that an answer repeats is among the latest {built.window:,}"
                )
            warnings.warn(f"this model was built for {built.seq_len:,} tokens: {promised}", stacklevel=2)
        answers = self.reader.read_all(tokens)
        scored = [None] * len(answers) if self.scores is None else self.scores.read(tokens)
        return list(zip(answers, scored, strict=True))


def _built_for(folder: Path, model: "HybridLM") -> BuiltFor | None:
    if not (folder / "construction.json").exists():
        return None
    from plait.verify import constructed

    origin = constructed(folder, model)
    if origin is None:
        return None
    return BuiltFor(origin.plan.seq_len, origin.plan.config().layer_specs()[-1].window)


def answer_words(source: BufferedReader) -> Iterator[str | Marker]:
    """The words of a byte stream, each as soon as the space after it is there, and what comes between them.

    Raises:
        ValueError: a word of more than `LONGEST_WORD` letters, or bytes that are no UTF-8.
    """
    decoder = getincrementaldecoder("utf-8")()
    pending, empty = "", True  # a word that may go on; whether this line has had none so far
    while chunk := source.read1(CHUNK_BYTES):
        text = pending + decoder.decode(chunk)
        pending = ""
        for match in _PIECE.finditer(text):
            if match[0] == "\n":
                yield Marker.RESTART if empty else Marker.LINE
                empty = True
            elif match.end() == len(text):
                pending = match[0]
            else:
                yield match[0]
                empty = False
        if len(pending) > LONGEST_WORD:
            raise ValueError(f"tokens of at most {LONGEST_WORD} letters are needed, got {pending[:20]!r}...")
        yield Marker.PAUSE
    if pending:
        yield pending


def answered(
    reading: SequenceReading, source: Iterator[str | Marker]
) -> Iterator["tuple[str, tuple[Answer, bool | None]] | Marker"]:
    """The words with their answers and whether they are asked for, and the marks between them.

    Words that are there together are read together.

    Raises:
        ValueError: a word that is no token, after the answers to all words before it.
    """
    number = _numbering(reading.names, reading.reader.vocab_size)
    words: list[str] = []
    tokens: list[int] = []
    for word in source:
        try:
            token = None if isinstance(word, Marker) else number(word)
        except ValueError:
            yield from zip(words, reading.read_all(tokens), strict=True)
            raise
        if isinstance(word, str) and token is not None:
            words.append(word)
            tokens.append(token)
        if isinstance(word, Marker) or len(tokens) == MOST_TOGETHER:
            yield from zip(words, reading.read_all(tokens), strict=True)
            words, tokens = [], []
        if isinstance(word, Marker):
            if word is Marker.RESTART:
                reading.restart()
            yield word
    yield from zip(words, reading.read_all(tokens), strict=True)


def _answer_text(reading: SequenceReading, source: Iterator[str | Marker]) -> None:
    write, space, names = sys.stdout.write, "", reading.names
    for entry in answered(reading, source):
        if entry is Marker.PAUSE:
            sys.stdout.flush()
        elif isinstance(entry, Marker):
            write("\n")
            space = ""
        else:
            answer, scored = entry[1]
            said = str(answer.token if names is None else names[answer.token])
            write(f"{space}{said if scored is not False else f'({said})'}")
            space = " "
    write("\n" if space else "")


def _answer_json(reading: SequenceReading, source: Iterator[str | Marker]) -> None:
    write, comma, names = sys.stdout.write, "", reading.names
    write("[")
    for entry in answered(reading, source):
        if entry is Marker.PAUSE:
            sys.stdout.flush()
        elif entry is Marker.RESTART:
            write(f"{comma}null")
            comma = ",\n "
        elif not isinstance(entry, Marker):
            word, (answer, scored) = entry
            told = (int(word), answer.token) if names is None else (word, names[answer.token])
            document: dict[str, object] = {"token": told[0], "answer": told[1], "gap": answer.gap}
            document |= {} if names is None else {"scored": scored}
            write(f"{comma}{dumps(plain_json(document), ensure_ascii=False)}")
            comma = ",\n "
    write("]\n")


def _numbering(names: Sequence[str] | None, vocab_size: int) -> Callable[[str], int]:
    """From a word to its token; a word that is no token is a ValueError."""
    tokens = {name: token for token, name in enumerate(names or ())}

    def number(word: str) -> int:
        if names is None and _NUMBER.fullmatch(word):
            if int(word) >= vocab_size:
                raise ValueError(f"tokens must be in [0, {vocab_size}), got {word}")
            return int(word)
        if names is None:
            raise ValueError(f"tokens must be integers of at least 0 (names need --task), got {word!r}")
        if word not in tokens:
            raise ValueError(unknown("token", word, names[:_MOST_LISTED]))
        return tokens[word]

    return number
