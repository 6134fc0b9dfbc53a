"""Measuring the cells of a surface: one after the other, within a budget, or on many machines by Dask."""

import functools
import pickle
import time
import uuid
from contextlib import ExitStack

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError, WorkFailed
from tfapp.landscape.point_loss import point_loss_that_runs
from tfapp.landscape.precision import FLOAT32
from tfapp.landscape.samples import Replay
from tfapp.workers import check_dask, dask_workers

SECONDS_BETWEEN_SAVES = 2.0
# Points that are timed beside a bare forward pass: enough for a quartile, nothing beside a grid.
TIMED_PAIRS = 5
_POINTS = {}  # of this worker: token -> function that returns the compiled point of a compute dtype


class Measuring:
    """Fills a surface with what `evaluate_cells` finds.

    Args:
        surface: the `Surface` to fill.
        evaluate_cells: function of a list of points (alpha, beta) that yields (index, figures) for each, in any
            order; `figures` as `make_point_loss` returns them, in Python numbers.
        path: file of the surface, or None.
        progress: called as `progress(measured, total)` after every cell, or None.
        budget: seconds after which no more cells are begun, or None.

    Attributes:
        out_of_budget: cells were left out because the time was over.
    """

    def __init__(self, surface, evaluate_cells, path=None, progress=None, budget=None):
        self._surface, self._evaluate, self._path, self._progress = surface, evaluate_cells, path, progress
        self._end = None if budget is None else time.monotonic() + budget
        self._last_save = time.monotonic()
        self.out_of_budget = False

    def centre(self, evaluate_cells=None) -> None:
        """Measure the solution itself: by another function if one is given, else where the grid does not hold it."""
        surface = self._surface
        on_grid = 0 in surface.alphas and 0 in surface.betas
        if np.isnan(surface.centre) and (evaluate_cells is not None or not on_grid):
            [(_, figures)] = (evaluate_cells or self._evaluate)([(0.0, 0.0)])
            surface.centre = figures["loss"]

    def cells(self, cells, expected: int) -> bool:
        """Measure those of some cells that are not measured yet; return whether there was time for all.

        Args:
            cells: (i, j) pairs.
            expected: how many cells the whole surface will probably have measured, for the progress.

        Raises:
            InputError: no loss is finite at these cells, nor at any before.
        """
        left = [cell for cell in cells if not self._surface.measured[cell]]
        points = [(self._surface.alphas[i], self._surface.betas[j]) for i, j in left]
        for index, figures in self._evaluate(points):
            self._surface.record(*left[index], **_as_record(figures))
            self._after_a_cell(expected)
            if self._end is not None and time.monotonic() > self._end:
                break
        self.out_of_budget = any(not self._surface.measured[cell] for cell in left)
        if not self.out_of_budget and not self._anything_finite():
            raise InputError(
                "Expected a window in which some loss is finite. Received: NaN or infinity at all "
                f"{self._surface.num_measured} points measured; choose a smaller range."
            )
        return not self.out_of_budget

    def save(self) -> None:
        """Save the surface, if it is to be saved and there is a loss in it."""
        if self._path is not None and self._anything_finite():
            self._surface.save(self._path)

    def _anything_finite(self):
        return bool(np.isfinite(self._surface.loss).any())

    def _after_a_cell(self, expected):
        if time.monotonic() - self._last_save > SECONDS_BETWEEN_SAVES:
            self.save()
            self._last_save = time.monotonic()
        if self._progress is not None:
            done = self._surface.num_measured
            self._progress(done, max(done, expected))


class LocalEvaluator:
    """Evaluates points in this process, the first few of them side by side with a bare forward pass.

    Args:
        point_loss: what `make_point_loss` returns.
        forward: what `make_bare_forward` returns.
        earlier: timing figures of an earlier part of the same surface.
        reference: what `make_point_loss` returns for float32; by default `point_loss` itself.
    """

    def __init__(self, point_loss, forward, earlier, reference=None):
        self._point_loss, self._forward, self._earlier = point_loss, forward, earlier
        self._reference = reference or point_loss
        self._start = time.perf_counter()
        self._points, self._forwards = [], []
        figures_at(point_loss, 0.0, 0.0)  # traces both graphs, which is not to be timed
        forward()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def evaluate(self, points):
        """Yield (index, figures) of every point, in order."""
        for index, (alpha, beta) in enumerate(points):
            start = time.perf_counter()
            figures = figures_at(self._point_loss, alpha, beta)
            self._points.append(time.perf_counter() - start)
            if len(self._forwards) < TIMED_PAIRS:
                start = time.perf_counter()
                self._forward()
                self._forwards.append(time.perf_counter() - start)
            yield index, figures

    def evaluate_in_float32(self, points):
        """Yield (index, figures) of every point, by `reference`; these are not timed."""
        for index, (alpha, beta) in enumerate(points):
            yield index, figures_at(self._reference, alpha, beta)

    def figures(self):
        """Return seconds as lower quartiles, the overhead from the pairs measured in turn."""
        earlier = self._earlier.get("seconds_total", 0.0)
        figures = {**self._earlier, "seconds_total": earlier + time.perf_counter() - self._start}
        if self._forwards:
            forward = float(np.quantile(self._forwards, 0.25))
            paired = float(np.quantile(self._points[: len(self._forwards)], 0.25))
            figures |= {
                "seconds_per_point": float(np.quantile(self._points, 0.25)),
                "seconds_bare_forward": forward,
                "point_over_forward": paired / forward,
            }
        return figures


def figures_at(point_loss, alpha, beta) -> dict:
    """Return what the function of `make_point_loss` finds at one point, in Python numbers."""
    figures = point_loss(tf.constant(alpha, tf.float32), tf.constant(beta, tf.float32))
    return tf.nest.map_structure(lambda value: float(value.numpy()), figures)


def _as_record(figures):
    return {
        "loss": figures["loss"],
        "regularisation": figures["regularisation"],
        "metrics": figures["metrics"],
        "error": figures["standard_error"],
    }


# Cells are independent, so a worker that dies costs the cells it was at: Dask gives them to another one. Every
# worker builds the compiled point once, with TensorFlow's default number of threads, as a serial run does, so that
# equal machines give equal bits.


class DaskCells:
    """Evaluates points on the workers of a Dask cluster; use it as a context manager.

    Args:
        address: of the scheduler, or "local", as for `dask_workers`.
        model: compiled Keras model that can be pickled: its layers are importable on the workers or registered.
        batches: the data.
        u, v: directions.
        compute_dtype, options: as for `make_point_loss`.

    Raises:
        InputError: no scheduler or no worker answers at the address, or the model cannot be sent.
    """

    def __init__(self, address, model, batches, u, v, *, compute_dtype=FLOAT32, **options):
        check_dask()
        import cloudpickle  # Dask brings it

        self._address, self._compute_dtype = address, compute_dtype
        self._start = time.perf_counter()
        self._token = uuid.uuid4().hex
        parts = (batches, u, v, options, keras.config.floatx())
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
            from dask.distributed import as_completed

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
    model, batches, u, v, options, floatx = pickle.loads(job)
    keras.config.set_floatx(floatx)
    # It lets Keras create the state of the loss and of the metrics.
    model.evaluate(Replay([batches.slice(0, 1)]), verbose=0)
    point_loss = functools.partial(point_loss_that_runs, model, batches, u, v, **options)
    return functools.cache(lambda compute_dtype: point_loss(compute_dtype=compute_dtype))
