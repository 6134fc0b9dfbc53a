import numpy as np
import pytest
from scipy import ndimage

from tfapp.data import open_dataset
from tfapp.data.readers.cells import CLASS_NAMES, generate_cell
from tfapp.data.readers.smear import pixel_centres, smooth_noise


@pytest.fixture(scope="module")
def cells():
    images, labels = zip(*(generate_cell(0, index) for index in range(50)), strict=True)
    return np.stack(images), np.stack(labels)


def mean_iou(predicted, labels):
    hits = [(predicted == c) & (labels == c) for c in range(3)]
    unions = [(predicted == c) | (labels == c) for c in range(3)]
    return np.mean([hit.sum() / union.sum() for hit, union in zip(hits, unions, strict=True)])


def nearest(colours, means):
    return np.argmin([((colours - mean) ** 2).sum(axis=-1) for mean in means], axis=0)


def class_means(colours, labels):
    return [colours[labels == c].mean(axis=0) for c in range(3)]


def test_same_arguments_give_the_same_picture_and_labels():
    for first, second in zip(generate_cell(3, 7), generate_cell(3, 7), strict=True):
        np.testing.assert_array_equal(first, second)


def test_global_random_state_has_no_influence():
    np.random.seed(0)
    first, _ = generate_cell(3, 7)
    np.random.seed(1)
    second, _ = generate_cell(3, 7)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("seed", "index"), [(0, 1), (1, 0)])
def test_another_seed_or_index_gives_another_scene(seed, index):
    assert (generate_cell(0, 0)[1] != generate_cell(seed, index)[1]).mean() > 0.01


@pytest.mark.parametrize("size", [32, 64, 96, 127, 128, 160])
def test_shapes_and_types_at_every_size(size):
    image, labels = generate_cell(0, 0, size)
    assert image.shape == (size, size, 3) and image.dtype == np.uint8
    assert labels.shape == (size, size) and labels.dtype == np.uint8


def test_arrays_are_contiguous():
    assert all(array.flags.c_contiguous for array in generate_cell(0, 0))


@pytest.mark.parametrize("size", [32, 64, 160])
def test_many_scenes_can_be_drawn_at_every_size(size):
    for index in range(40):
        assert generate_cell(1, index, size)[1].max() == 2


def test_every_picture_has_all_three_classes(cells):
    assert all(set(np.unique(labels)) == set(range(len(CLASS_NAMES))) for labels in cells[1])


def test_mean_class_shares_are_those_of_a_smear(cells):
    # Bounds around the mean of photographs of single white cells: 0.6-0.85, 0.05-0.25, 0.05-0.2.
    background, cytoplasm, nucleus = (np.mean(cells[1] == c) for c in range(3))
    assert 0.7 < background < 0.9 and 0.06 < cytoplasm < 0.2 and 0.04 < nucleus < 0.15


def test_no_class_vanishes_or_takes_over_in_any_picture(cells):
    shares = np.stack([(cells[1] == c).mean(axis=(1, 2)) for c in range(3)])
    assert shares.min() > 0.01 and shares.max() < 0.97


@pytest.mark.slow
def test_class_shares_do_not_depend_on_the_size():
    shares = [np.mean([generate_cell(0, i, size)[1] > 0 for i in range(60)]) for size in (64, 128)]
    assert abs(shares[0] - shares[1]) < 0.05


def test_nucleus_pixels_rarely_touch_background(cells):
    nucleus = cells[1] == 2
    near_background = [ndimage.binary_dilation(labels == 0, np.ones((3, 3))) for labels in cells[1]]
    assert (nucleus & near_background).sum() < 0.01 * nucleus.sum()


def test_some_nuclei_have_holes_and_some_have_none(cells):
    holed = [(ndimage.binary_fill_holes(labels == 2) & (labels == 1)).any() for labels in cells[1]]
    assert 0.2 < np.mean(holed) < 0.9


