"""Common ground of all commands at the terminal: sentences instead of tracebacks, flags, tables, progress."""

import contextlib
import errno
import os
import re
import sys
import tempfile
import time
import warnings
from importlib import import_module

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from tfapp.cli.interruptions import ending_of
from tfapp.cli.numbers import limit_numbers, no_number
from tfapp.errors import InputError, WorkFailed
from tfapp.runs import progress

EXIT_FAILURE, EXIT_BAD_INPUT = 1, 2
_TYPED = "tfapp.typed"

# Names of classes, files and people's data are printed as they are: [/] is no markup, :x: no emoji.
console = Console(markup=False, emoji=False)
error_console = Console(stderr=True, markup=False, emoji=False)


class TensorFlowCommand(TyperCommand):
    """Command that needs TensorFlow and does not want its start-up notices to bury the answer.

    TF_CPP_MIN_LOG_LEVEL does not reach the notices that are logged while TensorFlow loads (its issue
    100442), so the stream itself is turned away for that moment; a failing import shows what it held.
    A user who sets the variable sees everything, but for 3, which means to see nothing.
    """

    def invoke(self, ctx):
        if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3") == "3":
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
            _import_quietly("tensorflow")
        return super().invoke(ctx)


def _import_quietly(module):
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import_module(module)
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


# Options of the commands that made what a later command reads: its errors advise them too.
_OF_OTHER_COMMANDS = ("out", "overwrite", "head", "learning_rate", "validation_share", "gap", "dropout")


def in_flags(sentence, command):
    """Return a sentence of the library for the command line: arguments that are options become their flags.

    Args:
        sentence: Text that names arguments in backticks, such as `batch_size`.
        command: The command that was typed, with its parameters. A name that is none of its options stays as it is,
            but for a few that other commands have.
    """
    flags = {name: "--" + name.replace("_", "-") for name in _OF_OTHER_COMMANDS}
    for parameter in command.params:
        if parameter.param_type_name == "option":
            flags[parameter.name] = next(flag for flag in parameter.opts if flag.startswith("--"))
    return re.sub(r"`(\w+)`", lambda found: flags.get(found[1], found[0]), sentence)


class GuardedGroup(TyperGroup):
    """Command group that turns expected errors of any command below it into a sentence and an exit code.

    The library's sentences name arguments; what is printed names the options of the command that was typed.
    """

    def __init__(self, **settings):
        super().__init__(**settings)
        limit_numbers(self)

    def main(self, *args, **settings):
        # A file name in another encoding than the terminal's, which Python holds as escapes, is printed as such.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **settings)

    def parse_args(self, ctx, args):
        ctx.meta[_TYPED] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx):
        try:
            with _warnings_as_sentences(self, ctx):
                return super().invoke(ctx)
        except typer.Exit:
            raise
        except typer.BadParameter as error:
            told = no_number(error, ctx.meta[_TYPED])
            if told is None:
                raise
            raise _leave(told, EXIT_BAD_INPUT) from None
        except BaseException as error:
            told = _told(error, _command(self, ctx))
            if told is None:
                raise
            raise _leave(*told) from None


@contextlib.contextmanager
def export_errors_as_input():
    """Turn errors of `tfapp.export` within the block into `InputError`, which is a sentence and exit code 2."""
    from tfapp.export.errors import ExportError

    try:
        yield
    except ExportError as error:
        raise InputError(str(error)) from error


def resumes(command):
    """Mark the function of a command that keeps what it has done and, typed again, does the rest."""
    command.resumes = True
    return command


def _told(error, command):
    """Return the sentence and the exit code of an exception that was to be expected, or None.

    Args:
        error: The exception.
        command: The command that was typed.
    """
    if ending := ending_of(error):
        how, code = ending
        if getattr(command.callback, "resumes", False):
            return f"{how}; the same command resumes where it stood.", code
        return f"{how}; nothing is half-written, and the same command starts anew.", code
    if isinstance(error, InputError):
        return in_flags(str(error), command), EXIT_BAD_INPUT
    if isinstance(error, WorkFailed):
        return in_flags(str(error), command), EXIT_FAILURE
    if isinstance(error, BrokenPipeError):
        # The reader of a pipe such as `| head` has had enough; Python must not write there again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return None, EXIT_FAILURE
    if not isinstance(error, OSError):
        # TensorFlow writes files of its own, such as TensorBoard's, and reports the system's error as text.
        number = next((one for one in _OF_THE_DISK if os.strerror(one) in str(error)), None)
        error = None if number is None else OSError(number, os.strerror(number))
    return None if error is None else (_explain(error), EXIT_BAD_INPUT)


