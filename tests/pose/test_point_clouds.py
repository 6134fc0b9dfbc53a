"""Point clouds of depth cameras as depth images; files are written by Open3D and by hand."""

import json
import re

import numpy as np
import pytest

from tests.pose.own_scenes import CAMERA, HEIGHT, WIDTH, block_depth, write_own_scenes
from tfapp.errors import InputError
from tfapp.pose import Camera, SceneFolder
from tfapp.pose.scenes.depth_images import depth_size, read_depth
from tfapp.pose.scenes.point_clouds import read_cloud

open3d = pytest.importorskip("open3d", reason="point clouds are read with the extra `pose`")
USUAL = Camera(**CAMERA)


def holed():
    """A block on a floor where some pixels were not measured."""
    depth = block_depth()
    depth[3, 4:9] = depth[10, 12] = 0
    return depth


def grid(depth, nothing=np.nan):
    """Return the points of all pixels, row by row, as the formula of a pinhole has them."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    x, y = (columns - CAMERA["cx"]) / CAMERA["fx"], (rows - CAMERA["cy"]) / CAMERA["fy"]
    points = np.stack([x, y, np.ones_like(x)], -1) * np.asarray(depth, float)[..., None]
    points[depth == 0] = nothing
    return points.reshape(-1, 3)


def write(path, points, **options):
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    assert open3d.io.write_point_cloud(str(path), cloud, **options)
    return path


def pcd(path, points, **options):
    """Write an organised PCD, as PCL does; Open3D writes one row."""
    content = write(path, points, **options).read_bytes()
    one_row, rows = f"WIDTH {len(points)}\nHEIGHT 1\n", f"WIDTH {WIDTH}\nHEIGHT {HEIGHT}\n"
    path.write_bytes(content.replace(one_row.encode(), rows.encode()))
    return path


def ply(path, points, said):
    """Write a binary PLY with a line about its rows and columns."""
    header = (
        f"ply\nformat binary_little_endian 1.0\n{said}\nelement vertex {len(points)}\n"
        "property float x\nproperty float y\nproperty float z\nproperty uchar red\nend_header\n"
    )
    stored = np.zeros(len(points), [("place", "<f4", 3), ("red", "u1")])
    stored["place"] = points
    path.write_bytes(header.encode() + stored.tobytes())
    return path


@pytest.mark.parametrize("options", [{}, {"write_ascii": True}, {"compressed": True}])
def test_organised_pcd_tells_depth_and_camera(tmp_path, options):
    file = pcd(tmp_path / "a.pcd", grid(holed()), **options)
    assert read_cloud(file).size == depth_size(file) == (WIDTH, HEIGHT)
    np.testing.assert_allclose(read_depth(file), holed(), rtol=1e-5)


@pytest.mark.parametrize(
    "said",
    [
        f"obj_info num_cols {WIDTH}\nobj_info num_rows {HEIGHT}",
        f"obj_info Photoneo PLY PointCloud (Width = {WIDTH}; Height = {HEIGHT}; Ordered)",
    ],
)
@pytest.mark.parametrize("nothing", [0, np.nan])
def test_organised_ply_tells_depth_and_camera(tmp_path, said, nothing):
    file = ply(tmp_path / "a.ply", grid(holed(), nothing), said)
    np.testing.assert_allclose(read_depth(file), holed(), rtol=1e-5)


def test_folder_of_organised_clouds_needs_no_camera(tmp_path):
    (tmp_path / "depth").mkdir()
    for name in ("a", "b"):
        pcd(tmp_path / "depth" / f"{name}.pcd", grid(holed()))
    folder = SceneFolder(tmp_path, "all")
    np.testing.assert_allclose(folder.camera.intrinsics, USUAL.intrinsics, rtol=1e-4)
    points, _ = folder.camera.back_project(folder.depth(1))
    expected = grid(holed())
    np.testing.assert_allclose(points, expected[np.isfinite(expected[:, 0])], atol=2e-6)


def test_clouds_in_millimetres_are_read_where_the_camera_says_so_and_nothing_else(tmp_path):
    (tmp_path / "depth").mkdir()
    pcd(tmp_path / "depth" / "a.pcd", 1000 * grid(holed()))
    with pytest.raises(
        InputError, match='divide millimetres by 1000, or say "depth_unit": "mm" in camera.json'
    ):
        SceneFolder(tmp_path, "all").depth(0)
    (tmp_path / "camera.json").write_text('{"depth_unit": "mm"}')
    folder = SceneFolder(tmp_path, "all")
    np.testing.assert_allclose(folder.depth(0), holed(), rtol=1e-5)
    np.testing.assert_allclose(folder.camera.intrinsics, USUAL.intrinsics, rtol=1e-4)


@pytest.fixture
def unorganised(tmp_path):
    """A folder of one cloud as RealSense Viewer writes it: measured points alone, y up and z backward."""
    own = write_own_scenes(tmp_path / "own", 1)
    (own / "depth" / "00000.npy").unlink()
    points = grid(holed())
    points = points[np.isfinite(points[:, 0])] * [1, -1, -1]
    write(own / "depth" / "00000.ply", points[np.random.default_rng(0).permutation(len(points))])
    return own


def test_points_in_any_order_lie_on_the_pixels_of_the_camera(unorganised):
    np.testing.assert_allclose(SceneFolder(unorganised, "all").depth(0), holed(), rtol=1e-5)


def test_camera_that_a_cloud_needs_is_told_as_its_lattice_says(unorganised):
    (unorganised / "camera.json").unlink()
    with pytest.raises(InputError, match="lie on the pixels of .*write that") as refused:
        SceneFolder(unorganised)
    said = json.loads(re.search(r"\{.*?\}", str(refused.value))[0])
    assert (said["fx"], said["fy"]) == (pytest.approx(40, rel=1e-3), pytest.approx(42, rel=1e-3))
    (unorganised / "camera.json").write_text(json.dumps(said))
    folder = SceneFolder(unorganised, "all")
    points, _ = folder.camera.back_project(folder.depth(0))
    expected = grid(holed())
    np.testing.assert_allclose(points, expected[np.isfinite(expected[:, 0])], atol=2e-3)


@pytest.mark.parametrize("focal", [120.0, 422.2, 1500.0])
def test_lattice_is_found_from_numbers_of_half_precision(focal):
    from tfapp.pose.scenes.lattice import lattice_camera, pixels_of

    rng = np.random.default_rng(0)
    camera = Camera(320, 240, focal, 1.02 * focal, 151.3, 130.2)
    depth = np.where(rng.random((240, 320)) < 0.2, rng.uniform(0.3, 0.4, (240, 320)), 0)
    points = camera.back_project(depth)[0].astype(np.float16).astype(float)
    found = lattice_camera([points])
    assert (found.fx, found.fy) == (pytest.approx(focal, rel=1e-4), pytest.approx(1.02 * focal, rel=1e-4))
    away = pixels_of(points, found) - pixels_of(points, camera)
    # Whole pixels aside, which shift the picture and change no point.
    assert np.abs(away - away.mean(0).round()).max() < 0.1


def test_points_on_no_lattice_are_refused_with_what_to_export(unorganised):
    points = np.random.default_rng(0).normal(0, 0.05, (2000, 3)) + [0, 0, 0.5]
    write(unorganised / "depth" / "00000.ply", points)
    with pytest.raises(
        InputError, match="does not lie on the pixels of its camera .*export the points in the frame"
    ):
        SceneFolder(unorganised, "all").depth(0)
    (unorganised / "camera.json").unlink()
    with pytest.raises(InputError, match="lie on the pixels of none; export the points in the frame"):
        SceneFolder(unorganised, "all")


def test_camera_that_counts_from_another_corner_is_refused(unorganised):
    (unorganised / "camera.json").write_text(json.dumps(CAMERA | {"cx": 15.0}))
    with pytest.raises(
        InputError, match=r"half of the points are more than 0.50 pixels off. .*OpenCV's \+ 0.5"
    ):
        SceneFolder(unorganised, "all").depth(0)


def test_points_beyond_the_picture_are_refused(unorganised):
    (unorganised / "camera.json").write_text(json.dumps(CAMERA | {"width": 30}))
    with pytest.raises(InputError, match="points beyond the picture of its camera, columns 0 to 31"):
        SceneFolder(unorganised, "all").depth(0)


def test_cloud_of_another_camera_than_the_first_is_refused(tmp_path):
    (tmp_path / "depth").mkdir()
    pcd(tmp_path / "depth" / "a.pcd", grid(holed()))
    pcd(tmp_path / "depth" / "b.pcd", grid(holed()) * [1.1, 1, 1])
    with pytest.raises(InputError, match="b.pcd is a point cloud that does not lie on the pixels"):
        SceneFolder(tmp_path, "all").depth(1)


def test_nearest_of_points_in_one_pixel_counts(tmp_path):
    points = np.concatenate([grid(block_depth()), grid(block_depth() + np.float32(0.1))])
    depth = read_depth(write(tmp_path / "a.ply", points), camera=USUAL)
    np.testing.assert_allclose(depth, block_depth(), rtol=1e-5)


@pytest.mark.parametrize(
    ("signs", "said"),
    [((-1, 1, 1), "x falls from left to right"), ((1, -1, 1), "y falls from top to bottom")],
)
def test_clouds_of_a_left_handed_frame_are_refused(signs, said, tmp_path):
    with pytest.raises(InputError, match=f"a.pcd is mirrored: {said}"):
        read_depth(pcd(tmp_path / "a.pcd", grid(holed()) * signs))


def test_rows_and_columns_that_are_those_of_no_pinhole_are_refused(tmp_path):
    order = np.random.default_rng(0).permutation(WIDTH)
    points = grid(holed()).reshape(HEIGHT, WIDTH, 3)[:, order].reshape(-1, 3)
    with pytest.raises(InputError, match="do not grow evenly along them"):
        read_depth(pcd(tmp_path / "a.pcd", points))


HEADER = "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH {}\nHEIGHT {}\nPOINTS {}\nDATA {}\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "damaged or not a PCD file"),
        ("no cloud", "damaged or not a PCD file"),
        (HEADER.format(2, 2, 5, "ascii") + "0 0 1\n" * 5, "POINTS = WIDTH times HEIGHT"),
        (HEADER.format(2, 2, 4, "ascii").replace("x y z", "x y i") + "0 0 1\n" * 4, "with FIELDS x y z"),
        (HEADER.format(2, 2, 4, "ascii").replace("SIZE 4 4 4", "SIZE 4 4"), "damaged or not a PCD file"),
        (HEADER.format(10**6, 10, 10**7, "binary") + "x" * 48, "4 of 10000000 points can be read"),
        (
            HEADER.format(10**6, 1, 10**6, "binary_compressed") + "x" * 48,
            "announces 1,000,000 points, 12,000,000 bytes, but it holds 40 bytes which announce",
        ),
        (
            HEADER.format(2, 2, 4, "binary").replace("COUNT 1 1 1", "COUNT 1 1 2147483647"),
            "damaged or not a PCD file",
        ),
        (HEADER.format(2, 2, 4, "binary").replace("COUNT 1 1 1", "COUNT "), "cut short"),
        (HEADER.format(2, 2, 4, "binary") + "x" * 20, "is damaged"),
        (HEADER.format(2, 2, 4, "ascii") + "0 0 1\n0 0 1\n", "is damaged"),
    ],
)
def test_damaged_pcd_is_refused(tmp_path, content, found):
    (tmp_path / "a.pcd").write_text(content)
    with pytest.raises(InputError, match=f"a.pcd.*{found}"):
        read_depth(tmp_path / "a.pcd", camera=USUAL)


PLY = "ply\nformat {} 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\nend_header\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "not a PLY file"),
        (PLY.format("ascii", 3).replace("float z", "float q"), "x, y and z among them"),
        (PLY.format("text", 3), "not a PLY file"),
        (PLY.format("binary_little_endian", 10**7), "0 of 10000000 points can be read"),
        (PLY.format("ascii", 3) + "0 0 1\n0 0 1\n", "2 of 3 points can be read"),
        (PLY.format("ascii", 3) + "0 0 1\n0 0 1\n0 0", "damaged"),
        (PLY.format("ascii", 2) + "0 0 1\n0 a 1\n", "is damaged"),
        (PLY.format("ascii", 0), "has no points"),
    ],
)
def test_damaged_ply_is_refused(tmp_path, content, found):
    (tmp_path / "a.ply").write_text(content)
    with pytest.raises(InputError, match=f"a.ply.*{found}"):
        read_depth(tmp_path / "a.ply", camera=USUAL)


@pytest.mark.parametrize(
    "options", [{}, {"write_ascii": True}, {"compressed": True}], ids=["binary", "text", "compressed"]
)
@pytest.mark.parametrize("suffix", [".pcd", ".ply"])
def test_cloud_that_is_cut_anywhere_is_refused(tmp_path, suffix, options):
    file = write(tmp_path / f"a{suffix}", grid(block_depth()), **options)
    whole = file.read_bytes()
    for share in np.linspace(0, 0.99, 12):
        file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match="damaged"):
            read_cloud(file)


def test_points_are_those_that_open3d_reads(tmp_path):
    points = np.random.default_rng(0).normal(size=(50, 3))
    for number, (suffix, options) in enumerate(
        [(".pcd", {}), (".pcd", {"write_ascii": True}), (".ply", {}), (".ply", {"write_ascii": True})]
    ):
        file = write(tmp_path / f"{number}{suffix}", points, **options)
        expected = np.asarray(open3d.io.read_point_cloud(str(file)).points)
        np.testing.assert_array_equal(read_cloud(file).points, expected)
        assert read_cloud(file).size is None
