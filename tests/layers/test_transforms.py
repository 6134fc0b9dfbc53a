import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation as SciPyRotation

from tfapp.layers import (
    RigidTransform,
    Rotation,
    axis_angle_from_rotation,
    ortho6d_from_rotation,
    quaternion_from_rotation,
    rigid_transform,
    rotation_from_axis_angle,
    rotation_from_ortho6d,
    rotation_from_quaternion,
)

TO_ROTATION = {
    "quaternion": (4, rotation_from_quaternion),
    "axis-angle": (3, rotation_from_axis_angle),
    "ortho6d": (6, rotation_from_ortho6d),
}
FROM_ROTATION = {
    "quaternion": quaternion_from_rotation,
    "axis-angle": axis_angle_from_rotation,
    "ortho6d": ortho6d_from_rotation,
}
EVERY = pytest.mark.parametrize("representation", TO_ROTATION)
ANGLES = [0.0, 1e-12, 1e-6, 0.03, 0.0317, 1.0, 3.0, np.pi - 1e-6, np.pi - 1e-12, np.pi]


def numbers(representation, count, seed=0, scale=1.0):
    length, _ = TO_ROTATION[representation]
    return scale * np.random.default_rng(seed).standard_normal((count, length))


def to_rotation(representation, values):
    return TO_ROTATION[representation][1](tf.convert_to_tensor(values)).numpy()


def rotations_by(angle, count=200):
    axes = np.random.default_rng(1).standard_normal((count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return SciPyRotation.from_rotvec(angle * axes).as_matrix()


def columns_of_scipy(ortho6d):
    """Gram and Schmidt as the Q of QR, with the signs that make R's diagonal positive."""
    rows = []
    for first, second in ortho6d.reshape(-1, 2, 3):
        q, r = np.linalg.qr(np.stack([first, second], 1))
        q = q * np.sign(np.diag(r))
        rows.append(np.c_[q, np.cross(q[:, 0], q[:, 1])])
    return np.array(rows)


@EVERY
@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e9])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 5e-15)])
def test_random_inputs_give_orthonormal_matrices_of_determinant_one(representation, scale, dtype, tolerance):
    values = numbers(representation, 10_000, scale=scale).astype(dtype)
    rotations = to_rotation(representation, values).astype(np.float64)
    products = rotations @ rotations.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=tolerance)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=tolerance)


def test_quaternions_equal_scipy():
    values = numbers("quaternion", 500)
    expected = SciPyRotation.from_quat(values, scalar_first=True).as_matrix()
    np.testing.assert_allclose(to_rotation("quaternion", values), expected, atol=1e-14)


@pytest.mark.parametrize("scale", [1e-6, 0.02, 1.0, 100.0])
def test_axis_angles_equal_scipy(scale):
    values = numbers("axis-angle", 500, scale=scale)
    expected = SciPyRotation.from_rotvec(values).as_matrix()
    np.testing.assert_allclose(to_rotation("axis-angle", values), expected, atol=1e-13)


def test_ortho6d_equals_the_qr_factorisation():
    values = numbers("ortho6d", 500)
    np.testing.assert_allclose(to_rotation("ortho6d", values), columns_of_scipy(values), atol=1e-12)


def test_quaternion_and_its_negative_are_the_same_rotation():
    values = numbers("quaternion", 100)
    np.testing.assert_array_equal(to_rotation("quaternion", values), to_rotation("quaternion", -values))


@EVERY
@pytest.mark.parametrize("angle", ANGLES)
def test_rotation_comes_back(representation, angle):
    rotations = rotations_by(angle)
    again = to_rotation(representation, FROM_ROTATION[representation](rotations))
    np.testing.assert_allclose(again, rotations, atol=1e-13)


@EVERY
def test_rotation_comes_back_in_float32(representation):
    rotations = np.concatenate([rotations_by(angle) for angle in ANGLES]).astype(np.float32)
    again = to_rotation(representation, FROM_ROTATION[representation](rotations))
    np.testing.assert_allclose(again, rotations, atol=2e-6)


