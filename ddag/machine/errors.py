"""The one exception for bad input: run.py prints its text as one line and exits with 2."""


class InputError(ValueError):
    """Something the user gave is wrong: a setting, a folder, an image, a checkpoint.

    The message is one line: *what = value: what is wrong; what would do*.
    """


class LostError(InputError):
    """A process of the run is gone or does not answer: the program ends as a killed one does.

    The message is one line, too: which, and where its log is.
    """


def require(holds: bool, setting: str, value: object, remedy: str) -> None:
    """Refuse a setting's value by name unless it ``holds``; ``remedy`` says what would do."""
    if not holds:
        raise InputError(f"{setting}={value}: {remedy}")
