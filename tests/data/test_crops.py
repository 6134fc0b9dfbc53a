"""Random crops, against slices of the images and NumPy's own mirroring."""

import numpy as np
import pytest

from tfapp.data import Dataset, Frames, Framing, Item, choose_framing, training_stream
from tfapp.data.cropping import MEAN_COLOUR, Place, border_remark, crop_window, cut
from tfapp.errors import InputError

VOID = 255
CROP = (8, 6)


def make_dataset(*sizes, channels=3):
    """Return a `Dataset` in memory: red is the row, green the column, blue the number of the image."""

    def item(number, size):
        rows, columns = np.indices(size)
        image = np.stack([rows, columns, np.full(size, number)], -1).astype(np.uint8)[..., :channels]
        labels = (rows * 7 + columns * 3 + number) % 4
        labels[labels == 3] = VOID
        return Item(str(number), lambda: image, lambda: labels, size, (), str(number), channels=channels)

    items = tuple(item(number, size) for number, size in enumerate(sizes))
    return Dataset("drawn", ("a", "b", "c"), channels, items, VOID)


def frames_of(*sizes, crop=CROP, resize=None, **options):
    dataset = make_dataset(*sizes)
    return Frames(dataset, dataset.items, Framing(resize, crop=crop), **options)


def batches(frames, count, **options):
    options = {"batch_size": 2, "seed": 3, "augment": "none", **options}
    return [tuple(map(np.asarray, batch)) for batch in training_stream(frames, **options).take(count)]


def crops(frames, count, **options):
    """Yield (image as its bytes, labels, weights) of every row of so many batches."""
    for images, labels, weights in batches(frames, count, **options):
        yield from zip(np.rint(images * 255).astype(int), labels, weights, strict=True)


