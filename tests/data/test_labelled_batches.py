import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfapp.data import ImageArray, ImageFiles, batch_stream, batches, epoch_order
from tfapp.errors import InputError


@pytest.fixture
def array():
    """Ten images whose first channel holds their own number and whose others are random."""
    images = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)
    images[..., 0] = np.arange(10)[:, None, None]
    return ImageArray(images, np.arange(10, dtype=np.int32) % 3)


@pytest.fixture
def files(tmp_path):
    """Six gradients of different sizes: red rises to the right, green downwards, from 0 to 250."""
    paths = []
    for index, (height, width) in enumerate([(40, 60), (64, 48), (50, 50), (33, 90), (80, 70), (40, 41)]):
        red, green = np.meshgrid(np.linspace(0, 250, width), np.linspace(0, 250, height))
        pixels = np.stack([red, green, np.full_like(red, 10 * index)], -1)
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(np.rint(pixels).astype(np.uint8)).save(paths[-1])
    return ImageFiles(tuple(paths), np.arange(6, dtype=np.int32))


def collected(stream):
    images, labels = zip(*((images.numpy(), labels.numpy()) for images, labels in stream), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def assert_equal(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other)


def test_order_of_an_epoch_is_a_permutation_of_its_own():
    orders = [epoch_order(50, seed, epoch) for seed, epoch in [(0, 0), (0, 1), (1, 0)]]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(50))
    assert len({tuple(order) for order in orders}) == 3
    np.testing.assert_array_equal(epoch_order(50, 0, 1), orders[1])


def test_batches_follow_the_order_of_the_epoch(array):
    images, labels = collected(batches(array, 4, seed=3, epoch=2))
    order = epoch_order(10, 3, 2)
    np.testing.assert_allclose(images, array.images[order] / 255, atol=1e-7)
    np.testing.assert_array_equal(labels, array.labels[order])


def test_without_a_seed_images_keep_their_order(array):
    images, labels = collected(batches(array, 4))
    np.testing.assert_allclose(images, array.images / 255, atol=1e-7)
    np.testing.assert_array_equal(labels, array.labels)


@pytest.mark.parametrize(("drop_remainder", "sizes"), [(False, [4, 4, 2]), (True, [4, 4])])
def test_last_batch_is_smaller_or_left_out(array, drop_remainder, sizes):
    stream = batches(array, 4, seed=0, drop_remainder=drop_remainder)
    assert [len(labels) for _, labels in stream] == sizes
    assert len(stream) == len(sizes)


@pytest.mark.parametrize("augment", ["none", "crop-mirror"])
def test_stream_gives_the_epochs_one_after_the_other(array, augment):
    options = {"augment": augment, "size": 16}
    stream = collected(batch_stream(array, 4, seed=1, first_epoch=2, **options).take(6))
    epochs = [collected(batches(array, 4, seed=1, epoch=epoch, **options)) for epoch in (2, 3)]
    assert_equal(stream, [np.concatenate(parts) for parts in zip(*epochs, strict=True)])


def test_augmentation_depends_on_the_seed_and_the_epoch_alone(array):
    first, again, later = (
        collected(batches(array, 5, seed=seed, epoch=epoch, augment="crop-mirror"))[0]
        for seed, epoch in [(0, 0), (0, 0), (0, 1)]
    )
    np.testing.assert_array_equal(first, again)
    assert np.any(first != later)


def test_mirror_gives_each_image_or_its_mirror_image(array):
    turned = 0
    for image, original in augmented(array, epochs=10, augment="mirror"):
        turned += np.allclose(image, original[:, ::-1], atol=1e-6)
        assert np.allclose(image, original, atol=1e-6) or np.allclose(image, original[:, ::-1], atol=1e-6)
    assert 30 < turned < 70


def augmented(array, epochs, augment):
    """Yield each image of some epochs with the one that it was made of."""
    images, _ = collected(batch_stream(array, 10, seed=0, augment=augment).take(epochs))
    order = np.concatenate([epoch_order(10, 0, epoch) for epoch in range(epochs)])
    yield from zip(images, array.images[order] / 255, strict=True)


def test_crop_shifts_by_up_to_an_eighth_and_fills_with_zeros(array):
    shifts = set()
    for image, original in augmented(array, epochs=30, augment="crop"):
        padded = np.pad(original, ((2, 2), (2, 2), (0, 0)))
        places = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if np.allclose(image, padded[top : top + 16, left : left + 16], atol=1e-6)
        ]
        assert len(places) == 1
        shifts.add(places[0])
    assert len(shifts) == 25


