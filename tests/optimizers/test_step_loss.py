"""Which loss a step takes where `scale_loss` was called more than once before an `apply`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import ALIG, BPGrad

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4)).astype("float32")
Y = RNG.normal(size=(32, 1)).astype("float32")
LIPSCHITZ, RHO = 10.0, 0.1
REFUSED = r"needs one loss for each step. Received: 2 .*apply\(grads, variables, loss=loss\)"


def optimizer():
    return BPGrad(LIPSCHITZ, rho=RHO, momentum=0.0)


class Regression(keras.Model):
    """Least squares whose training step is given."""

    def __init__(self, step):
        super().__init__()
        self.dense, self.step = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones"), step

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        self.step(self, *data)
        return {"loss": tf.zeros(())}

    def error(self, x, y):
        return tf.reduce_mean((self(x) - y) ** 2)


def fitted(step, **options):
    model = Regression(step)
    model(X)
    model.compile(optimizer(), **options)
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    return model.dense.kernel.numpy(), model.optimizer.measured()["best_loss"]


def algorithm_2():
    """Return weights and smallest loss after one walk over the batches of 8, in NumPy."""
    weights, best = np.ones((4, 1)), np.inf
    for start in range(0, 32, 8):
        x, y = X[start : start + 8].astype(float), Y[start : start + 8]
        error = x @ weights - y
        loss, gradient = np.mean(error**2), 2 * x.T @ error / 8
        best = min(best, loss)
        weights = weights - (loss - RHO * best) / LIPSCHITZ * gradient / np.linalg.norm(gradient)
    return weights, best


def check(found):
    weights, best = algorithm_2()
    np.testing.assert_allclose(found[0], weights, rtol=1e-5)
    assert found[1] == pytest.approx(best, rel=1e-5)


def in_parts(model, x, y, give=None):
    with tf.GradientTape() as tape:
        error = model.error(x, y)
        parts = [model.optimizer.scale_loss(share * error) for share in (0.9, 0.1)]
    gradients = tape.gradient(parts, model.trainable_variables)
    model.optimizer.apply(gradients, model.trainable_variables, **(give(parts) if give else {}))


def in_micro_batches(model, x, y, give=None):
    losses, sums = [], None
    for half in (slice(0, 4), slice(4, 8)):
        with tf.GradientTape() as tape:
            losses.append(model.optimizer.scale_loss(model.error(x[half], y[half]) / 2))
        gradients = tape.gradient(losses[-1], model.trainable_variables)
        sums = (
            gradients if sums is None else [one + other for one, other in zip(sums, gradients, strict=True)]
        )
    model.optimizer.apply(sums, model.trainable_variables, **(give(losses) if give else {}))


@pytest.mark.parametrize("eagerly", [True, False], ids=["eager", "graph"])
@pytest.mark.parametrize("step", [in_parts, in_micro_batches])
def test_step_of_two_differentiated_losses_is_refused(step, eagerly):
    with pytest.raises(RuntimeError, match=REFUSED):
        fitted(step, run_eagerly=eagerly)


@pytest.mark.parametrize("eagerly", [True, False], ids=["eager", "graph"])
@pytest.mark.parametrize("step", [in_parts, in_micro_batches])
def test_step_of_two_losses_with_their_sum_is_algorithm_2(step, eagerly):
    check(fitted(lambda *given: step(*given, give=lambda parts: {"loss": sum(parts)}), run_eagerly=eagerly))


def test_loss_of_an_evaluation_does_not_count():
    def step(model, x, y):
        for _ in range(3):
            model.optimizer.scale_loss(5 * model.error(x, y))
        with tf.GradientTape() as tape:
            loss = model.optimizer.scale_loss(model.error(x, y))
        model.optimizer.scale_loss(7 * model.error(x, y))
        model.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    check(fitted(step, run_eagerly=True))


def test_loss_of_a_step_given_up_before_its_gradient_does_not_count():
    solver, variable = ALIG(momentum=0.0, learning_rate=10.0, epsilon=1e-9), keras.Variable([3.0])
    for loss_of in (lambda: variable.value[0] * np.nan, lambda: 2 * variable.value[0]):
        with tf.GradientTape() as tape:
            loss = solver.scale_loss(loss_of())
        if np.isfinite(loss):
            solver.apply(tape.gradient([loss], [variable.value]), [variable])
    # Polyak's step 6 / 2^2 along 2.
    assert float(variable[0]) == pytest.approx(0.0, abs=1e-6)


def test_trace_that_was_given_up_does_not_count():
    solver, variable = BPGrad(1.0, rho=0.0, momentum=0.0), keras.Variable([3.0])

    def step(fails):
        with tf.GradientTape() as tape:
            loss = solver.scale_loss(2 * variable.value[0])
        gradients = tape.gradient([loss], [variable.value])
        if fails:
            raise ArithmeticError
        solver.apply(gradients, [variable])

    solver.build([variable])
    with pytest.raises(ArithmeticError):
        tf.function(step, autograph=False)(True)
    tf.function(step, autograph=False)(False)
    assert float(variable[0]) == pytest.approx(3 - 6)


def test_overflowing_step_of_loss_scaling_leaves_no_loss_behind():
    inner, variable = BPGrad(1.0, rho=0.0, momentum=0.0), keras.Variable([3.0])
    wrapper = keras.optimizers.LossScaleOptimizer(inner)
    wrapper.build([variable])
    for factor in (np.inf, 1.0):
        with tf.GradientTape() as tape:
            loss = wrapper.scale_loss(factor * variable.value[0])
        wrapper.apply(tape.gradient([loss], [variable.value]), [variable])
    assert float(variable[0]) == pytest.approx(0.0)


def test_loss_scaling_takes_the_loss_of_accumulated_gradients():
    inner, variable = BPGrad(1.0, rho=0.0, momentum=0.0), keras.Variable([3.0])
    wrapper = keras.optimizers.LossScaleOptimizer(inner)
    wrapper.build([variable])
    wrapper.apply([tf.constant([2.0**15])], [variable], loss=tf.constant(2.0))
    assert float(variable[0]) == pytest.approx(1.0)


def test_two_losses_without_any_gradient_taken_of_them_are_refused():
    solver, variable = BPGrad(), keras.Variable([3.0])
    for _ in range(2):
        solver.scale_loss(tf.constant(1.0))
    with pytest.raises(RuntimeError, match=REFUSED):
        solver.apply([tf.ones(1)], [variable])


def test_loss_in_whose_place_only_its_original_was_differentiated_is_taken():
    def step(model, x, y):
        with tf.GradientTape() as tape:
            error = model.error(x, y)
            model.optimizer.scale_loss(error)
        model.optimizer.apply(tape.gradient(error, model.trainable_variables), model.trainable_variables)

    check(fitted(step))
