"""Depth, masks, cameras and meshes of people's own that are not as usual: the right value, or a sentence."""

import hashlib
import json
import os
import struct

import numpy as np
import pytest
from PIL import Image

from tests.pose.own_scenes import BLOCK, CAMERA, FLOOR, HEIGHT, TOP, WIDTH, block_depth, write_own_scenes
from tfapp.errors import InputError
from tfapp.pose import SceneFolder
from tfapp.pose.scenes.camera import centre_notice, read_camera
from tfapp.pose.scenes.depth_images import read_depth
from tfapp.pose.scenes.mesh_files import read_mesh
from tfapp.pose.scenes.part_masks import read_part_mask

PART = np.zeros((HEIGHT, WIDTH), np.uint8)
PART[BLOCK] = 255


def png(path, steps):
    Image.fromarray(np.asarray(steps).astype(np.uint16)).save(path)
    return path


def npy(path, depth):
    np.save(path, np.asarray(depth, np.float32))
    return path


def test_largest_number_of_16_bits_is_no_depth(tmp_path):
    depth = read_depth(png(tmp_path / "a.png", [[520, 65535, 0], [600, 65534, 520]]))
    np.testing.assert_allclose(depth, [[0.52, 0, 0], [0.6, 65.534, 0.52]], rtol=1e-6)


def test_hole_of_65535_inside_a_part_is_left_out_of_it(tmp_path):
    own = write_own_scenes(tmp_path / "own", 1, masks=True)
    (own / "depth" / "00000.npy").unlink()
    steps = (block_depth() * 1000).round()
    steps[9:11, 12:15] = 65535
    png(own / "depth" / "00000.png", steps)
    folder = SceneFolder(own)
    assert (
        np.unique(folder.parts(0).round(3)).tolist() == pytest.approx([0, TOP])
        and folder.mask(0).sum() == 60 - 6
    )


@pytest.mark.parametrize("nothing", [65504.0, 65535.0, 1e10, 3.4e38, -1.0, np.nan, np.inf])
def test_what_renderers_write_for_nothing_is_no_depth(tmp_path, nothing):
    depth = read_depth(npy(tmp_path / "a.npy", [[0.5, nothing], [nothing, nothing], [nothing, nothing]]))
    np.testing.assert_array_equal(depth, np.float32([[0.5, 0], [0, 0], [0, 0]]))


def test_nothing_but_what_renderers_write_for_nothing_is_refused(tmp_path):
    with pytest.raises(
        InputError, match="has no measured pixel: every value is what renderers write for nothing"
    ):
        read_depth(npy(tmp_path / "a.npy", [[1e10, 65504.0]]))


@pytest.mark.parametrize(
    ("factor", "advice"), [(100, "divide centimetres by 100"), (1000, "divide millimetres by 1000")]
)
def test_floats_in_another_unit_are_refused_with_the_likely_one(tmp_path, factor, advice):
    with pytest.raises(InputError, match=f"expected metres: {advice}"):
        read_depth(npy(tmp_path / "a.npy", factor * block_depth()))


def test_millimetres_of_which_some_could_be_metres_are_refused_too(tmp_path):
    with pytest.raises(InputError, match="divide millimetres by 1000"):
        read_depth(npy(tmp_path / "a.npy", [[80.0, 90.0, 400.0, 450.0, 500.0]]))


@pytest.mark.parametrize(("steps", "scale"), [(50_000, 1.0), (600, 50.0), (6, 1.0), (6000, 0.001)])
def test_steps_that_give_no_distance_of_parts_are_refused_with_the_key_that_says_them(tmp_path, steps, scale):
    with pytest.raises(InputError, match=rf'camera.json must say by "depth_scale" .* \(now {scale:g}\)'):
        read_depth(png(tmp_path / "a.png", np.full((3, 4), steps)), scale)


def test_a_few_far_pixels_do_not_make_another_unit(tmp_path):
    assert read_depth(png(tmp_path / "a.png", [[520, 600, 40_000]])).max() == 40


@pytest.mark.parametrize("shape", [(10**6, 10**6), (3, 4)])
def test_array_that_declares_more_than_its_file_is_refused(tmp_path, shape):
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with pytest.raises(InputError, match="a.npy is damaged"):
        read_depth(tmp_path / "a.npy")