def assert_equal(some, others):
    for one, other in zip(some, others, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_crop_has_the_pixels_and_the_labels_of_one_place_of_images_of_any_size():
    frames = frames_of((12, 15), (9, 30), (40, 6))
    seen = set()
    for image, labels, weights in crops(frames, 30):
        top, left, number = image[0, 0]
        item = frames.items[number]
        part = np.s_[top : top + CROP[0], left : left + CROP[1]]
        np.testing.assert_array_equal(image, item.read_pixels()[part])
        expected = item.read_labels()[part]
        np.testing.assert_array_equal(weights, (expected != VOID).astype(np.float32))
        np.testing.assert_array_equal(labels[expected != VOID], expected[expected != VOID])
        seen.add(number)
    assert seen == {0, 1, 2}


def test_crops_begin_at_every_place_that_they_fit_in_about_as_often():
    frames = frames_of((10, 8), (10, 8))
    begins = [tuple(image[0, 0, :2]) for image, *_ in crops(frames, 450)]
    places, counts = np.unique(begins, axis=0, return_counts=True)
    assert [tuple(place) for place in places] == [(row, column) for row in range(3) for column in range(3)]
    assert 60 < counts.min() and counts.max() < 145  # of 100 expected, by four standard deviations


def test_each_image_has_one_crop_in_a_pass_and_another_in_the_next():
    frames = frames_of((60, 60), (60, 60), (60, 60), (60, 60))
    rows = [tuple(image[0, 0]) for image, *_ in crops(frames, 4)]
    for one_pass in (rows[:4], rows[4:]):
        assert sorted(number for *_, number in one_pass) == [0, 1, 2, 3]
    assert len(set(rows)) == 8


def test_crop_larger_than_the_image_is_mirrored_as_by_numpy():
    frames = frames_of((5, 20), (5, 20))
    for image, labels, weights in crops(frames, 5):
        number = image[0, 0, 2]
        item = frames.items[number]
        left = image[0, 0, 1]
        padding = (1, 2)  # of the 3 rows that are missing the smaller half is above, as in `PadToStride`
        part = np.s_[:, left : left + CROP[1]]
        expected = np.pad(item.read_pixels()[part], (padding, (0, 0), (0, 0)), "symmetric")
        np.testing.assert_array_equal(image, expected)
        expected = np.pad(item.read_labels()[part], (padding, (0, 0)), "symmetric")
        np.testing.assert_array_equal(weights, expected != VOID)
        np.testing.assert_array_equal(labels, np.where(expected == VOID, 0, expected))


def void_frames(*sizes, crop=CROP, resize=None, channels=3):
    dataset = make_dataset(*sizes, channels=channels)
    return Frames(dataset, dataset.items, Framing(resize, crop=crop, crop_border="void"))


def test_crop_larger_than_the_image_has_the_mean_colour_and_no_weight_beyond_it():
    frames = void_frames((5, 20), (5, 20))
    for image, labels, weights in batches_of_images(frames, 5):
        inner, left = image[1:6], int(np.rint(image[1, 0, 1] * 255))
        item = frames.items[int(np.rint(image[1, 0, 2] * 255))]
        part = np.s_[:, left : left + CROP[1]]
        np.testing.assert_array_equal(np.rint(inner * 255), item.read_pixels()[part])
        expected = item.read_labels()[part]
        np.testing.assert_array_equal(weights[1:6], expected != VOID)
        np.testing.assert_array_equal(labels[1:6], np.where(expected == VOID, 0, expected))
        for border in (np.s_[:1], np.s_[6:]):
            np.testing.assert_allclose(image[border], np.broadcast_to(MEAN_COLOUR, image[border].shape))
            assert not weights[border].any()


def batches_of_images(frames, count):
    """Yield (image, labels, weights) of every row of so many batches."""
    for batch in batches(frames, count):
        yield from zip(*batch, strict=True)


def test_crop_with_void_that_fits_is_that_without():
    sizes = (12, 15), (9, 30), (40, 6)
    assert_equal(batches(void_frames(*sizes), 9), batches(frames_of(*sizes), 9))


def test_void_is_mirrored_and_turned_with_its_image():
    frames = void_frames((3, 8), crop=(8, 8))
    image, labels, weights = frames.turned(0)
    turned = frames.turned(0, mirror=True, flip=True, turns=1)
    for one, other in zip((image, labels, weights), turned, strict=True):
        np.testing.assert_array_equal(np.rot90(one[::-1, ::-1]), other)
    np.testing.assert_array_equal(weights.any(1), [False] * 2 + [True] * 3 + [False] * 3)


def test_void_of_a_scaled_crop_lies_around_the_scaled_image():
    # At a quarter of its size the image of 16x16 is 4x4 in the middle of a crop of 8x8.
    _, _, weights = void_frames((16, 16), crop=(8, 8)).turned(0, place=Place(0.0, 0.0, 0.25))
    within = np.zeros((8, 8), bool)
    within[2:6, 2:6] = True
    assert not weights[~within].any() and weights[within].sum() > 8


def test_void_of_grey_images_is_the_mean_of_the_mean_colour():
    image, _, weights = void_frames((5, 6), channels=1)[0]
    np.testing.assert_allclose(image[weights == 0][0], np.mean(MEAN_COLOUR), rtol=1e-6)


def test_crop_may_be_many_times_as_large_as_the_image():
    array = np.arange(6).reshape(2, 3)
    window = crop_window((2, 3), (9, 10))
    np.testing.assert_array_equal(cut(array, window), np.pad(array, ((3, 4), (3, 4)), "symmetric"))


def test_outside_of_a_training_stream_the_crop_is_the_middle():
    image, *_ = frames_of((12, 15))[0]
    np.testing.assert_array_equal(np.rint(image[0, 0] * 255), [2, 5, 0])


def test_images_are_resized_before_they_are_cropped():
    frames = frames_of((24, 18), resize=(8, 6), crop=(8, 6))
    whole = Frames(frames.dataset, frames.items, Framing((8, 6)))
    assert_equal([frames.turned(0, place=Place(0.9, 0.1))], [whole[0]])


@pytest.mark.parametrize("augment", ["none", "flips,scale=0.5-2,brightness,contrast,colour"])
def test_stream_of_crops_started_later_continues_exactly(augment):
    frames = frames_of((12, 15), (9, 30), (40, 6))
    options = {"augment": augment}
    assert_equal(batches(frames, 7, **options)[4:], batches(frames, 3, first_step=4, **options))


def test_parts_of_workers_are_the_rows_of_one_worker():
    frames = frames_of((12, 15), (9, 30), (40, 6), (20, 20))
    options = {"augment": "mirror,scale=0.7-1.5,brightness", "batch_size": 4}
    parts = [batches(frames, 3, share=(number, 2), **options) for number in range(2)]
    joined = [tuple(map(np.concatenate, zip(*rows, strict=True))) for rows in zip(*parts, strict=True)]
    assert_equal(joined, batches(frames, 3, **options))


def test_crop_stays_where_it_is_if_a_symmetry_or_a_change_of_values_is_added():
    frames = frames_of((40, 40), (40, 40))
    plain, mirrored = (
        [one for one, *_ in crops(frames, 5, augment=a)] for a in ("none", "mirror,contrast=1-1")
    )
    for one, other in zip(plain, mirrored, strict=True):
        assert np.array_equal(one, other) or np.array_equal(one[:, ::-1], other)


def test_images_scaled_by_two_have_each_label_in_two_rows_and_columns():
    frames = frames_of((12, 15), (12, 15))
    for image, _, weights in crops(frames, 6, augment="scale=2-2"):
        number = image[0, 0, 2]
        labels = frames.items[number].read_labels()
        found = [
            (top, left)
            for top in range(9)
            for left in range(13)
            if np.array_equal(
                labels[top : top + 4, left : left + 3].repeat(2, 0).repeat(2, 1) != VOID, weights
            )
        ]
        # Where the gradients of rows and columns say that it begins.
        assert (image[0, 0, 0], image[0, 0, 1]) in found


def test_scaled_image_is_interpolated_linearly():
    frames = frames_of((40, 40))
    image, *_ = frames.turned(0, place=Place(0.5, 0.5, 2.0))
    top, left, height, width = crop_window((40, 40), CROP, Place(0.5, 0.5, 2.0))
    assert (height, width) == (4, 3)
    # The pixel n of the larger image has its centre at (n + 1/2) / 2 of the smaller one; at the border it is the last.
    rows = np.clip((np.arange(8) + 0.5) / 2 - 0.5, 0, 3) + top
    columns = np.clip((np.arange(6) + 0.5) / 2 - 0.5, 0, 2) + left
    np.testing.assert_allclose(image[:, :, 0] * 255, np.repeat(rows[:, None], 6, 1), atol=1e-4)
    np.testing.assert_allclose(image[:, :, 1] * 255, np.repeat(columns[None], 8, 0), atol=1e-4)


def test_scale_lies_in_its_range_and_decides_how_much_a_crop_shows():
    frames = frames_of((200, 200), (200, 200), crop=(40, 40))
    shown = [np.ptp(image[..., 0]) + 1 for image, *_ in crops(frames, 30, augment="scale=0.5-2")]
    assert 20 <= min(shown) < 30 and 60 < max(shown) <= 80


def test_pair_of_images_is_cropped_alike_and_its_target_keeps_its_values():
    rows, columns = np.indices((20, 30))
    image = np.stack([rows, columns, rows], -1).astype(np.uint8)
    item = Item("0", lambda: image, None, (20, 30), (), "0", lambda: image)
    dataset = Dataset("pair", (), 3, (item,))
    frames = Frames(dataset, dataset.items, Framing(crop=CROP))
    stream = training_stream(frames, batch_size=1, seed=0, augment="flips,brightness=0.3,contrast,colour")
    for changed, target, weights in stream.take(5).as_numpy_iterator():
        found = np.rint(target[0] * 255).astype(int)
        top, left = found[..., 0].min(), found[..., 1].min()
        part = image[top : top + CROP[0], left : left + CROP[1]]
        assert any(np.array_equal(found, part[::down, ::right]) for down in (1, -1) for right in (1, -1))
        assert not np.array_equal(changed, target) and weights.min() == 1


def test_labels_of_whole_images_are_counted_for_the_weights_of_classes():
    frames = frames_of((12, 15), (5, 4))
    expected = [[np.count_nonzero(item.read_labels() == c) for c in range(3)] for item in frames.items]
    np.testing.assert_array_equal(frames.read_all().label_counts, expected)


def test_remark_counts_the_images_that_are_mirrored():
    items = make_dataset((12, 15), (9, 5), (7, 30)).items
    assert border_remark(items, None, CROP).startswith(
        "2 of 3 training images, such as 1 of 9x5, are smaller than the crop of 8x6 (height x width): they are mirrored"
    )
    assert border_remark(items[:1], None, CROP) is None
    assert "1 of 1 training images" in border_remark(items[:1], None, CROP, 0.5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"crop": (8, 8), "patch": 8}, "`crop` and `patch` both cut images"),
        ({"crop": (8, 8), "overlap": 2}, "`overlap` is for `patch`; got 2 with `crop`"),
        ({"crop": (8, 3)}, "`crop` 8x3 is smaller than the network's stride of 4"),
    ],
)
def test_crops_that_do_not_suit_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        choose_framing(make_dataset((12, 15)), 4, **options)


def test_images_smaller_than_the_stride_are_taken_by_a_crop():
    assert choose_framing(make_dataset((2, 15)), 4, crop=(8, 8)) == Framing(crop=(8, 8))
