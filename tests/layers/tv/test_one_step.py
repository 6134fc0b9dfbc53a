import numpy as np
import pytest
import tensorflow as tf
import tv_reference as reference

from tfapp.layers import TVProblem, regularise_logits
from tfapp.layers.tv.gradients import regularise_one_step
from tfapp.layers.tv.operators import adjoint_differences, forward_differences, from_planes, to_planes

ISOTROPY = pytest.mark.parametrize("isotropic", [True, False])
EVERY_POTENTIAL = pytest.mark.parametrize("potential", ["softmax", "sigmoid", "relu"])
# With 0.25 no difference of probabilities reaches the surface of the unit ball, with 5 most do.
STEPS = pytest.mark.parametrize("step", [0.25, 1.0, 5.0])


def random_map(seed, size=(7, 5), classes=3):
    return tf.constant(2 * np.random.default_rng(seed).standard_normal((2, *size, classes)))


def one_step_by_numpy(potential, o, weight, step, isotropic, spacing=None):
    """The paper's (3.21) once from zero with tau = step / weight, for one sample."""
    ascent = -step * reference.differences(reference.VALUES[potential](o), spacing)
    if isotropic:
        eta = ascent / np.maximum(1, np.sqrt((ascent**2).sum(0)))
    else:
        eta = np.clip(ascent, -1, 1)
    return o - reference.divergence(np.moveaxis(weight * eta, -1, 1), spacing)


def check_slopes(problem, step, weight):
    """Compare the gradients to o and lambda with central differences along random directions."""
    size = (7, 5, 4)[: len(problem.spacing)]
    o, upstream, way = (random_map(seed, size) for seed in (0, 1, 2))
    weight = tf.constant(weight, tf.float64)
    weight_way = tf.ones_like(weight)

    def loss(o, weight):
        return tf.reduce_sum(upstream * regularise_one_step(o, weight, problem, step).logits)

    with tf.GradientTape() as tape:
        tape.watch([o, weight])
        value = loss(o, weight)
    to_o, to_weight = tape.gradient(value, [o, weight])
    h = 1e-6
    numeric_o = (loss(o + h * way, weight) - loss(o - h * way, weight)) / (2 * h)
    numeric_weight = (loss(o, weight + h * weight_way) - loss(o, weight - h * weight_way)) / (2 * h)
    assert float(tf.reduce_sum(to_o * way)) == pytest.approx(float(numeric_o), rel=1e-5)
    assert float(tf.reduce_sum(to_weight * weight_way)) == pytest.approx(float(numeric_weight), rel=1e-5)


@ISOTROPY
@STEPS
@EVERY_POTENTIAL
def test_equals_numpy(potential, isotropic, step):
    o = random_map(0)
    expected = [one_step_by_numpy(potential, sample, 0.7, step, isotropic) for sample in o.numpy()]
    ours = regularise_one_step(o, 0.7, TVProblem(potential, isotropic), step).logits
    np.testing.assert_allclose(ours, expected, atol=1e-12)


@ISOTROPY
@pytest.mark.parametrize("spacing", [(0.5, 1.0), (3.0, 0.2)])
def test_equals_numpy_with_spacing(isotropic, spacing):
    # Distances below one make the differences steeper, so that even a small step may need the projection.
    o = random_map(0)
    ours = regularise_one_step(o, 0.7, TVProblem("softmax", isotropic, spacing)).logits
    expected = one_step_by_numpy("softmax", o.numpy()[1], 0.7, 0.25, isotropic, spacing)
    np.testing.assert_allclose(ours[1], expected, atol=1e-12)


@ISOTROPY
@STEPS
@EVERY_POTENTIAL
def test_gradients_equal_finite_differences(potential, isotropic, step):
    check_slopes(TVProblem(potential, isotropic), step, 0.7)


@ISOTROPY
@STEPS
@pytest.mark.parametrize("shape", [(3,), (2, 7, 5, 1), (1, 7, 5, 3)])
def test_gradients_to_weights_per_class_and_per_pixel_equal_finite_differences(isotropic, step, shape):
    check_slopes(TVProblem("softmax", isotropic), step, np.random.default_rng(3).uniform(0.2, 1, shape))


