"""Where the answer of a segmenter lies, on operations whose crops and strides are known."""

import keras
import numpy as np
import pytest
import scipy.ndimage

from tfapp.layers.placement import misplacement


def blurred(images):
    """Return what a convolution with padding gives, by SciPy."""
    return scipy.ndimage.uniform_filter(images, (0, 5, 5, 0), mode="nearest")


def cropped(margin, images):
    return images[:, margin:-margin, margin:-margin]


def enlarged(images, times):
    return images.repeat(times, 1).repeat(times, 2)


def of_all(images):
    """Return what an average over the whole image gives."""
    return np.broadcast_to(images.mean((1, 2), keepdims=True), images.shape)


COVERING = {
    "each pixel": lambda x: x,
    "padded": blurred,
    "stride 4": lambda x: blurred(x)[:, ::4, ::4],
    "twice the size": lambda x: enlarged(blurred(x), 2),
    "the whole image": lambda x: 0.5 * blurred(x) + of_all(x),
    "resized": lambda x: keras.ops.image.resize(blurred(x), (60, 90)),
    "blind to noise": lambda x: (blurred(x) > 0.9).astype(np.float32),
}


@pytest.mark.parametrize("answer", COVERING.values(), ids=COVERING)
def test_answer_that_covers_the_image_is_none_to_report(answer):
    assert misplacement(answer, (64, 96), 3) is None


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (lambda x: cropped(1, blurred(x)), "answers for the middle 94x62 of 96x64 pixels alone"),
        (lambda x: cropped(16, x), "answers for the middle 64x32 of 96x64 pixels alone"),
        (lambda x: cropped(16, x)[:, ::2, ::2], "answers for the middle 64x32 of 96x64 pixels alone"),
        (lambda x: x[:, 16:, 24:], "answers for a part of 72x48 of 96x64 pixels alone"),
        (
            lambda x: x[:, :, 48:],
            "answers for a part of an image of 96x64 pixels alone: what the rest shows",
        ),
        (
            lambda x: np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))),
            "answers for 98x66 pixels, more than the 96x64 of the image",
        ),
        (lambda x: enlarged(x[:, 16:48, 24:72], 2), "answers for the middle 48x32 of 96x64 pixels alone"),
        (lambda x: np.roll(x, (16, 24), (1, 2)), "answers at other places than those where an image"),
        (lambda x: x[:, ::-1], "answers at other places than those where an image"),
        # Half of its size by no stride, and each place of it sees all of the image.
        (lambda x: of_all(x)[:, :62, :94], "answers 94x62 for 96x64 pixels, and no trial tells for which"),
    ],
)
def test_answer_for_something_else_is_told(answer, finding):
    assert finding in misplacement(answer, (64, 96), 3)


def test_answer_that_changes_by_nothing_is_not_taken_for_misplaced():
    assert misplacement(np.zeros_like, (64, 64), 1) is None
