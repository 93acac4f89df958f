"""Tasks as a user would write them: nothing but a vocabulary and targets."""

from dataclasses import dataclass

import torch

from plait.tasks import Targets


class Bare:
    """What every task here shares."""

    n_tokens: int

    @property
    def vocab_size(self):
        return self.n_tokens

    @property
    def token_names(self):
        return tuple(str(token) for token in range(self.n_tokens))

    def sample(self, stream, batch=8, seq_len=100):
        return stream.integers(self.n_tokens, (batch, seq_len))


@dataclass(frozen=True)
class Unless(Bare):
    """Six content tokens 0..2, then token 3 + j asks for the j-th; if 0 1 occurs among them, every answer is 2."""

    n_tokens: int = 9

    def targets(self, tokens):
        content, asked = tokens[..., :6], tokens - 3
        spoiled = ((content[..., :-1] == 0) & (content[..., 1:] == 1)).any(-1, keepdim=True)
        answers = content.gather(-1, asked.clamp(0, 5).reshape(*content.shape[:-1], -1))
        scored = (asked >= 0) & (torch.arange(tokens.shape[-1]) >= 6) & (content < 3).all(-1, keepdim=True)
        return Targets(torch.where(spoiled, 2, answers) * scored, scored)


@dataclass(frozen=True)
class Parity(Bare):
    """The sum of all tokens so far, modulo `modulus`: parity for 2, a counter else."""

    modulus: int = 2
    n_tokens: int = 2

    def targets(self, tokens):
        return Targets(tokens.cumsum(-1) % self.modulus, torch.ones_like(tokens, dtype=torch.bool))


@dataclass(frozen=True)
class LastTokens(Bare):
    """The token `back` places ago: the last `back` tokens have to be kept."""

    back: int = 3
    n_tokens: int = 5

    def targets(self, tokens):
        scored = torch.zeros_like(tokens, dtype=torch.bool)
        scored[..., self.back :] = True
        return Targets(tokens.roll(self.back, -1) * scored, scored)


@dataclass(frozen=True)
class Majority(Bare):
    """Whether most of the last `last` (odd) bits are 1: `last - 1` of them have to be kept."""

    last: int = 5
    n_tokens: int = 2

    def targets(self, tokens):
        padded = torch.nn.functional.pad(tokens, (self.last, 0)).cumsum(-1)
        counts = padded[..., self.last :] - padded[..., : -self.last]
        return Targets((counts > self.last // 2).to(torch.int64), torch.ones_like(tokens, dtype=torch.bool))


@dataclass(frozen=True)
class Echo(Bare):
    """Letters, one bar, and then the letters once more from the first on: at the bar the first one is due.

    Letters after the bar are not read, and nothing is due behind a second bar or past the last letter.
    """

    letters: int = 26

    def __post_init__(self):
        object.__setattr__(self, "n_tokens", self.letters + 1)

    def targets(self, tokens):
        time = torch.arange(tokens.shape[-1]).expand(tokens.shape)
        bars = (tokens == self.letters).cumsum(-1)
        before = (bars == 0).sum(-1, keepdim=True)
        since = time - before
        scored = (bars == 1) & (since < before)
        return Targets(tokens.gather(-1, since.clamp(min=0)) * scored, scored)


@dataclass(frozen=True)
class WordsAmongBlanks(Bare):
    """From the first mark on, the first `due` words that stand anywhere up to then, in order; blanks do not count."""

    words: int = 14
    due: int = 16

    def __post_init__(self):
        object.__setattr__(self, "n_tokens", self.words + 2)

    def targets(self, tokens):
        blank, mark = self.words, self.words + 1
        rows = tokens.reshape(-1, tokens.shape[-1])
        is_word, marked = rows < blank, (rows == mark).cumsum(-1) > 0
        order = torch.where(is_word, is_word.cumsum(-1) - 1, self.due).clamp(max=self.due)
        kept = torch.zeros(len(rows), self.due + 1, dtype=torch.int64).scatter_(1, order, rows)
        number = torch.where(marked, marked.cumsum(-1) - 1, self.due).clamp(max=self.due)
        scored = (number < self.due) & (number < is_word.cumsum(-1))
        answers = kept.gather(1, number) * scored
        return Targets(answers.reshape(tokens.shape), scored.reshape(tokens.shape))


@dataclass(frozen=True)
class Hidden(Bare):
    """A task of plait of which only the targets are shown."""

    inner: object = None

    def __post_init__(self):
        object.__setattr__(self, "n_tokens", self.inner.ordinary_tokens)

    def targets(self, tokens):
        return self.inner.targets(tokens)


@dataclass(frozen=True)
class PairsFirst(Bare):
    """Keys at even places and their values at odd ones, `pairs` of both; behind them a key asks for its value, the
    largest where it stands more than once."""

    pairs: int = 4
    n_tokens: int = 64

    def targets(self, tokens):
        keys, values = tokens[..., 0 : 2 * self.pairs : 2], tokens[..., 1 : 2 * self.pairs : 2]
        named = tokens.unsqueeze(-1) == keys.unsqueeze(-2)
        named = named[..., : values.shape[-1]]
        scored = named.any(-1) & (torch.arange(tokens.shape[-1]) >= 2 * self.pairs)
        answers = torch.where(named, values.unsqueeze(-2), 0).amax(-1) if values.shape[-1] else tokens
        return Targets(answers * scored, scored)
