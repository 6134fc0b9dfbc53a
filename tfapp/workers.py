"""Workers of a Dask cluster, for work whose parts do not need each other."""

from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

from tfapp.errors import InputError

LOCAL = "local"
SECONDS_TO_CONNECT = 10


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
    from dask.distributed import Client, LocalCluster

    with ExitStack() as stack:
        try:
            is_local = address == LOCAL
            cluster = stack.enter_context(LocalCluster(threads_per_worker=1)) if is_local else address
            client = stack.enter_context(Client(cluster, timeout=SECONDS_TO_CONNECT))
            client.wait_for_workers(1, timeout=6 * SECONDS_TO_CONNECT)
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(
                f"Expected a Dask scheduler with workers at {address}, but it does not answer; start "
                "`dask scheduler` and `dask worker ADDRESS`, or use `dask` local."
            ) from error
        yield client