def test_nothing_but_cytoplasm_lies_in_the_holes(cells):
    for labels in cells[1]:
        assert not (ndimage.binary_fill_holes(labels == 2) & (labels == 0)).any()


def test_camera_noise_is_present_in_every_picture(cells):
    # Second differences cancel smooth shading; sqrt(6) is their gain for independent noise.
    background = cells[0].astype(float)[..., 1]
    noise = np.median(np.abs(np.diff(background, n=2, axis=1)), axis=(1, 2)) / 0.6745 / np.sqrt(6)
    assert noise.min() > 0.5 and noise.max() < 12


def test_light_is_uneven():
    # The brightest tenth of a corner is plasma, as cells only darken. With even light the corners differ by
    # 4.4 levels on average (measured with the illumination set to 1), with the modelled one by 9.3.
    spreads = []
    for index in range(60):
        brightness = generate_cell(2, index, 64)[0].max(axis=-1)
        corners = [
            brightness[y, x] for y in (slice(14), slice(-14, None)) for x in (slice(14), slice(-14, None))
        ]
        spreads.append(np.std([np.quantile(corner, 0.9) for corner in corners]))
    assert np.mean(spreads) > 7


def test_stain_and_lamp_vary_between_pictures(cells):
    images, labels = cells
    plasma = [np.quantile(i[y == 0], 0.8, axis=0) for i, y in zip(images, labels, strict=True)]
    nuclei = [i[y == 2].mean(axis=0) for i, y in zip(images, labels, strict=True)]
    assert np.std(plasma, axis=0).min() > 6 and np.std(nuclei, axis=0).min() > 10


def test_nucleus_is_darker_than_its_cytoplasm(cells):
    for image, labels in zip(*cells, strict=True):
        assert image[labels == 2, 1].mean() < image[labels == 1, 1].mean() - 15


def test_nearest_mean_colour_is_far_from_solving_the_task(cells):
    images, labels = cells[0].astype(float), cells[1]
    means = class_means(images[:25], labels[:25])
    assert mean_iou(nearest(images[25:], means), labels[25:]) < 0.6


def test_nearest_mean_colour_fails_even_with_the_true_means_of_each_picture(cells):
    images, labels = cells[0].astype(float), cells[1]
    scores = [mean_iou(nearest(i, class_means(i, y)), y) for i, y in zip(images, labels, strict=True)]
    assert np.mean(scores) < 0.75


def test_no_brightness_thresholds_reach_ninety_percent(cells):
    green, labels = cells[0][..., 1], cells[1]
    scores = [
        mean_iou((green < high).astype(int) + (green < low), labels)
        for low in range(40, 160, 12)
        for high in range(low + 12, 240, 12)
    ]
    assert max(scores) < 0.7


@pytest.mark.parametrize("size", [31, 0, -128])
def test_too_small_size_is_refused_with_the_value_received(size):
    with pytest.raises(ValueError, match=rf"`size` must be an integer of at least 32.*size={size}\."):
        generate_cell(0, 0, size)


@pytest.mark.parametrize("grain", [0.007, 0.03])
def test_smooth_noise_has_unit_variance_at_any_grain(grain):
    axis = pixel_centres(400)
    assert smooth_noise(np.random.default_rng(0), axis, axis, grain).std() == pytest.approx(1, abs=0.05)


def test_smooth_noise_forgets_after_a_few_grains():
    axis = pixel_centres(400)
    field = smooth_noise(np.random.default_rng(0), axis, axis, grain=0.02)
    near, far = (np.mean(field[:, :-lag] * field[:, lag:]) for lag in (2, 40))  # 0.25 and 5 grains
    assert near > 0.9 and abs(far) < 0.1


def test_cells_count_and_size_are_taken_from_the_specification():
    dataset = open_dataset("cells:5:64")
    assert len(dataset.items) == 5
    assert dataset.items[4].read_image().shape == (64, 64, 3)
    assert dataset.items[4].read_mask().shape == (64, 64)
