from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers import regularise_logits

FEW = 50


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def scene():
    """Return a function that gives noisy logits (batch, *size, classes), float64, of a box in a background.

    `contrast` is the height of the true class's logit above the others, in units of the noise.
    """

    def make(size=(8, 8), classes=3, batch=1, contrast=2.0, noise=1.0, seed=0):
        inside = np.ones(size, bool)
        for axis, length in enumerate(size):
            index = np.arange(length).reshape([-1 if a == axis else 1 for a in range(len(size))])
            inside = inside & (index >= length // 4) & (index < length - length // 3)
        truth = np.eye(max(classes, 2))[inside.astype(int)][..., -classes:]
        return noise * (
            contrast * truth + np.random.default_rng(seed).standard_normal((batch, *size, classes))
        )

    return make


@pytest.fixture(scope="module")
def solved():
    """Return `regularise_logits`, as a graph where there are thousands of iterations, which are quick there.

    The graphs of a problem are made once for a test file. To trace one takes longer than a few iterations do.
    """

    @cache
    def graph_of(problem):
        return tf.function(
            lambda o, weight, start: regularise_logits(o, weight, problem, start=start), autograph=False
        )

    def solve(logits, tv_weight, problem, start=None):
        logits = tf.convert_to_tensor(logits)
        weight = tf.convert_to_tensor(tv_weight, logits.dtype)
        start = None if start is None else tf.convert_to_tensor(start)
        if problem.iterations <= FEW:
            return regularise_logits(logits, weight, problem, start=start)
        return graph_of(problem)(logits, weight, start)

    return solve
