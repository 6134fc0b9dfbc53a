import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from tests.transfer.made_up_run import CLASSES, HR, LR, ROWS, embedding, grid, metrics
from tfapp.data import MultiLabelImages, Noise, Resolution
from tfapp.errors import InputError
from tfapp.transfer.embedding import EMBEDDED
from tfapp.transfer.pictures import (
    class_style,
    draw_embedding,
    draw_grid,
    draw_history,
    draw_precision,
    draw_samples,
    save_embedding_png,
    save_grid_png,
    save_history_png,
    save_precision_png,
    save_samples_png,
)

RESOLUTION = Resolution(16, 4)


def images(count=5, bad=()):
    """Return a part of random images, of which some cannot be read."""

    def read(index):
        if index in bad:
            raise InputError(f"Image {index} is damaged.")
        return np.random.default_rng(index).random((16, 16, 3), np.float32)

    names = tuple(f"folder/an image with a long name {index}.png" for index in range(count))
    return MultiLabelImages(names, np.ones((count, 2), np.int8), read, names)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_panels_show_the_same_images_in_the_same_colours():
    made_up = embedding()
    panels = draw_embedding(made_up).axes
    for panel, name in zip(panels, EMBEDDED, strict=True):
        assert len(panel.collections) == len(CLASSES)
        for index, drawn in enumerate(panel.collections):
            expected = made_up.points[name][made_up.classes == index]
            np.testing.assert_allclose(drawn.get_offsets(), expected)
            assert to_hex(drawn.get_facecolor()[0]) == class_style(index, len(CLASSES))["color"]


def test_panels_are_named_with_the_agreement_and_have_no_ticks():
    panels = draw_embedding(embedding()).axes
    assert [panel.get_title() for panel in panels] == [
        "HR\nneighbours of the own class 90 %, in the plane 95 %",
        "LR\nneighbours of the own class 50 %, in the plane 55 %",
        "ours\nneighbours of the own class 62 %, in the plane 50 %",
    ]
    assert not any(len(panel.get_xticks()) + len(panel.get_yticks()) for panel in panels)


def test_one_legend_names_the_classes():
    (legend,) = draw_embedding(embedding()).legends
    assert [text.get_text() for text in legend.get_texts()] == list(CLASSES)


def test_up_to_eight_classes_differ_by_colour_alone():
    styles = [class_style(index, 8) for index in range(8)]
    assert len({style["color"] for style in styles}) == 8
    assert {style["marker"] for style in styles} == {"o"}


def test_seventy_classes_differ_by_colour_or_marker():
    assert len({tuple(class_style(index, 70).values()) for index in range(70)}) == 70


@pytest.mark.parametrize("count", [2, 20, 80])
def test_precision_has_a_row_for_each_class_and_their_mean_last(count):
    rng = np.random.default_rng(0)
    names = [f"class {index}" for index in range(count)]
    high, low = rng.uniform(0.6, 0.9, count), rng.uniform(0.3, 0.6, count)
    figure = draw_precision(metrics(names=names, high=high, low=low))
    (panel,) = figure.axes
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert labels == [*(names[index] for index in np.argsort(low - high)), "mean"]
    assert figure.get_figheight() / (count + 1) > 0.25


def test_dots_are_the_average_precisions_in_percent_by_falling_loss():
    lines = {line.get_label(): line.get_xdata() for line in draw_precision(metrics()).axes[0].lines}
    # The dog loses 35 points, the bird 20, the cat 8.
    np.testing.assert_allclose(lines["HR"], 100 * np.array([*np.array(HR)[[2, 0, 1]], np.mean(HR)]))
    np.testing.assert_allclose(lines["LR"], 100 * np.array([*np.array(LR)[[2, 0, 1]], np.mean(LR)]))
    np.testing.assert_allclose(lines["ours, own cluster"] - lines["LR"], 2)
    np.testing.assert_allclose(lines["same network, not trained"] - lines["LR"], 0.5)


