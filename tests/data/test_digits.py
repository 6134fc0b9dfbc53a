import numpy as np
import pytest
from scipy import ndimage

from tfapp.data import open_classification
from tfapp.data.readers.digits import generate_digit
from tfapp.errors import InputError


@pytest.fixture(scope="module")
def data():
    return open_classification("digits:500")


def test_a_fifth_is_for_testing_and_every_class_is_as_frequent(data):
    assert data.image_shape == (28, 28, 1)
    np.testing.assert_array_equal(data.class_counts(), [10 * [40], 10 * [10]])


def test_a_digit_depends_on_seed_and_index_alone():
    np.testing.assert_array_equal(generate_digit(3, 14), generate_digit(3, 14))
    assert np.any(generate_digit(3, 14) != generate_digit(3, 24))
    assert np.any(generate_digit(3, 14) != generate_digit(4, 14))


def test_no_test_image_is_among_the_training_images(data):
    train = {image.tobytes() for image in data.train.images}
    assert len(train) == 400
    assert not train & {image.tobytes() for image in data.test.images}


def test_ink_is_bright_on_dark_paper_and_stays_off_the_border(data):
    images = data.train.images[..., 0]
    assert np.median(images) < 20 and np.quantile(images.max((1, 2)), 0.05) > 150
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]])
    assert np.mean(border > 100) < 0.01


@pytest.mark.parametrize(("digit", "holes"), [(0, 1), (1, 0), (2, 0), (3, 0), (5, 0), (7, 0)])
def test_most_digits_have_the_holes_of_their_kind(data, digit, holes):
    found = [count_holes(image[..., 0]) for image in data.train.images[data.train.labels == digit]]
    assert np.mean(np.array(found) == holes) > 0.7


def count_holes(image):
    """Parts of the paper that ink cuts off from the border."""
    paper = np.pad(image < 60, 1, constant_values=True)
    return ndimage.label(paper)[1] - 1


def test_a_digit_is_nearer_to_its_class_than_to_others(data):
    means = np.stack([data.train.images[data.train.labels == digit].mean(0) for digit in range(10)])
    distances = np.square(data.test.images[:, None].astype(float) - means).sum((2, 3, 4))
    right = np.mean(distances.argmin(1) == data.test.labels)
    assert 0.5 < right < 0.95  # so that a network has something to learn, and can


@pytest.mark.parametrize("spec", ["digits:ten", "digits:1:2", "digits:-5"])
def test_specification_that_is_no_count_is_refused(spec):
    with pytest.raises(InputError, match="expected digits or digits:COUNT"):
        open_classification(spec)


def test_too_few_digits_are_refused():
    with pytest.raises(
        InputError, match="'digits:19' asks for too little; expected digits:COUNT with COUNT >= 20"
    ):
        open_classification("digits:19")
