"""Checks of the values that tasks are made of."""


def check_integer(name: str, value: object, *, least: int, most: int | None = None) -> None:
    """Refuse what is no integer in [least, most].

    Raises:
        ValueError: it is not.
    """
    limits = f">= {least}" if most is None else f"in [{least}, {most}]"
    too_large = most is not None and isinstance(value, int) and value > most
    if not isinstance(value, int) or isinstance(value, bool) or value < least or too_large:
        raise ValueError(f"{name} must be an integer {limits}, got {value!r}")


def check_probability(name: str, value: object) -> float:
    """The value as a float, so that 1 and 1.0 are written alike; what is no number in [0, 1] is refused.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a probability in [0, 1], got {value!r}")
    return float(value)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse what is not one of `choices`.

    Raises:
        ValueError: it is not.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def check_seconds(seconds: object) -> None:
    """Refuse what is no positive, finite number.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < float("inf"):
        raise ValueError(f"a search needs a positive budget of seconds, got {seconds!r}")
