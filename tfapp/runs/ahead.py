"""Trainings of a study that do not need each other, done by Dask's workers before the study comes to them.

A study goes through its trainings one after the other, and finds those done that were done ahead: its tables are those
of a serial study, whatever was done where.
"""

from contextlib import contextmanager
from contextvars import ContextVar

from tfapp.errors import InputError, WorkFailed
from tfapp.workers import check_dask, dask_workers

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
    import keras

    from tfapp.runs.callbacks import TrainingDiverged

    try:
        function(*arguments, **keywords)
    except TrainingDiverged:
        pass
    finally:
        # Keras keeps what every model has traced until it is told otherwise.
        keras.utils.clear_session()
