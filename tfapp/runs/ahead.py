"""Trainings of a study that do not need each other, done by Dask's workers before the study comes to them.

A study goes through its trainings one after the other, and finds those done that were done ahead: its tables are those
of a serial study, whatever was done where.
"""

import os
import pickle
import subprocess
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar

from tfapp.errors import InputError, WorkFailed
from tfapp.workers import check_dask, dask_workers, training_environment

_ADDRESS = ContextVar("address of a Dask scheduler", default=None)


@contextmanager
def ahead_on(address):
    """Have `do_ahead` use workers within the block.

    Args:
        address: As of `tfapp.workers.dask_workers`; None for no workers.

    Raises:
        InputError: Dask is not installed.
    """
    if address is not None:
        check_dask()
    token = _ADDRESS.set(address)
    try:
        yield
    finally:
        _ADDRESS.reset(token)


def is_ahead():
    """Return whether there are workers for `do_ahead`."""
    return _ADDRESS.get() is not None


def do_ahead(function, calls, progress, title="trainings ahead"):
    """Call a function with each of some arguments on workers, all at the same time, and return whether there are any.

    Within no `ahead_on` nothing is done. A call whose worker dies is made again by another, and resumes there.

    Args:
        function: Of a module, so that workers can import it. What it does it keeps in a folder that all of them see,
            and does not do again; what it returns is not taken.
        calls: List of (arguments, keyword arguments).
        progress: `Progress`.
        title: Of its task.

    Raises:
        InputError: It was raised by a call, or no scheduler or worker answers.
        WorkFailed: A call failed. A training that diverged is left to the study, which comes to it again.
    """
    address = _ADDRESS.get()
    if address is None or not calls:
        return False
    with dask_workers(address) as client, progress.task(title, len(calls)) as task:
        from dask.distributed import as_completed

        futures = [client.submit(_call, function, *call, pure=False) for call in calls]
        try:
            for future in as_completed(futures):
                future.result()
                task.advance()
        except (InputError, WorkFailed):
            raise
        except Exception as error:
            raise WorkFailed(f"A Dask worker failed: {error}") from error
        finally:
            client.cancel(futures)
    return True


def _call(function, arguments, keywords):
    """Call a function in a process of its own, which ends with this one.

    Seeds are those of a process, and in that of a Dask worker other threads draw random numbers too.
    """
    own = [sys.executable, "-m", "tfapp.runs.ahead"]
    environment = {**training_environment(), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(own, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        pickle.dump((function, arguments, keywords), process.stdin)
        process.stdin.flush()
        told = process.stdout.read()
    finally:
        process.stdin.close()
        process.stdout.close()
        code = process.wait()
    if not told:
        raise WorkFailed(f"A training ended with {code} before it was done.")
    kind, text = pickle.loads(told)
    if kind is not None:
        raise {"input": InputError, "work": WorkFailed}[kind](text)


def _answer():
    """Make the call that comes through standard input, and write what became of it to standard output."""
    # What the call prints is no answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    function, arguments, keywords = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    from tfapp.runs.callbacks import TrainingDiverged

    told = None, ""
    try:
        function(*arguments, **keywords)
    except TrainingDiverged:
        pass
    except InputError as error:
        told = "input", str(error)
    except WorkFailed as error:
        told = "work", str(error)
    except Exception as error:
        told = "work", f"A training failed with {type(error).__name__}: {error}"
    pickle.dump(told, out)
    out.close()


def _end_with_starter():
    # Nothing more comes: the end of the stream is that of the process that started this one.
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    _answer()
