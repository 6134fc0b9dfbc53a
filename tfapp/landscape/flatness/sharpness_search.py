"""The search for the highest loss around one solution."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.batches import Batches
from tfapp.landscape.flatness.ascent import active_share, maximise_by_signs, maximise_lbfgsb
from tfapp.landscape.flatness.boxes import FullSpace, RandomSubspace, filter_width, keskar_width
from tfapp.landscape.flatness.derivatives import flatten, make_gradient
from tfapp.landscape.flatness.hessian import finite_centre
from tfapp.landscape.flatness.sharpness_result import Climb, Trial, relative_rise


class Neighbourhood:
    """The loss around a solution, over boxes of any size.

    Args:
        model: a model that `prepare` accepted.
        batches: the data.
        box, subspace, columns, iterations, seed, regularisation: those of `sharpness`.

    Attributes:
        loss: f(x), the loss of the solution.
        evaluations: number of evaluations that a trial usually takes.

    Raises:
        InputError: f(x) is not finite or <= -1, or the model has no filters for the box `"filter"`.
    """

    def __init__(
        self,
        model: keras.Model,
        batches: Batches,
        *,
        box,
        subspace,
        columns,
        iterations,
        seed,
        regularisation,
    ):
        self._weights = flatten(model.trainable_variables)
        self._filter_width = filter_width(model) if box == "filter" else None
        self._subspace, self._columns = subspace, columns
        self._iterations, self._seed = iterations, seed
        self._repeat = None
        self._gradient = make_gradient(model, batches, regularisation=regularisation)
        self.loss = finite_centre(self._at(np.zeros_like(self._weights))[0])
        if self.loss <= -1:
            raise InputError(
                f"Expected a loss above -1, because sharpness is relative to 1 + f(x). Received: f(x)={self.loss:g}."
            )
        self.evaluations = 2 * iterations + 2

    def trial(self, eps: float, repeat: int, count: Callable[[int], None]) -> Trial:
        """Climb twice from a random point of the box.

        Args:
            eps: its size.
            repeat: number of the trial, which decides the point and the subspace, whatever `eps` is.
            count: called with the number of evaluations so far after each.
        """
        self._go_to(repeat)
        width = eps * self._width
        start = np.random.default_rng([self._seed, repeat]).uniform(-1.0, 1.0, len(width)) * width
        seen = 0

        def objective(z):
            nonlocal seen
            loss, gradient = self._at(self._space.lift(z))
            seen += 1
            count(seen)
            return loss, self._space.pull(gradient)

        climbs = [
            climb(objective, start, width, self._iterations) for climb in (maximise_lbfgsb, maximise_by_signs)
        ]
        highest = max(climbs, key=lambda climb: climb.value)
        figures = [
            Climb(relative_rise(climb.value, self.loss), climb.evaluations, climb.iterations, climb.message)
            for climb in climbs
        ]
        return Trial(*figures, active_share(highest.point, width))

    def _go_to(self, repeat):
        """Draw the subspace of a repeat, and the box in it for eps = 1."""
        if repeat == self._repeat:
            return
        self._space = (
            FullSpace(len(self._weights))
            if self._subspace is None
            else RandomSubspace(len(self._weights), self._subspace, [self._seed, repeat], self._columns)
        )
        self._width = self._filter_width
        if self._width is None:
            self._width = keskar_width(self._space.coordinates(self._weights))
        self._repeat = repeat

    def _at(self, displacement):
        loss, gradient = self._gradient(tf.constant(displacement))
        return float(loss), gradient.numpy()
