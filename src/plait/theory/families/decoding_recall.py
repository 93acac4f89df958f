"""Decoding recall: forests of last followers, the register, and a word that still waits for its follower.

    reading a follower   b bits spell the word w, so what w's follower is comes out; behind one more bit too, for the
                         follower of the word that waits is the first token of the suffix
    reading the register x y for every word x and two words y: only if the register is x, y comes out

Source: docs/theory.md, Theorems 2.8 and 4.6.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from plait.tasks import DecodingRecall
from plait.theory.families.family import MOST_KEYS, MOST_LENGTH, StateFamily, Suffixes
from plait.theory.families.followers import distinct_words
from plait.theory.families.trees import best_word_count, forest_count, share_with_few_leaves


def decoding_families(task: DecodingRecall, seq_len: int | None) -> Iterator[StateFamily]:
    """The families that fit into `seq_len` tokens (None: any length)."""
    if task.n_words > MOST_KEYS if seq_len is None else seq_len <= task.n_bits:
        return
    if seq_len is not None and seq_len - task.n_bits < 2 * task.n_words:
        words = min(task.n_words, MOST_KEYS)
        spelled = [spelled_word(task, word) for word in range(words)]
        yield from distinct_words(words, spelled, room=seq_len - task.n_bits)
    if task.variant == "last":
        yield from _before_the_bits(task, seq_len)
        return
    if seq_len is None or seq_len > 2 * task.n_bits + 2:
        yield from _forests(task, seq_len, states=True)
    yield from _forests(task, seq_len, states=False)


def _forests(task: DecodingRecall, seq_len: int | None, *, states: bool) -> Iterator[StateFamily]:
    """With `states` all of them; else forests behind which a bit comes last and the register is 0."""
    bits, sinks = task.n_bits, [task.n_words, task.n_words + 1]
    read = max(2, bits + 1) if states else bits
    spelled = bits if states else 1
    room = MOST_LENGTH if seq_len is None else min(MOST_LENGTH, seq_len - read)

    def value(m: int) -> tuple[int, Fraction]:
        # Roots are the two bits, and one of the m words where it waits (Theorem 2.8).
        settled, with_word = forest_count(m, 2), m * forest_count(m - 1, 3) if states else 0
        most = room - m - spelled
        few = settled * share_with_few_leaves(m, 2, most=most) + with_word * share_with_few_leaves(
            m - 1, 3, most=most
        )
        return (m if states else 1) * (settled + with_word), few / (settled + with_word)

    if room - spelled < 2:
        return
    m = best_word_count(min(task.n_words, MOST_KEYS), room=room - spelled, roots=2, value=value)
    size, share = value(m)
    length = min(room, 2 * m + spelled)
    asked = Suffixes()
    reads = []
    for word in range(m):
        spell = spelled_word(task, word)
        other = [2 * task.n_words + 1 - spell[0], *spell]
        reads.append([asked.ask(suffix) for suffix in ([spell, other] if states else [spell])])
    registers: list[dict[str, object]] = [{"spell": sinks[:1], "reads": [], "answers": []}]
    if states:
        registers = [
            {
                "spell": spelled_word(task, word),
                "reads": [asked.ask([word, y]) for y in (0, 1)],
                "answers": [0, 1],
            }
            for word in range(m)
        ]
    what = (
        "with the register, and a word that waits or a bit at the end" if states else "with a bit at the end"
    )
    yield StateFamily(
        description=f"which of {m} words or bits followed each of {m} words last, {what}: all forests",
        size=size,
        prefix_length=length,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={
            "kind": "forests",
            "words": list(range(m)),
            "sinks": sinks,
            "length": length,
            "waiting": states,
            "reads": reads,
            "registers": registers,
        },
        answers=[*range(m), *sinks],
        share=share,
    )


def _before_the_bits(task: DecodingRecall, seq_len: int | None) -> Iterator[StateFamily]:
    """Of the variant `last`: all rooted trees on the words; the root is the word whose follower is the first bit."""
    room = MOST_LENGTH if seq_len is None else min(MOST_LENGTH, seq_len - task.n_bits)

    def value(m: int) -> tuple[int, Fraction]:
        return m ** (m - 1), share_with_few_leaves(m - 1, 1, most=room - m + 1)

    m = best_word_count(min(task.n_words, MOST_KEYS), room=room + 1, roots=0, value=value)
    size, share = value(m)
    length = max(1, 2 * m - 2) if seq_len is None else room  # only the last position of a row is scored
    asked = Suffixes()
    reads = [[asked.ask(spelled_word(task, word))] for word in range(m)]
    yield StateFamily(
        description=f"which of {m} words followed each of them last, before the bits: all rooted trees",
        size=size,
        prefix_length=length,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={
            "kind": "trees",
            "letters": list(range(m)),
            "key_length": 1,
            "lead": 0,
            "length": length,
            "root": None,
            "reads": reads,
        },
        answers=range(task.n_words + 2),
        share=share,
    )


def spelled_word(task: DecodingRecall, word: int) -> Sequence[int]:
    """The bit tokens that spell a word, first bit highest."""
    return [task.n_words + (word >> place & 1) for place in reversed(range(task.n_bits))]
