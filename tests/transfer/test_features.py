import hashlib
import json
import time
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from tests.transfer.small_images import LOW, SIDE, backbone, part
from tfapp.data import Resolution
from tfapp.data.multi_label import images_in_files
from tfapp.errors import InputError
from tfapp.transfer import features as module
from tfapp.transfer.backbones import Backbone
from tfapp.transfer.features import FeatureExtractor, extract


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    network = backbone(tmp_path_factory.mktemp("backbone") / "small.keras")
    return FeatureExtractor(network, Resolution(SIDE, LOW), low=True, seed=0)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(module, "SHARD", 4)


def counting(images, bad=(), killed_at=None):
    """Return a part that notes in its second result what was read; some images are bad, at one the process ends."""
    read = []

    def read_image(index):
        if index == killed_at:
            raise KeyboardInterrupt
        read.append(index)
        if index in bad:
            raise InputError(f"Image {index}.png is damaged.")
        return images.read_image(index)

    return replace(images, read_image=read_image), read


def test_features_are_those_of_the_model(view, tmp_path):
    images = part(6)
    found = extract(view, images, tmp_path, "train-low")
    batch = np.stack([view.resolution.low_resolution(images.read(index), 0, index) for index in range(6)])
    np.testing.assert_allclose(found.values, view.backbone.model(batch), rtol=1e-5, atol=1e-6)
    assert found.kept.tolist() == list(range(6))


def test_same_extraction_again_reads_no_image(view, tmp_path):
    first = extract(view, part(6), tmp_path, "train-low")
    images, read = counting(part(6))
    np.testing.assert_array_equal(extract(view, images, tmp_path, "train-low").values, first.values)
    assert read == []


def test_killed_extraction_goes_on_where_it_stood(view, tmp_path):
    images, _ = counting(part(10), killed_at=9)
    with pytest.raises(KeyboardInterrupt):
        extract(view, images, tmp_path / "killed", "train-low")
    images, read = counting(part(10))
    found = extract(view, images, tmp_path / "killed", "train-low")
    assert sorted(read) == [8, 9]
    np.testing.assert_array_equal(
        found.values, extract(view, part(10), tmp_path / "whole", "train-low").values
    )


def test_sharp_and_poor_features_are_kept_apart(view, tmp_path):
    low, high = (extract(replace(view, low=low), part(4), tmp_path, "train") for low in (True, False))
    assert len(list(tmp_path.iterdir())) == 2 and not np.allclose(low.values, high.values)


def test_progress_ends_at_the_number_of_images(view, tmp_path):
    seen = []
    extract(view, part(6), tmp_path, "train-low", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 6), (6, 6)]


def test_unreadable_image_is_named(view, tmp_path):
    images, _ = counting(part(6), bad=[5])
    with pytest.raises(InputError, match="Image 5.png is damaged. Or leave out such images by `skip_bad`."):
        extract(view, images, tmp_path, "train-low")


def test_unreadable_image_is_left_out_on_demand(view, tmp_path):
    images, _ = counting(part(6), bad=[0, 5])
    found = extract(view, images, tmp_path, "train-low", skip_bad=True)
    whole = extract(view, part(6), tmp_path / "whole", "train-low")
    assert found.kept.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(found.values, whole.values[1:5], rtol=1e-5)


def test_image_that_was_left_out_is_missed_without_the_option(view, tmp_path):
    images, _ = counting(part(6), bad=[5])
    extract(view, images, tmp_path, "train-low", skip_bad=True)
    with pytest.raises(InputError, match="The image 0/5 could not be read when features were extracted"):
        extract(view, images, tmp_path, "train-low")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda view, path: (replace(view, backbone=backbone(path, seed=1)), part(4)), "another backbone"),
        (lambda view, path: (view, part(4, seed=1)), "other images"),
        (lambda view, path: (replace(view, resolution=Resolution(SIDE, 8)), part(4)), "another resolution"),
    ],
)
def test_features_of_something_else_are_refused(view, tmp_path, change, words):
    other, images = change(view, tmp_path / "other.keras")
    extract(other, images, tmp_path, "train-low")
    [stranger] = tmp_path.glob("train-low-*")
    extract(view, part(4), tmp_path / "mine", "train-low")
    [mine] = (tmp_path / "mine").iterdir()
    # As if features of another run had been copied here under the name of this run's.
    stranger.rename(tmp_path / mine.name)
    with pytest.raises(InputError, match=f"holds features of {words}; remove it, or choose another `out`"):
        extract(view, part(4), tmp_path, "train-low")


def test_damaged_features_are_named(view, tmp_path):
    extract(view, part(4), tmp_path, "train-low")
    [shard] = tmp_path.glob("*/*.npz")
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(InputError, match=f"{shard.name} is damaged"):
        extract(view, part(4), tmp_path, "train-low")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda values, kept: (np.full_like(values, np.nan), kept), "a feature is NaN or infinite"),
        (
            lambda values, kept: (values[:, :-1], kept),
            "its values are float32 .4, 5., expected float32 .4, 6.",
        ),
        (lambda values, kept: (values.astype("float64"), kept), "its values are float64"),
        (lambda values, kept: (values, kept[::-1]), "its images are none of the numbers 0 to 3"),
        (lambda values, kept: (values, kept + 1), "its images are none of the numbers 0 to 3"),
        (lambda values, kept: (values, kept[:2]), "its values are float32 .4, 6., expected float32 .2, 6."),
    ],
    ids=["NaN", "dimension", "type", "order", "places", "count"],
)
def test_features_that_no_backbone_gave_are_refused_by_value(view, tmp_path, change, found):
    extract(view, part(4), tmp_path, "train-low")
    [shard] = tmp_path.glob("*/*.npz")
    with np.load(shard) as stored:
        values, kept = change(stored["values"], stored["kept"])
    np.savez(shard, values=values, kept=kept)
    with pytest.raises(InputError, match=f"{shard.name} is damaged: {found}"):
        extract(view, part(4), tmp_path, "train-low")


