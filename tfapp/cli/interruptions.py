"""Signals that ask a command to end, Ctrl-C and SIGTERM: one exception, so that it tidies up, and its exit code.

A library between may turn the exception into one of its own, as TensorFlow does with those of Python functions in a
graph. That a signal came is therefore kept.
"""

import signal
import sys

EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143
_ENDINGS = {
    signal.SIGINT: ("Interrupted", EXIT_INTERRUPTED),
    signal.SIGTERM: ("Ended by SIGTERM", EXIT_TERMINATED),
}
_came, _is_said = None, False


class Ended(KeyboardInterrupt):
    """A signal asked this process to end."""


def heed():
    """Raise `Ended` from now on when a signal asks this process to end; a signal that it ignores stays ignored."""
    ordinary = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    for number, handler in ordinary.items():
        if signal.getsignal(number) is handler:
            signal.signal(number, _raise)


def _raise(number, frame):
    global _came
    _came = signal.Signals(number)
    # Where code in C, as TensorFlow's, meets the exception in the middle, it prints a traceback of its own and goes on.
    sys.excepthook = sys.unraisablehook = _say_nothing
    raise Ended


def _say_nothing(*_):
    """Take an exception that nobody handles after a signal to end: it follows from that."""


def ending_of(error):
    """Return (first words of a sentence, exit code) if an exception is, or follows from, a signal to end; or None."""
    global _is_said
    if _came is None and not isinstance(error, KeyboardInterrupt):
        return None
    _is_said = True
    return _ENDINGS[_came or signal.SIGINT]


def unsaid_ending(error):
    """Return what `ending_of` does, for what ends the whole process, where no command said it; otherwise None."""
    return None if _is_said else ending_of(error)
