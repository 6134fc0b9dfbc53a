"""Cells of a surface on many machines, by Dask distributed.

Cells are independent, so a worker that dies costs the cells it was at: Dask gives them to another one. Every
worker builds the compiled point once, with TensorFlow's default number of threads, as a serial run does, so that
equal machines give equal bits.
"""

import functools
import pickle
import time
import uuid
from contextlib import ExitStack

import cloudpickle
import keras
from dask.distributed import as_completed

from tfapp.dask_workers import dask_workers
from tfapp.errors import InputError, WorkFailed
from tfapp.landscape.batches import Batches
from tfapp.landscape.measuring import figures_at
from tfapp.landscape.point_loss import make_point_loss
from tfapp.landscape.precision import FLOAT32

_POINTS = {}  # of this worker: token -> function that returns the compiled point of a compute dtype


class DaskCells:
    """Evaluates points on the workers of a Dask cluster; use it as a context manager.

    Args:
        address: of the scheduler, or "local", as for `dask_workers`.
        model: compiled Keras model that can be pickled: its layers are importable on the workers or registered.
        data: `(x, y, sample_weight)` as nests of arrays.
        u, v: directions.
        batch_size, compute_dtype, options: as for `make_point_loss`.

    Raises:
        InputError: no scheduler or no worker answers at the address, or the model cannot be sent.
    """

    def __init__(self, address, model, data, u, v, *, batch_size, compute_dtype=FLOAT32, **options):
        self._address, self._compute_dtype = address, compute_dtype
        self._start = time.perf_counter()
        self._token = uuid.uuid4().hex
        parts = (data, u, v, batch_size, options, keras.config.floatx())
        try:
            self._job = cloudpickle.dumps((model, *parts))
        except (TypeError, AttributeError, NotImplementedError, pickle.PicklingError, ValueError) as error:
            raise InputError(
                f"Expected a model that can be sent to other processes. Received: {model.name!r} ({error}); give "
                "its layers a `get_config`, or measure without Dask."
            ) from error

    def __enter__(self):
        self._workers = ExitStack()
        self._client = self._workers.enter_context(dask_workers(self._address))
        self._remote_job = self._client.scatter(self._job, broadcast=True)
        return self

    def __exit__(self, *_):
        self._workers.close()

    def evaluate(self, points):
        """Yield (index, figures) of every point, in the order in which they are ready."""
        return self._evaluate(points, self._compute_dtype)

    def evaluate_in_float32(self, points):
        """Yield (index, figures) of every point in the model's own precision."""
        return self._evaluate(points, FLOAT32)

    def _evaluate(self, points, compute_dtype):
        job = self._token, self._remote_job, compute_dtype
        futures = {
            self._client.submit(_point, *job, float(alpha), float(beta), pure=False): index
            for index, (alpha, beta) in enumerate(points)
        }
        try:
            for future, figures in as_completed(futures, with_results=True):
                yield futures[future], figures
        except Exception as error:
            raise WorkFailed(f"A Dask worker failed: {error}") from error
        finally:
            self._client.cancel(list(futures))

    def figures(self):
        """Return the seconds that it took in all; those of a point differ from worker to worker."""
        return {"seconds_total": time.perf_counter() - self._start}


def _point(token, job, compute_dtype, alpha, beta):
    """Return the figures of one point, on a worker."""
    if token not in _POINTS:
        _POINTS.clear()  # what an earlier surface left
        _POINTS[token] = _build(job)
    return figures_at(_POINTS[token](compute_dtype), alpha, beta)


def _build(job):
    model, data, u, v, batch_size, options, floatx = cloudpickle.loads(job)
    keras.config.set_floatx(floatx)
    # It lets Keras create the state of the loss and of the metrics.
    first = [None if part is None else keras.tree.map_structure(lambda leaf: leaf[:1], part) for part in data]
    model.evaluate(first[0], first[1], sample_weight=first[2], verbose=0)
    point_loss = functools.partial(make_point_loss, model, Batches(*data, batch_size), u, v, **options)
    return functools.cache(lambda compute_dtype: point_loss(compute_dtype=compute_dtype))
