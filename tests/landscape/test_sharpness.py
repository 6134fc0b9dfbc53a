import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_convex import build_logistic, flat_weights, highest_vertex, logistic_derivatives
from small_segmenter import BATCH_SIZE, build_segmenter, evaluate

from tfapp.errors import InputError
from tfapp.landscape import sharpness
from tfapp.landscape.flatness.boxes import RandomSubspace
from tfapp.landscape.flatness.sharpness_search import relative_rise
from tfapp.landscape.samples import Batches
from tfapp.layers import TVSoftmax


def logistic_loss(x, y, parameters):
    return logistic_derivatives(x, y, parameters)[0]


def phi(highest, loss):
    return 100 * (highest - loss) / (1 + loss)


@pytest.mark.parametrize("eps", [0.5, 0.05])
def test_a_logistic_regression_has_the_sharpness_of_its_highest_vertex(eps):
    model, x, y = build_logistic()
    weights = flat_weights(model)
    highest = highest_vertex(lambda z: logistic_loss(x, y, weights + z), eps * (np.abs(weights) + 1))
    (found,) = sharpness(model, x, y, eps=[eps], repeats=4, batch_size=4)
    assert found.loss == pytest.approx(logistic_loss(x, y, weights), rel=1e-6)
    assert found.values.max() == pytest.approx(phi(highest, found.loss), rel=1e-4)
    assert found.active_share == 1.0


@pytest.mark.parametrize("eps", [0.1, 0.2])
def test_sharpness_of_lu_and_tong_is_the_rise_within_relative_bounds_as_a_multiple_of_the_loss(eps):
    model, x, y = build_logistic()
    weights = flat_weights(model)
    highest = highest_vertex(lambda z: logistic_loss(x, y, weights + z), eps * np.abs(weights))
    (found,) = sharpness(model, x, y, eps=[eps], box="lu-tong", repeats=4, batch_size=4)
    assert found.values.max() == pytest.approx((highest - found.loss) / found.loss, rel=1e-4)
    assert found.unit == "times f(x)"


def test_sharpness_of_lu_and_tong_needs_a_loss_above_0():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    x = np.ones((4, 2), np.float32)
    with pytest.raises(InputError, match="Expected a loss above 0, because the sharpness of Lu and Tong"):
        sharpness(model, x, model.predict(x, verbose=0), box="lu-tong", repeats=1)


@pytest.mark.parametrize("columns", ["gaussian", "unit"])
@pytest.mark.parametrize("p", [1, 2])
def test_a_subspace_has_the_sharpness_of_a_vertex_of_its_own_box(columns, p):
    model, x, y = build_logistic()
    weights = flat_weights(model)
    (found,) = sharpness(model, x, y, eps=[0.2], subspace=p, columns=columns, repeats=3, seed=4)
    for repeat, value in enumerate(found.values):
        space = RandomSubspace(len(weights), p, [4, repeat], columns)
        matrix = np.stack([space.lift(row) for row in np.eye(p)], axis=1)
        width = 0.2 * (np.abs(np.linalg.pinv(matrix) @ weights) + 1)
        vertices = [
            phi(logistic_loss(x, y, weights + matrix @ (width * signs)), found.loss)
            for signs in np.array(list(itertools.product((-1, 1), repeat=p)))
        ]
        # A climb may end at a vertex that is only higher than those beside it; with two there is no other.
        expected = max(vertices) if p == 1 else min(vertices, key=lambda vertex: abs(vertex - value))
        assert value == pytest.approx(expected, rel=1e-4)


def test_the_filter_box_moves_every_neuron_by_eps_times_its_norm_and_no_bias():
    model, x, y = build_logistic()
    weights = flat_weights(model)
    width = np.full(5, 0.3 * np.sqrt(np.mean(weights[:4] ** 2)))
    width[4] = 0
    highest = highest_vertex(lambda z: logistic_loss(x, y, weights + z), width)
    (found,) = sharpness(model, x, y, eps=[0.3], box="filter", repeats=4)
    assert found.values.max() == pytest.approx(phi(highest, found.loss), rel=1e-4)


