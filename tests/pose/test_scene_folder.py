import json

import numpy as np
import pytest
from PIL import Image

from tests.pose.own_scenes import BLOCK, CAMERA, FLOOR, HEIGHT, TOP, WIDTH, block_depth, write_own_scenes
from tfapp.errors import InputError
from tfapp.pose import Camera, SceneFolder, sample_points


@pytest.fixture
def own(tmp_path):
    return write_own_scenes(tmp_path / "own", masks=True)


def test_pixel_centres_are_half_a_pixel_in():
    camera = Camera(width=4, height=2, fx=2.0, fy=4.0, cx=2.0, cy=1.0)
    depth = np.zeros((2, 4), np.float32)
    depth[1, 3] = 2.0
    points, pixels = camera.back_project(depth)
    # x = (3 + 0.5 - 2) / 2 * 2, y = (1 + 0.5 - 1) / 4 * 2
    np.testing.assert_allclose(points, [[1.5, 0.25, 2.0]])
    assert pixels.tolist() == [[1, 3]]


def test_projection_undoes_back_projection():
    camera = Camera(**CAMERA)
    points, pixels = camera.back_project(block_depth())
    np.testing.assert_allclose(camera.project(points)[:, ::-1], pixels + 0.5, atol=1e-4)


@pytest.mark.parametrize("nothing", [0.0, -1.0, np.nan, np.inf])
def test_pixels_without_a_measurement_give_no_points(nothing):
    depth = block_depth()
    depth[0] = nothing
    points, pixels = Camera(**CAMERA).back_project(depth)
    assert len(points) == (HEIGHT - 1) * WIDTH and pixels[:, 0].min() == 1


def test_masks_are_the_foreground_if_there_are_any(own):
    folder = SceneFolder(own)
    assert folder.foreground == "mask" and len(folder) == 2 and folder.stems == ("00000", "00001")
    np.testing.assert_array_equal(folder.mask(1), block_depth() == np.float32(TOP))


def test_plane_removal_finds_the_block(tmp_path):
    pytest.importorskip("open3d")
    rng = np.random.default_rng(0)
    noisy = block_depth() + rng.normal(0, 0.001, (HEIGHT, WIDTH))
    folder = SceneFolder(write_own_scenes(tmp_path / "own", depth=noisy))
    assert folder.foreground == "plane"
    np.testing.assert_array_equal(folder.mask(0), block_depth() == np.float32(TOP))
    np.testing.assert_array_equal(folder.mask(0), SceneFolder(folder.path).mask(0))


def test_plane_removal_drops_what_is_behind_the_floor(tmp_path):
    pytest.importorskip("open3d")
    depth = block_depth()
    depth[20:, 25:] = FLOOR + 0.1
    mask = SceneFolder(write_own_scenes(tmp_path / "own", depth=depth)).mask(0)
    assert mask[BLOCK].all() and mask.sum() == 60


def walled(root, region):
    """Write scenes of the block in a bin with walls as high as a part, and a region; return the folder."""
    depth = block_depth()
    depth[:2] = depth[-2:] = TOP
    depth[:, :3] = depth[:, -3:] = TOP
    folder = write_own_scenes(root, depth=depth)
    Image.fromarray(region.astype(np.uint8)).save(folder / "region.png")
    return folder


FLOOR_ONLY = np.pad(np.ones((HEIGHT - 4, WIDTH - 6)), ((2, 2), (3, 3)))


def test_walls_outside_of_the_region_are_no_foreground(tmp_path):
    pytest.importorskip("open3d")
    walls = SceneFolder(walled(tmp_path / "whole", np.ones((HEIGHT, WIDTH))))
    assert walls.mask(0).sum() > 60
    inside = SceneFolder(walled(tmp_path / "own", FLOOR_ONLY))
    np.testing.assert_array_equal(inside.mask(0), block_depth() == np.float32(TOP))


def test_region_holds_for_every_foreground(tmp_path):
    folder = SceneFolder(walled(tmp_path / "own", FLOOR_ONLY), "all")
    np.testing.assert_array_equal(folder.mask(0), FLOOR_ONLY == 1)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (np.ones((4, 5)), "region.png has 5x4 pixels .* camera.json is of 32x24"),
        (np.zeros((HEIGHT, WIDTH)), r"has no foreground \(all within region.png\)"),
    ],
    ids=["size", "empty"],
)
def test_region_that_fits_no_scene_is_refused(tmp_path, region, message):
    with pytest.raises(InputError, match=message):
        SceneFolder(walled(tmp_path / "own", region), "all").mask(0)


def test_everything_measured_counts_if_asked_for(own):
    assert SceneFolder(own, "all").mask(0).all()


def test_own_scenes_have_no_record_and_no_truth(own):
    folder = SceneFolder(own)
    assert folder.record is None and folder.instances is None and folder.symmetries is None
    assert not folder.has_truth


