"""Exceptions that the command line turns into one sentence without a traceback, and words of such sentences."""

import re


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


def reason_of_call(error):
    """Return why a layer of a model could not be called, of the exception that Keras or TensorFlow makes of it.

    Keras puts "Exception encountered when calling Concatenate.call()." before it, and the arguments behind it.

    Returns:
        "Concatenate: its first sentence", at most 200 characters, without a full stop.
    """
    text = re.sub(r"\x1b\[\d+m|\{\{[^}]*\}\}|\[Op:.*", "", getattr(error, "message", None) or str(error))
    layer = re.search(r"Exception encountered when calling (\w+)\.call\(\)", text)
    lines = [line.strip() for line in text.splitlines()]
    telling = [line for line in lines if line and not line.startswith(_AROUND_REASONS)]
    reason = re.split(r"\.\s+(?=[A-Z`])", telling[0])[0] if telling else type(error).__name__
    return f"{f'{layer[1]}: ' if layer else ''}{reason.rstrip('. ')}"[:200]


_AROUND_REASONS = ("Exception encountered", "Arguments received", "Graph execution error", "Detected at node")