def test_grid_cells_have_the_mean_over_seeds_and_the_spread_of_several():
    panel = draw_grid(grid()).axes[0]
    # Of 60 and 64, of 70 and 72, and 65 alone; nothing at N1 = 64, N2 = 20.
    assert texts(panel) == ["62.0", "± 2.8", "71.0", "± 1.4", "65.0"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["10", "20"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["64", "128"]


def test_grid_colours_are_centred_on_lr():
    (drawn,) = draw_grid(grid()).axes[0].images
    assert np.mean(drawn.get_clim()) == pytest.approx(66)
    assert drawn.get_clim() == pytest.approx((61, 71))


def test_small_differences_keep_pale_colours():
    cells = [{"hidden": 8, "clusters": 4, "seed": 0, "mean": {"area": 0.6601}}]
    (drawn,) = draw_grid(grid() | {"cells": cells}).axes[0].images
    assert drawn.get_clim() == pytest.approx((65.5, 66.5))


def test_grid_names_lr_and_hr():
    assert draw_grid(grid()).axes[0].get_title().endswith("LR 66.0, HR 90.0")


def test_history_has_loss_and_accuracy_in_percent():
    loss, accuracy = draw_history(ROWS).axes
    np.testing.assert_allclose(loss.lines[0].get_xydata()[:2], [[250, 4], [500, 2]])
    np.testing.assert_allclose(accuracy.lines[0].get_xydata()[:2], [[250, 0], [500, 50]])


def test_samples_are_what_the_backbone_is_given():
    part = images()
    panels = np.reshape(draw_samples(part, RESOLUTION, 2, seed=3).axes, (3, 2))
    # Drawn without replacement by a generator of the seed, and shown in the order of the part.
    for column, index in enumerate(sorted(np.random.default_rng(3).permutation(5)[:2])):
        expected = [
            part.read(index),
            RESOLUTION.small(part.read(index), 3, index),
            RESOLUTION.low_resolution(part.read(index), 3, index),
        ]
        for panel, image in zip(panels[:, column], expected, strict=True):
            np.testing.assert_array_equal(panel.images[0].get_array(), image)


def test_pixels_of_the_small_file_are_visible():
    small = draw_samples(images(), RESOLUTION, 1).axes[1].images[0]
    assert small.get_interpolation() == "nearest" and small.get_array().shape == (4, 4, 3)


def test_images_that_keep_their_size_have_two_rows():
    figure = draw_samples(images(), Resolution(16, None, (Noise("blur", 1.0),)), 2)
    assert len(figure.axes) == 2 * 2


def test_long_names_of_images_are_cut():
    assert draw_samples(images(1), RESOLUTION, 1).axes[0].get_title() == "an image with a…"


def test_images_that_cannot_be_read_are_passed_over():
    figure = draw_samples(images(4, bad=(0, 2)), RESOLUTION, 3)
    assert len(figure.axes) == 3 * 2


def test_pictures_are_png_files(tmp_path):
    save_embedding_png(embedding(), tmp_path / "embedding.png")
    save_precision_png(metrics(), tmp_path / "precision.png")
    save_grid_png(grid(), tmp_path / "grid.png")
    save_history_png(ROWS, tmp_path / "history.png")
    save_samples_png(images(), RESOLUTION, tmp_path / "samples.png", 2)
    for name in ("embedding", "precision", "grid", "history", "samples"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.format == "PNG" and min(picture.size) > 300


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda path: save_grid_png(grid() | {"cells": []}, path), "at least one cell"),
        (lambda path: save_history_png([], path), "at least one row"),
        (
            lambda path: save_samples_png(images(2, bad=(0, 1)), RESOLUTION, path),
            "None of 2 images .* damaged",
        ),
    ],
)
def test_pictures_of_nothing_are_refused_and_leave_no_file(draw, message, tmp_path):
    with pytest.raises(InputError, match=message):
        draw(tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())
