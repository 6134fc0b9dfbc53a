import numpy as np
import pytest

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