@EVERY
def test_numbers_come_back(representation):
    values = numbers(representation, 1000)
    if representation == "quaternion":
        values *= np.sign(values[:, :1]) / np.linalg.norm(values, axis=1, keepdims=True)
    elif representation == "axis-angle":
        values = values[np.linalg.norm(values, axis=1) < np.pi]
    else:
        values = columns_of_scipy(values)[:, :, :2].transpose(0, 2, 1).reshape(-1, 6)
    again = FROM_ROTATION[representation](to_rotation(representation, values))
    np.testing.assert_allclose(again, values, atol=1e-12)


@pytest.mark.parametrize("angle", ANGLES)
def test_inverses_equal_scipy(angle):
    rotations = rotations_by(angle)
    expected = SciPyRotation.from_matrix(rotations)
    quaternions, vectors = quaternion_from_rotation(rotations).numpy(), axis_angle_from_rotation(rotations)
    assert (quaternions[:, 0] >= 0).all()
    # At half a turn either sign is right.
    products = np.abs(np.sum(quaternions * expected.as_quat(scalar_first=True), axis=1))
    np.testing.assert_allclose(products, 1, atol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), expected.magnitude(), atol=1e-7)


@EVERY
def test_gradient_equals_finite_differences(representation):
    values = tf.constant(numbers(representation, 2, seed=3))
    compare_gradients(TO_ROTATION[representation][1], values)


@pytest.mark.parametrize("angle", [1e-9, 1e-3, 0.0316, 0.0317, 1.0])
def test_gradient_of_axis_angles_equals_finite_differences_near_zero(angle):
    values = numbers("axis-angle", 2)
    values *= angle / np.linalg.norm(values, axis=1, keepdims=True)
    compare_gradients(rotation_from_axis_angle, tf.constant(values))


@EVERY
@pytest.mark.parametrize("angle", [1e-4, 1e-3, 1.0, 3.0])
def test_gradient_of_the_inverse_equals_finite_differences(representation, angle):
    compare_gradients(FROM_ROTATION[representation], tf.constant(rotations_by(angle, 2)))


def compare_gradients(function, values):
    theory, numeric = tf.test.compute_gradient(function, [values], delta=1e-6)
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("representation", "values"),
    [
        ("quaternion", [0, 0, 0, 0]),
        ("quaternion", [1e-30, 0, 0, 0]),
        ("axis-angle", [0, 0, 0]),
        ("axis-angle", [1e-30, 0, 0]),
        ("ortho6d", [0, 0, 0, 0, 0, 0]),
        ("ortho6d", [1, 2, 3, 0, 0, 0]),
        ("ortho6d", [0, 0, 0, 1, 2, 3]),
        ("ortho6d", [1, 2, 3, 2, 4, 6]),
        ("ortho6d", [1, 2, 3, -1e-9, -2e-9, -3e-9]),
        ("ortho6d", [0, 1, 0, 0, 0, 0]),
    ],
)
def test_degenerate_input_gives_a_rotation_and_a_finite_gradient(representation, values, dtype):
    rotation, gradient = rotation_and_gradient(representation, tf.constant(values, dtype))
    np.testing.assert_allclose(rotation @ tf.transpose(rotation), np.eye(3), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-6)
    assert np.isfinite(gradient).all()


def rotation_and_gradient(representation, values):
    with tf.GradientTape() as tape:
        tape.watch(values)
        rotation = TO_ROTATION[representation][1](values)
        total = tf.reduce_sum(rotation * tf.reshape(tf.range(9, dtype=values.dtype), (3, 3)))
    return rotation, tape.gradient(total, values)


@EVERY
def test_zero_is_the_identity(representation):
    length, _ = TO_ROTATION[representation]
    np.testing.assert_array_equal(to_rotation(representation, np.zeros(length)), np.eye(3))


