"""What `landscape` measures beside the loss, on which points, and of which models and data."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_segmenter import BATCH_SIZE, displaced, evaluate

from tfapp.errors import InputError
from tfapp.landscape import landscape
from tfapp.landscape.directions.random_directions import random_directions
from tfapp.landscape.grid import PREDICTED


def small(model, data, **options):
    return landscape(model, *data, **{"n": 3, "range": 0.5, "batch_size": BATCH_SIZE, **options})


def moved(model, alpha, beta=0.0):
    """Move the model to a point of the plane of seed 0."""
    plane = random_directions(model, seed=0)
    weights = displaced(model, plane.u, plane.v, alpha, beta)
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value)
    return model


@pytest.fixture
def regression():
    """A smooth problem: a compiled network with tanh and twenty samples."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    model.compile(loss="mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    return model, rng.standard_normal((20, 3)).astype(np.float32), rng.standard_normal((20, 1))


@pytest.mark.slow
def test_smooth_surface_is_predicted_from_a_quarter_of_the_points(regression):
    exact = landscape(*regression, n=33, exact=True)
    adaptive = landscape(*regression, n=33)
    assert adaptive.complete and adaptive.num_measured <= 33 * 33 / 4
    found = adaptive.metadata["prediction"]
    assert 0 < found["max_error"] <= 0.01 and found["points"] == 54
    assert np.abs(adaptive.loss - exact.loss).max() <= 0.02 * np.ptp(exact.loss)


@pytest.mark.slow
def test_measured_cells_of_an_adaptive_surface_are_those_of_the_exact_one(regression):
    exact, adaptive = landscape(*regression, n=17, exact=True), landscape(*regression, n=17)
    assert (adaptive.status == PREDICTED).any()
    np.testing.assert_array_equal(adaptive.loss[adaptive.measured], exact.loss[adaptive.measured])