@pytest.mark.parametrize(("size", "expected"), [(8, (8, 8)), ((8, 4), (8, 4))])
def test_images_in_memory_are_resized_by_averaging(size, expected):
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), dtype=np.uint8)
    resized, _ = collected(batches(ImageArray(images, np.zeros(2, np.int32)), 2, size=size))
    assert resized.shape == (2, *expected, 1)
    np.testing.assert_allclose(resized.mean(), images.mean() / 255, atol=0.02)
    assert resized.std() < 0.7 * (images / 255).std()


def test_files_are_cut_in_the_middle_to_224_of_256_parts_of_their_shorter_side(files):
    images, labels = collected(batches(files, 4, size=32))
    assert images.shape == (6, 32, 32, 3) and labels.tolist() == [0, 1, 2, 3, 4, 5]
    for index, image in enumerate(images):
        height, width, _ = files.read(index).shape
        share = 7 / 8 * min(height, width)
        np.testing.assert_allclose(image[..., 2], 10 * index / 255, atol=1e-3)
        for channel, length, axis in ((0, width, 0), (1, height, 1)):
            profile = 255 * image[..., channel].mean(axis)
            assert profile.mean() == pytest.approx(125, abs=4)
            assert profile[-1] - profile[0] == pytest.approx(250 * share / length, rel=0.12)


def test_crops_of_files_stay_within_the_middle_square(files):
    wide = files.select(
        [3]
    )  # 33x90 pixels: of the square from 28.5 to 61.5, crops of 29 have their middle at 42.5 to 47
    images, _ = collected(batch_stream(wide, 1, seed=0, size=16, augment="crop").take(30))
    middles = 89 / 250 * 255 * images[..., 0].mean((1, 2))
    assert 41.5 < middles.min() and middles.max() < 47
    assert np.ptp(middles) > 2.5


def test_same_seed_gives_the_same_crops_of_files(files):
    options = {"seed": 4, "epoch": 1, "size": 16, "augment": "crop-mirror"}
    assert_equal(collected(batches(files, 4, **options)), collected(batches(files, 4, **options)))


def test_stream_of_files_starts_each_epoch_with_a_full_batch(files):
    sizes = [len(labels) for _, labels in batch_stream(files, 4, seed=0, size=8).take(4)]
    assert sizes == [4, 2, 4, 2]


def test_damaged_file_is_named_when_it_is_reached(files):
    files.files[2].write_bytes(b"")
    with pytest.raises(tf.errors.OpError, match="2.png is empty or not an image"):
        collected(batches(files, 2, size=8))


def test_fit_takes_the_batches_of_an_epoch(array):
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(batches(array, 4, seed=0), epochs=2, verbose=0, shuffle=False).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "from 1 to 10, the number of images; got 0"),
        ({"batch_size": 11, "drop_remainder": True}, "from 1 to 10, the number of images; got 11"),
        (
            {"augment": "flip", "seed": 0},
            "Unknown augmentation 'flip'; choose one of: none, mirror, crop, crop-mirror",
        ),
        ({"augment": "crop"}, "'crop' is random and needs a seed"),
    ],
)
@pytest.mark.parametrize("stream", [batches, batch_stream])
def test_options_that_make_no_sense_are_refused(array, stream, options, message):
    with pytest.raises(InputError, match=message):
        stream(array, **{"batch_size": 2, "seed": None, **options})


def test_files_need_a_size(files):
    with pytest.raises(InputError, match="Images in files differ in size; expected `size`"):
        batches(files, 2)


@pytest.mark.parametrize("kind", ["array", "files"])
def test_batch_mirror_mirrors_all_images_of_a_batch_or_none(kind, request):
    images = request.getfixturevalue(kind)
    options = {"size": 16, "seed": 5}
    mirrored = set()
    for epoch in range(6):
        plain = batches(images, 3, epoch=epoch, **options)
        for (batch, _), (changed, _) in zip(
            plain, batches(images, 3, epoch=epoch, augment="batch-mirror", **options), strict=True
        ):
            is_mirrored = bool(np.allclose(changed, batch[:, :, ::-1]))
            mirrored.add(is_mirrored)
            np.testing.assert_allclose(changed, batch[:, :, ::-1] if is_mirrored else batch, atol=1e-6)
    assert mirrored == {True, False}


def test_float_images_are_taken_as_they_are():
    values = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    images = ImageArray(values, np.arange(4, dtype=np.int32))
    np.testing.assert_array_equal(collected(batches(images, 2))[0], values)
    np.testing.assert_array_equal(images.read(3), values[3])
    np.testing.assert_allclose(images.mean_image(), values.mean(0), atol=1e-6)
