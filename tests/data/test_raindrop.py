import numpy as np
import pytest
from PIL import Image

from tfapp.data import (
    Frames,
    Framing,
    choose_framing,
    names_image_pairs,
    noisy_set,
    open_dataset,
    split_items,
    training_stream,
)
from tfapp.errors import InputError

OFFICIAL = {"counts": (("train", 12), ("test_a", 2), ("test_b", 3)), "folders": ("data", "gt")}


def picture(path):
    return np.asarray(Image.open(path)) / np.float32(255)


@pytest.mark.parametrize("folders", [("rain_image", "clean_image"), ("data", "gt")])
@pytest.mark.parametrize("below", ["", "training_data_example"])
def test_pairs_of_one_folder_are_matched_by_number(make_pairs, folders, below):
    root = make_pairs(((below, 3),), folders)
    dataset = open_dataset(f"raindrop:{root}")
    assert [item.name for item in dataset.items] == ["0_rain", "1_rain", "2_rain"]
    for index, item in enumerate(dataset.items):
        np.testing.assert_array_equal(
            item.read_image(), picture(root / below / folders[0] / f"{index}_rain.png")
        )
        np.testing.assert_array_equal(
            item.read_target(), picture(root / below / folders[1] / f"{index}_clean.png")
        )


def test_pairs_come_in_numeric_order(make_pairs):
    names = [item.name for item in open_dataset(f"raindrop:{make_pairs((('', 12),))}").items]
    assert names == [f"{number}_rain" for number in range(12)]


def test_official_folders_are_the_split(make_pairs):
    split = split_items(open_dataset(f"raindrop:{make_pairs(**OFFICIAL)}"), validation_share=0.25)
    assert len(split.train) == 9 and len(split.validation) == 3
    assert split.test == ("test_a/0_rain", "test_a/1_rain")


def test_test_images_may_be_jpeg(make_pairs):
    root = make_pairs(**OFFICIAL)
    for file in (root / "test_a").rglob("*.png"):
        Image.open(file).save(file.with_suffix(".jpg"), quality=95)
        file.unlink()
    assert len(open_dataset(f"raindrop:{root}").official_split.test) == 2


def test_dataset_has_images_to_make_and_no_classes(make_pairs):
    dataset = open_dataset(f"raindrop:{make_pairs()}")
    assert dataset.image_pairs and dataset.num_classes == 0 and dataset.num_outputs == 3


def test_only_the_datasets_of_pairs_are_named_so():
    assert names_image_pairs("raindrop:/data") and not names_image_pairs("drive:/data")


def test_images_are_resized_to_480_unless_asked_otherwise(make_pairs):
    dataset = open_dataset(f"raindrop:{make_pairs()}")
    assert choose_framing(dataset, 16) == Framing(resize=(480, 480))
    assert choose_framing(dataset, 16, resize=(16, 32)) == Framing(resize=(16, 32))
    assert choose_framing(dataset, 16, patch=16, overlap=8) == Framing(patch=16, overlap=8)


def test_frames_are_the_same_part_of_both_images(make_pairs):
    dataset = open_dataset(f"raindrop:{make_pairs()}")
    frames = Frames(dataset, dataset.items, Framing(patch=16))
    item, (top, left, *_) = frames.window(7)
    image, target, weights = frames[7]
    np.testing.assert_array_equal(image, item.read_image()[top : top + 16, left : left + 16])
    np.testing.assert_array_equal(target, item.read_target()[top : top + 16, left : left + 16])
    np.testing.assert_array_equal(weights, np.ones((16, 16)))


def test_both_images_are_resized_alike(make_pairs):
    root = make_pairs()
    (root / "rain_image" / "0_rain.png").write_bytes((root / "clean_image" / "0_clean.png").read_bytes())
    dataset = open_dataset(f"raindrop:{root}")
    image, target, _ = Frames(dataset, dataset.items, Framing(resize=(16, 24)))[0]
    assert target.shape == (16, 24, 3)
    np.testing.assert_array_equal(image, target)


