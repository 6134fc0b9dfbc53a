import numpy as np
import pytest
from PIL import Image

from tests.pose.own_scenes import CAMERA, block_depth, write_own_scenes
from tfapp.errors import InputError
from tfapp.pose import SceneFolder
from tfapp.pose.scenes.depth_images import read_depth


def write_png(path, millimetres):
    Image.fromarray(np.asarray(millimetres).astype(np.uint16)).save(path)
    return path


def test_16_bit_png_is_in_millimetres(tmp_path):
    depth = read_depth(write_png(tmp_path / "a.png", [[0, 550], [600, 40000]]))
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, [[0, 0.55], [0.6, 40.0]], rtol=1e-6)


def test_depth_scale_of_the_camera_counts_for_png(tmp_path):
    own = write_own_scenes(tmp_path / "own", camera=CAMERA | {"depth_scale": 0.1})
    (own / "depth" / "00000.npy").unlink()
    write_png(own / "depth" / "00000.png", (block_depth() * 10_000).round())
    folder = SceneFolder(own, "all")
    np.testing.assert_allclose(folder.depth(0), block_depth(), rtol=1e-6)
    np.testing.assert_array_equal(folder.depth(1), block_depth())


def test_largest_number_of_16_bits_is_no_depth(tmp_path):
    np.testing.assert_allclose(
        read_depth(write_png(tmp_path / "a.png", [[65535, 550]])), [[0, 0.55]], rtol=1e-6
    )
    with pytest.raises(InputError, match="has no measured pixel"):
        read_depth(write_png(tmp_path / "a.png", [[65535, 65535]]))


def test_centimetres_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[52.0, 0], [60.0, np.nan]]))
    with pytest.raises(InputError, match="depths of 52 and more; expected metres: divide centimetres by 100"):
        read_depth(tmp_path / "a.npy")


def test_npy_that_claims_more_than_it_holds_is_damaged(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 5)))
    content = (tmp_path / "a.npy").read_bytes().replace(b"(4, 5), }  ", b"(4000000, 5000000), }")
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match="a.npy is damaged or not a plain .npy array"):
        read_depth(tmp_path / "a.npy")


def test_depth_in_a_png_is_turned_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.array([[500, 600]], np.uint16)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_allclose(read_depth(tmp_path / "a.png"), [[0.6, 0.5]], rtol=1e-6)


def test_npy_keeps_its_metres_and_nothing_becomes_zero(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0.5, np.nan], [np.inf, -1.0], [1e10, 0.25]]))
    np.testing.assert_array_equal(
        read_depth(tmp_path / "a.npy"), np.array([[0.5, 0], [0, 0], [0, 0.25]], np.float32)
    )


@pytest.mark.parametrize("channel", ["Z", "V", "Y", "R"])
def test_exr_is_in_metres(tmp_path, channel):
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File({"type": openexr.scanlineimage}, {channel: block_depth()}) as file:
        file.write(str(tmp_path / "a.exr"))
    np.testing.assert_array_equal(read_depth(tmp_path / "a.exr"), block_depth())


def test_exr_without_depth_is_refused(tmp_path):
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File({"type": openexr.scanlineimage}, {"confidence": block_depth()}) as file:
        file.write(str(tmp_path / "a.exr"))
    with pytest.raises(InputError, match="has the channels confidence; expected depth in Z"):
        read_depth(tmp_path / "a.exr")


def test_exr_without_its_library_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "OpenEXR", None)
    (tmp_path / "a.exr").write_bytes(b"v/1")
    with pytest.raises(InputError, match=r'OpenEXR, .* is not installed: pip install "tfapp\[pose\]"'):
        read_depth(tmp_path / "a.exr")


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf, -2.0])
def test_depth_without_a_measurement_is_refused(tmp_path, value):
    np.save(tmp_path / "a.npy", np.full((3, 4), value))
    with pytest.raises(InputError, match="has no measured pixel"):
        read_depth(tmp_path / "a.npy")


def test_millimetres_in_npy_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.full((3, 4), 600.0))
    with pytest.raises(
        InputError, match="depths of 600 and more; expected metres: divide millimetres by 1000"
    ):
        read_depth(tmp_path / "a.npy")


def test_whole_numbers_in_npy_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.full((3, 4), 600))
    with pytest.raises(InputError, match="does not hold an array of floats"):
        read_depth(tmp_path / "a.npy")


def test_three_channels_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 4, 3)))
    with pytest.raises(InputError, match=r"shape \(3, 4, 3\)"):
        read_depth(tmp_path / "a.npy")


def test_picture_of_eight_bits_is_refused(tmp_path):
    Image.fromarray(np.full((3, 4), 7, np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="picture of mode L; expected a 16-bit grey PNG"):
        read_depth(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".npy", ".png", ".exr"])
@pytest.mark.parametrize("content", [b"", b"no depth image"])
def test_damaged_file_is_refused(tmp_path, suffix, content):
    if suffix == ".exr":
        pytest.importorskip("OpenEXR")
    file = tmp_path / f"a{suffix}"
    file.write_bytes(content)
    with pytest.raises(InputError, match="a.* is damaged"):
        read_depth(file)


def test_pickled_array_is_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(InputError, match="not a plain .npy array"):
        read_depth(tmp_path / "a.npy")


def test_missing_and_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_depth(tmp_path / "a.npy")
    with pytest.raises(InputError, match="expected one of .npy, .png, .exr"):
        read_depth(tmp_path / "a.jpg")
