import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfapp.data.own_pngs import is_own_png, own_png_rows
from tfapp.data.windows import ArrayWindows
from tfapp.errors import InputError
from tfapp.models import build
from tfapp.runs.progress import Progress
from tfapp.segmentation import large_images
from tfapp.segmentation.large_images import overlay_factor, write_labels
from tfapp.segmentation.pictures import overlay, palette
from tfapp.segmentation.prediction import check_places, predict, restore

NAMES = ["dark", "grey", "bright"]


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (53, 67, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pixels_of(file):
    with Image.open(file) as picture:
        return np.asarray(picture)


def label(network, images, out, **options):
    return predict(network, images, out, NAMES, 3, **options)


def test_labels_and_overlay_by_tiles_are_those_of_the_whole_image(network, picture, tmp_path):
    found = [label(network, [picture], tmp_path / str(tile), tile=tile) for tile in ("off", 32)]
    for name in ("photo.png", "photo-overlay.png"):
        np.testing.assert_array_equal(*(pixels_of(tmp_path / folder / name) for folder in ("off", "32")))
    np.testing.assert_array_equal(found[0][0][1], found[1][0][1])
    assert len(np.unique(pixels_of(tmp_path / "32" / "photo.png"))) > 1


def test_labels_by_tiles_are_known_as_own_and_may_be_written_again(network, picture, tmp_path):
    label(network, [picture], tmp_path / "out", tile=32)
    with Image.open(tmp_path / "out" / "photo.png") as labels:
        assert labels.mode == "P" and labels.text["Software"] == "tfapp predict"
        np.testing.assert_array_equal(np.reshape(labels.getpalette(), (-1, 3)), palette(256))
    check_places([picture], [picture], tmp_path / "out")


@pytest.mark.parametrize("channels", [1, 3])
def test_restored_images_by_tiles_are_those_of_the_whole_image(picture, tmp_path, channels):
    restorer = build("unet", channels, channels, base_width=2, depth=1, head="sigmoid")
    for tile in ("off", 32):
        restore(restorer, [picture], tmp_path / str(tile), channels, tile=tile)
    np.testing.assert_array_equal(*(pixels_of(tmp_path / folder / "photo.png") for folder in ("off", "32")))


@pytest.mark.parametrize("size", [(60, 90), (41, 33), (7, 100)])
def test_overlay_that_is_too_large_is_made_smaller(tmp_path, monkeypatch, size):
    monkeypatch.setattr(large_images, "OVERLAY_PIXELS", size[0] * size[1] // 8)
    monkeypatch.setattr(large_images, "_BAND_PIXELS", 300)
    rng = np.random.default_rng(0)
    image, labels = rng.random((*size, 3), np.float32), rng.integers(0, 3, size).astype(np.uint8)
    factor = overlay_factor(size)
    bands = [(begin, labels[begin : begin + 10]) for begin in range(0, size[0], 10)]
    files = tmp_path / "a.png", tmp_path / "b.png"
    counts = write_labels(bands, ArrayWindows(image), *files, 3)
    np.testing.assert_array_equal(counts, np.bincount(labels.ravel(), minlength=3))
    np.testing.assert_array_equal(pixels_of(files[0]), labels)
    height, width = size[0] // factor, size[1] // factor
    assert factor == 3
    blocks = image[: 3 * height, : 3 * width].reshape(height, 3, width, 3, 3)
    expected = overlay(blocks.mean((1, 3)), labels[1::3, 1::3][:height, :width], 3)
    np.testing.assert_array_equal(pixels_of(files[1]), expected)


@pytest.mark.parametrize("shape, mode", [((5, 7), "L"), ((40, 3, 3), "RGB")])
def test_rows_of_a_png_are_what_pillow_reads(tmp_path, shape, mode):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    file = tmp_path / "a.png"
    with own_png_rows(file, shape[:2], 3 if mode == "RGB" else 1) as write:
        write(pixels[:2])
        write(pixels[2:])
    with Image.open(file) as picture:
        picture.verify()
    assert is_own_png(file)
    with Image.open(file) as picture:
        assert picture.mode == mode
        np.testing.assert_array_equal(np.asarray(picture), pixels)


def test_png_of_which_rows_are_missing_does_not_appear(tmp_path):
    with pytest.raises(ValueError, match="`rows` must be 4 in all. Received: 3."):
        with own_png_rows(tmp_path / "a.png", (4, 5)) as write:
            write(np.zeros((3, 5), np.uint8))
    assert not list(tmp_path.iterdir())


class Unreadable(ArrayWindows):
    """An image whose lower half is damaged."""

    def window(self, top, bottom, left, right):
        if bottom > 40:
            raise InputError("Image photo.png is damaged in rows 40 to 53.")
        return super().window(top, bottom, left, right)


def test_image_with_a_part_that_cannot_be_read_leaves_nothing(network, picture, tmp_path, monkeypatch):
    class Opened:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return Unreadable(np.zeros((53, 67, 3), np.float32))

        def __exit__(self, *error):
            pass

    monkeypatch.setattr("tfapp.segmentation.prediction.open_windows", Opened)
    failures = []
    label(network, [picture], tmp_path / "out", tile=32, failures=failures)
    assert failures == [(picture, "Image photo.png is damaged in rows 40 to 53.")]
    assert not list((tmp_path / "out").iterdir())


def test_tiles_that_the_network_cannot_have_are_refused_before_anything_is_written(
    network, picture, tmp_path
):
    with pytest.raises(InputError, match="`tile` 10 is too small"):
        label(network, [picture], tmp_path / "out", tile=10)
    assert not (tmp_path / "out").exists()


def test_memory_that_does_not_do_is_told_with_the_way_out(picture, tmp_path):
    def exhausted(image, training):
        tf.debugging.assert_equal(tf.shape(image)[0], 1)
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    with pytest.raises(
        InputError, match="67x53 pixels takes more memory than there is; give a `tile` of fewer"
    ):
        label(exhausted, [picture], tmp_path / "out")


def test_tiles_are_shown_as_steps_of_a_task(network, picture, tmp_path):
    class Seen(Progress):
        tasks = []

        def opened(self, task):
            self.tasks.append(task)

    label(network, [picture], tmp_path / "out", tile=32, progress=Seen())
    [task] = Seen.tasks
    # Of 16 pixels each: a margin of 8 at both sides.
    assert (task.title, task.done, task.total) == ("photo.png, by tiles", 4 * 5, 4 * 5)


def test_labels_that_may_differ_for_want_of_margin_are_told_of_small_images_too(network, picture, tmp_path):
    class Heard(Progress):
        said = []

        def say(self, text):
            self.said.append(text)

    label(network, [picture], tmp_path / "out", tile=32, margin=0, progress=Heard())
    [sentence] = Heard.said
    assert "With a `margin` of 0 pixels labels at the edges of tiles may differ" in sentence