def test_both_images_turn_together(make_pairs):
    dataset = open_dataset(f"raindrop:{make_pairs()}")
    stream = training_stream(
        Frames(dataset, dataset.items, Framing()), batch_size=3, seed=0, augment="dihedral"
    )
    for images, targets, weights in stream.take(4):
        assert targets.shape == (3, 32, 32, 3) and weights.shape == (3, 32, 32)
        # The drops brighten by 60 of 255 and nothing else differs.
        np.testing.assert_array_less(-1e-6, images - targets)
        np.testing.assert_array_less(images - targets, 60 / 255 + 1e-6)


def test_noise_is_put_on_the_given_images_only(make_pairs):
    dataset = open_dataset(f"raindrop:{make_pairs()}")
    noisy = noisy_set([item.name for item in dataset.items], "gaussian=0.1", 1.0, seed=0)
    image, target, _ = Frames(dataset, dataset.items, Framing(), noisy_set=noisy)[0]
    assert not np.array_equal(image, dataset.items[0].read_image())
    np.testing.assert_array_equal(target, dataset.items[0].read_target())


def test_pair_of_two_sizes_is_refused(make_pairs):
    root = make_pairs()
    Image.new("RGB", (32, 31)).save(root / "clean_image" / "0_clean.png")
    dataset = open_dataset(f"raindrop:{root}")
    with pytest.raises(InputError, match="Image 0_rain is 32x32 pixels but its pair is 32x31"):
        Frames(dataset, dataset.items, Framing())[0]


def test_image_without_its_pair_is_named(make_pairs):
    root = make_pairs()
    (root / "clean_image" / "3_clean.png").unlink()
    with pytest.raises(InputError, match="3_rain.png has no pair; expected .*3_clean.png or .jpg"):
        open_dataset(f"raindrop:{root}")


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="No raindrop pairs in"):
        open_dataset(f"raindrop:{tmp_path}")


def test_fingerprint_changes_with_a_target(make_pairs):
    root = make_pairs()
    before = open_dataset(f"raindrop:{root}").fingerprint()
    Image.new("RGB", (32, 32)).save(root / "clean_image" / "0_clean.png")
    assert open_dataset(f"raindrop:{root}").fingerprint() != before


def test_sample_of_raindrop_has_the_documented_likeness(real_data):
    dataset = open_dataset(f"raindrop:{real_data('raindrop')}")
    assert [item.size for item in dataset.items] == [(480, 720)] * 4
    errors = [np.mean((item.read_image() - item.read_target()) ** 2) for item in dataset.items]
    # The sample's documentation: 20.5, 16.4, 18.7 and 14.7 dB.
    np.testing.assert_allclose(-10 * np.log10(errors), [20.5, 16.4, 18.7, 14.7], atol=0.051)


def test_two_images_of_one_number_are_refused(make_pairs):
    root = make_pairs((("", 2),))
    folder = next(path.parent for path in root.rglob("1_clean.png"))
    (folder / "01_clean.png").write_bytes((folder / "1_clean.png").read_bytes())
    with pytest.raises(InputError, match="01_clean.png and .*1_clean.png have the same number"):
        open_dataset(f"raindrop:{root}")


def test_all_pairs_are_those_of_the_three_folders_without_an_official_split(make_pairs):
    dataset = open_dataset(f"raindrop:{make_pairs(**OFFICIAL)}?pairs=all")
    split = split_items(dataset, test_share=0.3, validation_share=0.0)
    assert dataset.official_split is None and len(dataset.items) == 12 + 2 + 3
    assert (len(split.train), len(split.test)) == (12, 5)


def test_pairs_of_test_a_that_test_b_has_too_come_once(make_pairs):
    root = make_pairs(**OFFICIAL)
    for folder, name in (("data", "rain"), ("gt", "clean")):
        copied = (root / "test_a" / folder / f"1_{name}.png").read_bytes()
        (root / "test_b" / folder / f"7_{name}.png").write_bytes(copied)
    names = [item.name for item in open_dataset(f"raindrop:{root}?pairs=all").items]
    assert names[12:] == ["test_a/0_rain", "test_b/0_rain", "test_b/1_rain", "test_b/2_rain", "test_b/7_rain"]


def test_other_pairs_are_refused(make_pairs):
    with pytest.raises(InputError, match="must be official or all; got 'some'"):
        open_dataset(f"raindrop:{make_pairs()}?pairs=some")
