import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_segmenter import BATCH_SIZE, build_segmenter, displaced, evaluate

from tfapp.errors import InputError
from tfapp.landscape import Surface, landscape
from tfapp.landscape.directions.random_directions import random_directions
from tfapp.landscape.fingerprint import hash_data, hash_loss, hash_model


def small(model, data, **options):
    options = {"n": 3, "range": 0.5, "batch_size": BATCH_SIZE} | options
    return landscape(model, *data, **options)


def interrupt_after(count):
    def progress(done, total):
        if done == count:
            raise KeyboardInterrupt

    return progress


@pytest.mark.slow
def test_loss_i_j_belongs_to_alpha_i_and_beta_j(segmenter, data):
    surface = small(segmenter, data, range=0.4, seed=2)
    plane = random_directions(segmenter, seed=2)
    moved, weights = build_segmenter(), displaced(segmenter, plane.u, plane.v, 0.4, -0.4)
    for variable, value in zip(moved.trainable_variables, weights, strict=True):
        variable.assign(value)
    assert surface.loss[2, 0] == pytest.approx(evaluate(moved, *data), rel=2e-6)


def test_the_self_check_says_that_the_centre_is_what_evaluate_says(segmenter, data):
    check = small(segmenter, data).metadata["self_check"]
    assert check["evaluate"] == pytest.approx(evaluate(segmenter, *data), rel=1e-6)
    assert abs(check["centre_minus_evaluate"]) < 1e-6 * check["evaluate"]
    assert check["weights_untouched"] and check["nan_cells"] == 0
    assert check["relative_length_u"] == pytest.approx(1, abs=1e-6)


def test_weights_and_moving_statistics_stay_bit_for_bit(segmenter, data):
    before = segmenter.get_weights()
    small(segmenter, data)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, segmenter.get_weights(), strict=True))


def test_times_of_a_point_and_of_a_bare_forward_are_recorded(segmenter, data):
    timing = small(segmenter, data).metadata["timing"]
    assert 0 < timing["seconds_per_point"] < timing["seconds_total"]
    assert timing["point_over_forward"] > 0 and timing["seconds_bare_forward"] > 0


def test_progress_counts_every_point(segmenter, data):
    calls = []
    small(segmenter, data, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(k, 9) for k in range(1, 10)]


@pytest.mark.slow
def test_an_interrupted_surface_goes_on_and_ends_the_same(segmenter, data, tmp_path):
    whole, path = small(segmenter, data), tmp_path / "surface.npz"
    with pytest.raises(KeyboardInterrupt):
        small(segmenter, data, path=path, progress=interrupt_after(4))
    assert Surface.load(path).num_measured == 4
    calls = []
    resumed = small(segmenter, data, path=path, progress=lambda done, total: calls.append(done))
    assert calls == [5, 6, 7, 8, 9]
    np.testing.assert_allclose(resumed.loss, whole.loss, rtol=1e-6)
    np.testing.assert_array_equal(Surface.load(path).loss, resumed.loss)


def test_a_complete_surface_is_read_and_not_measured_again(segmenter, data, tmp_path):
    path = tmp_path / "surface.npz"
    surface = small(segmenter, data, path=path)
    again = small(segmenter, data, path=path, progress=interrupt_after(1))
    np.testing.assert_array_equal(again.loss, surface.loss)


def test_a_run_killed_before_its_checks_makes_up_for_them(segmenter, data, tmp_path):
    path = tmp_path / "surface.npz"
    surface = small(segmenter, data, path=path)
    surface.metadata |= {"self_check": {}, "finished": False}
    surface.save(path)
    again = small(segmenter, data, path=path)
    assert again.metadata["self_check"]["centre"] == surface.centre
    assert again.metadata["timing"]["seconds_per_point"] == surface.metadata["timing"]["seconds_per_point"]


@pytest.mark.parametrize(
    "options,message",
    [
        ({"n": 5}, r"n \(was 3, is 5\)"),
        ({"seed": 1}, r"directions, seed \(was 0, is 1\)"),
        ({"range": 1.0}, r"range \(was 0\.5, is 1\.0\)"),
        ({"exact": True}, r"exact \(was False, is True\)"),
        ({"directions": "layer"}, "directions"),
        ({"batch_size": 2}, r"batch_size \(was 4, is 2\)"),
    ],
)
def test_a_file_of_another_setting_is_refused_with_what_changed(segmenter, data, tmp_path, options, message):
    started(segmenter, data, tmp_path / "surface.npz")
    with pytest.raises(InputError, match=f"another setting; changed: {message}.*`overwrite`"):
        small(segmenter, data, path=tmp_path / "surface.npz", **options)


def started(model, data, path):
    with pytest.raises(KeyboardInterrupt):
        small(model, data, path=path, progress=interrupt_after(1))


def test_retrained_weights_and_other_data_are_refused(segmenter, data, tmp_path):
    x, y, w = data
    started(segmenter, data, tmp_path / "surface.npz")
    segmenter.trainable_variables[0].assign_add(np.full((3, 3, 2, 4), 1e-6, np.float32))
    with pytest.raises(InputError, match="changed: weights, data, directions, samples"):
        small(segmenter, (x[:9], y[:9], w[:9]), path=tmp_path / "surface.npz")


