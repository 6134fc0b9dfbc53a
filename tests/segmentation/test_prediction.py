import io
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tfapp.data.own_images import find_images
from tfapp.errors import InputError
from tfapp.report.contact_sheet import contact_sheet
from tfapp.segmentation.pictures import overlay, palette
from tfapp.segmentation.prediction import check_places, predict, restore


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "photo.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (37, 45, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def run_predict(run, images, out):
    return predict(run.segmenter(), images, out, run.class_names, 3)


def test_labels_and_overlay_have_the_size_of_the_image(trained, picture, tmp_path):
    shares = run_predict(trained["tv-softmax"], [picture], tmp_path / "out")
    with Image.open(tmp_path / "out" / "photo.png") as labels:
        assert labels.mode == "P" and labels.size == (45, 37)
        counts = np.bincount(np.asarray(labels).ravel(), minlength=3)
    with Image.open(tmp_path / "out" / "photo-overlay.png") as picture_with_labels:
        assert picture_with_labels.size == (45, 37)
    np.testing.assert_allclose(shares[0][1], counts / counts.sum())


SMALL = [(3, 20), (20, 3), (2, 2), (1, 1)]


@pytest.fixture
def small(tmp_path):
    """Return files of noise smaller than the stride, by their (height, width)."""
    (tmp_path / "small").mkdir()
    files = {size: tmp_path / "small" / f"{size[0]}x{size[1]}.png" for size in SMALL}
    rng = np.random.default_rng(0)
    for (height, width), file in files.items():
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(file)
    return files


def labels_in(folder, files):
    return {size: np.asarray(Image.open(folder / file.name)) for size, file in files.items()}


def test_image_smaller_than_the_stride_is_labelled_as_the_middle_of_its_mirrored_self(
    trained, small, tmp_path
):
    run = trained["softmax"]
    run_predict(run, small.values(), tmp_path / "out")
    model = run.load_model()
    for size, labels in labels_in(tmp_path / "out", small).items():
        missing = [-side % run.stride for side in size]
        around = [(lack // 2, lack - lack // 2) for lack in missing]
        image = np.asarray(Image.open(small[size]), np.float32) / 255
        answer = model(np.pad(image, [*around, (0, 0)], mode="symmetric")[None], training=False)[0]
        cut = tuple(slice(before, before + side) for (before, _), side in zip(around, size, strict=True))
        np.testing.assert_array_equal(labels, np.argmax(answer, -1)[cut])


@pytest.mark.slow
def test_image_smaller_than_the_stride_is_labelled_as_by_the_export(trained, small, tmp_path):
    run = trained["softmax"]
    run_predict(run, small.values(), tmp_path / "out")
    loaded = tf.saved_model.load(run.export(tmp_path / "served"))
    contents = tf.constant([file.read_bytes() for file in small.values()])
    served = loaded.signatures["serving_bytes"](image_bytes=contents)["labels_png_bytes"].numpy()
    for labels, ours in zip(served, labels_in(tmp_path / "out", small).values(), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(labels))), ours)


def test_strip_narrower_than_the_stride_has_the_same_labels_by_tiles(trained, tmp_path):
    run = trained["softmax"]
    file = tmp_path / "strip.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (3, 400, 3), np.uint8)).save(file)
    found = []
    for tile in ("off", 128):
        out = tmp_path / str(tile)
        predict(run.segmenter(), [file], out, run.class_names, 3, tile=tile)
        found.append(np.asarray(Image.open(out / file.name)))
    np.testing.assert_array_equal(*found)


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


def halves(image, training):
    """A segmenter that says class 1 where an image is brighter than 0.5, without any weights."""
    del training
    bright = tf.cast(image[..., :1] > 0.5, tf.float32)
    return tf.concat([1 - bright, bright], -1)


def label(images, out, **options):
    return predict(halves, images, out, ["dark", "bright"], 3, **options)


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_images_that_cannot_be_labelled_are_listed_and_the_others_done(picture, tmp_path):
    damaged, stack, pipe = (tmp_path / name for name in ("damaged.png", "stack.gif", "pipe.png"))
    damaged.write_bytes(picture.read_bytes()[:300])
    Image.new("L", (20, 3)).save(stack, save_all=True, append_images=[Image.new("L", (20, 3), 255)])
    os.mkfifo(pipe)
    failures, steps = [], []
    found = label(
        [damaged, picture, stack, pipe],
        tmp_path / "out",
        failures=failures,
        advance=lambda: steps.append(1),
    )
    assert [path for path, _ in found] == [picture] and len(steps) == 4
    assert [path for path, _ in failures] == [damaged, stack, pipe]
    words = ("damaged or truncated", "holds 2 pages", "is a named pipe")
    assert all(word in sentence for word, (_, sentence) in zip(words, failures, strict=True))
    assert sorted(content(tmp_path / "out")) == ["photo-overlay.png", "photo.png"]


