"""Depth: what one layer of attention must carry, and where the published bounds for more layers begin to speak.

    tokens    d a q b d c q      looking for what followed the last q before the end: b
              0 1 2 3 4 5 6      odd places: the content; even ones: where the asker may put the q

Source: docs/theory.md, section 15.
"""

from dataclasses import dataclass
from math import prod

from plait.checks import check_integer, counted
from plait.tasks import AssociativeRecall
from plait.theory.exact_numbers import log2_ceil


@dataclass(frozen=True, kw_only=True)
class OneLayer:
    """What a single layer of attention carries at least, to recall associatively.

    Args:
        places: content tokens, each one of `letters`.
        bits: least sum over its heads of (value width + 1) numbers times their bits.
    """

    places: int
    letters: int
    bits: int

    @property
    def statement(self) -> str:
        return (
            f"one layer of attention alone keeps {self.places} tokens of {self.letters} values "
            f"in its sums: heads x (value width + 1) x bits of a number >= {self.bits:,}; two layers need no such width"
        )


def one_attention_layer(task: AssociativeRecall, seq_len: int) -> OneLayer:
    """Theorem 15.1, for positions up to `seq_len`.

    Raises:
        ValueError: a seq_len below 1, or fewer than two words, of which nothing is asked.
    """
    check_integer("seq_len", seq_len, least=1)
    if task.n_words < 2:
        raise ValueError(f"at least two words are needed, got {task.n_words}")
    places, letters = (seq_len - 1) // 2, task.n_words - 1
    return OneLayer(places=places, letters=letters, bits=int(log2_ceil([(letters, places)])))


def hops_statement(hops: int) -> str | None:
    """What is known of models that compose so many lookups; None for a single one, where Theorem 15.1 speaks."""
    if hops < 2:
        return None
    smallest = hybrid_length_bits(hops=hops, n_heads=1, d_head=2, number_bits=1)
    layers = counted(hops - 1, "layer")
    if hops > 3:
        recurrent = (
            f"recurrent layers alone, {hops - 3} or fewer, need a width that grows with the input (2604.14501), by a "
            "constant that is not stated, so no number is computed"
        )
    else:
        recurrent = "what 2604.14501 says of recurrent layers alone begins at four functions"
    return (
        f"depth: {hops} hops compose {hops} lookups. Published, for functions composed in sequence on long inputs: "
        f"no stack with {layers} of full attention among up to 2^{3 * hops**2} recurrent ones composes {hops} (arXiv "
        "2602.01763, whose condition on widths is known to us from a summary), from inputs of "
        f"2^{smallest:,} tokens on for one head of two bits, so at no size in use; {recurrent}"
    )


def attention_holds(*, n_heads: int, d_head: int, number_bits: int) -> int:
    """The bits on the other side of Theorem 15.1: what a layer's sums hold."""
    return n_heads * (d_head + 1) * number_bits


def composition_length_bits(*, n_layers: int, n_heads: int, d_head: int, number_bits: int) -> int:
    """The binary logarithm, rounded up, of the shortest input at which 15.2 says anything about such a Transformer.

    Raises:
        ValueError: a size below 1.
    """
    check_integer("n_layers", n_layers, least=1)
    return _length_bits(16**n_layers, n_heads=n_heads, d_head=d_head, number_bits=number_bits)


def hybrid_length_bits(*, hops: int, n_heads: int, d_head: int, number_bits: int) -> int:
    """The same for hybrids with one layer of full attention fewer than hops (15.3).

    Raises:
        ValueError: a size below 1.
    """
    check_integer("hops", hops, least=1)
    return _length_bits(4 * 16**hops, n_heads=n_heads, d_head=d_head, number_bits=number_bits)


def _length_bits(power: int, **sizes: int) -> int:
    for name, size in sizes.items():
        check_integer(name, size, least=1)
    return int(log2_ceil([(prod(sizes.values()), power)]))