def test_named_pipe_is_no_depth_image(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(InputError, match="is a named pipe; expected a depth image"):
        read_depth(tmp_path / "a.npy")


def masks():
    rgb = Image.fromarray(np.dstack([PART] * 3))
    white_first = Image.new("P", (WIDTH, HEIGHT))
    white_first.putdata((PART == 0).astype(np.uint8).ravel().tolist())
    white_first.putpalette([255, 255, 255, 0, 0, 0])
    numbers = Image.new("P", (WIDTH, HEIGHT))
    numbers.putdata((PART > 0).astype(np.uint8).ravel().tolist())
    numbers.putpalette([0, 0, 0, 0, 0, 0])
    return {
        "grey": Image.fromarray(PART),
        "ones": Image.fromarray(PART // 255),
        "one bit": Image.fromarray(PART).convert("1"),
        "16 bit": Image.fromarray(PART.astype(np.uint16) * 257),
        "colours": Image.fromarray(np.dstack([PART, 0 * PART, 0 * PART])),
        "optimised palette": rgb.quantize(4),
        "white is number 0": white_first,
        "numbers under a black palette": numbers,
        "transparent": Image.fromarray(np.dstack([np.full_like(PART, 255)] * 3 + [PART])),
    }


@pytest.mark.parametrize("form", masks())
def test_white_part_is_the_part_in_every_form_of_a_mask(tmp_path, form):
    masks()[form].save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_part_mask(tmp_path / "a.png"), PART > 0)


def test_palette_mask_of_a_scene_gives_the_depth_of_the_part(tmp_path):
    own = write_own_scenes(tmp_path / "own", 1, masks=True)
    masks()["white is number 0"].save(own / "mask" / "00000.png")
    folder = SceneFolder(own)
    assert np.median(folder.parts(0)[folder.mask(0)]) == np.float32(TOP) != FLOOR
    assert folder.mask(0).sum() == 60


def camera(folder, **changes):
    file = folder / "camera.json"
    file.write_text(json.dumps(CAMERA | changes))
    return file


def test_camera_with_a_byte_order_mark_is_read(tmp_path):
    file = tmp_path / "camera.json"
    file.write_text(json.dumps(CAMERA), encoding="utf-8-sig")
    assert read_camera(file).width == WIDTH


def test_camera_whose_sides_are_written_as_floats_is_read(tmp_path):
    read = read_camera(camera(tmp_path, width=32.0, height=24.0))
    assert (read.width, read.height) == (32, 24) and isinstance(read.width, int)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"width": float("inf")}, '"width" is inf, expected a whole number'),
        ({"width": 10**400}, '"width" is 1000'),
        ({"height": 24.5}, '"height" is 24.5, expected a whole number'),
        ({"width": "32"}, "\"width\" is '32', expected a whole number"),
        ({"width": True}, '"width" is True'),
        ({"fx": -40}, '"fx" is -40, expected a finite number above 0'),
        ({"depth_scale": 0}, '"depth_scale" is 0, expected a finite number above 0'),
        ({"depth_scale": None}, '"depth_scale" is None'),
        ({"cx": 400.0}, "the principal point outside the image: cx is 400, width 32; give all of"),
        ({"cy": 24.5}, "the principal point outside the image: cy is 24.5, height 24"),
    ],
)
def test_camera_that_cannot_be_names_the_entry(tmp_path, changes, found):
    with pytest.raises(InputError, match=f"camera.json .*{found}"):
        read_camera(camera(tmp_path, **changes))


def test_principal_point_in_a_corner_is_doubted_and_one_off_the_middle_is_not(tmp_path):
    assert "near a corner of the image: cx 31 of 32, cy 23 of 24" in centre_notice(
        "camera.json", read_camera(camera(tmp_path, cx=31.0, cy=23.0))
    )
    assert centre_notice("camera.json", read_camera(camera(tmp_path, cx=31.0, cy=12.0))) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"k1": -0.28, "k2": 0.07},
        {"p1": 1e-3},
        {"dist_coeffs": [[0, 0, 0, 0, 0.1]]},
        {"distortion": {"radial": [0.1, 0]}},
        {"intrinsics": {"model": "brown", "coeffs": [0, 0.2]}},
        {"D": [0.1, 0, 0, 0, 0]},
        {"skew": 12.0},
        {"K": [[40, 3, 16], [0, 40, 12], [0, 0, 1]]},
        {"camera_model": "OPENCV_FISHEYE"},
    ],
)
def test_camera_that_is_no_pinhole_is_refused_by_the_entry(tmp_path, entry):
    inner = entry.get("intrinsics", entry)
    name = next(name for name in inner if name != "model")
    with pytest.raises(InputError, match=rf'camera.json has .*\("{name}" is .*rectify the images first'):
        read_camera(camera(tmp_path, **entry))


