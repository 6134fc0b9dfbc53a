"""The exceptions that the command line turns into one sentence without a traceback."""


class InputError(ValueError):
    """Something that the user gave cannot be used: exit code 2.

    The message is one sentence for a person: what was expected, what came, how to mend it.
    """


class WorkFailed(RuntimeError):
    """Work that began properly cannot go on, such as a training whose loss became NaN: exit code 1."""
