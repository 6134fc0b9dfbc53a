import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from tfapp.errors import InputError
from tfapp.report import colours
from tfapp.report.figures import (
    data_address,
    jpeg_address,
    legend_beside,
    save_gif,
    save_image,
    save_png,
    screen_png,
)


@pytest.fixture
def figure():
    """A figure of 2 x 1 inches, of which only the middle has something."""
    figure = Figure(figsize=(2, 1), facecolor="pink")
    figure.add_axes((0.45, 0.4, 0.1, 0.2)).set(xticks=[], yticks=[])
    return figure


def test_files_have_200_dots_in_an_inch_and_a_white_ground(figure, tmp_path):
    save_png(figure, tmp_path / "new" / "figure.png")
    with Image.open(tmp_path / "new" / "figure.png") as picture:
        assert picture.format == "PNG" and picture.size == (400, 200)
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_cropped_file_ends_where_the_drawing_ends(figure, tmp_path):
    save_png(figure, tmp_path / "figure.png", crop=True)
    with Image.open(tmp_path / "figure.png") as picture:
        # Axes of 0.2 x 0.2 inches, and a margin of 0.12 on each side; a line of their frame more.
        np.testing.assert_allclose(picture.size, 200 * (0.2 + 2 * 0.12), atol=4)


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file(figure, tmp_path):
    (tmp_path / "figure.png").write_bytes(b"old")
    figure.suptitle("$\\nonsense$")
    with pytest.raises(ValueError, match="nonsense"):
        save_png(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_pictures_for_screens_have_100_dots_in_an_inch_and_tell_their_size(figure):
    content, width, height = screen_png(figure)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (width, height) == (200, 100)


def test_an_animation_draws_every_frame_and_holds_the_last(tmp_path):
    figure, drawn = Figure(figsize=(1, 1)), []

    def frame(number):
        drawn.append(number)
        figure.text(0.1 * number, 0.5, str(number))

    save_gif(figure, [lambda n=n: frame(n) for n in range(3)], tmp_path / "a.gif", per_second=4, hold=3)
    with Image.open(tmp_path / "a.gif") as animation:
        durations = []
        for number in range(animation.n_frames):
            animation.seek(number)
            durations.append(animation.info["duration"])
    # Pillow joins equal pictures into one that is shown as long.
    assert drawn == [0, 1, 2] and durations == [250, 250, 750]


def test_pictures_are_saved_in_the_format_of_their_name(tmp_path):
    save_image(Image.new("L", (3, 2)), tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (3, 2))


def test_addresses_hold_their_content():
    assert data_address("image/png", b"\x00\xff") == "data:image/png;base64,AP8="
    assert jpeg_address(Image.new("RGB", (8, 8)), 88).startswith("data:image/jpeg;base64,/9j/")


def test_the_common_palette_is_that_of_figures_which_name_no_colours():
    assert [colours.qualitative(index) for index in range(12)] == [to_hex(f"C{index}") for index in range(12)]


@pytest.mark.slow
@pytest.mark.parametrize("colour", [*colours.QUALITATIVE, colours.SKY, colours.BLACK])
def test_colours_as_numbers_are_those_of_pillow(colour):
    assert colours.rgb(colour) == ImageColor.getrgb(colour)


@pytest.mark.parametrize("name", [" ", "sheet", "sheet.part", "sheet.mpg", "new/sheet.txt"])
def test_a_picture_whose_name_says_no_format_is_refused_and_nothing_is_left(tmp_path, name):
    with pytest.raises(InputError, match="expected the name of a picture, such as sheet.png"):
        save_image(Image.new("RGB", (4, 3)), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_picture_that_its_format_cannot_hold_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(InputError, match="wide.webp cannot be written"):
        save_image(Image.new("L", (20_000, 1)), tmp_path / "wide.webp")  # WebP ends at 16,383 pixels
    assert not list(tmp_path.iterdir())


def test_legend_of_many_lines_makes_the_figure_as_high_as_it_needs():
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    lines = [axes.plot([0, 1], label=str(number))[0] for number in range(30)]
    legend_beside(figure, lines)
    FigureCanvasAgg(figure).draw()
    [legend] = figure.legends
    box = legend.get_window_extent()
    assert box.y0 >= 0 and box.y1 <= figure.bbox.height
