import numpy as np
import pytest

from tfapp.data import Framing, choose_framing, open_dataset
from tfapp.data.framing import network_pair
from tfapp.errors import InputError


def test_patches_cover_every_pixel_and_share_the_overlap():
    windows = Framing(patch=16, overlap=4).windows((40, 33))
    covered = np.zeros((40, 33), int)
    for top, left, height, width in windows:
        assert (height, width) == (16, 16)
        covered[top : top + 16, left : left + 16] += 1
    assert covered.min() == 1
    tops = sorted({top for top, *_ in windows})
    assert max(np.diff(tops)) <= 12


def test_patches_of_256_with_overlap_128_lie_on_the_grid_of_128():
    corners = [(top, left) for top, left, *_ in Framing(patch=256, overlap=128).windows((512, 512))]
    assert corners == [(top, left) for top in (0, 128, 256) for left in (0, 128, 256)]


def test_whole_images_have_one_window():
    assert Framing().windows((40, 33)) == [(0, 0, 40, 33)]


def test_patch_larger_than_the_image_is_refused():
    with pytest.raises(InputError, match="33x40 pixels is smaller than the patch of 64"):
        Framing(patch=64).windows((40, 33))


def test_images_of_one_moderate_size_are_taken_whole(make_folder):
    assert choose_framing(open_dataset(f"folder:{make_folder()}"), 16) == Framing()


def test_large_images_are_cut_into_patches(make_folder):
    dataset = open_dataset(f"folder:{make_folder(count=1, size=(300, 600))}")
    assert choose_framing(dataset, 16).patch == 256


def test_an_image_smaller_than_the_stride_is_named(make_folder):
    dataset = open_dataset(f"folder:{make_folder(size=(12, 48))}")
    with pytest.raises(InputError, match="cell 0 is 48x12 pixels, smaller than the network's stride of 16"):
        choose_framing(dataset, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"resize": (8, 64)}, "`resize`"), ({"patch": 8}, "`patch`"), ({"overlap": 3}, "`overlap`")],
)
def test_unusable_sizes_are_refused(make_folder, options, message):
    with pytest.raises(InputError, match=message):
        choose_framing(open_dataset(f"folder:{make_folder()}"), 16, **options)


def test_resized_labels_are_labels_and_follow_the_image(make_folder):
    dataset = open_dataset(f"folder:{make_folder(size=(64, 96))}")
    image, labels = network_pair(dataset, dataset.items[0], (32, 48))
    assert image.shape == (32, 48, 3) and labels.shape == (32, 48)
    # The picture is painted from the labels (red = 40 + 60 * label), so both must agree off the borders.
    agree = np.rint((image[..., 0] * 255 - 40) / 60) == labels
    assert agree.mean() > 0.93
