"""`BPGrad("auto")`: Algorithm 2 in the metric of the running squares, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.optimizers.algorithm2 import loss_and_gradients
from tests.optimizers.test_bpgrad_fit import batches, distance, network, squared_error, trained
from tfapp.optimizers import BPGrad


def corrected_mean(numbers, kept):
    """Return the running mean that keeps a share of itself, divided by the sum of its weights."""
    weights = kept ** np.arange(len(numbers))[::-1]
    return np.tensordot(weights / weights.sum(), np.array(numbers), 1)


def follow(
    model,
    loss_of,
    steps,
    *,
    rho=0.1,
    momentum=0.9,
    form="algorithm-2",
    weight_decay=0.0,
    cut=None,
    looked_at=100,
):
    """Walk over the batches by the rule as its docstring says it, from all numbers of before at every step.

    Returns:
        What `measured` has of the last step, and how many steps were the longest that are allowed.
    """
    weights = model.trainable_variables
    velocity, past = [np.zeros(w.shape) for w in weights], [[] for _ in weights]
    losses, norms, smooth, largest, capped = [], [], [], 0.0, 0
    for step, batch in enumerate(steps):
        loss, gradients = loss_and_gradients(model, loss_of, batch)
        x = [np.float64(w.numpy()) for w in weights]
        loss += weight_decay / 2 * sum(np.sum(w**2) for w in x)
        moved = [(cut(g) if cut else g) + weight_decay * w for g, w in zip(gradients, x, strict=True)]
        gradients = [g + weight_decay * w for g, w in zip(gradients, x, strict=True)]
        for squares, gradient in zip(past, gradients, strict=True):
            squares.append(gradient**2)
        metric = [np.sqrt(corrected_mean(squares, 0.999)) for squares in past]
        norm = np.sqrt(sum(np.sum(g**2 / d) for g, d in zip(gradients, metric, strict=True)))
        length = np.sqrt(sum(np.sum(g**2 / d) for g, d in zip(moved, metric, strict=True)))
        losses.append(loss)
        norms.append(norm)
        smooth.append(corrected_mean(losses, 0.9))
        mean_norm = corrected_mean(norms, 0.99)
        largest = max(largest, mean_norm)
        lipschitz = largest / 1.5 / (1 - momentum)
        if step % looked_at == 0:
            flat = np.concatenate([w.ravel() for w in x])
            root = max(0.01, np.sqrt(np.mean(flat**2)))
        eta, longest = (smooth[-1] - rho * min(smooth)) / lipschitz, 0.2 * (1 - momentum) * root * mean_norm
        capped += eta > longest
        eta = min(eta, longest)
        inside, outside = (eta, 1.0) if form == "algorithm-2" else (1.0, eta)
        velocity = [
            momentum * v - inside * g / d / length for v, g, d in zip(velocity, moved, metric, strict=True)
        ]
        for w, old, v in zip(weights, x, velocity, strict=True):
            w.assign(old + outside * v)
    measured = {"loss": loss, "best_loss": min(smooth), "gradient_norm": norm, "step_size": eta}
    measured |= {"lipschitz": lipschitz, "num_skipped": 0, "max_gradient_norm": max(norms)}
    return {name: float(value) for name, value in measured.items()}, capped


# With rho = 0.1 most steps of this small network are the longest that are allowed; with 0.97 the loss decides.
CASES = {
    "longest steps": {},
    "no momentum": {"momentum": 0.0, "rho": 0.97},
    "algorithm 2": {"rho": 0.97},
    "form of the authors": {"form": "authors", "rho": 0.97},
    "weight decay": {"weight_decay": 0.05, "rho": 0.97},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_weights_and_measured_numbers_follow_the_rule(options):
    reference = network()
    expected, capped = follow(reference, squared_error, batches(16, 32), **options)
    model = trained(network(), BPGrad("auto", **options), size=16, steps=32)
    assert distance(model, reference) < 1e-5
    assert model.optimizer.measured() == pytest.approx(expected, rel=1e-3)
    assert capped < 10 if "rho" in options else capped > 16


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"jit_compile": True}, {"run_eagerly": True}], ids=["jit", "eager"])
def test_rule_is_the_same_however_it_runs(options):
    reference = network()
    follow(reference, squared_error, batches())
    assert distance(trained(network(), BPGrad("auto"), **options), reference) < 1e-5


def test_norm_of_the_weights_is_looked_at_again_every_so_many_updates():
    reference = network()
    _, capped = follow(reference, squared_error, batches(16, 32), looked_at=5)
    assert distance(trained(network(), BPGrad("auto", auto_steps=5), size=16, steps=32), reference) < 1e-5
    assert capped


def test_clipping_changes_the_direction_and_not_the_length():
    reference = network()
    expected, _ = follow(reference, squared_error, batches(16, 32), cut=lambda g: np.clip(g, -0.05, 0.05))
    model = trained(network(), BPGrad("auto", clipvalue=0.05), size=16, steps=32)
    assert distance(model, reference) < 1e-5
    assert model.optimizer.measured() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("weight", [1e-4, 1e4])
def test_unit_of_the_loss_does_not_matter(weight):
    model = trained(network(), BPGrad("auto"), loss_weights=weight)
    assert distance(model, trained(network(), BPGrad("auto"))) < 1e-4


def test_weight_without_a_gradient_stays_and_the_others_are_trained():
    variable, optimizer = keras.Variable([1.0, 1.0]), BPGrad("auto", momentum=0.0)
    optimizer.build([variable])
    optimizer.apply([tf.constant([0.5, 0.0])], [variable], loss=tf.constant(2.0))
    assert variable.numpy()[0] < 1 and variable.numpy()[1] == 1


def test_step_that_is_skipped_changes_neither_weights_nor_what_the_rule_keeps():
    variable, optimizer = keras.Variable([1.0, -1.0]), BPGrad("auto")
    optimizer.build([variable])
    optimizer.apply([tf.constant([0.5, 0.1])], [variable], loss=tf.constant(2.0))
    before = [np.array(v) for v in (variable, *optimizer.variables)]
    with pytest.warns(UserWarning, match="not finite|NaN"):
        optimizer.apply([tf.constant([np.nan, 0.1])], [variable], loss=tf.constant(2.0))
    names = [v.name for v in optimizer.variables]
    after = [np.array(v) for v in (variable, *optimizer.variables)]
    for name, a, b in zip(["variable", *names], before, after, strict=True):
        if name == "measured":
            b[optimizer.MEASURED.index("num_skipped")] -= 1
        if name != "iteration":
            np.testing.assert_array_equal(a, b, err_msg=name)


def test_random_step_where_the_gradient_is_zero_has_the_length_of_the_rule_in_the_metric():
    variable, optimizer = keras.Variable([3.0, 4.0]), BPGrad("auto", momentum=0.0, zero_gradient="random")
    optimizer.build([variable])
    optimizer.apply([tf.constant([0.25, 1.0])], [variable], loss=tf.constant(0.2))
    before = variable.numpy()
    optimizer.apply([tf.constant([0.0, 0.0])], [variable], loss=tf.constant(0.2))
    # A step without a gradient counts in no running square.
    length = np.sqrt(np.sum(np.array([0.25, 1.0]) * (variable.numpy() - before) ** 2))
    assert length == pytest.approx(optimizer.measured()["step_size"], rel=1e-4) and length > 0


@pytest.mark.slow
def test_all_zero_weights_of_a_linear_model_are_trained():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, kernel_initializer="zeros")])
    losses = trained(model, BPGrad("auto"), size=16, steps=4).optimizer.measured()["loss"]
    assert trained(model, BPGrad("auto"), size=16, steps=400).optimizer.measured()["loss"] < 0.1 * losses


def test_configuration_of_before_the_running_rule_means_the_median():
    config = BPGrad("auto").get_config()
    assert config["lipschitz"] == "auto-running"
    assert BPGrad.from_config(config).lipschitz == "auto"
    assert BPGrad.from_config(config | {"lipschitz": "auto"}).lipschitz == "auto-median"
