"""The model that learns a part and its poses: its losses, against NumPy, and what it keeps."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tests.pose.posed_scenes import SETTINGS, squares
from tfapp.errors import InputError
from tfapp.layers import hidden_point_mask
from tfapp.pose.model.hypotheses import pick
from tfapp.pose.model.pose_model import PoseModel, combined_channels, sign_table, softmin_weights

DEPTH, POINTS = squares(3)


def model_of(**options):
    keras.utils.set_random_seed(0)
    return PoseModel(**SETTINGS | options)


def chamfer(predicted, observed):
    """Return eq. 4.1 by k-d trees."""
    there, back = cKDTree(observed).query(predicted)[0], cKDTree(predicted).query(observed)[0]
    return max(there.mean(), back.mean())


def posed(model, outputs, scene, hypotheses, signs):
    """Return the object model at the poses of a scene, by SciPy, instance by instance."""
    clouds = []
    for instance, (hypothesis, sign) in enumerate(zip(hypotheses, signs, strict=True)):
        w, x, y, z = np.asarray(outputs["quaternion"])[scene, hypothesis, instance]
        turned = Rotation.from_quat([x, y, z, w]).apply(model.object_points.numpy())
        clouds.append(sign * turned + np.asarray(outputs["translation"])[scene, hypothesis, instance])
    return clouds


def observed_in(scene):
    """Return the observed points of a scene in units of the network."""
    return (POINTS[scene] - np.array(SETTINGS["centre"])) / SETTINGS["unit"]


def compared(model, outputs, hypotheses):
    signs = np.array(model.signs, np.float32)[None]
    return model.compare(pick(outputs, np.array(hypotheses)), signs, model.observed(POINTS))


@pytest.mark.parametrize(
    ("instances", "share", "weight"),
    # exp(-10 share / total) / (exp(-10 share / total) + (2^N - 1) exp(-10 / total)) for total = 2^N - 1 + share.
    [(2, 0.5, 0.58), (3, 0.5, 0.22), (4, 0.5, 0.084), (2, 0, 0.90), (3, 0, 0.37), (4, 0, 0.115)],
)
def test_best_combination_of_many_hardly_wins_at_gamma_10(instances, share, weight):
    losses = np.ones(2**instances)
    losses[0] = share
    assert float(softmin_weights(tf.constant(losses), 10.0)[0]) == pytest.approx(weight, abs=0.005)


@pytest.mark.parametrize("visibility", ["none", "hidden-points"])
def test_distances_of_all_channels_are_those_of_a_loop(visibility):
    model = model_of(channels=2, hypotheses=3, visibility=visibility)
    outputs = model(DEPTH)
    hypotheses = [[0, 2], [1, 1], [2, 0]]
    found = compared(model, outputs, hypotheses)
    camera = [0.0, 0.0, -6.0]
    for scene in range(3):
        for number, signs in enumerate([(1, 1), (1, -1), (-1, 1), (-1, -1)]):
            cloud = np.concatenate(posed(model, outputs, scene, hypotheses[scene], signs))
            np.testing.assert_allclose(
                np.reshape(found.clouds[scene, number], (-1, 3)), cloud, rtol=1e-4, atol=1e-5
            )
            if visibility == "hidden-points":
                cloud = cloud[~hidden_point_mask(cloud.astype(np.float32), exponent=2.4, camera=camera)]
            expected = chamfer(cloud, observed_in(scene))
            assert float(found.distances[scene, number]) == pytest.approx(expected, rel=1e-4)


def test_chosen_hypotheses_are_no_worse_than_one_for_all_instances():
    model = model_of(hypotheses=4, visibility="none")
    # As if the object model were a plate: hypotheses of a cloud that looks alike from all sides hardly differ.
    model.object_points.assign(model.object_points * [1.0, 0.2, 0.05])
    outputs = model(DEPTH)
    chosen, _ = model.choose(outputs, model.observed(POINTS))
    ours = compared(model, outputs, chosen).distances[:, 0]
    for hypothesis in range(4):
        assert np.all(ours <= compared(model, outputs, np.full((3, 2), hypothesis)).distances[:, 0] + 1e-6)


def test_hypotheses_that_were_not_chosen_learn_too():
    model = model_of(hypotheses=3)
    with tf.GradientTape() as tape:
        outputs = model(DEPTH, training=True)
        loss = model.compute_loss(None, POINTS, outputs)
    gradient = np.asarray(tape.gradient(loss, outputs["translation"]))
    assert np.all(np.abs(gradient).sum(-1) > 0)


def test_quaternions_have_length_one():
    lengths = np.linalg.norm(model_of(hypotheses=2)(DEPTH)["quaternion"], axis=-1)
    np.testing.assert_allclose(lengths, np.ones((3, 2, 2)), rtol=1e-5)


def test_centroid_start_puts_parts_where_points_are():
    translation = np.asarray(model_of(translation="centroid")(DEPTH)["translation"])
    for scene in range(3):
        near = cKDTree(observed_in(scene)).query(translation[scene, 0])[0]
        assert near.max() < 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": 2},
        {"channels": 2, "combination": "softmin", "gamma_rate": 1.0},
        {"hypotheses": 4},
        {"translation": "centroid"},
        {"visibility": "soft"},
        {"visibility": "none", "squared": True},
    ],
    ids=str,
)
def test_training_lowers_the_distance(options):
    model = model_of(**options)
    model.compile(keras.optimizers.Adam(0.003), keras.optimizers.Adam(0.01), jit_compile=False)
    history = model.fit(DEPTH, POINTS, epochs=25, verbose=0).history["distance_mm"]
    assert history[-1] < 0.8 * history[0]


@pytest.mark.slow
def test_object_model_has_its_own_learning_rate():
    model = model_of()
    before = model.object_points.numpy()
    model.compile(keras.optimizers.Adam(0.001), keras.optimizers.SGD(0.0), jit_compile=False)
    model.fit(DEPTH, POINTS, verbose=0)
    np.testing.assert_array_equal(model.object_points.numpy(), before)


@pytest.mark.slow
def test_bpgrad_trains_it():
    from tfapp.optimizers import BPGrad

    model = model_of()
    model.compile(BPGrad(50.0), BPGrad(50.0), jit_compile=False)
    assert np.isfinite(model.fit(DEPTH, POINTS, epochs=2, verbose=0).history["loss"][-1])


@pytest.mark.slow
def test_saved_model_trains_on_the_identical_path(tmp_path):
    def begun():
        model = model_of(channels=2, visibility="none")
        model.compile(keras.optimizers.Adam(0.003), keras.optimizers.Adam(0.01), jit_compile=False)
        model.fit(DEPTH, POINTS, epochs=2, shuffle=False, verbose=0)
        return model

    unbroken, broken = begun(), begun()
    broken.save(tmp_path / "model.keras")
    broken = keras.models.load_model(tmp_path / "model.keras")
    for model in (unbroken, broken):
        model.fit(DEPTH, POINTS, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(unbroken.get_weights(), broken.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_points_inside_the_cloud_are_seen_in_fewer_scenes():
    # So dense that the points around its middle hide those in it from everywhere.
    model = model_of(points=400, instances=1, exponent=2.0)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    model.fit(DEPTH, POINTS, epochs=60, verbose=0)
    distances = np.linalg.norm(model.object_points.numpy(), axis=-1)
    seen = model.seen.numpy()
    inner, outer = (seen[part].mean() for part in (distances < 0.15, distances > 0.3))
    assert inner < 0.7 * outer and seen.max() <= 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"instances": 0}, "`instances` must be at least 1; got 0"),
        ({"channels": 3}, "`channels` must be 1 or 2; got 3"),
        ({"combination": "mean"}, "Unknown `combination` 'mean'"),
        ({"visibility": "all"}, "Unknown `visibility` 'all'"),
        ({"backbone": "vgg"}, "Unknown pose network 'vgg'"),
        ({"translation": "free"}, "Unknown translation 'free'"),
        ({"squared": True, "visibility": "soft"}, "`squared` is for whole points"),
    ],
)
def test_unusable_settings_are_refused_in_a_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        PoseModel(**SETTINGS | options)


def test_two_channels_of_three_instances_give_eight_alternatives():
    table = sign_table(3, 2)
    assert len(table) == 8 and len(set(map(tuple, table))) == 8 and table[0] == [1.0, 1.0, 1.0]


def test_one_channel_has_no_reflection():
    assert sign_table(4, 1) == [[1.0] * 4]


def test_softmin_of_equation_4_2():
    losses = np.array([0.4, 0.6])
    expected = np.exp(-10 * losses / losses.sum())
    # 0.88 and 0.12 at the gamma that 5,000 steps reach.
    np.testing.assert_allclose(softmin_weights(tf.constant(losses), 10.0), expected / expected.sum())
    np.testing.assert_allclose(softmin_weights(tf.constant(losses), 10.0), [0.88, 0.12], atol=0.005)


def test_softmin_begins_with_the_mean():
    assert float(combined_channels(tf.constant([1.0, 2.0, 6.0]), 0.0)) == pytest.approx(3.0)


def test_softmin_ends_with_the_minimum():
    losses = tf.constant([[1.0, 2.0], [5.0, 3.0]])
    np.testing.assert_allclose(combined_channels(losses, 1000.0), [1.0, 3.0], rtol=1e-5)


def test_softmin_weights_have_no_gradient():
    losses = tf.constant([0.5, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(losses)
        combined = combined_channels(losses, 3.0)
    np.testing.assert_allclose(tape.gradient(combined, losses), softmin_weights(losses, 3.0))


@pytest.mark.slow
def test_minimum_moves_the_best_channel_alone():
    losses = tf.constant([0.5, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(losses)
        combined = combined_channels(losses)
    np.testing.assert_array_equal(tape.gradient(combined, losses), [1.0, 0.0])
