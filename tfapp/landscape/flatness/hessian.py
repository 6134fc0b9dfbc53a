"""Hessian of a model's loss as a linear operator that knows whether it can be trusted.

Differentiating twice is exact where every operation has a right second derivative. One with a custom
gradient, such as the implicit gradient of the TV layers, may not: its backward pass holds constant what in
truth moves. That shows, because a Hessian is symmetric: u'Hv and v'Hu differ. Then, and always for the TV
layers, central differences of gradients take its place,

    H v = (g(h v) - g(-h v)) / 2h,      |v| = 1,

with the step h, among several, where the quotient changes least from one step to the next.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from scipy.sparse.linalg import LinearOperator

from tfapp.errors import InputError
from tfapp.landscape.batch_size import warn_of_batch_size
from tfapp.landscape.flatness.derivatives import (
    as_batches,
    flatten,
    make_gradient,
    make_hessian_product,
    prepare,
    tv_layers_with_own_gradient,
)
from tfapp.landscape.flatness.slopes import warn_of_gradient

METHODS = ("auto", "exact", "differences")
# Float32 networks were measured at 1e-7 to 1e-5, the implicit TV gradient differentiated again at 3e-4 to 6e-2.
LARGEST_ASYMMETRY = 1e-4
# Steps h of differences, as shares of the norm of all weights; the last is only compared with.
STEPS = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
MIDDLE_STEP = 1e-3
# What TensorFlow says of an operation that has no second derivative.
_NO_SECOND_DERIVATIVE = (LookupError, TypeError, NotImplementedError, tf.errors.OpError)


class Hessian(LinearOperator):
    """Hessian of the data loss of a model, averaged over samples, with respect to all trainable weights.

    A ReLU network's loss is smooth between kinks only, and its Hessian knows nothing of them; `curvature`
    measures along one direction what the kinks add, and differences count them too: compare networks by one
    method only.

    Args:
        model: compiled and built Keras model. It is read only; layers run in inference mode.
        x: samples as for `model.evaluate`, a dataset, or `Batches`.
        y, sample_weight: targets and weights, or None.
        batch_size: samples per pass of arrays, >= 1; None: 8, and a warning if the loss depends on it.
        regularisation: count weight decay and all else in `model.losses` too.
        method: `"exact"` differentiates twice, `"differences"` takes differences of gradients, `"auto"` decides
            as the module's head says.
        seed: integer >= 0, of the vectors by which `"auto"` and the step are decided.
        progress: called with the number of products so far after every product, or None.

    Attributes:
        shape: `(n, n)` with n the number of trainable parameters; vectors are float64 in the order of
            `model.trainable_variables`.
        method: `"exact"` or `"differences"`.
        asymmetry: what was measured under `"auto"`, see `asymmetry`; None if nothing had to be measured.
        step: h as a share of the norm of the weights, with `"differences"`, else None.
        loss: f at the solution.
        products: number of products so far.

    Raises:
        InputError: the model cannot be differentiated, or its loss at the solution is not finite.

    Warns:
        UserWarning: the gradient of the model is not that of its loss, so that the Hessian is of another function.
    """

    def __init__(
        self,
        model: keras.Model,
        x,
        y=None,
        sample_weight=None,
        *,
        batch_size: int | None = None,
        regularisation: bool = False,
        method: str = "auto",
        seed: int = 0,
        progress: Callable[[int], None] | None = None,
    ):
        if method not in METHODS:
            raise InputError(f"`method` must be one of {METHODS}. Received: method={method!r}.")
        batches = as_batches(x, y, sample_weight, batch_size)
        n = prepare(model, batches)
        warn_of_batch_size(model, batches, regularisation=regularisation)
        super().__init__(np.float64, (n, n))
        self.products, self._progress = 0, progress
        self.asymmetry = self.step = None
        self._gradient = make_gradient(model, batches, regularisation=regularisation)
        self._product = make_hessian_product(model, batches, regularisation=regularisation)
        self._norm = float(np.linalg.norm(flatten(model.trainable_variables))) or 1.0
        self.loss = finite_centre(self._value(np.zeros(n)))
        warn_of_gradient(model, self._gradient, "The Hessian")
        self.method = method
        if method == "auto":
            self.method = "differences" if tv_layers_with_own_gradient(model) else self._chosen(seed)
        if self.method == "differences":
            self.step = self._steadiest_step(seed)

    def curvature(self, direction: np.ndarray, step: float = MIDDLE_STEP) -> float:
        """Return the second difference of the loss itself along a direction, per squared length.

        Args:
            direction: float64 (n,), of any length > 0.
            step: how far to go to either side, as a share of the norm of the weights.
        """
        h = step * self._norm
        unit = direction / np.linalg.norm(direction)
        return (self._value(h * unit) - 2 * self.loss + self._value(-h * unit)) / h**2

    def _matvec(self, v):
        v = np.asarray(v, np.float64).reshape(-1)
        product = self._exact(v) if self.method == "exact" else self._difference(v, self.step)
        self.products += 1
        if self._progress is not None:
            self._progress(self.products)
        return product

    def _adjoint(self):
        return self

    def _value(self, displacement):
        return float(self._gradient(tf.constant(displacement))[0])

    def _exact(self, v):
        return self._product(tf.constant(v)).numpy()

    def _difference(self, v, step):
        length = np.linalg.norm(v)
        if length == 0:
            return np.zeros_like(v)
        h = step * self._norm
        ahead, behind = (self._gradient(tf.constant(sign * h / length * v))[1].numpy() for sign in (1, -1))
        return (ahead - behind) * (length / (2 * h))

    def _chosen(self, seed):
        vectors = np.random.default_rng(seed).standard_normal((3, self.shape[0]))
        try:
            products = [self._exact(v) for v in vectors]
        except _NO_SECOND_DERIVATIVE:
            return "differences"
        self.asymmetry = asymmetry(vectors, products)
        return "exact" if self.asymmetry <= LARGEST_ASYMMETRY else "differences"

    def _steadiest_step(self, seed):
        v = np.random.default_rng(seed).standard_normal(self.shape[0])
        # Steep directions need the smallest steps and are what one looks for: turn towards them.
        for _ in range(3):
            v = self._difference(v / np.linalg.norm(v), MIDDLE_STEP)
            if not v.any():
                return MIDDLE_STEP
        quotients = [self._difference(v, step) for step in STEPS]
        changes = [np.linalg.norm(a - b) for a, b in zip(quotients, quotients[1:], strict=False)]
        return STEPS[int(np.argmin(changes))]


def asymmetry(vectors, products) -> float:
    """Return the largest |u'Hv - v'Hu| of random vectors, in units of |u| |Hv| / sqrt(n).

    A matrix without any symmetry has about 1.

    Args:
        vectors: random vectors (m, n), m >= 2.
        products: H times each of them.
    """
    lengths = [np.linalg.norm(v) for v in vectors]
    images = [np.linalg.norm(product) for product in products]
    largest = 0.0
    for i in range(len(vectors)):
        for j in range(i):
            difference = abs(vectors[i] @ products[j] - vectors[j] @ products[i])
            scale = max(lengths[i] * images[j], lengths[j] * images[i])
            largest = max(largest, difference / scale if scale > 0 else 0.0)
    return float(largest * np.sqrt(len(vectors[0])))


def finite_centre(loss: float) -> float:
    """Return the loss of the solution, or raise `InputError` if it is NaN or infinite."""
    if not np.isfinite(loss):
        raise InputError(
            f"Expected a finite loss at the solution. Received: {loss}; check the weights and the data for "
            "NaN."
        )
    return loss
