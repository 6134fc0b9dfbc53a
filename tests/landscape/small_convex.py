"""Models whose loss, gradient and Hessian are known in closed form, with NumPy's word for them."""

import itertools

import keras
import numpy as np


def build_logistic(num_features=4, num_samples=11, seed=0):
    """Return a compiled logistic regression with its data; its loss is convex."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((num_samples, num_features)).astype("f4")
    y = (x @ rng.standard_normal(num_features) + rng.standard_normal(num_samples) > 0).astype("f4")[:, None]
    model = keras.Sequential([keras.Input((num_features,)), keras.layers.Dense(1)])
    model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    return model, x, y


def logistic_derivatives(x, y, parameters):
    """Return the mean loss of a logistic regression, its gradient and its Hessian; the bias comes last."""
    x = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
    logits = x @ parameters
    p = 1 / (1 + np.exp(-logits))
    loss = np.mean(np.logaddexp(0, logits) - y[:, 0] * logits)
    return loss, x.T @ (p - y[:, 0]) / len(x), (x.T * (p * (1 - p))) @ x / len(x)


def flat_weights(model):
    return np.concatenate([w.numpy().ravel() for w in model.trainable_variables]).astype(np.float64)


def highest_vertex(function, width):
    """Return the largest value of a convex function over a box: it is at one of the 2^n vertices."""
    return max(function(width * np.array(signs)) for signs in itertools.product((-1, 1), repeat=len(width)))
