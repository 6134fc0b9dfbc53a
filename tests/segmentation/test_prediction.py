import numpy as np
import pytest
from PIL import Image

from tfapp.errors import InputError
from tfapp.segmentation.pictures import contact_sheet, overlay, palette
from tfapp.segmentation.prediction import find_images, predict


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "photo.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (37, 45, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def run_predict(run, images, out):
    return predict(run.segmenter(), images, out, run.class_names, 3, run.stride)


def test_labels_and_overlay_have_the_size_of_the_image(trained, picture, tmp_path):
    shares = run_predict(trained["tv-softmax"], [picture], tmp_path / "out")
    with Image.open(tmp_path / "out" / "photo.png") as labels:
        assert labels.mode == "P" and labels.size == (45, 37)
        counts = np.bincount(np.asarray(labels).ravel(), minlength=3)
    with Image.open(tmp_path / "out" / "photo-overlay.png") as picture_with_labels:
        assert picture_with_labels.size == (45, 37)
    np.testing.assert_allclose(shares[0][1], counts / counts.sum())


def test_image_smaller_than_the_stride_is_refused(trained, tmp_path):
    path = tmp_path / "small.png"
    Image.new("RGB", (20, 3)).save(path)
    with pytest.raises(InputError, match="20x3 pixels, smaller than the network's stride of 4"):
        run_predict(trained["softmax"], [path], tmp_path / "out")


def test_damaged_image_is_refused(trained, picture, tmp_path):
    picture.write_bytes(picture.read_bytes()[:300])
    with pytest.raises(InputError, match="damaged or truncated"):
        run_predict(trained["softmax"], [picture], tmp_path / "out")


def test_folders_are_expanded_and_other_files_left(tmp_path, picture):
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._photo.jpg").write_bytes(b"what macOS writes beside a picture")
    assert find_images([tmp_path]) == [picture]


def test_missing_path_and_empty_folder_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="does not exist"):
        find_images([tmp_path / "nothing.png"])
    with pytest.raises(InputError, match="has no images"):
        find_images([tmp_path / "empty"])


def test_two_images_that_would_share_a_file_are_refused(tmp_path, picture):
    Image.open(picture).save(tmp_path / "photo.bmp")
    with pytest.raises(InputError, match="Two images are called 'photo'"):
        find_images([tmp_path])


def test_palette_colours_are_distinct():
    assert len(np.unique(palette(64), axis=0)) == 64


def test_overlay_leaves_the_background_and_shows_borders_in_full_colour():
    labels = np.zeros((6, 6), int)
    labels[2:4, 2:4] = 1
    picture = overlay(np.full((6, 6, 3), 0.5, np.float32), labels, 2)
    assert (picture[0, 0] == 128).all()
    np.testing.assert_array_equal(picture[3, 3], palette(2)[1])


def test_contact_sheet_has_a_cell_for_every_picture():
    picture = np.zeros((10, 20, 3), np.uint8)
    sheet = contact_sheet([[picture, picture], [picture]], ["a", "b"], cell=40, captions=[["x", ""], ["y"]])
    assert sheet.size == (2 * 46 + 6, 20 + 2 * 26 + 6)
