"""Full-batch solvers of SciPy, BFGS, L-BFGS and Newton-CG, over the weights of a Keras model."""

from dataclasses import dataclass

import keras
import numpy as np
import scipy.optimize
import tensorflow as tf

from tfapp.optimizers.arguments import positive, positive_integer
from tfapp.optimizers.stateless_loss import loss_at
from tfapp.optimizers.weight_paths import gradients_at

METHODS = {"bfgs": "BFGS", "l-bfgs": "L-BFGS-B", "newton-cg": "Newton-CG"}
# Weights beyond which the matrix of BFGS, float64, takes more than 3 GB; SciPy holds some of it at once.
_MOST_FOR_BFGS = 20_000


@dataclass(frozen=True)
class Minimum:
    """Where a full-batch solver ended.

    Attributes:
        loss: At the weights that the model has now.
        gradient_norm: Largest entry of the gradient there, without its sign.
        iterations: Of the solver.
        evaluations: Of the loss over all data.
        converged: Whether the solver's own criterion was met.
        message: SciPy's, which says why it ended.
    """

    loss: float
    gradient_norm: float
    iterations: int
    evaluations: int
    converged: bool
    message: str


def minimize(model, x, y, method="l-bfgs", max_iterations=200, tolerance=1e-5, batch_size=None) -> Minimum:
    """Minimise the loss of a compiled model over all of its data, from its weights on, and leave the best in it.

    The loss is the compiled one, regularisation included, of one function: dropout has one mask all the time, batch
    normalisation the statistics of the data, and no other variable of the model is written. SciPy works in float64; a
    float32 model bounds what can be reached, which the message then says ("precision loss").

    Args:
        model: Compiled and built Keras model with one input and one output.
        x, y: Arrays with as many entries, which are taken whole.
        method: "bfgs", whose matrix has the square of the number of weights, "l-bfgs" or "newton-cg", which takes
            products with the Hessian.
        max_iterations: Positive integer.
        tolerance: Of the largest entry of the gradient; for "newton-cg" of the mean step. Positive.
        batch_size: Examples at a time, whose mean is the same up to rounding, but for batch normalisation; None for
            all at once.

    Raises:
        ValueError: For another method, a model that is not compiled, arrays of different lengths, or more weights than
            "bfgs" has room for.

    Example:
        >>> import keras, numpy as np
        >>> from tfapp.optimizers import minimize
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> x = np.array([[0.0], [1.0], [2.0]])
        >>> found = minimize(model, x, 3 * x + 1)
        >>> print(f"{model.get_weights()[0].item():.3f} {model.get_weights()[1].item():.3f} {found.loss:.6f}")
        3.000 1.000 0.000000
    """
    _check(model, x, y, method, max_iterations, tolerance)
    function = _FlatLoss(model, np.asarray(x), np.asarray(y), batch_size or len(x))
    options = {"maxiter": max_iterations}
    options |= {"xtol": tolerance} if method == "newton-cg" else {"gtol": tolerance}
    # Else it would stop at a small change of the loss, whatever the gradient.
    options |= {"ftol": 0.0} if method == "l-bfgs" else {}
    product = {"hessp": function.hessian_product} if method == "newton-cg" else {}
    start = function.start()
    found = scipy.optimize.minimize(
        function, start, jac=True, method=METHODS[method], options=options, **product
    )
    function.assign(found.x)
    gradient_norm = float(np.abs(found.jac).max())
    message = found.message if isinstance(found.message, str) else found.message.decode()
    return Minimum(float(found.fun), gradient_norm, found.nit, found.nfev, bool(found.success), message)


class _FlatLoss:
    """Loss and gradient over all data as functions of one float64 vector, as SciPy wants them."""

    def __init__(self, model, x, y, batch_size):
        self._model = model
        self._variables = model.trainable_variables
        self._state = [tf.convert_to_tensor(variable.value) for variable in model.non_trainable_variables]
        self._batches = [
            (x[start : start + batch_size], y[start : start + batch_size], None)
            for start in range(0, len(x), batch_size)
        ]
        self._shares = [len(batch[0]) / len(x) for batch in self._batches]
        self._gradients = tf.function(lambda *given: gradients_at(model, *given)[:2], autograph=False)
        self._products = tf.function(self._hessian_product, autograph=False)

    def start(self):
        return np.concatenate([np.ravel(keras.ops.convert_to_numpy(v)) for v in self._variables]).astype(
            "float64"
        )

    def __call__(self, vector):
        weights, loss, gradient = self._weights(vector), 0.0, 0.0
        for share, batch in zip(self._shares, self._batches, strict=True):
            one, gradients = self._gradients(weights, self._state, batch)
            loss, gradient = loss + share * float(one), gradient + share * _flat(gradients)
        return loss, gradient

    def hessian_product(self, vector, direction):
        """Return the Hessian at the vector times the direction."""
        weights, direction = self._weights(vector), self._weights(direction)
        pairs = zip(self._shares, self._batches, strict=True)
        return sum(
            share * _flat(self._products(weights, direction, self._state, batch)) for share, batch in pairs
        )

    def assign(self, vector):
        for variable, value in zip(self._variables, self._weights(vector), strict=True):
            variable.assign(value)

    def _hessian_product(self, weights, direction, state, batch):
        with tf.autodiff.ForwardAccumulator(weights, direction) as accumulator:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                loss, _ = loss_at(self._model, weights, state, batch)
            gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return accumulator.jvp(gradients, tf.UnconnectedGradients.ZERO)

    def _weights(self, vector):
        sizes = np.cumsum([int(np.prod(variable.shape)) for variable in self._variables])[:-1]
        parts = zip(np.split(vector, sizes), self._variables, strict=True)
        return [tf.constant(part.reshape(variable.shape), variable.dtype) for part, variable in parts]


def _flat(tensors):
    return np.concatenate([np.ravel(tensor.numpy()).astype("float64") for tensor in tensors])


def _check(model, x, y, method, max_iterations, tolerance):
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {', '.join(METHODS)}. Received: method={method!r}.")
    if not getattr(model, "compiled", False) or not model.built:
        raise ValueError("`model` must be compiled with its loss, and built. Received: one that is not.")
    if len(x) != len(y) or not len(x):
        raise ValueError(
            f"`x` and `y` must have as many entries, at least one. Received: {len(x)} and {len(y)}."
        )
    positive_integer("max_iterations", max_iterations)
    positive("tolerance", tolerance)
    count = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    if method == "bfgs" and count > _MOST_FOR_BFGS:
        raise ValueError(
            f"`method` 'bfgs' keeps a matrix of the square of the number of weights, for at most {_MOST_FOR_BFGS:,} of "
            f"them: take 'l-bfgs'. Received: a model of {count:,} weights."
        )