def test_the_exact_minimum_of_a_quadratic_is_as_sharp_as_its_highest_vertex():
    # Its gradient is 0: a climb that began at the solution would end there.
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((9, 4)).astype("f4"), rng.standard_normal((4, 1)).astype("f4")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(loss="mse")
    model.set_weights([weights])
    width = 0.1 * (np.abs(weights[:, 0]) + 1)
    highest = highest_vertex(lambda z: np.mean((x @ z) ** 2), width)
    (found,) = sharpness(model, x, x @ weights, eps=[0.1], repeats=5)
    assert found.values.max() == pytest.approx(100 * highest, rel=1e-4)


@pytest.mark.slow
def test_a_larger_box_is_sharper_and_sizes_come_back_in_their_order(segmenter, data):
    found = sharpness(segmenter, *data, eps=(1e-3, 1e-2, 5e-4), repeats=2, batch_size=BATCH_SIZE)
    assert [measured.eps for measured in found] == [1e-3, 1e-2, 5e-4]
    assert found[2].mean < found[0].mean < found[1].mean


def test_sharpness_is_that_of_the_loss_of_a_model_that_stands_at_the_highest_point(data):
    # To first order the highest vertex is width * sign(gradient); here the model itself is put there.
    x, y, _ = data
    model = build_segmenter()
    (found,) = sharpness(model, x, y, eps=[1e-3], repeats=1, iterations=1, batch_size=BATCH_SIZE)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, model(x, training=False)))
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign_add(1e-3 * (tf.abs(variable) + 1) * tf.sign(gradient))
    assert found.trials[0].signs.value == pytest.approx(phi(evaluate(model, x, y), found.loss), rel=0.02)


def test_the_loss_of_the_solution_is_that_of_evaluate(segmenter, data):
    (found,) = sharpness(segmenter, *data, eps=[1e-3], repeats=1, iterations=1, batch_size=BATCH_SIZE)
    assert found.loss == pytest.approx(evaluate(segmenter, *data), rel=1e-6)


@pytest.mark.slow
def test_weight_decay_counts_only_on_demand(data):
    x, y, _ = data
    model = build_segmenter(keras.regularizers.L2(0.1))
    options = {"eps": [1e-3], "repeats": 1, "iterations": 1, "batch_size": BATCH_SIZE}
    (without,), (plain,) = (sharpness(m, x, y, **options) for m in (model, build_segmenter()))
    assert (without.loss, without.mean) == pytest.approx((plain.loss, plain.mean), rel=1e-5)
    (with_decay,) = sharpness(model, x, y, regularisation=True, **options)
    assert with_decay.loss == pytest.approx(evaluate(model, x, y), rel=1e-6)


@pytest.mark.slow
def test_rescaling_filters_changes_the_box_of_keskar_but_not_that_of_filters():
    # ReLU is homogeneous: 10 times the first kernel and a tenth of the second are the same function.
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 3)).astype("f4"), rng.standard_normal((20, 1)).astype("f4")
    found = {}
    for factor in (1.0, 10.0):
        keras.utils.set_random_seed(1)
        layers = [
            keras.layers.Dense(6, activation="relu", use_bias=False),
            keras.layers.Dense(1, use_bias=False),
        ]
        model = keras.Sequential([keras.Input((3,)), *layers])
        model.compile(loss="mse")
        first, second = model.get_weights()
        model.set_weights([factor * first, second / factor])
        for box in ("keskar", "filter"):
            found[box, factor] = sharpness(model, x, y, eps=[0.01], box=box, repeats=2)[0].mean
    assert found["filter", 1.0] == pytest.approx(found["filter", 10.0], rel=1e-3)
    assert found["keskar", 10.0] > 2 * found["keskar", 1.0]


@pytest.mark.slow
def test_a_tv_head_can_be_measured():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2))
    model = keras.Model(inputs, TVSoftmax(0.5)(keras.layers.Conv2D(3, 3, padding="same")(inputs)))
    model.compile(loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 8, 8, 2), np.float32), rng.integers(0, 3, (4, 8, 8))
    (found,) = sharpness(model, x, y, eps=[1e-3], repeats=2, iterations=3)
    assert np.all(found.values > 0) and found.active_share > 0.9


def test_no_weight_changes_by_a_bit(segmenter, data):
    before = segmenter.get_weights()
    sharpness(segmenter, *data, repeats=1, iterations=2, batch_size=BATCH_SIZE)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, segmenter.get_weights(), strict=True))


