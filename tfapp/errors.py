"""Exceptions that the command line turns into one sentence without a traceback, and words of such sentences."""


class InputError(ValueError):
    """Something that the user gave cannot be used: exit code 2.

    The message is one sentence for a person: what was expected, what came, how to mend it.
    """


class WorkFailed(RuntimeError):
    """Work that began properly cannot go on, such as a training whose loss became NaN: exit code 1."""


def changes(names, then, now, unsaid=()):
    """Return settings that changed as words of a sentence: "size (was 3, is 4), weights".

    Args:
        names: Names of the settings that changed.
        then, now: Dictionaries of all settings by name.
        unsaid: Names whose values tell a person nothing, such as hashes.
    """
    return ", ".join(
        name if name in unsaid else f"{name} (was {then.get(name)}, is {now[name]})" for name in names
    )


def either(names):
    """Return names as words of a sentence: "a", "a or b", "a, b or c"."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
