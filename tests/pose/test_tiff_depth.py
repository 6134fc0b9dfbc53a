"""Depth in TIFF, and in floats of other units than metres; files are written by tifffile."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.pose.own_scenes import CAMERA, HEIGHT, WIDTH, block_depth, write_own_scenes
from tfapp.errors import InputError
from tfapp.pose import SceneFolder
from tfapp.pose.scenes.depth_images import DEPTH_SUFFIXES, depth_size, read_depth


def tif(path, pixels, **options):
    tifffile.imwrite(path, pixels, photometric="minisblack", **options)
    return path


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"rowsperstrip": 5}])
@pytest.mark.parametrize("suffix", [".tif", ".TIFF"])
def test_whole_numbers_in_a_tiff_are_steps_of_millimetres(tmp_path, options, suffix):
    steps = (block_depth() * 10_000).round().astype(np.uint16)
    steps[3, 4:6] = 0, 65535
    depth = read_depth(tif(tmp_path / f"a{suffix}", steps, **options), 0.1)
    expected = block_depth()
    expected[3, 4:6] = 0
    np.testing.assert_allclose(depth, expected, rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"compression": "zlib"}])
def test_floats_in_a_tiff_are_metres(tmp_path, options):
    stored = block_depth()
    stored[3, 4:8] = np.nan, -1, 1e10, 0
    depth = read_depth(tif(tmp_path / "a.tif", stored, **options))
    stored[3, 4:8] = 0
    np.testing.assert_array_equal(depth, stored)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1000), ("cm", 100)])
@pytest.mark.parametrize("suffix", [".tif", ".npy", ".exr"])
def test_floats_of_another_unit_are_read_where_the_camera_says_so(tmp_path, unit, factor, suffix):
    own = write_own_scenes(tmp_path / "own", 1, camera=CAMERA | {"depth_unit": unit})
    (own / "depth" / "00000.npy").unlink()
    file, stored = own / "depth" / f"00000{suffix}", block_depth() * np.float32(factor)
    stored[3, 4:6] = 65504, np.inf
    if suffix == ".npy":
        np.save(file, stored)
    elif suffix == ".tif":
        tif(file, stored)
    else:
        openexr = pytest.importorskip("OpenEXR")
        with openexr.File({"type": openexr.scanlineimage}, {"Z": stored}) as opened:
            opened.write(str(file))
    expected = block_depth()
    expected[3, 4:6] = 0
    np.testing.assert_allclose(SceneFolder(own, "all").depth(0), expected, rtol=1e-6)


@pytest.mark.parametrize(("factor", "unit"), [(1000, "mm"), (100, "cm")])
def test_another_unit_that_nobody_said_is_refused_with_the_entry_that_says_it(tmp_path, factor, unit):
    with pytest.raises(InputError, match=f'or say "depth_unit": "{unit}" in camera.json'):
        read_depth(tif(tmp_path / "a.tif", block_depth() * np.float32(factor)))


def test_unit_that_cannot_be_is_refused_with_the_entry(tmp_path):
    with pytest.raises(
        InputError, match='half of them nearer than 0.0006; .* correct "depth_unit", which is mm'
    ):
        read_depth(tif(tmp_path / "a.tif", block_depth()), depth_unit="mm")
    own = write_own_scenes(tmp_path / "own", camera=CAMERA | {"depth_unit": "inch"})
    with pytest.raises(InputError, match="\"depth_unit\" is 'inch', expected one of m, cm, mm"):
        SceneFolder(own)


def test_a_camera_in_metres_is_recorded_as_before(tmp_path):
    own = write_own_scenes(tmp_path / "own")
    assert SceneFolder(own).camera.to_json() == CAMERA | {"depth_scale": 1.0}


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        (np.zeros((4, 5, 3), np.uint8), "picture of mode RGB; expected grey with 16 bits"),
        (np.full((4, 5), 7, np.uint8), "picture of mode L; expected grey with 16 bits"),
        (np.full((4, 5), 0.5, np.float16), "a.tif is .* which cannot be read; expected 8 bits"),
        (np.full((2, 4, 5), 600, np.uint16), "holds 2 pages"),
        (np.full((4, 5), 600.0, np.float32), "divide millimetres by 1000"),
        (np.full((4, 5), 6, np.uint16), 'camera.json must say by "depth_scale"'),
    ],
)
def test_tiff_that_is_no_depth_is_refused(tmp_path, pixels, found):
    file = tmp_path / "a.tif"
    photometric = "rgb" if pixels.shape[-1] == 3 else "minisblack"
    tifffile.imwrite(file, pixels, photometric=photometric)
    with pytest.raises(InputError, match=found):
        read_depth(file)


def test_coloured_depth_of_a_viewer_is_refused_with_what_to_export(tmp_path):
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="colours are no distances .RealSense Viewer, .* export .ply"):
        read_depth(tmp_path / "a.png")


def test_size_of_a_picture_is_told_without_its_pixels(tmp_path):
    file = tif(tmp_path / "a.tif", (block_depth() * 1000).astype(np.uint16))
    assert depth_size(file) == (WIDTH, HEIGHT)
    np.save(tmp_path / "a.npy", block_depth())
    assert depth_size(tmp_path / "a.npy") == (WIDTH, HEIGHT)


def test_formats_are_mixed_in_one_folder(tmp_path):
    own = write_own_scenes(tmp_path / "own", 1)
    tif(own / "depth" / "b.tif", (block_depth() * 1000).round().astype(np.uint16))
    (own / "scene_camera.json").write_text(json.dumps({"b": {**CAMERA, "fx": 50}}))
    folder = SceneFolder(own, "all")
    assert folder.stems == ("00000", "b") and folder.camera_of(1).fx == 50
    np.testing.assert_allclose(folder.depth(1), folder.depth(0), rtol=1e-6)


def test_guide_names_every_suffix_that_is_read():
    guide = (Path(__file__).parents[2] / "docs" / "poses.md").read_text(encoding="utf-8")
    table = guide.partition("## Your own depth images")[2].partition("## BOP datasets")[0]
    assert all(f"`{suffix}`" in table for suffix in DEPTH_SUFFIXES if suffix != ".tiff")
