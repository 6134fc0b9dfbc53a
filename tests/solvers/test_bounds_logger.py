"""BoundsLogger in real `fit()` calls: rows, history, files, warnings, the condition."""

import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.landscape.tensorboard_events import summaries
from tests.optimizers.algorithm2 import follow
from tfapp.errors import InputError
from tfapp.optimizers import ALIG, BPGrad
from tfapp.solvers import BoundsLogger
from tfapp.solvers.bounds.logger import check_auto, skipped_steps, steep_gradient

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 1)) + 0.3 * RNG.normal(size=(48, 1))).astype("float32")


def network(optimizer=None, loss="mse", run_eagerly=True, **options):
    # Eagerly: tracing would take longer than eight steps.
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer or BPGrad(20.0), loss, run_eagerly=run_eagerly, jit_compile=False, **options)
    return model


def fit(model, *callbacks, epochs=2, x=X, y=Y, size=12):
    """Train for 4 steps an epoch."""
    return model.fit(
        x, y, batch_size=size, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks)
    )


def squared_error(model, batch):
    return tf.reduce_mean((model(batch[0]) - batch[1]) ** 2)


def parts(count=8):
    return [(X[start : start + 12], Y[start : start + 12]) for start in np.arange(count) * 12 % 48]


def test_rows_are_the_steps_of_algorithm_2(plain_training):
    losses, best, etas, norms = follow(network(), squared_error, parts(), lipschitz=20.0)
    bounds = plain_training[0]
    expected = {"loss": losses, "best_loss": best, "step_size": etas, "gradient_norm": norms}
    expected |= {"lower_bound": 0.1 * best, "gap": 0.9 * best, "lipschitz": np.full(8, 20.0)}
    for name, values in expected.items():
        np.testing.assert_allclose(bounds.steps[name], values, rtol=1e-4)
    assert bounds.steps["step"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert bounds.steps["epoch"].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


@pytest.fixture(scope="module")
def plain_training(tmp_path_factory):
    """Return a logger with a file and TensorBoard after a training of two epochs, its history, and its folder."""
    folder = tmp_path_factory.mktemp("plain")
    bounds = BoundsLogger(folder / "new" / "bounds.csv", log_dir=folder / "log")
    return bounds, fit(network(), bounds).history, folder


def test_history_has_the_last_bounds_and_mean_steps_of_each_epoch(plain_training):
    bounds, history, _ = plain_training
    for name in ("best_loss", "lower_bound", "gap", "lipschitz", "num_skipped", "max_gradient_norm"):
        assert history[name] == bounds.steps[name][[3, 7]].tolist()
    for name in ("step_size", "gradient_norm"):
        assert history[name] == pytest.approx(bounds.steps[name].reshape(2, 4).mean(1))


def test_training_is_the_same_to_the_last_bit():
    plain, watched = network(run_eagerly=False), network(run_eagerly=False)
    history = fit(plain).history
    assert fit(watched, BoundsLogger(check_condition=True)).history["loss"] == history["loss"]
    np.testing.assert_array_equal(plain.get_weights()[0], watched.get_weights()[0])


@pytest.mark.parametrize("every, expected", [(3, [3, 6]), (5, [5])])
def test_rows_of_every_so_many_steps(every, expected):
    bounds = BoundsLogger(every=every)
    fit(network(), bounds)
    assert bounds.steps["step"].tolist() == expected


def test_epoch_without_a_row_has_its_numbers_in_the_history():
    bounds = BoundsLogger(every=100)
    model = network()
    history = fit(model, bounds).history
    assert not len(bounds.steps["step"])
    assert history["step_size"][-1] == model.optimizer.measured()["step_size"]


def test_accumulated_gradients_make_one_row():
    bounds = BoundsLogger(check_condition=True)
    fit(network(BPGrad(20.0, gradient_accumulation_steps=2)), bounds)
    assert bounds.steps["step"].tolist() == [1, 2, 3, 4]
    assert np.isfinite(bounds.steps["condition_lhs"]).all()


def test_one_row_for_the_steps_of_one_execution():
    bounds = BoundsLogger()
    fit(network(run_eagerly=False, steps_per_execution=2), bounds)
    assert bounds.steps["step"].tolist() == [2, 4, 6, 8]


def test_optimizer_inside_the_loss_scaling_wrapper():
    bounds = BoundsLogger()
    optimizer = keras.optimizers.LossScaleOptimizer(BPGrad(20.0), initial_scale=8.0)
    fit(network(optimizer), bounds)
    assert len(bounds.steps["step"]) == 8 and bounds.steps["lipschitz"][-1] == 20.0


def test_optimizer_without_rho_has_the_lower_bound_0():
    bounds = BoundsLogger()
    fit(network(ALIG()), bounds)
    assert not bounds.steps["lower_bound"].any() and "lipschitz" not in bounds.steps


def read(path):
    header, *lines = path.read_text().splitlines()
    return header.split(","), np.array([[float(cell) for cell in line.split(",")] for line in lines])


def test_file_has_the_rows(plain_training):
    bounds, _, folder = plain_training
    header, rows = read(folder / "new" / "bounds.csv")
    assert header == list(bounds.steps)
    np.testing.assert_array_equal(np.float32(rows), np.float32(list(bounds.steps.values())).T)


def test_training_resumed_from_a_file_continues_its_rows(plain_training, tmp_path):
    unbroken = read(plain_training[2] / "new" / "bounds.csv")[1]
    first = network()
    fit(first, BoundsLogger(tmp_path / "bounds.csv"), epochs=1)
    first.save(tmp_path / "model.keras")
    resumed, bounds = keras.models.load_model(tmp_path / "model.keras"), BoundsLogger(tmp_path / "bounds.csv")
    resumed.fit(X, Y, 12, initial_epoch=1, epochs=2, shuffle=False, verbose=0, callbacks=[bounds])
    np.testing.assert_allclose(read(tmp_path / "bounds.csv")[1], unbroken, rtol=1e-5)
    assert len(bounds.steps["step"]) == 8


def test_second_fit_with_the_same_callback_goes_on():
    bounds, model = BoundsLogger(), network()
    fit(model, bounds, epochs=1)
    fit(model, bounds, epochs=1)
    assert bounds.steps["epoch"].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


def test_another_model_with_the_same_callback_begins_anew():
    bounds, again = BoundsLogger(check_condition=True), BoundsLogger(check_condition=True)
    fit(network(BPGrad(50.0)), bounds, epochs=1)
    for logger in (bounds, again):
        fit(network(), logger, epochs=1)
    np.testing.assert_array_equal(bounds.steps["condition_lhs"], again.steps["condition_lhs"])


def test_tensorboard_shows_every_column(plain_training):
    bounds, _, folder = plain_training
    found = summaries(folder / "log")
    assert list(found["bounds/gap"]) == list(range(1, 9))
    assert found["bounds/best_loss"][8] == pytest.approx(bounds.steps["best_loss"][-1])


def test_batches_with_nan_are_reported_with_their_number_and_reason():
    x = X.copy()
    x[[13, 40]] = np.nan
    with pytest.warns(UserWarning, match="Epoch 1 skipped 2 steps, most likely because the loss was NaN"):
        fit(network(), BoundsLogger(), x=x, epochs=1)


def negative(truth, output):
    return tf.reduce_mean(tf.square(output - truth)) - 500.0


def test_reports_come_once_in_a_fit():
    with pytest.warns(UserWarning, match="skipped 4 steps, .* is negative: raise `loss_offset`") as caught:
        fit(network(loss=negative), BoundsLogger(), epochs=2)
    assert len(caught) == 1


def constant(truth, output):
    return 3.0 + 0.0 * tf.reduce_sum(output)


def test_automatic_constant_of_a_constant_loss_is_an_error():
    message = '`lipschitz="auto"` must see a loss that changes .* none of 4 steps .* gradient was zero'
    with pytest.raises(ValueError, match=message):
        fit(network(BPGrad("auto"), loss=constant), BoundsLogger())


def test_automatic_constant_that_is_not_found_yet_is_no_error():
    bounds = BoundsLogger(check_condition=True)
    fit(network(BPGrad("auto-median")), bounds)
    assert not bounds.steps["lipschitz"].any() and np.isnan(bounds.steps["condition_lhs"]).all()


def test_condition_is_not_checked_in_the_metric_of_auto():
    with pytest.raises(InputError, match='`lipschitz="auto"` has a metric of its own'):
        fit(network(BPGrad("auto")), BoundsLogger(check_condition=True))


class Places(keras.callbacks.Callback):
    """Keeps the weights before the first step and after each."""

    def on_train_begin(self, logs=None):
        self.places = [self._flat()]

    def on_train_batch_end(self, batch, logs=None):
        self.places.append(self._flat())

    def _flat(self):
        return np.concatenate([np.float64(w).ravel() for w in self.model.get_weights()])


@pytest.mark.parametrize("momentum, options", [(0.0, {}), (0.9, {"condition_every": 3})])
def test_condition_is_that_of_all_places_before(momentum, options):
    bounds, path = BoundsLogger(check_condition=True, **options), Places()
    fit(network(BPGrad(20.0, momentum=momentum)), bounds, path)
    losses, kept = bounds.steps["loss"], range(0, 8, options.get("condition_every", 1))
    for t in range(8):
        terms = [losses[i] - 20 * np.linalg.norm(path.places[t + 1] - path.places[i]) for i in kept if i <= t]
        expected = max(terms) if t in kept else np.nan
        assert bounds.steps["condition_lhs"][t] == pytest.approx(expected, abs=1e-4, nan_ok=True)
    np.testing.assert_array_equal(bounds.steps["condition_rhs"], bounds.steps["lower_bound"])


def test_condition_is_checked_up_to_the_limit():
    bounds = BoundsLogger(check_condition=True, condition_limit=3)
    fit(network(), bounds)
    assert np.isfinite(bounds.steps["condition_lhs"]).tolist() == [True] * 3 + [False] * 5


def test_skipped_step_is_no_place_of_the_condition():
    x = X.copy()
    x[13] = np.nan
    bounds = BoundsLogger(check_condition=True)
    with pytest.warns(UserWarning, match="skipped 1 steps"):
        fit(network(), bounds, x=x, epochs=1)
    assert np.isfinite(bounds.steps["condition_lhs"]).tolist() == [True, False, True, True]


@pytest.mark.parametrize("name", ["every", "condition_every", "condition_limit"])
@pytest.mark.parametrize("value", [0, 1.5, True])
def test_count_that_is_not_positive_is_named(name, value):
    with pytest.raises(InputError, match=f"`{name}` must be an integer >= 1. Received: {name}={value}"):
        BoundsLogger(**{name: value})


@pytest.mark.parametrize(
    "model, options, message",
    [
        (
            lambda: network("adam"),
            {},
            "needs an optimizer that sees the loss, such as BPGrad. Received: Adam",
        ),
        (lambda: network(ALIG()), {"check_condition": True}, "`check_condition` needs .* L.* Received: ALIG"),
        (
            lambda: network(run_eagerly=False, steps_per_execution=2),
            {"check_condition": True},
            "compile with steps_per_execution=1. Received: steps_per_execution=2",
        ),
    ],
    ids=["adam", "no L", "several steps"],
)
def test_training_that_cannot_be_recorded_is_refused_before_a_file_is_written(
    tmp_path, model, options, message
):
    with pytest.raises(InputError, match=message):
        fit(model(), BoundsLogger(tmp_path / "bounds.csv", **options))
    assert not any(tmp_path.iterdir())


STEEP = {"max_gradient_norm": 3.0, "lipschitz": 2.0, "num_skipped": 0.0, "best_loss": 1.0}


@pytest.mark.parametrize(
    "loss, offset, reason",
    [
        (math.nan, 0.0, "most likely because the loss was NaN or infinite"),
        (
            -3.0,
            2.0,
            r"most likely because the loss, -3 in the mean, is negative: raise `loss_offset` \(now 2\)",
        ),
        (-1.0, 2.0, "because their gradient was zero"),
        (0.5, 0.0, "because their gradient was zero"),
        (None, 0.0, "because their gradient was zero"),
    ],
)
def test_most_likely_reason_of_skipped_steps(loss, offset, reason):
    sentence = skipped_steps(BPGrad(loss_offset=offset), {"num_skipped": 2.0}, 2, 3, loss)
    assert re.match(f"Epoch 3 skipped 2 steps, {reason}", sentence)


def test_steps_skipped_before_are_counted_in_all():
    assert "skipped 2 steps, 5 in all," in skipped_steps(BPGrad(), {"num_skipped": 5.0}, 2, 3, 0.5)


def test_epoch_without_a_skipped_step_is_not_mentioned():
    assert skipped_steps(BPGrad(), {"num_skipped": 5.0}, 0, 3, 0.5) is None


def test_gradient_above_the_constant_is_named_with_both_numbers():
    assert "the norm 3, above L = 2, which proves that L is too small" in steep_gradient(BPGrad(2.0), STEEP)


def test_gradient_below_the_constant_is_not_mentioned():
    assert steep_gradient(BPGrad(5.0), STEEP | {"lipschitz": 5.0}) is None


def test_automatic_constant_is_not_reproached_with_a_gradient():
    assert steep_gradient(BPGrad("auto"), STEEP) is None


def test_optimizer_without_the_constant_is_not_reproached():
    assert steep_gradient(ALIG(), {"num_skipped": 0.0, "best_loss": 1.0}) is None


def test_automatic_constant_without_a_step_is_an_error_and_with_one_is_not():
    measured = {"num_skipped": 4.0, "best_loss": math.inf, "lipschitz": 0.0}
    with pytest.raises(InputError, match='`lipschitz="auto"` must see a loss .* none of 4 steps'):
        check_auto(BPGrad("auto"), measured, 3.0)
    check_auto(BPGrad("auto"), measured | {"best_loss": 1.0}, 3.0)
    check_auto(BPGrad(5.0), measured, 3.0)
