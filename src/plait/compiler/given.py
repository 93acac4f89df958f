"""What one statement of a layer gives: how far off it may be, and what rounding acts on."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Given:
    """What one statement of a layer gives.

    Args:
        inside: error of its vector, where it holds something and no count in the stream has left its range.
        error: of its vector, where it holds something.
        blank: of its vector, which is then 0, where it holds nothing and is known to.
        gross: sizes of all that is added up to give it: rounding acts on that.
        loud: sizes of its channels one by one, inside, where it holds something, and anywhere: the units of a
            staircase are far larger than what they come to, and what is done to each by itself rounds them.
        leaks: what rounding of a table's units adds along any direction, inside and anywhere.
    """

    inside: float
    error: float
    blank: float
    gross: float
    loud: tuple[float, float, float] = (0.0, 0.0, 0.0)
    leaks: tuple[float, float] = (0.0, 0.0)

    @property
    def either(self) -> float:
        return max(self.error, self.blank)

    @property
    def summed(self) -> float:
        """The error of the vector as a sum over channels that is rounded term by term, as step sizes read it."""
        return self.either + max(self.leaks)

    @property
    def earlier(self) -> "Given":
        """The same made at an earlier position, where a count may have left its range."""
        leak, (_, known, anywhere) = max(self.leaks), self.loud
        return replace(self, inside=self.error, leaks=(leak, leak), loud=(known, known, anywhere))

    def through(self, factor: float, size: float, *, each: float = 0.0, more: float = 0.0) -> "Given":
        """A vector of at most `size` whose channels are multiplied by 1.

        Args:
            factor: how far off 1 that may be, for all channels alike.
            each: and for every channel by itself.
            more: what is added.
        """
        inside, known, anywhere = (each * (1.0 + factor) * loud + more for loud in self.loud)
        leak, leaking = ((1.0 + factor) * (1.0 + each) * one for one in self.leaks)
        return Given(
            inside=self.inside * (1.0 + factor) + size * factor + inside,
            error=self.error * (1.0 + factor) + size * factor + known,
            blank=self.blank * (1.0 + factor) + anywhere,
            gross=self.gross,
            loud=self.loud,
            leaks=(leak, leaking),
        )
