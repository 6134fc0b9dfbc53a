"""Parts of batches, one for each worker of a training: put together they are the batches of one worker."""

import numpy as np
import pytest

from tfapp.data import Frames, Framing, open_dataset, ordered_batches, training_stream
from tfapp.errors import InputError


@pytest.fixture(scope="module")
def frames():
    dataset = open_dataset("cells:13:32")
    return Frames(dataset, list(dataset.items), Framing(None, None, 0))


def joined(streams, count):
    """Return the batches, tuples of arrays, of which each stream has some rows."""
    parts = [list(stream.take(count).as_numpy_iterator()) for stream in streams]
    return [tuple(map(np.concatenate, zip(*rows, strict=True))) for rows in zip(*parts, strict=True)]


def assert_same(one, other):
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        for a, b in zip(left, right, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("first_step", [0, 3])
def test_parts_of_shuffled_batches_are_those_of_one_worker(frames, workers, first_step):
    options = {"batch_size": 6, "seed": 5, "first_step": first_step}
    whole = list(training_stream(frames, **options).take(7).as_numpy_iterator())
    parts = [training_stream(frames, **options, share=(number, workers)) for number in range(workers)]
    assert_same(joined(parts, 7), whole)


# 13 frames: the last batch has as many rows as workers, fewer, or none for some.
@pytest.mark.parametrize(("batch_size", "workers"), [(5, 3), (4, 2), (6, 3), (12, 4)])
def test_parts_of_ordered_batches_are_those_of_one_worker(frames, batch_size, workers):
    whole = list(ordered_batches(frames, batch_size).as_numpy_iterator())
    parts = [ordered_batches(frames, batch_size, (number, workers)) for number in range(workers)]
    assert_same(joined(parts, -1), whole)


def test_only_frames_of_the_part_are_read(frames, monkeypatch):
    read = []
    turned = Frames.turned
    monkeypatch.setattr(
        Frames, "turned", lambda self, index, *how: read.append(index) or turned(self, index, *how)
    )
    list(ordered_batches(frames, 4, (1, 2)).as_numpy_iterator())
    assert sorted(set(read)) == [2, 3, 6, 7, 10, 11, 12]


def test_batch_that_workers_cannot_divide_is_refused_with_sizes_that_they_can(frames):
    with pytest.raises(
        InputError, match="batch size 8 cannot be divided among 3 workers; use `batch_size` 6 or 9"
    ):
        training_stream(frames, batch_size=8, seed=0, share=(0, 3))
