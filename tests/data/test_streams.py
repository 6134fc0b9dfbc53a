import numpy as np
import pytest
import tensorflow as tf

from tfapp.data import Frames, Framing, open_dataset, ordered_batches, training_stream
from tfapp.errors import InputError


@pytest.fixture
def frames(make_folder):
    dataset = open_dataset(f"folder:{make_folder(size=(32, 32))}")
    return Frames(dataset, dataset.items, Framing())


def batches(frames, count, **options):
    stream = training_stream(frames, batch_size=4, **{"seed": 0, **options})
    return [tuple(part.numpy() for part in batch) for batch in stream.take(count)]


def assert_equal(some, others):
    for one, other in zip(some, others, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_stream_started_later_continues_exactly(frames):
    assert_equal(batches(frames, 8)[5:], batches(frames, 3, first_step=5))


def test_every_frame_is_seen_once_in_each_pass(frames):
    images = np.concatenate([batch[0] for batch in batches(frames, 3, augment="none")])
    first_pass, second_pass = images[:6], images[6:12]
    expected = np.stack([frames[i][0] for i in range(6)])
    for seen in (first_pass, second_pass):
        np.testing.assert_array_equal(np.sort(seen.sum((1, 2, 3))), np.sort(expected.sum((1, 2, 3))))
    assert not np.array_equal(first_pass, second_pass)


def test_another_seed_gives_another_order(frames):
    assert not np.array_equal(batches(frames, 1)[0][0], batches(frames, 1, seed=1)[0][0])


@pytest.mark.parametrize(("augment", "expected"), [("none", 1), ("mirror", 2), ("flips", 4), ("dihedral", 8)])
def test_augmentation_reaches_every_variant_and_no_other(make_folder, augment, expected):
    dataset = open_dataset(f"folder:{make_folder(count=4, size=(32, 32))}")
    frames = Frames(dataset, dataset.items, Framing())
    images = np.concatenate([batch[0] for batch in batches(frames, 40, augment=augment)])
    original = frames[0][0]
    square = [np.rot90(original, k) for k in range(4)]
    symmetries = [*square, *(image[:, ::-1] for image in square)]
    mine = [image for image in images if np.isclose(image.sum(), original.sum(), rtol=1e-6)]
    seen = {next(i for i, s in enumerate(symmetries) if np.array_equal(image, s)) for image in mine}
    assert len(seen) == expected


def test_image_labels_and_weights_turn_together(make_folder):
    dataset = open_dataset(f"folder:{make_folder(size=(32, 32))}")
    frames = Frames(dataset, dataset.items, Framing(), [1.0, 2.0, 3.0])
    for images, labels, weights in batches(frames, 10):
        np.testing.assert_array_equal(weights, labels + 1)
        assert np.mean(np.rint((images[..., 0] * 255 - 40) / 60) == labels) > 0.99


def test_more_images_per_batch_than_there_are_is_refused(frames):
    with pytest.raises(InputError, match="batch size is 7 but there are only 6 .* `batch_size` 6 or less"):
        training_stream(frames, batch_size=7, seed=0)


def test_quarter_turns_of_oblong_frames_are_refused(make_folder):
    dataset = open_dataset(f"folder:{make_folder()}")
    with pytest.raises(InputError, match="`augment` flips"):
        training_stream(Frames(dataset, dataset.items, Framing()), batch_size=2, seed=0)


def test_ordered_batches_keep_order_and_the_remainder(frames):
    images = [batch[0].numpy() for batch in ordered_batches(frames, 4)]
    assert [len(batch) for batch in images] == [4, 2]
    np.testing.assert_array_equal(np.concatenate(images), np.stack([frames[i][0] for i in range(6)]))


def test_mirror_never_turns_a_scene_upside_down(make_folder):
    dataset = open_dataset(f"folder:{make_folder(count=4, size=(32, 32))}")
    frames = Frames(dataset, dataset.items, Framing())
    originals = [frames[i][0] for i in range(4)]
    for image in np.concatenate([batch[0] for batch in batches(frames, 20, augment="mirror")]):
        assert any(np.array_equal(image, o) or np.array_equal(image, o[:, ::-1]) for o in originals)


@pytest.fixture
def patches(make_folder):
    """Frames of six images, nine patches each, in patches of 16."""
    dataset = open_dataset(f"folder:{make_folder(size=(48, 48))}")
    return Frames(dataset, dataset.items, Framing(patch=16))


def places(frames, count, **options):
    """Return which frame each of the first elements of a stream is: those of these frames all differ."""
    known = {frames[index][0].tobytes(): index for index in range(len(frames))}
    stream = training_stream(frames, batch_size=1, seed=0, augment="none", **options)
    return [known[image.numpy().tobytes()] for image, *_ in stream.take(count)]


@pytest.mark.parametrize("together", [1, 2, 4, 6, 100])
def test_groups_of_images_show_every_frame_once_in_each_pass(patches, together):
    seen = places(patches, 108, images_together=together)
    assert sorted(seen[:54]) == sorted(seen[54:]) == list(range(54))
    assert seen[:54] != seen[54:]


@pytest.mark.parametrize(("together", "sizes"), [(1, [1] * 6), (2, [2] * 3), (4, [3, 3]), (5, [3, 3])])
def test_groups_are_of_one_size_and_follow_each_other(patches, together, sizes):
    images = [place // 9 for place in places(patches, 54, images_together=together)]
    for size in sizes:
        assert len(set(images[: 9 * size])) == size
        images = images[9 * size :]


def test_frames_of_a_group_are_shuffled_with_each_other(patches):
    images = [place // 9 for place in places(patches, 27, images_together=3)]
    # Drawn one image after the other there would be two changes.
    assert np.count_nonzero(np.diff(images)) > 9


@pytest.mark.parametrize("first_step", [3, 13, 14, 30])
def test_grouped_stream_started_later_continues_exactly(patches, first_step):
    whole = batches(patches, first_step + 3, images_together=2)
    assert_equal(whole[first_step:], batches(patches, 3, images_together=2, first_step=first_step))


@pytest.mark.parametrize("together", [None, 2])
def test_batches_do_not_depend_on_the_memory(patches, together):
    other = Frames(patches.dataset, patches.items, patches.framing, memory=1)
    for options in ({"seed": 3}, {"seed": 3, "first_step": 11}):
        assert_equal(
            batches(patches, 20, images_together=together, **options),
            batches(other, 20, images_together=together, **options),
        )


def test_augmented_frames_are_turned_as_tensorflow_turns_them(patches):
    count = len(patches)
    order = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), seed=[7, 0]).numpy()
    found = training_stream(patches, batch_size=count, seed=7, augment="dihedral").take(1)
    ((images, labels, _),) = found
    for place, index in enumerate(order):
        mirror, flip, turns = tf.random.stateless_uniform([3], [7, index], 0, 4, tf.int32).numpy()
        image, label = (tf.constant(array) for array in patches[index][:2])
        for array, got in ((image, images[place]), (label[..., None], labels[place][..., None])):
            array = tf.image.flip_left_right(array) if mirror % 2 else array
            array = tf.image.flip_up_down(array) if flip % 2 else array
            np.testing.assert_array_equal(tf.image.rot90(array, turns), got)
