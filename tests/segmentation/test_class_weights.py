import numpy as np
import pytest
from PIL import Image

from tfapp.data import Frames, Framing, open_dataset, split_items
from tfapp.errors import InputError
from tfapp.segmentation.class_weighting import balanced, class_weights, median_frequency

# Three images of 100 pixels (the second has 20 without a label), class 3 nowhere.
COUNTS = np.array([[60, 40, 0, 0], [70, 0, 10, 0], [100, 0, 0, 0]])


def test_median_frequency_by_hand():
    # freq = 230/280, 40/100, 10/80; their median is 40/100.
    expected = [0.4 / (230 / 280), 1.0, 0.4 / (10 / 80), 0.0]
    np.testing.assert_allclose(median_frequency(COUNTS), expected)


def test_balanced_by_hand():
    # Inverse shares 280/230, 280/40, 280/10, divided by their mean.
    inverse = np.array([280 / 230, 7.0, 28.0, 0.0])
    np.testing.assert_allclose(balanced(COUNTS), inverse / inverse[:3].mean())


def test_balanced_weight_is_at_most_20():
    counts = np.full((1, 60), 10**6)
    counts[0, 0] = 1
    assert balanced(counts).max() == 20


def test_weights_of_frames_leave_out_pixels_without_a_label(make_folder):
    root = make_folder(values=(0, 1, 255), classes=["0 plasma", "1 body", "7 nowhere", "255 ignore"])
    dataset = open_dataset(f"folder:{root}")
    frames = Frames(dataset, dataset.items, Framing())
    masks = np.stack([item.read_mask() for item in dataset.items])
    plasma, body = (np.mean(masks[masks != 255] == label) for label in (0, 1))  # both are in every image
    middle = (plasma + body) / 2
    weights = class_weights(frames.read_all().label_counts, "median-frequency", dataset.spec)
    np.testing.assert_allclose(weights, [middle / plasma, middle / body, 0])


@pytest.mark.parametrize("weighting", ["balanced", "median-frequency"])
def test_training_images_without_any_label_are_refused(make_folder, weighting):
    root = make_folder(count=2, values=(0, 1), classes=["0 plasma", "1 body", "255 ignore"])
    Image.new("L", (48, 32), 255).save(root / "masks" / "cell 0.png")
    dataset = open_dataset(f"folder:{root}")
    with pytest.raises(InputError, match="No training pixel .* has a label"):
        class_weights(
            Frames(dataset, dataset.items[:1], Framing()).read_all().label_counts, weighting, dataset.spec
        )


@pytest.mark.slow
def test_sample_of_camvid_has_about_the_weights_that_segnet_published(real_data):
    dataset = open_dataset(f"camvid:{real_data('CamVid')}")
    frames = Frames(dataset, dataset.select(split_items(dataset).train), Framing())
    weights = class_weights(frames.read_all().label_counts, "median-frequency", dataset.spec)
    # class_weighting of SegNet-Tutorial's models, from all 367 training images; the sample has 120. Its 9.6446
    # of SignSymbol does not fit masks in which that class has more pixels than Pole, with 4.5640.
    published = [0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, np.nan, 1.8418, 0.6823, 6.2478, 7.3614]
    ratio = np.delete(np.array(weights) / published, dataset.class_names.index("SignSymbol"))
    assert ratio.min() > 0.9 and ratio.max() < 1.15