def test_metric_that_a_file_of_an_earlier_version_does_not_have_is_named(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse", run_eagerly=True)
    data = np.eye(2, dtype=np.float32), np.ones((2, 1), np.float32)
    path = tmp_path / "surface.npz"
    surface = landscape(model, *data, n=3, path=path, batch_size=2)
    for name in ("code of the loss", "metrics", "code of the model", "batches of the data"):
        del surface.metadata["key"][name]
    surface.save(path)
    landscape(model, *data, n=3, path=path, batch_size=2)
    model.compile(loss="mse", metrics=["mae"], run_eagerly=True)
    with pytest.warns(UserWarning, match="by an earlier version without mae, which its 9 measured points do"):
        again = landscape(model, *data, n=3, path=path, batch_size=2)
    assert not again.metrics


def test_overwrite_starts_again(segmenter, data, tmp_path):
    path = tmp_path / "surface.npz"
    Surface.empty(3, 9.0, {"key": {}}).save(path)
    assert small(segmenter, data, path=path, overwrite=True).complete
    assert Surface.load(path).alphas[-1] == 0.5


def test_cells_whose_loss_overflows_are_nan_and_counted():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(loss=lambda y, y_pred: keras.ops.log(y_pred))
    model.trainable_variables[0].assign(np.ones((2, 1), np.float32))
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    surface = landscape(model, x, y, n=5, range=3.0, seed=0)
    # The logarithm of the prediction x.(w + alpha*u + beta*v), of which one half-plane is negative.
    plane = random_directions(model, seed=0)
    (u,), (v,) = plane.u, plane.v
    prediction = 2 + surface.alphas[:, None] * u.sum() + surface.betas * v.sum()
    np.testing.assert_array_equal(np.isnan(surface.loss), prediction <= 0)
    assert surface.metadata["self_check"]["nan_cells"] == np.sum(prediction <= 0) > 0


def test_a_centre_that_disagrees_with_evaluate_is_warned_of(segmenter, data):
    x, y, _ = data
    readings = iter(range(1, 10))

    def other_at_every_reading():
        yield next(readings) * x, y

    shapes = tf.TensorSpec(x.shape), tf.TensorSpec(y.shape, tf.int32)
    dataset = tf.data.Dataset.from_generator(other_at_every_reading, output_signature=shapes)
    with pytest.warns(UserWarning, match="Do the data differ from reading to reading"):
        landscape(segmenter, dataset, n=3, exact=True)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"n": 2}, "`n` must be at least 3.*n=2"),
        ({"tolerance": 0.0}, "`tolerance` must be a share.*tolerance=0.0"),
        ({"budget": -1.0}, "`budget` must be a positive number of seconds.*budget=-1.0"),
        ({"range": (0.5, -0.5)}, r"range=\(0.5, -0.5\)"),
        (
            {"directions": "magic"},
            "`directions` must be one of filter, unit-filter, lu-tong, layer.*directions='magic'",
        ),
        ({"range": 0.0}, "`range` must be a positive number.*range=0.0"),
        ({"range": float("nan")}, "range=nan"),
        ({"seed": -1}, "`seed` must be an integer >= 0.*seed=-1"),
    ],
)
def test_arguments_out_of_range_are_refused(segmenter, data, options, message):
    with pytest.raises(InputError, match=message):
        small(segmenter, data, **options)


def test_a_model_that_is_not_compiled_is_refused(data):
    inputs = keras.Input((8, 8, 2))
    with pytest.raises(InputError, match="compiled=False, built=True"):
        small(keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs)), data)


@pytest.mark.parametrize("branched", [False, True])
def test_a_model_built_again_has_the_same_hash_although_keras_numbers_its_layers_on(branched):
    def build():
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(3, "relu")(inputs)
        outputs = keras.layers.Add()([hidden, keras.layers.Dense(3)(inputs)]) if branched else hidden
        return keras.Model(inputs, outputs)

    first, second = build(), build()
    assert [a.name for a in first.layers] != [a.name for a in second.layers]
    assert hash_model(first) == hash_model(second)


def test_models_that_differ_in_one_activation_have_different_hashes():
    first, second = (
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation)])
        for activation in ("relu", "tanh")
    )
    assert hash_model(first) != hash_model(second)


def test_hashes_tell_models_losses_and_data_apart(segmenter, data):
    x, y, w = data
    assert hash_model(segmenter) != hash_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    assert hash_data(x, y) != hash_data(x, y, w)
    before = hash_loss(segmenter)
    segmenter.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    assert hash_loss(segmenter) == before  # the optimizer does not change the surface
    segmenter.compile(loss=lambda y, y_pred: keras.ops.mean(y_pred))
    assert hash_loss(segmenter) != before


@pytest.mark.slow
def test_importing_the_package_loads_neither_tensorflow_nor_plotting():
    heavy = "{'tensorflow', 'keras', 'matplotlib', 'plotly'}"
    code = f"import sys, tfapp.landscape; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_every_public_name_exists():
    import tfapp.landscape as package

    assert all(callable(getattr(package, name)) for name in package.__all__)
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = package.nothing