def test_the_seed_decides_the_trials_and_each_repeat_has_its_own():
    model, x, y = build_logistic()
    first, again, other = (
        sharpness(model, x, y, eps=[0.1], subspace=3, repeats=3, seed=seed)[0].values for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert len({*first, *other}) == 6


def test_arrays_batches_and_datasets_give_the_same():
    model, x, y = build_logistic()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
    options = {"eps": [0.1], "repeats": 2, "batch_size": 4}
    found = [
        sharpness(model, *source, **options)[0].values
        for source in ((x, y), (Batches(x, y, None, 4),), (dataset,))
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.slow
def test_both_climbs_are_reported_and_the_higher_one_counts(segmenter, data):
    (found,) = sharpness(segmenter, *data, eps=[1e-3], repeats=2, batch_size=BATCH_SIZE)
    for trial in found.trials:
        assert trial.value == max(trial.lbfgsb.value, trial.signs.value)
        assert trial.lbfgsb.iterations <= 10 and trial.lbfgsb.message
        assert trial.evaluations == trial.lbfgsb.evaluations + trial.signs.evaluations
    assert found.evaluations == sum(trial.evaluations for trial in found.trials)


def test_mean_and_spread_are_those_of_the_trials():
    model, x, y = build_logistic()
    (found,) = sharpness(model, x, y, eps=[0.1], subspace=2, repeats=4)
    assert (found.mean, found.spread) == pytest.approx((np.mean(found.values), np.std(found.values, ddof=1)))
    (single,) = sharpness(model, x, y, eps=[0.1], repeats=1)
    assert np.isnan(single.spread)


def test_the_rise_is_relative_to_one_plus_the_loss_and_never_negative():
    assert relative_rise(3.0, 1.0) == 100.0
    assert relative_rise(0.5, 1.0) == relative_rise(-np.inf, 1.0) == 0.0


def test_progress_ends_at_its_total(segmenter, data):
    seen = []
    sharpness(
        segmenter, *data, repeats=1, iterations=2, batch_size=4, progress=lambda *counts: seen.append(counts)
    )
    assert seen[-1] == (12, 12) and seen == sorted(seen)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"eps": []}, r"`eps` must be one or more different positive numbers. Received: eps=\[\]"),
        (
            {"eps": (1e-3, 0.001)},
            r"`eps` must be one or more different positive numbers. Received: eps=\(0.001",
        ),
        ({"eps": [1e-3, 0.0]}, "Received: eps="),
        ({"eps": -1e-3}, "Received: eps=-0.001"),
        ({"eps": float("nan")}, "Received: eps=nan"),
        ({"subspace": 0}, "`subspace` must be an integer from 1 to 5, .* Received: subspace=0"),
        ({"subspace": 6}, "Received: subspace=6"),
        ({"subspace": 2, "box": "filter"}, "A random subspace has no filters. Received: box='filter'"),
        ({"box": "ball"}, "`box` must be one of .* Received: box='ball'"),
        ({"columns": "long"}, "`columns` must be one of .* Received: columns='long'"),
        ({"repeats": 0}, "`repeats` must be a positive integer. Received: repeats=0"),
        ({"iterations": 0}, "`iterations` must be a positive integer. Received: iterations=0"),
        ({"seed": -1}, "`seed` must be an integer >= 0. Received: seed=-1"),
        ({"batch_size": 0}, "`batch_size` must be a positive integer. Received: batch_size=0"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(options, message, tmp_path):
    model, x, y = build_logistic()
    with pytest.raises(InputError, match=message):
        sharpness(model, x, y, path=tmp_path / "sharpness.json", **options)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_not_finite_or_too_negative_is_refused(tmp_path):
    model, x, y = build_logistic()
    with pytest.raises(InputError, match="Expected a finite loss at the solution. Received: nan"):
        sharpness(model, np.full_like(x, np.nan), y, path=tmp_path / "sharpness.json")
    model.compile(loss=lambda y_true, y_pred: 0 * y_pred - 2)
    with pytest.raises(InputError, match=r"Expected a loss above -1, .* Received: f\(x\)=-2"):
        sharpness(model, x, y, path=tmp_path / "sharpness.json")
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_not_compiled_is_refused():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="plain")
    with pytest.raises(
        InputError, match="Expected a compiled and built model. Received: 'plain' with compiled=F"
    ):
        sharpness(model, np.zeros((3, 2)), np.zeros((3, 1)))
