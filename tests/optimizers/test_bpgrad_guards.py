"""What BPGrad does with steps that cannot be taken, and with arguments that cannot be."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import BPGrad


def line(start=3.0):
    """A model with one weight w and the output w."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.layers[0].kernel.assign([[start]])
    return model


def value_of(truth, output):
    return tf.reduce_mean(truth * output)


def fitted(optimizer, factors, loss=value_of, start=3.0, **options):
    """Train on batches of one whose loss is factor * w."""
    model = line(start)
    model.compile(optimizer, loss, **{"jit_compile": False, **options})
    factors = np.array(factors, "float32")[:, None]
    model.fit(np.ones_like(factors), factors, batch_size=1, shuffle=False, verbose=0)
    return model, model.layers[0].kernel.numpy().item()


@pytest.mark.parametrize("jit", [True, False])
def test_batches_without_a_usable_step_are_as_if_they_had_not_been(jit):
    # Two whose loss is not a number, two infinite ones, two without a gradient.
    bad = [value for value in (np.nan, np.inf, 0.0) for _ in range(2)]
    model, weight = fitted(BPGrad(10.0), [1, *bad, 1, 1], jit_compile=jit)
    plain, expected = fitted(BPGrad(10.0), [1, 1, 1])
    assert weight == expected
    assert model.optimizer.measured() == plain.optimizer.measured() | {"num_skipped": 6.0}


def test_state_stays_finite_when_every_batch_is_nan():
    model, weight = fitted(BPGrad(10.0), [np.nan] * 3)
    assert weight == 3.0 and model.optimizer.measured()["num_skipped"] == 3
    assert all(np.isfinite(v.numpy()).all() for v in model.optimizer.variables[3:])


def test_nan_among_accumulated_batches_skips_the_step_and_is_forgotten():
    optimizer = BPGrad(10.0, gradient_accumulation_steps=2)
    model, weight = fitted(optimizer, [1, np.nan, 1, 1])
    assert weight == fitted(BPGrad(10.0), [1])[1]
    assert model.optimizer.measured()["num_skipped"] == 1


def test_negative_loss_is_skipped():
    model, weight = fitted(BPGrad(10.0), [1, 1], start=-3.0)
    assert weight == -3.0 and model.optimizer.measured()["num_skipped"] == 2


def test_loss_offset_makes_negative_losses_usable():
    # f = w + 5 at w = -3 is 2: the first step is (2 - 0.2) / 10 long.
    assert fitted(BPGrad(10.0, rho=0.1, loss_offset=5.0), [1], start=-3.0)[1] == pytest.approx(-3.18)


def test_max_step_limits_the_step():
    # (3 - 0.3) / 1 would be 2.7.
    assert fitted(BPGrad(1.0, rho=0.1, max_step=0.5), [1])[1] == pytest.approx(2.5)


def test_too_small_a_lipschitz_constant_is_shown_by_the_gradient():
    measured = fitted(BPGrad(1.0), [2])[0].optimizer.measured()
    assert measured["max_gradient_norm"] == 2 > measured["lipschitz"]


def test_training_loop_without_the_loss_is_told_what_to_do():
    model = line()
    optimizer = BPGrad()
    with pytest.raises(RuntimeError, match=r"needs the loss of the step.*optimizer\.scale_loss\(loss\)"):
        optimizer.apply([tf.ones((1, 1))], model.trainable_variables)


def test_loss_is_not_used_twice():
    model, optimizer = line(), BPGrad()
    optimizer.apply([tf.ones((1, 1))], model.trainable_variables, loss=tf.constant(3.0))
    with pytest.raises(RuntimeError, match="no loss"):
        optimizer.apply([tf.ones((1, 1))], model.trainable_variables)


@pytest.mark.parametrize(
    "argument, value",
    [
        ("lipschitz", 0.0),
        ("lipschitz", -1),
        ("lipschitz", float("nan")),
        ("lipschitz", float("inf")),
        ("lipschitz", "automatic"),
        ("lipschitz", None),
        ("rho", 1.0),
        ("rho", -0.1),
        ("rho", float("nan")),
        ("momentum", 1.0),
        ("momentum", -0.5),
        ("max_step", 0),
        ("max_step", float("nan")),
        ("loss_offset", float("inf")),
        ("auto_steps", 0),
        ("auto_steps", 2.5),
        ("auto_quantile", 0),
        ("auto_quantile", 1.5),
    ],
)
def test_argument_out_of_range_is_named(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must .*Received: {argument}="):
        BPGrad(**{argument: value})
