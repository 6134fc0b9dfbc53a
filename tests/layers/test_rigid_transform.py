import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation as SciPyRotation

from tfapp.layers import RigidTransform, rigid_transform


def poses(batch=2, instances=3, points=5, shared=False, dtype="float64"):
    rng = np.random.default_rng(0)
    cloud = rng.standard_normal((points, 3) if shared else (batch, points, 3))
    rotation = SciPyRotation.random(batch * instances, rng=rng).as_matrix()
    sign = rng.choice([-1.0, 1.0], (batch, instances))
    translation = rng.standard_normal((batch, instances, 3))
    return [
        array.astype(dtype) for array in (cloud, rotation.reshape(batch, instances, 3, 3), translation, sign)
    ]


def by_scipy(points, rotation, translation, sign):
    moved = np.empty((*translation.shape[:2], points.shape[-2], 3))
    for scene, instance in np.ndindex(translation.shape[:2]):
        own = points if points.ndim == 2 else points[scene]
        turned = SciPyRotation.from_matrix(rotation[scene, instance]).apply(own)
        moved[scene, instance] = sign[scene, instance] * turned + translation[scene, instance]
    return moved


@pytest.mark.parametrize("shared", [True, False])
def test_equals_scipy_with_and_without_reflection(shared):
    points, rotation, translation, sign = poses(shared=shared)
    layer = RigidTransform(dtype="float64")
    for signs in (sign, np.ones_like(sign)):
        expected = by_scipy(points, rotation, translation, signs)
        np.testing.assert_allclose(layer([points, rotation, translation], sign=signs), expected, atol=1e-12)
    np.testing.assert_allclose(layer([points, rotation, translation]), expected, atol=1e-12)


def test_reflected_points_have_the_opposite_handedness():
    corner = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    _, rotation, translation, _ = poses(1, 2)
    moved = rigid_transform(corner, rotation, translation, np.array([[1.0, -1.0]])).numpy()[0]
    determinants = np.linalg.det(moved[:, 1:] - moved[:, :1])
    np.testing.assert_allclose(determinants, [1, -1], atol=1e-12)


def test_more_axes_of_poses_are_those_of_a_longer_one():
    points, rotation, translation, sign = poses(2, 6)
    several = rigid_transform(
        points, rotation.reshape(2, 2, 3, 3, 3), translation.reshape(2, 2, 3, 3), sign.reshape(2, 2, 3)
    )
    expected = rigid_transform(points, rotation, translation, sign)
    np.testing.assert_allclose(np.reshape(several, expected.shape), expected, atol=1e-15)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("argument", [0, 1, 2])
def test_gradient_equals_finite_differences(shared, argument):
    arguments = poses(shared=shared)

    def function(value):
        given = [value if index == argument else array for index, array in enumerate(arguments)]
        return rigid_transform(*given)

    theory, numeric = tf.test.compute_gradient(function, [arguments[argument]], delta=1e-6)
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-8)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_unknown_batch_size(jit_compile):
    points, rotation, translation, sign = (tf.constant(array) for array in poses(dtype="float32"))
    layer = RigidTransform()
    signature = [tf.TensorSpec((None, *array.shape[1:])) for array in (points, rotation, translation, sign)]
    compiled = tf.function(
        lambda x, r, t, s: layer([x, r, t], sign=s), input_signature=signature, jit_compile=jit_compile
    )
    expected = layer([points, rotation, translation], sign=sign)
    np.testing.assert_allclose(compiled(points, rotation, translation, sign), expected, atol=1e-6)


def test_layer_survives_a_keras_file(tmp_path):
    shapes = (5, 3), (2, 3, 3), (2, 3), (2,)
    inputs = [keras.Input(shape) for shape in shapes]
    model = keras.Model(inputs, RigidTransform()(inputs[:3], sign=inputs[3]))
    assert model.output_shape == (None, 2, 5, 3)
    model.save(tmp_path / "model.keras")
    values = poses(4, 2, dtype="float32")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(values), model(values))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(2, 5, 4), (2, 1, 3, 3), (2, 1, 3)], r"`points` must have .* points.shape=\(2, 5, 4\)"),
        ([(1, 2, 5, 3), (2, 1, 3, 3), (2, 1, 3)], "`points` must have"),
        ([(5, 3), (2, 1, 4), (2, 1, 3)], r"`rotation` and `translation` .* rotation.shape=\(2, 1, 4\)"),
        ([(5, 3), (2, 1, 3, 3), (2, 3)], r"`rotation` and `translation` .* translation.shape=\(2, 3\)"),
    ],
)
def test_wrong_shapes_are_refused(shapes, message):
    with pytest.raises(ValueError, match=message):
        RigidTransform()([np.zeros(shape) for shape in shapes])


def test_sign_of_another_rank_is_refused():
    *inputs, sign = poses()
    with pytest.raises(ValueError, match=r"`sign` must have shape .* sign.shape=\(2, 3, 1\)"):
        RigidTransform()(inputs, sign=sign[..., None])
