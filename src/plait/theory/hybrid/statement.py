"""What a family behind a filler proves, in words."""

from plait.theory.families.family import StateFamily


def filled_statement(family: StateFamily, seq_len: int) -> str:
    """For which models and inputs the family's bits are needed, and of what."""
    reach = len(family.filler)
    return (
        f"A model right at every scored position of every input of {seq_len} tokens, whose windows and convolutions "
        f"reach back at most {reach} tokens in all, has this much in its recurrent states behind a filler of {reach} "
        f"tokens: {family.description}."
    )
