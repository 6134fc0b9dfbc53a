"""Workers of a Dask cluster, for work whose parts do not need each other."""

import os
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

from tfapp.errors import InputError

LOCAL = "local"
SECONDS_TO_CONNECT = 10

# Dask has glibc give freed memory back at once, and a network takes it anew in each step: of a U-Net 1.7 times as
# long.
_TRIMMED, _TRIMMED_TO = "MALLOC_TRIM_THRESHOLD_", "65536"
_ENVIRONMENT = "distributed.nanny.pre-spawn-environ"


def check_dask() -> None:
    """Raise InputError if Dask distributed is not installed."""
    if find_spec("distributed") is None:
        raise InputError('Work on many machines needs Dask; pip install "tfapp[dask]".')


@contextmanager
def dask_workers(address):
    """Yield the `dask.distributed.Client` of a cluster with at least one worker.

    Args:
        address: of the scheduler, such as "tcp://host:8786", or "local" for a cluster of this machine with one
            worker per core, which ends with the context.

    Raises:
        InputError: Dask is not installed, or no scheduler or no worker answers at the address.
    """
    check_dask()
    from dask.distributed import Client

    with ExitStack() as stack:
        try:
            is_local = address == LOCAL
            cluster = stack.enter_context(_local_cluster()) if is_local else address
            client = stack.enter_context(Client(cluster, timeout=SECONDS_TO_CONNECT))
            client.wait_for_workers(1, timeout=6 * SECONDS_TO_CONNECT)
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(
                f"Expected a Dask scheduler with workers at {address}, but it does not answer; start "
                "`dask scheduler` and `dask worker ADDRESS`, or use `dask` local."
            ) from error
        yield client


@contextmanager
def _local_cluster():
    import dask
    from dask.distributed import LocalCluster

    before = dict(os.environ)
    environment = {name: value for name, value in dask.config.get(_ENVIRONMENT).items() if name != _TRIMMED}
    try:
        with (
            dask.config.set({_ENVIRONMENT: environment}),
            LocalCluster(threads_per_worker=1) as cluster,
        ):
            yield cluster
    finally:
        # What workers are to have Dask sets in this process too.
        for name in (*environment, "PYTHONHASHSEED", "__DASK_PARENT_PID"):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def training_environment():
    """Return the environment for a training in a process of its own, started by a worker that Dask may have set up."""
    found = dict(os.environ)
    if found.get(_TRIMMED) == _TRIMMED_TO:
        del found[_TRIMMED]
    return found
