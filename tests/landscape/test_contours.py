import numpy as np
import pytest
from PIL import Image

from tfapp.landscape import Surface, save_contour_png, save_contours_png

ORANGE, RED, WHITE = (255, 159, 28), (214, 39, 40), (255, 255, 255)


def bowl(range=1.0, **directions):
    surface = Surface.empty(9, range, {"directions": directions})
    for i, j in surface.todo():
        surface.record(i, j, 0.1 + surface.alphas[i] ** 2 + 2 * surface.betas[j] ** 2)
    return surface


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), int)


def count(picture, colour):
    return np.count_nonzero(np.abs(picture - colour).sum(-1) < 12)


PATH = {"points": [[0.9, 0.5], [0.5, 0.4], [0.0, 0.0]], "point_names": ["start", "", "solution"]}


@pytest.mark.parametrize(("kind", "is_path"), [("pca", True), ("plane", False)])
def test_checkpoints_of_a_trajectory_are_joined_and_other_solutions_are_not(tmp_path, kind, is_path):
    save_contour_png(bowl(kind=kind, **PATH), tmp_path / "contour.png")
    assert (count(pixels(tmp_path / "contour.png"), ORANGE) > 500) == is_path


def test_solutions_in_the_plane_are_marked_with_their_names(tmp_path):
    for file, name in (("short.png", "c"), ("long.png", "a name that is longer")):
        surface = bowl(kind="plane", points=PATH["points"], point_names=["a", "b", name])
        save_contour_png(surface, tmp_path / file)
    short, long = (count(pixels(tmp_path / file), WHITE) for file in ("short.png", "long.png"))
    assert long > short + 500


def test_a_path_that_leaves_the_window_does_not_widen_it(tmp_path):
    inside, outside = PATH["points"], [[9.0, 5.0], *PATH["points"][1:]]
    stars = []
    for points in (inside, outside):
        save_contour_png(bowl(kind="pca", points=points, point_names=()), tmp_path / "c.png")
        stars.append(np.argwhere(np.abs(pixels(tmp_path / "c.png") - RED).sum(-1) < 12).mean(axis=0))
    np.testing.assert_allclose(*stars, atol=3)


def test_the_solution_is_not_marked_outside_the_window(tmp_path):
    save_contour_png(bowl(), tmp_path / "inside.png")
    save_contour_png(bowl((0.5, 1.0)), tmp_path / "outside.png")
    assert count(pixels(tmp_path / "inside.png"), RED) > 200
    assert count(pixels(tmp_path / "outside.png"), RED) == 0


def test_several_contours_are_one_picture_that_is_as_much_wider(tmp_path):
    save_contour_png(bowl(), tmp_path / "one.png")
    save_contours_png([bowl(), bowl(0.5), bowl(2.0)], ["a", "b", "c"], tmp_path / "three.png")
    one, three = (pixels(tmp_path / f"{name}.png").shape for name in ("one", "three"))
    assert three[1] > 2 * one[1]