def test_distortion_and_skew_of_zero_and_other_entries_are_read(tmp_path):
    further = {"k1": 0, "dist_coeffs": [0.0] * 5, "skew": 0, "D": [], "K": [40, 0, 16, 0, 40, 12, 0, 0, 1]}
    read = read_camera(camera(tmp_path, **further, distortion_model="plumb_bob", name="k1", distance=3))
    assert read == read_camera(camera(tmp_path))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            {"fx": 0.945, "fy": 1.26, "cx": 0.5, "cy": 0.5},
            "likely in fractions of the image: multiply fx and cx by",
        ),
        ({"fx": 1.88, "fy": 1.88}, "likely in millimetres"),
        ({"width": 640, "height": 480}, "likely of another size of image, as cx is 15.5"),
        # 2 atan(16 / 4.2) = 150.6 degrees
        ({"fx": 4.2}, "has a field of view of 151 degrees"),
    ],
)
def test_focal_length_in_another_unit_is_refused_with_it(tmp_path, changes, found):
    with pytest.raises(InputError, match=f"camera.json .*{found}"):
        read_camera(camera(tmp_path, **changes))


def test_wide_lens_without_distortion_is_read(tmp_path):
    # 2 atan(16 / 4.5) = 148.6 degrees
    assert read_camera(camera(tmp_path, fx=4.5, fy=4.5)).fx == 4.5


SCENES = {
    "format": "tfapp scenes",
    "version": 1,
    "part": "nut",
    "instances": 2,
    "bin": 0.07,
    "camera_distance": 0.47,
    "tilt": 0.0,
    "symmetries": [np.eye(3).tolist(), {"axis": [0, 0, 1]}],
    "count": 2,
}


def test_record_of_scenes_as_it_must_be_is_read(tmp_path):
    own = write_own_scenes(tmp_path / "own")
    (own / "scenes.json").write_text(json.dumps(SCENES))
    assert SceneFolder(own).instances == 2


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"count": "2"}, "\"count\" is '2', expected a whole number"),
        ({"instances": "two"}, "\"instances\" is 'two', expected a whole number of at least 1"),
        ({"version": float("inf")}, '"version" is inf'),
        ({"effects": "noise"}, "\"effects\" is 'noise', expected a list"),
        ({"true_mask": 1}, '"true_mask" is 1, expected true or false'),
        ({"bin": float("nan")}, '"bin" is nan, expected a finite number above 0'),
        (
            {"symmetries": [[1, 0, 0]]},
            '"symmetries.0." is .1, 0, 0., expected a list of 3|"symmetries.0..0." is 1',
        ),
        ({"symmetries": [{"axis": "z"}]}, "\"symmetries.0..axis\" is 'z', expected a list of 3"),
    ],
)
def test_record_of_scenes_that_is_damaged_names_the_entry(tmp_path, changes, found):
    own = write_own_scenes(tmp_path / "own")
    (own / "scenes.json").write_text(json.dumps(SCENES | changes))
    with pytest.raises(InputError, match=f"scenes.json is damaged: ({found})"):
        SceneFolder(own)


@pytest.mark.parametrize(
    ("poses", "found"),
    [
        ({"rotation": [np.eye(3).tolist()], "translation": []}, "has 1 rotations but 0 translations"),
        ({"rotation": [[1]], "translation": []}, '"rotation.0." is .1., expected a list of 3'),
        ({"rotation": [], "translation": [[0, 0, float("nan")]]}, '"translation.0..2." is nan'),
    ],
)
def test_true_poses_that_are_damaged_are_named(tmp_path, poses, found):
    own = write_own_scenes(tmp_path / "own")
    (own / "truth" / "poses").mkdir(parents=True)
    for name in ("00000", "00001"):
        (own / "truth" / "poses" / f"{name}.json").write_text(json.dumps(poses))
    with pytest.raises(InputError, match=f"00000.json .*{found}"):
        SceneFolder(own, "all").poses(0)


PLY = """ply
format {form} 1.0
element vertex {vertices}
property float x
property float y
property float z
element face {faces}
property list uchar int vertex_indices
end_header
"""
CORNERS = "0 0 0\n1 0 0\n0 1 0\n"


@pytest.mark.parametrize(
    ("form", "vertices", "faces", "body", "found"),
    [
        ("ascii", 10**11, 1, CORNERS + "3 0 1 2\n", "announces 100,000,000,000 of vertex, more than"),
        ("ascii", 3, 2 * 10**8, CORNERS + "3 0 1 2\n", "announces 200,000,000 of face, more than"),
        ("binary_little_endian", 10**9, 1, "", "announces 1,000,000,000 of vertex, more than"),
        ("ascii", 3, 1, CORNERS + "3 0 1 200000000\n", "a face has the corner 200000000 of 3 vertices"),
        ("ascii", 3, 1, CORNERS + "3 0 1 -5\n", "a face has the corner -5 of 3 vertices"),
    ],
)
def test_ply_that_declares_or_names_what_it_has_not_is_refused(tmp_path, form, vertices, faces, body, found):
    pytest.importorskip("open3d")
    file = tmp_path / "a.ply"
    file.write_text(PLY.format(form=form, vertices=vertices, faces=faces) + body)
    with pytest.raises(InputError, match=f"a.ply is damaged: .*{found}"):
        read_mesh(file)