_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@contextlib.contextmanager
def _warnings_as_sentences(group, ctx):
    """Show warnings of the library without the line of code that they come from."""
    show = warnings.showwarning

    def say(message, category, filename, lineno, file=None, line=None):
        if file is not None or not issubclass(category, UserWarning):
            return show(message, category, filename, lineno, file, line)
        sentence = f"Warning: {in_flags(str(message), _command(group, ctx))}"
        return error_console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)

    warnings.showwarning = say
    try:
        yield
    finally:
        warnings.showwarning = show


def _command(group, ctx):
    """Return the command below a group that was typed: the first words name it, and the groups on the way."""
    command = group
    for word in ctx.meta[_TYPED]:
        if not isinstance(command, TyperGroup):
            break
        # A group may have a command that is meant where no command is named.
        unnamed = getattr(command, "unnamed_command", "")
        command = command.get_command(ctx, word) or command.get_command(ctx, unnamed) or command
    return command


def _leave(message, code):
    if message is not None:
        error_console.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


def _explain(error):
    where = f" at {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}; free some space and run the same command again."
    if error.errno == errno.EROFS:
        return f"The disk is read-only{where}; choose a folder on another one, or make this one writable."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"No permission to write{where}; choose a folder that you own."
    return f"Files cannot be read or written{where}: {error.strerror or error}."


class _TimeColumn(TimeRemainingColumn):
    """The time that is left, or what it took, and which of the two it is."""

    def render(self, task):
        return Text("took " if task.finished else "ETA ") + super().render(task)


def _progress_bar():
    """Return a Rich progress bar with count, ETA and a short note; all of it fits 80 columns."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        _TimeColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
    )


# A log of hours is not to be all of it.
_SECONDS_BETWEEN_LINES = 10.0


class ConsoleProgress(progress.Progress):
    """Draws every task as a bar with count, ETA and its note; tasks within the block of another stand below it.

    A bar stays when its task is done, but for that of a passing one. Where there is no terminal each task is one line
    when all is done; passing ones are a line every ten seconds in all, of how far the one is that is done then.

    Args:
        command: The command that was typed: sentences name its options and not the library's arguments.
    """

    def __init__(self, command=None):
        self._command = command
        self._bar, self._open, self._last_line = None, 0, 0.0

    def task(self, title, total=None, note="", passing=False):
        task = progress.Task(title, total, note, passing)
        task.show = lambda: self._show(task)
        return progress.OpenTask(self, task)

    def _show(self, task):
        self._bar.update(task.number, completed=task.done, total=task.total, note=task.note)
        now = time.monotonic()
        if task.passing and not console.is_terminal and now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            console.print(f"{task.title} {task.done}/{task.total} {task.note}".rstrip(), soft_wrap=True)

    def say(self, sentence):
        sentence = in_flags(sentence, self._command) if self._command else sentence
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)

    def table(self, table):
        print_table(table)

    def opened(self, task):
        if self._bar is None:
            self._bar = _progress_bar()
            self._bar.start()
            self._last_line = time.monotonic()
        self._open += 1
        task.number = self._bar.add_task(task.title, total=task.total, note=task.note)

    def closed(self, task):
        self._open -= 1
        if task.passing:
            self._bar.remove_task(task.number)
        if not self._open:
            self._bar.stop()
            self._bar = None


def print_table(table):
    """Print a `ResultTable` below its title; the first column left, the others right."""
    if table.title:
        console.print(table.title, style="bold", markup=False, highlight=False)
    drawn = Table()
    longest = max((len(str(row[0])) for row in table.rows), default=0)
    for index, name in enumerate(table.header):
        # Names stay whole where that leaves room for the numbers; nothing is cut off.
        whole = index == 0 and longest <= console.width // 2
        drawn.add_column(name, justify="left" if index == 0 else "right", no_wrap=whole, overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(str, row))
    console.print(drawn)


def print_notices(sentences):
    """Print sentences on the input that a person should know, each on a line of its own."""
    for sentence in sentences:
        console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)


def print_written(*paths):
    """Name the files that a command wrote, one per line and never wrapped, so that they can be copied."""
    for path in paths:
        console.print(f"wrote {path}", soft_wrap=True, markup=False, highlight=False)


def fail_images(failures, count, command):
    """Print what is wrong with images that could not be used, and raise WorkFailed if there are any.

    Args:
        failures: List of (path, sentence), or None.
        count: Images in all.
        command: The command that says so, for the flags of its options.
    """
    for _, sentence in failures or ():
        sentence = in_flags(sentence, command)
        error_console.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    if failures:
        others = "; the others are done" if len(failures) < count else ""
        raise WorkFailed(f"{len(failures)} of {count} image(s) could not be used{others}.")
