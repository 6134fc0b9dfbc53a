"""Progress of long work as named tasks, which a front end can show; this one shows nothing.

The library reports to a `Progress` that it is given; the command line gives it one that draws bars
(`tfapp.cli.console.ConsoleProgress`). So work in the library prints nothing and knows no terminal.
"""

from contextlib import ExitStack, contextmanager


class Task:
    """One piece of work with a title.

    Attributes:
        done: Steps done so far.
        total: Steps in all, or None as long as that is not known.
        passing: Whether it is one of many of its kind, of which nobody need see more than the one that is done now.
    """

    def __init__(self, title, total=None, note="", passing=False):
        self.title, self.total, self.done, self.note, self.passing = title, total, 0, note, passing

    def __call__(self, done, total=None, note=None):
        """Say how far the work is. Functions that take `progress(done, total)` can be given the task itself.

        Args:
            done: Steps done.
            total: Steps in all; None leaves what was said before.
            note: Short text that changes as the work goes on; None leaves what was said before.
        """
        self.done = done
        self.total = self.total if total is None else total
        self.note = self.note if note is None else note
        self.show()

    def advance(self, steps=1, note=None):
        """Say that further steps are done."""
        self(self.done + steps, note=note)

    def finish(self, note=None):
        """Say that all is done: what was there before this call is not counted, so it ends at its total."""
        total = self.total or max(self.done, 1)
        self(total, total, note)

    def show(self):
        """Show the task as it stands."""


class Progress:
    """Makes tasks that show nothing.

    Example:
        with progress.task("training", total=100) as task:
            for step in range(100):
                task.advance()
    """

    def task(self, title, total=None, note="", passing=False):
        """Return a context manager that gives a `Task` and finishes it when its block ends without an error.

        Args:
            title: What is done, short.
            total: Steps in all, or None as long as that is not known.
            note: First note.
            passing: As of `Task`, such as the tiles of one image of many.
        """
        return OpenTask(self, Task(title, total, note, passing))

    def say(self, sentence):
        """Say a sentence between the tasks."""

    def table(self, table):
        """Show a `ResultTable` of what has been found so far, between the tasks."""

    def opened(self, task):
        """Called when the block of a task begins."""

    def closed(self, task):
        """Called when the block of a task has ended."""


class OpenTask:
    """The block of a task."""

    def __init__(self, progress, task):
        self._progress, self._task = progress, task

    def __enter__(self):
        self._progress.opened(self._task)
        return self._task

    def __exit__(self, error, *details):
        if error is None:
            self._task.finish()
        self._progress.closed(self._task)


SILENT = Progress()


@contextmanager
def steps(progress, title=""):
    """Give a function of (name of a step, done, total, note) that makes each step a task, from its first call on.

    Args:
        progress: `Progress`.
        title: Text before the name of each step.
    """
    with ExitStack() as stack:
        tasks = {}

        def show(step, done, total, note=""):
            if step not in tasks:
                tasks[step] = stack.enter_context(progress.task(f"{title}{step}", total))
            tasks[step](done, total, note)

        yield show
