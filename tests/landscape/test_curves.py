import numpy as np
import pytest
from PIL import Image

from tfapp.errors import InputError
from tfapp.landscape import Surface, save_curves_png


def line(points=None, errors=False):
    metadata = {"directions": {"labels": ["first"], "points": points, "point_names": ["a", "b"]}}
    surface = Surface.empty(11, (-0.5, 1.5), metadata, line=True)
    for i, j in surface.todo():
        surface.record(i, j, 1 + surface.alphas[i] ** 2, error=0.1 if errors else np.nan)
    return surface


def pixels(tmp_path, *surfaces):
    save_curves_png(surfaces, [f"net {i}" for i in range(len(surfaces))], tmp_path / "curves.png")
    return np.asarray(Image.open(tmp_path / "curves.png").convert("RGB"), int)


def test_the_band_adds_a_coloured_area(tmp_path):
    def coloured(picture):
        return np.count_nonzero(picture[..., 2] - picture[..., 0] > 20)

    assert coloured(pixels(tmp_path, line(errors=True))) > 3 * coloured(pixels(tmp_path, line()))


def test_solutions_on_the_line_are_marked(tmp_path):
    plain, marked = pixels(tmp_path, line()), pixels(tmp_path, line([[0.0], [1.0]]))
    assert plain.shape != marked.shape or np.any(plain != marked)


def test_several_lines_have_their_own_colours(tmp_path):
    orange = np.abs(pixels(tmp_path, line(), line()) - (255, 127, 14)).sum(-1) < 30
    assert orange.any()


@pytest.mark.parametrize(
    ("surfaces", "titles", "message"),
    [
        ([], [], "Received: 0 lines"),
        ([line()], [], "1 lines, 0 titles"),
        ([Surface.empty(3)], ["a"], "(3, 3)"),
    ],
)
def test_what_is_not_a_line_is_refused(tmp_path, surfaces, titles, message):
    with pytest.raises(InputError, match=message):
        save_curves_png(surfaces, titles, tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []


def test_lines_of_networks_of_other_size_say_their_step_in_the_legend(tmp_path):
    first, second = line(), line()
    for surface, length in ((first, 2.0), (second, 3.0)):
        surface.metadata["directions"] |= {"relative": [1.0, None], "absolute": [length, None]}
    same, other = pixels(tmp_path, first, first), pixels(tmp_path, first, second)
    legend = slice(0, same.shape[0] // 4)
    dark = [np.count_nonzero(picture[legend].sum(-1) < 200) for picture in (same, other)]
    assert dark[1] > 1.5 * dark[0]