def test_ply_as_it_should_be_is_read(tmp_path):
    pytest.importorskip("open3d")
    file = tmp_path / "a.ply"
    file.write_text(PLY.format(form="ascii", vertices=3, faces=1) + CORNERS + "3 0 1 2\n")
    assert read_mesh(file)[1].tolist() == [[0, 1, 2]]


def test_stl_that_announces_more_triangles_than_it_has_is_refused(tmp_path):
    pytest.importorskip("open3d")
    (tmp_path / "a.stl").write_bytes(bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(100))
    with pytest.raises(InputError, match="a.stl is damaged or empty"):
        read_mesh(tmp_path / "a.stl")


def test_mesh_of_more_bytes_than_any_part_has_is_refused_unread(tmp_path):
    with open(tmp_path / "a.obj", "wb") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(InputError, match="has more than 268,435,456 bytes"):
        read_mesh(tmp_path / "a.obj")


@pytest.mark.parametrize("named", ["pipe", "../pipe", "missing.mtl"])
def test_materials_of_an_obj_are_not_opened(tmp_path, named):
    pytest.importorskip("open3d")
    (tmp_path / "inner").mkdir()
    for place in (tmp_path, tmp_path / "inner"):
        os.mkfifo(place / "pipe")
    file = tmp_path / "inner" / "a.obj"
    file.write_text(f"mtllib {named}\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl steel\nf 1 2 3\n")
    vertices, triangles = read_mesh(file)
    assert (vertices.tolist(), triangles.tolist()) == ([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])


def test_true_labels_that_were_saved_with_a_palette_are_its_grey_levels(tmp_path):
    own = write_own_scenes(tmp_path / "own")
    record = {"format": "tfapp scenes", "version": 1, "part": "bolt", "instances": 2, "bin": 0.2}
    record |= {"camera_distance": 0.6, "tilt": 0, "symmetries": [], "count": 2}
    (own / "scenes.json").write_text(json.dumps(record))
    (own / "truth" / "labels").mkdir(parents=True)
    for stem in ("00000", "00001"):
        saved = Image.fromarray((PART == 0).astype(np.uint8), mode="P")
        saved.putpalette([2, 2, 2, 0, 0, 0])
        saved.save(own / "truth" / "labels" / f"{stem}.png")
    np.testing.assert_array_equal(SceneFolder(own).labels(0), 2 * (PART > 0))


TETRAHEDRON = "ply\nformat ascii 1.0\nelement vertex 4\n" + "".join(
    f"property double {axis}\n" for axis in "xyz"
)
TETRAHEDRON += "element face 4\nproperty list uchar int vertex_indices\nend_header\n"
TETRAHEDRON += "0 0 0\n0.02 0 0\n0 0.02 0\n0 0 0.03\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n"


@pytest.fixture
def simulated(tmp_path):
    """Return scenes whose record has the hash of their mesh."""
    own = write_own_scenes(tmp_path / "own")
    (own / "truth").mkdir()
    (own / "truth" / "object.ply").write_text(TETRAHEDRON)
    # Nanometres, then the triangles.
    numbers = [
        0,
        0,
        0,
        20_000_000,
        0,
        0,
        0,
        20_000_000,
        0,
        0,
        0,
        30_000_000,
        0,
        2,
        1,
        0,
        1,
        3,
        0,
        3,
        2,
        1,
        2,
        3,
    ]
    mesh = hashlib.sha256(np.array(numbers, np.int64).tobytes()).hexdigest()[:16]
    (own / "scenes.json").write_text(json.dumps(SCENES | {"mesh": mesh}))
    return own


def test_mesh_that_the_scenes_were_simulated_of_is_read(simulated):
    vertices, _ = SceneFolder(simulated).object_mesh()
    np.testing.assert_allclose(vertices.max(axis=0), [0.02, 0.02, 0.03])


def test_mesh_that_was_replaced_since_the_simulation_is_refused(simulated):
    (simulated / "truth" / "object.ply").write_text(TETRAHEDRON.replace("0.03", "0.031"))
    with pytest.raises(
        InputError, match="object.ply is not the one .* simulated of: its hash is .*; restore it, or"
    ):
        SceneFolder(simulated).object_mesh()


def test_mesh_that_is_gone_since_the_simulation_is_refused_with_the_way_to_write_it(simulated):
    (simulated / "truth" / "object.ply").unlink()
    with pytest.raises(InputError, match="does not exist any more; .* the same `tfapp pose simulate` again"):
        SceneFolder(simulated).object_mesh()