def test_sampled_points_lie_on_the_foreground(own):
    folder = SceneFolder(own)
    sample = sample_points(folder, 0, 40, seed=3)
    points, pixels = folder.camera.back_project(folder.depth(0), folder.mask(0))
    places = {tuple(pixel): point for pixel, point in zip(pixels.tolist(), points, strict=True)}
    assert len({tuple(pixel) for pixel in sample.pixels.tolist()}) == 40
    for point, pixel in zip(sample.points, sample.pixels.tolist(), strict=True):
        np.testing.assert_array_equal(point, places[tuple(pixel)])


def test_few_points_are_repeated_evenly(own):
    sample = sample_points(SceneFolder(own), 0, 150)
    _, counts = np.unique(sample.pixels, axis=0, return_counts=True)
    assert len(counts) == 60 and set(counts) == {2, 3}


def test_sampling_depends_on_the_seed_and_the_scene(own):
    folder = SceneFolder(own)
    first, again, other_seed, other_scene = (
        sample_points(folder, index, 40, seed=seed).pixels for index, seed in ((0, 1), (0, 1), (0, 2), (1, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other_seed).any() and (first != other_scene).any()


def test_too_few_points_are_refused(own):
    with pytest.raises(InputError, match="shows 60 points of parts, too few for 1000"):
        sample_points(SceneFolder(own), 0, 1000)


def test_intrinsics_of_another_size_are_refused(tmp_path):
    larger = {"width": 640, "height": 480, "fx": 400.0, "fy": 420.0, "cx": 320.0, "cy": 240.0}
    own = write_own_scenes(tmp_path / "own", camera=CAMERA | larger)
    with pytest.raises(InputError, match="has 32x24 pixels .* camera.json is of 640x480"):
        SceneFolder(own, "all").depth(0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"width": 32}, '"height" is missing, expected a whole number'),
        (CAMERA | {"fx": 0}, '"fx" is 0, expected a finite number above 0'),
        (CAMERA | {"fy": float("nan")}, '"fy" is nan, expected a finite number above 0'),
        (CAMERA | {"cx": "left"}, "is damaged"),
        ([1, 2], "is damaged"),
    ],
)
def test_unusable_intrinsics_are_refused(own, content, message):
    (own / "camera.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        SceneFolder(own)


def test_missing_intrinsics_are_refused(own):
    (own / "camera.json").unlink()
    with pytest.raises(InputError, match="camera.json does not exist"):
        SceneFolder(own)


def test_scene_without_foreground_is_refused(own):
    depth = np.full((HEIGHT, WIDTH), FLOOR, np.float32)
    depth[BLOCK] = 0
    np.save(own / "depth" / "00001.npy", depth)
    with pytest.raises(InputError, match="00001.npy has no foreground"):
        SceneFolder(own).mask(1)


def test_missing_mask_is_named(own):
    (own / "mask" / "00001.png").unlink()
    with pytest.raises(InputError, match="cut short: mask/00001.png is missing"):
        SceneFolder(own)


def test_foreground_of_missing_masks_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no folder mask/"):
        SceneFolder(write_own_scenes(tmp_path / "own"), "mask")


def test_unknown_foreground_is_refused(own):
    with pytest.raises(InputError, match="Unknown foreground 'parts'"):
        SceneFolder(own, "parts")


def test_folder_that_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        SceneFolder(tmp_path / "nowhere")
    with pytest.raises(InputError, match="has no depth images"):
        SceneFolder(tmp_path)


def test_two_files_of_one_scene_are_refused(own):
    (own / "depth" / "00001.png").write_bytes(b"")
    with pytest.raises(InputError, match="both scene 00001"):
        SceneFolder(own)


def test_half_written_files_are_not_scenes(own):
    (own / "depth" / ".00002.77.part.npy").write_bytes(b"")
    assert len(SceneFolder(own)) == 2


def test_mask_meets_its_depth_whichever_form_of_unicode_either_has(own):
    (own / "depth" / "00001.npy").rename(own / "depth" / "\u00e9.npy")
    (own / "mask" / "00001.png").rename(own / "mask" / "e\u0301.png")
    folder = SceneFolder(own)
    assert folder.stems == ("00000", "\u00e9")
    np.testing.assert_array_equal(folder.mask(1), block_depth() == np.float32(TOP))


def test_depth_files_of_other_suffixes_are_counted(own):
    for name in ("00002.jpg", "00003.jpg", "notes.txt", ".hidden.jpg"):
        (own / "depth" / name).touch()
    with pytest.warns(UserWarning, match=r"3 file\(s\) in .*depth are skipped \(2 .jpg, 1 .txt\)"):
        assert len(SceneFolder(own)) == 2


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "other", "version": 1}'])
def test_damaged_record_is_refused(own, content):
    (own / "scenes.json").write_text(content)
    with pytest.raises(InputError, match="scenes.json is damaged"):
        SceneFolder(own)


@pytest.mark.slow
def test_record_of_a_newer_version_is_refused(own):
    (own / "scenes.json").write_text('{"format": "tfapp scenes", "version": 3}')
    with pytest.raises(InputError, match="newer tfapp"):
        SceneFolder(own)