def test_features_that_are_not_finite_are_refused(view, tmp_path):
    images = keras.Input((SIDE, SIDE, 3))
    # The logarithm of 0.
    minus_infinity = keras.ops.log(0.0 * keras.layers.GlobalAveragePooling2D()(images))
    broken = Backbone("broken", "logarithm", keras.Model(images, minus_infinity))
    with pytest.raises(InputError, match="gives features that are not finite; expected trained weights"):
        extract(replace(view, backbone=broken), part(4), tmp_path, "train-low")


@pytest.fixture
def in_files(tmp_path):
    """Four images in files, and their features as version 0.1 filed them: by names and sizes."""
    files = [tmp_path / f"{index}.bmp" for index in range(4)]
    for file, pixels in zip(files, part(4).contents, strict=True):
        Image.fromarray(pixels).save(file)
    return images_in_files([file.name for file in files], part(4).targets, files)


def extract_as_version_0_1(view, images, folder):
    digest = hashlib.sha256(str(images.targets.shape).encode() + images.targets.tobytes())
    for file in images.contents:
        digest.update(f"{file.name}\n{file.name} {file.stat().st_size}\n".encode())
    details = {**view.details(images), "images": digest.hexdigest()}
    found = extract(view, images, folder, "train-low")
    [home] = folder.iterdir()
    key = hashlib.sha256(json.dumps(details, sort_keys=True).encode()).hexdigest()
    home = home.rename(folder / f"train-low-{key[:12]}")
    (home / "features.json").write_text(json.dumps(details))
    return found


def test_features_of_version_0_1_are_kept_if_no_image_changed_since_the_run_began(view, in_files, tmp_path):
    folder = tmp_path / "features"
    first = extract_as_version_0_1(view, in_files, folder)
    images, read = counting(in_files)
    found = extract(view, images, folder, "train-low", begun=time.time() + 10)
    np.testing.assert_array_equal(found.values, first.values)
    assert read == [] and len(list(folder.iterdir())) == 1


def test_features_of_version_0_1_are_extracted_again_if_an_image_changed_in_place(view, in_files, tmp_path):
    folder = tmp_path / "features"
    first = extract_as_version_0_1(view, in_files, folder)
    begun = time.time() - 10
    with Image.open(in_files.contents[2]) as image:
        Image.fromarray(255 - np.asarray(image)).save(in_files.contents[2])  # of the same size in bytes
    found = extract(view, in_files, folder, "train-low", begun=begun)
    changed = np.abs(found.values - first.values).max(1) > 1e-3
    assert changed.tolist() == [False, False, True, False]


def test_image_that_changed_in_place_is_extracted_again(view, in_files, tmp_path):
    first = extract(view, in_files, tmp_path / "features", "train-low")
    with Image.open(in_files.contents[1]) as image:
        Image.fromarray(np.asarray(image)[..., ::-1]).save(in_files.contents[1])
    found = extract(view, in_files, tmp_path / "features", "train-low")
    changed = np.abs(found.values - first.values).max(1) > 1e-3
    assert changed.tolist() == [False, True, False, False]


def test_features_of_a_backbone_that_computes_something_else_are_refused_by_value(view, tmp_path):
    then = extract(view, part(6), tmp_path, "train-low")
    same = extract(view, part(6), tmp_path, "train-low", compared=True)
    np.testing.assert_array_equal(same.values, then.values)
    network = view.backbone
    # The weights, and so all that version 0.1 kept of a backbone, are the same.
    doubled = keras.Model(network.model.input, 2 * network.model.output)
    other = replace(
        view, backbone=Backbone(network.name, network.layer, doubled), described=network.description()
    )
    with pytest.raises(InputError, match="small.keras gives other features of 0/0 than those kept in"):
        extract(other, part(6), tmp_path, "train-low", compared=True)


def test_folder_that_a_full_disk_left_empty_is_filled(view, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_json", full)
        with pytest.raises(OSError):
            home, _ = module._home(view, part(4), tmp_path, "train-low", None)
            home.mkdir(parents=True)
            extract(view, part(4), tmp_path, "train-low")
    assert [len(extract(view, part(4), tmp_path, "train-low").values)] == [4]


def test_features_that_another_folder_has_are_copied(view, tmp_path):
    first = extract(view, part(10), tmp_path / "first", "train-low")
    next((tmp_path / "first").glob("*/0000004.npz")).unlink()
    images, read = counting(part(10))
    found = extract(view, images, tmp_path / "second", "train-low", elsewhere=tmp_path / "first")
    assert sorted(read) == [4, 5, 6, 7]
    np.testing.assert_allclose(found.values, first.values, rtol=1e-5)
    images, read = counting(part(10))
    extract(view, images, tmp_path / "second", "train-low")
    assert read == []


def test_features_of_several_sizes_are_others_than_of_one(view, tmp_path):
    several = replace(view, resolution=Resolution(SIDE, LOW, further=(8,)))
    one, other = (extract(each, part(8), tmp_path, "train-low").values for each in (view, several))
    smaller = [several.resolution.low_of(index) == LOW for index in range(8)]
    assert 0 < sum(smaller) < 8
    np.testing.assert_allclose(other[smaller], one[smaller], rtol=1e-5)
    assert not np.allclose(other, one)
