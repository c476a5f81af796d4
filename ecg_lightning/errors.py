"""The one exception that a user's mistake, or a broken file, ends in."""

PROGRAM = "ecg-lightning"  # what a refusing line begins with


class InputError(Exception):
    """Bad input, told in one line: what, where, what was expected, what was found and what to do next.

    The command line prints it as `ecg-lightning: …` and exits with status 2; code that calls the package catches it.
    """
