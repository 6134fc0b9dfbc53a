"""Many trainings, one after the other or on the workers of a Dask cluster."""

import keras

from tfapp.dask_workers import dask_workers
from tfapp.errors import InputError, WorkFailed
from tfapp.solvers.trainings.training import train


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
    with dask_workers(dask) as client:
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
