import keras
import numpy as np
import pytest
import tensorflow as tf
from small_segmenter import BATCH_SIZE, build_segmenter, displaced, evaluate
from two_headed import two_headed

from tfapp.errors import InputError
from tfapp.landscape.directions.random_directions import filter_normalised_direction
from tfapp.landscape.point_loss import make_bare_forward, make_point_loss
from tfapp.landscape.samples import Batches
from tfapp.layers import regularise


def two_directions(model):
    return filter_normalised_direction(model, 0), filter_normalised_direction(model, 1)


def point_loss_of(model, x, y, w=None, batch_size=BATCH_SIZE):
    evaluate(model, x, y, w)
    return make_point_loss(model, Batches(x, y, w, batch_size), *two_directions(model))


def at(point_loss, alpha, beta):
    """Return the loss and the part of it that does not come from the data."""
    figures = point_loss(tf.constant(alpha, tf.float32), tf.constant(beta, tf.float32))
    return float(figures["loss"]), float(figures["regularisation"])


@pytest.mark.parametrize("weighted", [False, True])
def test_the_centre_equals_evaluate_with_a_remainder_batch(segmenter, data, weighted):
    x, y, w = data
    w = w if weighted else None
    assert at(point_loss_of(segmenter, x, y, w), 0, 0)[0] == pytest.approx(
        evaluate(segmenter, x, y, w), rel=1e-6
    )


@pytest.mark.parametrize("cell", np.random.default_rng(0).uniform(-0.5, 0.5, (4, 2)).tolist())
def test_a_point_equals_evaluate_of_a_model_that_has_these_weights(segmenter, data, cell):
    x, y, w = data
    point_loss = point_loss_of(segmenter, x, y, w)
    moved = build_segmenter()
    for variable, value in zip(
        moved.trainable_variables, displaced(segmenter, *two_directions(segmenter), *cell), strict=True
    ):
        variable.assign(value)
    assert at(point_loss, *cell)[0] == pytest.approx(evaluate(moved, x, y, w), rel=2e-6)


def test_all_points_share_one_trace(segmenter, data):
    point_loss = point_loss_of(segmenter, *data)
    for cell in [(0.0, 0.0), (0.1, -0.3), (0.5, 0.5)]:
        at(point_loss, *cell)
    assert point_loss.experimental_get_tracing_count() == 1


def test_no_weight_changes_by_a_bit(segmenter, data):
    before = segmenter.get_weights()
    point_loss = point_loss_of(segmenter, *data)
    for cell in [(0.0, 0.0), (0.5, -0.5)]:
        at(point_loss, *cell)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, segmenter.get_weights(), strict=True))


@pytest.mark.slow
def test_weight_decay_is_included_and_also_given_apart(data):
    x, y, _ = data
    model = build_segmenter(keras.regularizers.L2(0.1))
    u, v = two_directions(model)
    total, decay = at(point_loss_of(model, x, y), 0.3, -0.2)
    kernel = displaced(model, u, v, 0.3, -0.2)[0].astype(np.float64)
    assert decay == pytest.approx(0.1 * np.sum(kernel**2), rel=1e-5)
    plain = at(point_loss_of(build_segmenter(), x, y), 0.3, -0.2)
    assert plain[1] == 0
    assert total - decay == pytest.approx(plain[0], rel=1e-5)


def test_the_surface_of_a_linear_model_with_squared_error_is_the_closed_form():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)).astype("f4"), rng.normal(size=(7, 2)).astype("f4")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(loss="mse")
    (u, _), (v, _) = two_directions(model)
    kernel, bias = (w.numpy().astype(np.float64) for w in model.trainable_variables)
    point_loss = point_loss_of(model, x, y, batch_size=3)
    for alpha, beta in [(0.0, 0.0), (0.5, 0.25), (-1.0, 2.0)]:
        expected = np.mean((x @ (kernel + alpha * u + beta * v) + bias - y) ** 2)
        assert at(point_loss, alpha, beta)[0] == pytest.approx(expected, rel=1e-5)


def test_several_inputs_and_outputs_are_supported():
    model, x, y = two_headed()
    assert at(point_loss_of(model, x, y), 0, 0)[0] == pytest.approx(evaluate(model, x, y), rel=1e-6)


def test_a_model_without_training_arguments_is_evaluated_as_keras_does():
    class Plain(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

        def compute_loss(self, x, y, y_pred, sample_weight):
            return tf.reduce_mean(tf.abs(y - y_pred) ** 3)

    model = Plain()
    model.compile()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)).astype("f4"), rng.normal(size=(5, 1)).astype("f4")
    evaluate(model, x, y)
    assert at(point_loss_of(model, x, y), 0, 0)[0] == pytest.approx(evaluate(model, x, y), rel=1e-6)


def test_float64_arrays_are_cast_as_keras_casts_them(segmenter, data):
    x, y, w = data
    doubled = at(point_loss_of(segmenter, x.astype("f8"), y, w.astype("f8")), 0.1, 0.1)
    np.testing.assert_array_equal(doubled, at(point_loss_of(segmenter, x, y, w), 0.1, 0.1))


def test_a_batch_larger_than_the_data_is_one_batch():
    batches = Batches(np.zeros((3, 2)), np.zeros(3), None, 8)
    assert list(batches) == [(0, 3)]


def test_the_bare_forward_runs_over_all_batches(segmenter, data):
    make_bare_forward(segmenter, Batches(*data, BATCH_SIZE))()
    assert list(Batches(*data, BATCH_SIZE)) == [(0, 4), (4, 4), (8, 2)]


@pytest.mark.parametrize(
    "x,y,batch_size,message",
    [
        (np.zeros((3, 2)), np.zeros(2), 8, r"Received: \[2, 3\]"),
        (np.zeros((0, 2)), np.zeros(0), 8, r"Received: \[0\]"),
        (np.zeros((3, 2)), np.zeros(3), 0, "batch_size=0"),
    ],
)
def test_unusable_data_are_refused(x, y, batch_size, message):
    with pytest.raises(InputError, match=message):
        Batches(x, y, None, batch_size)


@pytest.mark.slow
def test_total_variation_heads_compile_here_and_nowhere_else(segmenter, data):
    model = regularise(segmenter, 0.5)
    model.compile(loss="sparse_categorical_crossentropy")
    point_loss = point_loss_of(model, *data)
    assert at(point_loss, 0, 0)[0] == pytest.approx(evaluate(model, *data), rel=1e-4)
    functions = point_loss.get_concrete_function().graph.as_graph_def().library.function
    assert any(f.attr["_XlaMustCompile"].b for f in functions if "_XlaMustCompile" in f.attr)
    assert model.layers[-1].jit_compile == "auto"