@pytest.mark.slow
def test_interrupted_adaptive_surface_ends_with_the_file_of_a_whole_one(regression, tmp_path):
    def interrupt(done, expected):
        if done in (30, 100):
            raise KeyboardInterrupt

    landscape(*regression, n=33, path=tmp_path / "whole.npz")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            landscape(*regression, n=33, path=tmp_path / "parts.npz", progress=interrupt)
    landscape(*regression, n=33, path=tmp_path / "parts.npz")
    assert (tmp_path / "parts.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


@pytest.mark.slow
def test_budget_ends_early_and_the_same_call_goes_on(regression, tmp_path):
    path = tmp_path / "surface.npz"
    started = landscape(*regression, n=9, path=path, budget=1e-9)
    assert 0 < started.num_measured < 81 and not started.complete and not started.metadata["finished"]
    assert landscape(*regression, n=9, path=path).complete


@pytest.mark.slow
def test_line_is_measured_throughout(regression):
    line = landscape(*regression, n=7, line=True)
    plane = landscape(*regression, n=7, exact=True)
    assert line.loss.shape == (7, 1) and line.measured.all()
    np.testing.assert_allclose(line.loss[:, 0], plane.loss[:, 3], rtol=1e-12)


@pytest.mark.slow
def test_even_grid_keeps_the_solution_beside_it(segmenter, data):
    surface = small(segmenter, data, n=4)
    assert surface.loss.shape == (4, 4) and 0 not in surface.alphas
    assert surface.centre == pytest.approx(evaluate(segmenter, *data), rel=1e-6)


@pytest.mark.slow
def test_metrics_of_a_point_are_those_of_evaluate(segmenter, data):
    segmenter.compile(loss="sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    surface = small(segmenter, data)
    result = moved(segmenter, 0.5).evaluate(*data[:2], 4, 0, data[2], return_dict=True)
    assert surface.metrics["accuracy"][2, 1] == pytest.approx(result["accuracy"], rel=1e-6)
    assert set(surface.metrics) == {"accuracy"}


@pytest.mark.slow
def test_measuring_leaves_the_state_of_metrics_alone(segmenter, data):
    segmenter.compile(loss="sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    small(segmenter, data)
    before = [variable.numpy() for variable in segmenter.metrics_variables]
    evaluate(segmenter, *data)
    np.testing.assert_array_equal(before, [variable.numpy() for variable in segmenter.metrics_variables])


@pytest.mark.slow
def test_standard_error_is_that_of_the_losses_of_single_samples(segmenter, data):
    surface = small(segmenter, data, sample_errors=True)
    model = moved(segmenter, 0.5, -0.5)
    losses = [evaluate(model, *(part[index : index + 1] for part in data)) for index in range(10)]
    assert surface.standard_error[2, 0] == pytest.approx(np.std(losses, ddof=1) / np.sqrt(10), rel=1e-4)


@pytest.mark.slow
def test_standard_error_does_not_count_weight_decay(regression):
    model, x, y = regression
    plain = landscape(model, x, y, n=3, sample_errors=True)
    model.layers[0].kernel.regularizer = keras.regularizers.L2(10.0)
    model.compile(loss="mse")
    decayed = landscape(model, x, y, n=3, sample_errors=True)
    assert decayed.regularisation.min() > 0
    np.testing.assert_allclose(decayed.standard_error, plain.standard_error, rtol=1e-5)


def test_without_sample_errors_there_are_none(segmenter, data):
    assert np.isnan(small(segmenter, data).standard_error).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dataset", "sequence"])
def test_datasets_are_read_into_memory(segmenter, data, kind):
    class Sequence(keras.utils.PyDataset):
        num_batches = 3

        def __getitem__(self, index):
            return tuple(part[4 * index : 4 * index + 4] for part in data)

    dataset = tf.data.Dataset.from_tensor_slices(data).batch(3) if kind == "dataset" else Sequence()
    expected = small(segmenter, data)
    ours = landscape(segmenter, dataset, n=3, range=0.5, batch_size=BATCH_SIZE)
    # The batches are the data's own, so that sums are taken in another order.
    np.testing.assert_allclose(ours.loss, expected.loss, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda data: (data.repeat(), None), "endless"),
        (lambda data: (data.take(0), None), "empty"),
        (lambda data: (data, np.zeros(3)), "its own targets"),
    ],
)
def test_unusable_datasets_are_refused(segmenter, data, make, message):
    dataset, y = make(tf.data.Dataset.from_tensor_slices(data).batch(3))
    with pytest.raises(InputError, match=message):
        landscape(segmenter, dataset, y, n=3)


def test_loss_that_is_not_finite_at_the_solution_is_refused(regression):
    model, x, y = regression
    with pytest.raises(InputError, match="finite loss at the solution.*nan"):
        landscape(model, np.full_like(x, np.nan), y, n=3)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3, "relu")
        self.out = keras.layers.Dense(1)

    def call(self, inputs):
        return self.out(self.dense(inputs))


def application():
    model = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=4)
    model.compile(loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    return model, rng.random((4, 32, 32, 3), np.float32), rng.integers(0, 4, 4)


def subclassed():
    model = Subclassed()
    model.compile(loss="mse")
    rng = np.random.default_rng(0)
    x = rng.random((6, 5), np.float32)
    model(x)
    return model, x, rng.random((6, 1), np.float32)


def sequential():
    layers = [keras.Input((5,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    return model, rng.random((6, 5), np.float32), np.eye(3, dtype=np.float32)[rng.integers(0, 3, 6)]


@pytest.mark.parametrize("make", [pytest.param(application, marks=pytest.mark.slow), subclassed, sequential])
def test_models_that_were_not_built_here_have_the_losses_of_evaluate(make):
    keras.utils.set_random_seed(2)
    model, x, y = make()
    before = model.get_weights()
    surface = landscape(model, x, y, n=3, range=0.2)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, model.get_weights(), strict=True))
    moved(model, 0.2, -0.2)
    expected = model.evaluate(x, y, verbose=0, return_dict=True)["loss"]
    assert surface.loss[2, 0] == pytest.approx(expected, rel=1e-5)
