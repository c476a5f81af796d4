"""The flags of a command line with their values, before any parser reads them."""

from collections.abc import Iterator, Sequence


def flag_values(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each flag with its value, from `--flag value` and `--flag=value`.

    Args:
        args: The words of a command line.

    Example:
        >>> list(flag_values(["fit", "--data.fold", "1", "--output=run"]))
        [('--data.fold', '1'), ('--output', 'run')]
    """
    for word, after in zip(args, [*args, ""][1:], strict=True):
        flag, equals, value = word.partition("=")
        if flag.startswith("-"):
            yield flag, value if equals else after