@ISOTROPY
@STEPS
@pytest.mark.parametrize("spacing", [(0.5,), (2.0, 0.7), (3.0, 1.0, 0.8)])
def test_gradients_with_spacing_equal_finite_differences(isotropic, step, spacing):
    check_slopes(TVProblem("softmax", isotropic, spacing), step, 0.7)


def test_printed_gradient_without_the_inner_softmax_jacobian_is_wrong():
    # (3.22) as printed leaves J(softmax(o)) out of the path through the dual; this guards the mend.
    o, h = random_map(0), random_map(1)
    with tf.GradientTape() as tape:
        tape.watch(o)
        loss = tf.reduce_sum(h * regularise_one_step(o, 0.7, TVProblem(), 0.25).logits)
    field = tuple(0.7 * d for d in forward_differences(to_planes(h)))
    printed = h + 0.25 * from_planes(-adjoint_differences(field))
    assert float(tf.reduce_max(tf.abs(printed - tape.gradient(loss, o)))) > 0.01


@ISOTROPY
def test_step_of_the_right_sign_lowers_the_total_variation(isotropic):
    o = random_map(0)[:1]
    u = regularise_one_step(o, 0.5, TVProblem(isotropic=isotropic)).logits
    before, after, mirrored = (
        reference.lengths(reference.softmax(logits.numpy()[0]), isotropic).sum()
        for logits in (o, u, 2 * o - u)
    )
    assert after < before < mirrored


def test_learned_weight_has_a_gradient_where_one_safe_step_of_the_converged_form_has_none():
    # The step 1/4 to zeta is not cut off by a ball of radius 1, which lambda then does not move.
    o, weight, gradients = random_map(0), tf.constant(1.0, tf.float64), []
    for regularise in (
        lambda o, w: regularise_one_step(o, w, TVProblem(), 0.25),
        lambda o, w: regularise_logits(o, w, TVProblem(iterations=1), gradient="unrolled"),
    ):
        with tf.GradientTape() as tape:
            tape.watch(weight)
            loss = tf.reduce_sum(tf.square(regularise(o, weight).logits))
        gradients.append(float(tape.gradient(loss, weight)))
    assert abs(gradients[0]) > 1 and gradients[1] == 0


@EVERY_POTENTIAL
@pytest.mark.parametrize("isotropic", [True, False])
def test_gap_is_the_primal_minus_the_dual_energy_per_pixel(potential, isotropic):
    o = random_map(0)
    solution = regularise_one_step(o, 0.7, TVProblem(potential, isotropic), 1.0)
    a = reference.VALUES[potential](solution.logits.numpy()[1])
    primal = reference.primal_energy(potential, a, o.numpy()[1], 0.7, isotropic)
    dual = reference.dual_energy(potential, o.numpy()[1], solution.dual.numpy()[:, :, 1])
    assert float(solution.gap[1]) == pytest.approx((primal - dual) / 35, rel=1e-9)


@EVERY_POTENTIAL
def test_lambda_zero_gives_the_logits_back(potential):
    np.testing.assert_array_equal(
        regularise_one_step(random_map(0), 0.0, TVProblem(potential)).logits, random_map(0)
    )


def test_constant_logits_stay_unchanged():
    o = np.broadcast_to([1.0, -2.0, 0.5], (1, 6, 5, 3)).copy()
    np.testing.assert_array_equal(regularise_one_step(o, 3.0, TVProblem()).logits, o)


@ISOTROPY
def test_permuting_the_classes_permutes_the_logits(isotropic):
    def regularise(o):
        return regularise_one_step(o, 0.7, TVProblem(isotropic=isotropic), 2.0).logits

    o, order = random_map(0), [2, 0, 1]
    expected = tf.gather(regularise(o), order, axis=-1)
    np.testing.assert_allclose(regularise(tf.gather(o, order, axis=-1)), expected, atol=1e-12)