def test_gradient_at_the_zero_axis_angle_is_that_of_the_cross_product():
    jacobian = tf.test.compute_gradient(rotation_from_axis_angle, [tf.zeros(3, tf.float64)])[0][0]
    # dR/dv_k = [e_k]x with the entries -e_ijk, the Levi-Civita symbol.
    expected = np.zeros((3, 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        expected[i, j, k], expected[j, i, k] = -1, 1
    np.testing.assert_allclose(jacobian.reshape(3, 3, 3), expected, atol=1e-12)


@pytest.mark.parametrize("inverse", [quaternion_from_rotation, axis_angle_from_rotation])
def test_inverse_has_a_finite_gradient_at_the_identity_and_at_half_a_turn(inverse):
    rotations = tf.constant(np.stack([np.eye(3), *(np.diag(signs) for signs in HALF_TURNS)]))
    with tf.GradientTape() as tape:
        tape.watch(rotations)
        values = inverse(rotations)
    assert np.isfinite(tape.gradient(values, rotations)).all()


HALF_TURNS = [(1, -1, -1), (-1, 1, -1), (-1, -1, 1)]


@EVERY
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 1, 3)])
def test_leading_axes_may_be_any(representation, shape):
    length, function = TO_ROTATION[representation]
    values = np.random.default_rng(0).standard_normal((*shape, length))
    rotations = function(values)
    flat = function(values.reshape(-1, length))
    np.testing.assert_array_equal(rotations, np.reshape(flat, (*shape, 3, 3)))
    assert FROM_ROTATION[representation](rotations).shape == values.shape


@EVERY
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_type_is_kept(representation, dtype):
    values = tf.cast(numbers(representation, 3), dtype)
    rotations = TO_ROTATION[representation][1](values)
    assert rotations.dtype == FROM_ROTATION[representation](rotations).dtype == values.dtype


@EVERY
@pytest.mark.slow
def test_compiled_values_and_gradients_are_those_of_eager_mode(representation):
    values = tf.constant(numbers(representation, 6))
    compiled = tf.function(lambda values: layer_and_gradient(representation, values), jit_compile=True)
    for ours, expected in zip(compiled(values), layer_and_gradient(representation, values), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-12)


def layer_and_gradient(representation, values):
    with tf.GradientTape() as tape:
        tape.watch(values)
        rotations = Rotation(representation, dtype="float64")(values)
        total = tf.reduce_sum(tf.sin(rotations))
    return rotations, tape.gradient(total, values)


def test_layer_refuses_an_unknown_representation():
    with pytest.raises(
        ValueError, match="`representation` must be one of .* Received: representation='euler'"
    ):
        Rotation("euler")


def test_layer_refuses_inputs_of_another_length():
    with pytest.raises(
        ValueError, match=r"'quaternion' needs .* \(\.\.\., 4\). Received: input_shape=\(2, 3\)"
    ):
        Rotation()(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("function", "values"),
    [
        (rotation_from_quaternion, np.zeros((2, 3))),
        (rotation_from_axis_angle, np.zeros(4)),
        (rotation_from_ortho6d, np.zeros((3, 3))),
        (quaternion_from_rotation, np.zeros((4, 4))),
        (axis_angle_from_rotation, np.zeros(3)),
        (rotation_from_quaternion, np.zeros((2, 4), int)),
    ],
)
def test_wrong_shape_or_type_is_refused(function, values):
    with pytest.raises(ValueError, match="must be a float tensor of shape .* Received: .*shape="):
        function(values)


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
def test_gradient_of_the_rigid_transform_equals_finite_differences(shared, argument):
    arguments = poses(shared=shared)

    def function(value):
        given = [value if index == argument else array for index, array in enumerate(arguments)]
        return rigid_transform(*given)

    theory, numeric = tf.test.compute_gradient(function, [arguments[argument]], delta=1e-6)
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-8)


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
