"""Both attacks on one model: what its windows hide, and what its state carries."""

from dataclasses import dataclass

from plait.attack.state import (
    Certificate,
    StateAttack,
    attack_state,
    certified_contents,
    found_contents,
    known_contents,
)
from plait.attack.twins import WindowAttack, attack_windows
from plait.checks import check_integer
from plait.model import HybridLM
from plait.tasks.base import Task
from plait.theory.families import has_family


@dataclass(frozen=True, kw_only=True)
class Attack:
    """Attributes:
    windows: what the model's windows hide from it.
    state: what its state carries; None for a task in which no family of contents was found.
    """

    windows: WindowAttack
    state: StateAttack | None


def attack(
    model: HybridLM,
    task: Task,
    *,
    seq_len: int = 100,
    samples: int = 1000,  # as `play` draws where nobody says
    seed: int = 0,
    certificate: Certificate | None = None,
    seconds: float = 20,  # as `find_reach` takes where nobody says
) -> Attack:
    """Attacks a model with the inputs on which the lower bounds of a task rest.

    Args:
        model: trained or built, of the task's vocabulary.
        seq_len: of the inputs, in tokens.
        samples: contents drawn for the retrieval game.
        seed: of what is drawn.
        certificate: of state bits, whose game is played instead of that of the task's own family.
        seconds: budget of each search in a task of a user's own.

    Raises:
        ValueError: another vocabulary, a seq_len below 2, no sample or second, a certificate that is refused, or a task
            none of whose families fits.
    """
    vocab_size = model.config.vocab_size
    if vocab_size != task.vocab_size:
        raise ValueError(f"the model must have the task's vocab_size, {task.vocab_size}, got {vocab_size}")
    check_integer("seq_len", seq_len, least=2)
    check_integer("samples", samples, least=1)
    if certificate is not None:
        contents = certified_contents(task, certificate)
    elif has_family(task):
        contents = known_contents(task, seq_len)
    else:
        contents = found_contents(task, seq_len=seq_len, seconds=seconds, seed=seed)
    return Attack(
        windows=attack_windows(model, task, seq_len=seq_len, seed=seed, seconds=seconds),
        state=None if contents is None else attack_state(model, contents, samples=samples, seed=seed),
    )
