import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers.total_variation import (
    converged_logits,
    divergence,
    forward_differences,
    one_step_logits,
    project,
    total_variation,
)

ISOTROPY = pytest.mark.parametrize("isotropic", [True, False])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def field(rng, shape=(2, 7, 5, 3), scale=2.0):
    return tf.constant(scale * rng.standard_normal(shape))


def softmax(o):
    e = np.exp(o - o.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def numpy_differences(a):
    vertical, horizontal = np.zeros_like(a), np.zeros_like(a)
    vertical[:, :-1] = np.diff(a, axis=1)
    horizontal[:, :, :-1] = np.diff(a, axis=2)
    return vertical, horizontal


def numpy_tv(a, isotropic):
    vertical, horizontal = numpy_differences(a)
    return (np.hypot(vertical, horizontal) if isotropic else abs(vertical) + abs(horizontal)).sum()


def energy(a, o, weight, isotropic):
    return (a * (np.log(a) - o)).sum() + weight * numpy_tv(a, isotropic)


# Thousands of iterations are ten times faster as a graph.
solve = tf.function(converged_logits, autograph=False)


def one_step_by_numpy(o, weight, step, isotropic):
    """The paper's (3.6) once from zero with tau = step / weight, loops over pixels, no shared code."""
    s = softmax(o)
    vertical, horizontal = (-step * d for d in numpy_differences(s))
    if isotropic:
        length = np.maximum(1.0, np.hypot(vertical, horizontal))
    else:
        length = None
    eta = (
        [vertical / length, horizontal / length]
        if isotropic
        else [np.clip(p, -1, 1) for p in (vertical, horizontal)]
    )
    out = o.copy()
    _, height, width, _ = o.shape
    for i in range(height):
        for j in range(width):
            div = 0.0
            div = div + (eta[0][:, i, j] if i < height - 1 else 0) - (eta[0][:, i - 1, j] if i > 0 else 0)
            div = div + (eta[1][:, i, j] if j < width - 1 else 0) - (eta[1][:, i, j - 1] if j > 0 else 0)
            out[:, i, j] -= weight * div
    return out


def test_divergence_is_minus_the_adjoint_of_the_differences_including_the_border(rng):
    a, p = field(rng), (field(rng), field(rng))
    left = sum(tf.reduce_sum(d * q) for d, q in zip(forward_differences(a), p, strict=True))
    assert float(left) == pytest.approx(-float(tf.reduce_sum(a * divergence(p))), rel=1e-12)


def test_divergence_of_any_field_sums_to_zero_for_every_class(rng):
    np.testing.assert_allclose(tf.reduce_sum(divergence((field(rng), field(rng))), [-2, -1]), 0, atol=1e-12)


@ISOTROPY
def test_total_variation_equals_numpy(rng, isotropic):
    a = field(rng, (1, 6, 9, 2))
    assert float(total_variation(a, isotropic)[0]) == pytest.approx(numpy_tv(a.numpy(), isotropic), rel=1e-12)


@ISOTROPY
def test_projection_leaves_the_inside_and_moves_the_outside_to_the_radius(rng, isotropic):
    p = (field(rng), field(rng))
    q = [x.numpy() for x in project(p, tf.constant(1.5, tf.float64), isotropic)]
    size = (lambda v: np.hypot(*v)) if isotropic else (lambda v: np.maximum(abs(v[0]), abs(v[1])))
    inside = size([x.numpy() for x in p]) <= 1.5
    np.testing.assert_allclose(q[0][inside], p[0].numpy()[inside], rtol=1e-12)
    np.testing.assert_allclose(size(q)[~inside], 1.5, rtol=1e-12)


def test_projection_onto_radius_zero_is_zero_and_not_nan(rng):
    q = project((field(rng), tf.zeros((2, 7, 5, 3), tf.float64)), tf.constant(0.0, tf.float64))
    assert float(tf.reduce_max(tf.abs(q))) == 0.0


@ISOTROPY
@pytest.mark.parametrize("step", [0.25, 1.0, 5.0])
def test_one_step_equals_numpy_loops(rng, isotropic, step):
    o = field(rng)
    expected = one_step_by_numpy(o.numpy(), 0.7, step, isotropic)
    np.testing.assert_allclose(one_step_logits(o, 0.7, step, isotropic), expected, atol=1e-12)


@ISOTROPY
@pytest.mark.parametrize("step", [0.25, 1.0, 5.0])
def test_one_step_gradient_to_logits_equals_finite_differences_to_five_digits(rng, isotropic, step):
    o, g, direction = field(rng), field(rng), field(rng)

    def value(logits):
        return tf.reduce_sum(g * tf.nn.softmax(one_step_logits(logits, 0.7, step, isotropic)))

    with tf.GradientTape() as tape:
        tape.watch(o)
        loss = value(o)
    h = 1e-6
    numeric = float(value(o + h * direction) - value(o - h * direction)) / (2 * h)
    assert float(tf.reduce_sum(tape.gradient(loss, o) * direction)) == pytest.approx(numeric, rel=1e-5)


@ISOTROPY
def test_one_step_gradient_to_lambda_equals_finite_differences_to_five_digits(rng, isotropic):
    o, g, weight = field(rng), field(rng), tf.constant(0.7, tf.float64)

    def value(w):
        return tf.reduce_sum(g * tf.nn.softmax(one_step_logits(o, w, 1.0, isotropic)))

    with tf.GradientTape() as tape:
        tape.watch(weight)
        loss = value(weight)
    numeric = float(value(weight + 1e-6) - value(weight - 1e-6)) / 2e-6
    assert float(tape.gradient(loss, weight)) == pytest.approx(numeric, rel=1e-5)


def test_printed_gradient_without_the_inner_softmax_jacobian_is_wrong(rng):
    # (3.22) as printed leaves J(softmax(o)) out of the path through the dual; this guards the mend.
    o, h = field(rng), field(rng)
    with tf.GradientTape() as tape:
        tape.watch(o)
        loss = tf.reduce_sum(h * one_step_logits(o, 0.7, 0.25))
    exact = tf.transpose(tape.gradient(loss, o), [3, 0, 1, 2])
    planes = tf.transpose(h, [3, 0, 1, 2])
    vertical, horizontal = (0.7 * d for d in forward_differences(planes))
    printed = planes + 0.25 * divergence((vertical, horizontal))
    assert float(tf.reduce_max(tf.abs(printed - exact))) > 0.01


@ISOTROPY
def test_one_step_of_the_right_sign_lowers_the_total_variation(rng, isotropic):
    o = field(rng)
    before = numpy_tv(softmax(o.numpy()), isotropic)
    after = numpy_tv(softmax(one_step_logits(o, 0.5, 0.25, isotropic).numpy()), isotropic)
    mirrored = numpy_tv(softmax((2 * o - one_step_logits(o, 0.5, 0.25, isotropic)).numpy()), isotropic)
    assert after < before < mirrored


@ISOTROPY
def test_converged_energy_is_below_plain_softmax_and_below_nearby_points(rng, isotropic):
    o, weight = field(rng, (1, 8, 8, 3)).numpy(), 0.6
    solution = softmax(solve(o, weight, 3000, isotropic).numpy())
    best = energy(solution, o, weight, isotropic)
    assert best < energy(softmax(o), o, weight, isotropic)
    for _ in range(20):
        nearby = softmax(np.log(solution) + 0.01 * rng.standard_normal(o.shape))
        assert best < energy(nearby, o, weight, isotropic)


@ISOTROPY
def test_duality_gap_closes(rng, isotropic):
    # gap = lambda * TV(A) + <DA, zeta>, recovered through <DA, zeta> = -<A, div zeta>.
    o, weight = field(rng, (1, 8, 8, 3)).numpy(), 0.6
    u = solve(o, weight, 3000, isotropic).numpy()
    a = softmax(u)
    gap = weight * numpy_tv(a, isotropic) - (a * (o - u)).sum()
    assert -1e-9 < gap < 1e-5


@pytest.mark.parametrize("form", [one_step_logits, converged_logits])
def test_lambda_zero_gives_the_logits_back(rng, form):
    o = field(rng)
    np.testing.assert_array_equal(form(o, 0.0), o)


@pytest.mark.parametrize("form", [one_step_logits, converged_logits])
def test_constant_logits_stay_unchanged(form):
    o = np.broadcast_to([1.0, -2.0, 0.5], (1, 6, 5, 3)).copy()
    np.testing.assert_array_equal(form(o, 3.0), o)


def test_huge_lambda_gives_the_softmax_of_the_spatial_mean(rng):
    o = field(rng, (1, 6, 6, 3), scale=0.5)
    expected = softmax(o.numpy().mean((1, 2), keepdims=True))
    got = tf.nn.softmax(solve(o, 50.0, 2000))
    np.testing.assert_allclose(got, np.broadcast_to(expected, got.shape), atol=1e-6)


@ISOTROPY
@pytest.mark.parametrize("form", [one_step_logits, converged_logits])
def test_permuting_the_classes_permutes_the_answer(rng, form, isotropic):
    o, order = field(rng), [2, 0, 1]
    permuted = form(tf.gather(o, order, axis=-1), 0.7, isotropic=isotropic)
    np.testing.assert_allclose(
        permuted, tf.gather(form(o, 0.7, isotropic=isotropic), order, axis=-1), atol=1e-12
    )


def test_samples_of_a_batch_do_not_influence_each_other(rng):
    o = field(rng)
    np.testing.assert_allclose(converged_logits(o, 0.7)[1:], converged_logits(o[1:], 0.7), atol=1e-12)


def test_float32_agrees_with_float64(rng):
    o = field(rng)
    single = tf.nn.softmax(converged_logits(tf.cast(o, tf.float32), 1.0))
    np.testing.assert_allclose(single, tf.nn.softmax(converged_logits(o, 1.0)), atol=1e-5)
