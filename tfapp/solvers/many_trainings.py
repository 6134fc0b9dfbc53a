"""Many trainings, one after the other or on the workers of a Dask cluster."""

from contextlib import contextmanager

import keras

from tfapp.errors import InputError, WorkFailed
from tfapp.solvers.training import train

LOCAL = "local"
SECONDS_TO_CONNECT = 10


def train_all(jobs, out, dask=None, progress=None):
    """Train every job in a folder of its own, and return the results in the order of the jobs.

    Args:
        jobs: List of `Job`.
        out: Folder that holds the folders; with workers on other machines it must be one that all of them see.
        dask: Address of a Dask scheduler, `local` for one worker per core of this machine, or None for none.
        progress: Function of (number of the job, epochs of it that are done), or None.

    Raises:
        InputError: If a folder holds another training, or no scheduler answers.
        WorkFailed: If a worker fails.
    """
    note = progress or (lambda number, epochs: None)
    if dask is None:
        return [_train_alone(number, job, out, note) for number, job in enumerate(jobs)]
    with _client(dask) as client:
        return _on_workers(client, jobs, out, note)


def _train_alone(number, job, out, note):
    result = train(job, out / job.folder, lambda epoch: note(number, epoch))
    # Keras keeps what every model has traced until it is told otherwise.
    keras.utils.clear_session()
    return result


def _on_workers(client, jobs, out, note):
    from dask.distributed import as_completed

    futures = {
        client.submit(train, job, out / job.folder, pure=False): number for number, job in enumerate(jobs)
    }
    results = {}
    try:
        for future in as_completed(list(futures)):
            number = futures[future]
            results[number] = future.result()
            note(number, jobs[number].epochs)
    except InputError:
        raise
    except Exception as error:
        raise WorkFailed(f"A Dask worker failed: {error}") from error
    finally:
        client.cancel(list(futures))
    return [results[number] for number in range(len(jobs))]


@contextmanager
def _client(address):
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        raise InputError("--dask needs the package distributed; install it with tfapp[dask].") from None
    cluster = LocalCluster(threads_per_worker=1) if address == LOCAL else None
    try:
        client = Client(cluster or address, timeout=SECONDS_TO_CONNECT)
    except (OSError, TimeoutError, ValueError):
        raise InputError(
            f"Expected a Dask scheduler at {address}, but it does not answer; start `dask scheduler` and "
            "`dask worker ADDRESS`, or use --dask local."
        ) from None
    try:
        yield client
    finally:
        client.close()
        if cluster is not None:
            cluster.close()
