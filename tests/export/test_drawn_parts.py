import numpy as np

from tfapp.export.drawn_parts import drawn_parts

CAMERA = {"width": 64, "height": 48, "fx": 200.0, "fy": 200.0, "cx": 32.0, "cy": 24.0}


def ball(radius=0.01, count=2000):
    points = np.random.default_rng(0).normal(size=(count, 3))
    return radius * points / np.linalg.norm(points, axis=1, keepdims=True)


def test_a_ball_is_drawn_as_a_disc_without_holes_and_bulges_towards_the_camera():
    depth = drawn_parts(ball(), CAMERA, 0.5, 1)
    rows, columns = np.nonzero(depth)
    # Its silhouette has a radius of 200 * 0.01 / 0.5 = 4 pixels; a point covers up to one beside.
    assert 50 <= len(rows) <= 100
    assert depth[round(rows.mean()), round(columns.mean())] == depth[depth > 0].min()
    np.testing.assert_allclose(depth[depth > 0].min(), 0.49, atol=3e-4)


def test_parts_lie_apart_where_there_is_room():
    one, two = (np.count_nonzero(drawn_parts(ball(), CAMERA, 0.5, count)) for count in (1, 2))
    assert two > 1.7 * one


def test_the_same_image_comes_for_the_same_seed():
    images = [drawn_parts(ball(), CAMERA, 0.5, 2, seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).any()
