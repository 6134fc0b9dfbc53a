"""Other rules that see the loss, in NumPy, on the least-squares problem of their tests."""

import keras
import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4))
Y = X @ RNG.normal(size=(4, 1)) + 0.1 * RNG.normal(size=(64, 1))
START = RNG.normal(size=(4, 1))
BATCHES = [slice(start, start + 16) for start in range(0, 64, 16)] * 5


def loss_and_gradient(weights, batch):
    error = X[batch] @ weights - Y[batch]
    return np.mean(error**2), 2 * X[batch].T @ error / len(error)


def alig(learning_rate, momentum, epsilon, largest=np.inf):
    """Return the weights after one walk over `BATCHES`: Algorithm of Berrada et al., in its momentum form.

    The gradient that the weights move along is at most `largest` long.
    """
    weights, velocity = START.copy(), 0.0
    for batch in BATCHES:
        loss, gradient = loss_and_gradient(weights, batch)
        gamma = min(learning_rate, loss / (np.sum(gradient**2) + epsilon))
        gradient = gradient * min(1, largest / np.linalg.norm(gradient))
        velocity = momentum * velocity - gamma * gradient
        weights = weights + momentum * velocity - gamma * gradient
    return weights


def eve(learning_rate, betas, clip, epsilon):
    """Return the weights after one walk over `BATCHES`: Algorithm 1 of Koushik and Hayashi."""
    weights, mean, square, feedback, last = START.copy(), 0.0, 0.0, 1.0, None
    for step, batch in enumerate(BATCHES, 1):
        loss, gradient = loss_and_gradient(weights, batch)
        mean = betas[0] * mean + (1 - betas[0]) * gradient
        square = betas[1] * square + (1 - betas[1]) * gradient**2
        if last is not None:
            change = abs(loss - last) / min(loss, last)
            feedback = betas[2] * feedback + (1 - betas[2]) * np.clip(change, 1 / clip, clip)
        last = loss
        corrected = mean / (1 - betas[0] ** step) / (np.sqrt(square / (1 - betas[1] ** step)) + epsilon)
        weights = weights - learning_rate / feedback * corrected
    return weights


def fitted(optimizer, x=X, **options):
    """Return the weights after `fit()` over the same batches, and the optimizer."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False)])
    model.layers[0].kernel.assign(START)
    model.compile(optimizer, "mse", **{"jit_compile": False, **options})
    model.fit(x.astype("float32"), Y.astype("float32"), batch_size=16, epochs=5, shuffle=False, verbose=0)
    return model.layers[0].kernel.numpy(), model.optimizer