@pytest.mark.parametrize(("stem", "made"), [("n" * 243, 2), ("n" * 244, 0), ("ö" * 125, 0)])
def test_image_whose_name_is_too_long_for_what_is_made_of_it_is_listed_and_nothing_written(
    picture, tmp_path, stem, made
):
    long = tmp_path / f"{stem}.png"
    shutil.copy(picture, long)
    failures = []
    found = label([long, picture], tmp_path / "out", failures=failures)
    assert found[-1][0] == picture and len(content(tmp_path / "out")) == made + 2
    assert len(failures) == (not made) and all("is too long for that of" in told for _, told in failures)


def test_restoration_lists_failures_too(picture, tmp_path):
    (tmp_path / "bad.png").touch()
    failures = []
    images = [tmp_path / "bad.png", picture]
    restore(lambda image, training: image, images, tmp_path / "out", 3, failures=failures)
    assert [path.name for path, _ in failures] == ["bad.png"]
    with Image.open(tmp_path / "out" / "photo.png") as made, Image.open(picture) as given:
        np.testing.assert_array_equal(np.asarray(made), np.asarray(given))


def test_overlay_of_one_image_over_the_labels_of_another_is_refused(picture, tmp_path):
    other = tmp_path / "photo-overlay.jpg"
    picture.with_name(other.name).write_bytes(picture.read_bytes())
    with pytest.raises(InputError, match="photo-overlay.png would be written for .* and again for"):
        label([picture, other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("link", [False, True])
def test_labels_over_an_image_are_refused_before_anything_is_written(tmp_path, link):
    photos, out = tmp_path / "photos", tmp_path / "photos"
    photos.mkdir()
    for name in ("a.jpg", "b.png"):
        Image.new("RGB", (8, 8)).save(photos / name)
    if link:
        out = tmp_path / "link"
        out.symlink_to(photos)
    before = content(photos)
    with pytest.raises(
        InputError, match="b.png, which is written for .*b.png, is one of the files that are read"
    ):
        label([photos / "a.jpg", photos / "b.png"], out)
    with pytest.raises(InputError, match="is the folder of the images itself; choose another `out`"):
        check_places([photos], [photos / "a.jpg"], out)
    assert content(photos) == before


def test_files_of_others_are_not_replaced_unless_it_is_asked_for(picture, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.new("L", (45, 37), 1).save(masks / "photo.png")
    with pytest.raises(
        InputError, match="photo.png exists and was not written by .* or replace it with `overwrite`"
    ):
        check_places([picture], [picture], masks)
    check_places([picture], [picture], masks, overwrite=True)


def test_own_labels_may_be_written_again(picture, tmp_path):
    for labels, write in (
        (True, label),
        (False, lambda *places: restore(lambda image, training: image, *places, 3)),
    ):
        out = tmp_path / str(labels)
        write([picture], out)
        check_places([picture], [picture], out, labels=labels)


def edited(file):
    """Save one label of a picture changed, with all else that it has, as a paint program may."""
    with Image.open(file) as written:
        info = PngInfo()
        for key, text in written.text.items():
            info.add_text(key, text)
        written.putpixel((3, 3), 1 - written.getpixel((3, 3)))
        written.save(file, pnginfo=info)


def saved_again(file):
    """Save a picture as version 0.1 did, without a mark."""
    with Image.open(file) as written:
        written.load()
        written.save(file)


@pytest.mark.parametrize("change", [edited, saved_again])
def test_labels_that_a_person_corrected_are_not_replaced_unless_it_is_asked_for(picture, tmp_path, change):
    out = tmp_path / "out"
    label([picture], out)
    change(out / "photo.png")
    with pytest.raises(InputError, match="photo.png exists and was not written by .*, or was changed since"):
        check_places([picture], [picture], out)
    check_places([picture], [picture], out, overwrite=True)


def test_labels_are_whole_pngs_with_their_mark(picture, tmp_path):
    label([picture], tmp_path / "out")
    with Image.open(tmp_path / "out" / "photo.png") as labels:
        labels.verify()
    with Image.open(tmp_path / "out" / "photo.png") as labels:
        assert labels.text["Software"] == "tfapp predict" and labels.mode == "P"


def test_pipe_among_the_images_is_named(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match="a.png is a named pipe"):
        find_images([tmp_path / "a.png"])


def test_palette_colours_are_distinct():
    assert len(np.unique(palette(64), axis=0)) == 64


def test_overlay_leaves_the_background_and_shows_borders_in_full_colour():
    labels = np.zeros((6, 6), int)
    labels[2:4, 2:4] = 1
    picture = overlay(np.full((6, 6, 3), 0.5, np.float32), labels, 2)
    assert (picture[0, 0] == 128).all()
    np.testing.assert_array_equal(picture[3, 3], palette(2)[1])


@pytest.mark.slow
def test_contact_sheet_has_a_cell_for_every_picture():
    picture = np.zeros((10, 20, 3), np.uint8)
    sheet = contact_sheet([[picture, picture], [picture]], ["a", "b"], cell=40, captions=[["x", ""], ["y"]])
    assert sheet.size == (2 * 46 + 6, 20 + 2 * 26 + 6)
