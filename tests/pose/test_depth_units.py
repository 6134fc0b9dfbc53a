"""Units in `camera.json` that do not apply to the files; depths are compared with the array that was written."""

import json

import numpy as np
import pytest
import tifffile

from tests.pose.own_scenes import CAMERA, block_depth, write_own_scenes
from tests.pose.test_depth_images import write_png
from tfapp.errors import InputError
from tfapp.pose import SceneFolder
from tfapp.pose.scenes.depth_images import read_depth


@pytest.fixture
def scenes(tmp_path):
    """Return a function that writes a scene for each suffix, in millimetres or floats in metres, and opens them."""

    def scenes(*suffixes, of_images=None, **units):
        own = write_own_scenes(tmp_path / "own", len(suffixes), camera=CAMERA | units)
        for index, suffix in enumerate(suffixes):
            stored, steps = own / "depth" / f"{index:05d}.npy", (block_depth() * 1000).round()
            if suffix == ".npy":
                continue
            stored.unlink()
            if suffix == ".png":
                write_png(stored.with_suffix(".png"), steps)
            else:
                pixels = steps.astype(np.uint16) if suffix == "whole.tif" else block_depth()
                tifffile.imwrite(stored.with_suffix(".tif"), pixels, photometric="minisblack")
        if of_images:
            (own / "scene_camera.json").write_text(json.dumps(of_images))
        return SceneFolder(own, "all")

    return scenes


@pytest.mark.parametrize("suffix", [".png", "whole.tif"])
def test_unit_of_floats_for_whole_numbers_is_refused_with_the_scale_to_give(scenes, suffix):
    with pytest.raises(
        InputError,
        match=r'camera.json has "depth_unit": "cm", which is for floats .* hold whole numbers, such as .*00000.* give '
        '"depth_scale": 10 in its place',
    ):
        scenes(suffix, suffix, depth_unit="cm")


def test_unit_of_floats_beside_a_scale_of_whole_numbers_is_to_be_removed(scenes):
    with pytest.raises(InputError, match=r'"depth_unit": "cm".* remove it, as "depth_scale" \(0.25\) says'):
        scenes(".png", depth_unit="cm", depth_scale=0.25)


@pytest.mark.parametrize("suffix", [".npy", "floats.tif"])
@pytest.mark.parametrize(
    ("units", "remedy"),
    [
        ({"depth_scale": 100}, 'give "depth_unit": "cm" or "mm" in its place if they are in these'),
        ({"depth_scale": 10}, 'give "depth_unit": "cm" in its place, or remove it'),
        ({"depth_scale": 0.1, "depth_unit": "mm"}, r'remove it, as "depth_unit" \("mm"\) says their unit'),
    ],
)
def test_scale_of_whole_numbers_for_floats_is_refused_with_what_to_give(scenes, suffix, units, remedy):
    with pytest.raises(
        InputError, match=f'camera.json has "depth_scale": .* hold floats, such as .*; .*{remedy}'
    ):
        scenes(suffix, **units)


def test_scale_for_point_clouds_is_refused_as_such(tmp_path):
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "a.ply").write_text("ply")
    (tmp_path / "camera.json").write_text(json.dumps(CAMERA | {"depth_scale": 0.25}))
    with pytest.raises(InputError, match="are point clouds, such as .*a.ply"):
        SceneFolder(tmp_path, "all")


@pytest.mark.parametrize(
    ("suffix", "units"),
    [
        (".npy", {"depth_scale": 1.0}),
        (".npy", {"depth_scale": 1}),
        (".npy", {"depth_scale": 1000}),
        (".png", {"depth_unit": "m"}),
        (".png", {"depth_unit": "mm"}),
        ("whole.tif", {"depth_unit": "mm", "depth_scale": 1}),
    ],
)
def test_usual_units_and_those_that_say_what_counts_are_read(scenes, suffix, units):
    np.testing.assert_allclose(scenes(suffix, **units).depth(0), block_depth(), rtol=1e-6)


def test_folder_of_both_kinds_may_give_both_units(scenes):
    folder = scenes(".npy", ".png", depth_unit="cm", depth_scale=10)
    np.save(folder.path / "depth" / "00000.npy", block_depth() * 100)
    np.testing.assert_allclose(folder.depth(0), block_depth(), rtol=1e-6)
    np.testing.assert_allclose(folder.depth(1), block_depth() * 10, rtol=1e-6)


def test_scale_of_one_image_of_floats_is_refused_by_the_file_that_gives_it(scenes):
    matrix = [40.0, 0, 15, 0, 42.0, 12, 0, 0, 1]
    with pytest.raises(InputError, match='scene_camera.json has "depth_scale": 0.1, .*such as .*00001.npy'):
        scenes(".npy", ".npy", of_images={"00001": {"cam_K": matrix, "depth_scale": 0.1}})


@pytest.mark.parametrize("kind", [np.uint16, np.int64])
def test_whole_numbers_in_npy_are_refused_with_what_to_save(scenes, tmp_path, kind):
    sentence = rf"00000.npy .*whole numbers \({kind.__name__}\); .*16-bit PNG with \"depth_scale\" .* floats in metres"
    folder = scenes(".npy")
    file = folder.path / "depth" / "00000.npy"
    np.save(file, np.full(block_depth().shape, 600, kind))
    with pytest.raises(InputError, match=sentence):
        read_depth(file)
    # Whoever gives a scale for them is not told that they are floats.
    (folder.path / "camera.json").write_text(json.dumps(CAMERA | {"depth_scale": 0.1}))
    with pytest.raises(InputError, match=sentence):
        SceneFolder(folder.path, "all")
