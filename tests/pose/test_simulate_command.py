"""`tfapp pose simulate`, as a person types it, and the folder it leaves."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.pose.own_scenes import write_own_scenes
from tfapp.cli.main import app
from tfapp.errors import InputError, WorkFailed
from tfapp.pose import SceneFolder
from tfapp.pose.scenes.mesh_files import write_mesh
from tfapp.pose.simulation import simulate as scene_processes
from tfapp.pose.simulation.parts import BUILT_IN
from tfapp.pose.simulation.simulate import simulate_scenes
from tfapp.pose.simulation.simulator import SceneSettings

pytest.importorskip("open3d", reason="depth is cast with the extra `pose`")
pytest.importorskip("mujoco", reason="parts fall with the extra `pose`")

SMALL = ["--size", "48", "--scenes", "6", "--processes", "1"]


def simulate(*arguments):
    return CliRunner().invoke(app, ["pose", "simulate", *map(str, arguments)])


def said(result):
    return " ".join(result.output.split())


def settings(**changed):
    return SceneSettings(**{"part": BUILT_IN["bolt"](), "instances": 2, "size": 48} | changed)


def contents(path):
    """Return the bytes of all that the scenes of a folder are."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for folder in ("depth", "mask", "truth")
        for file in sorted((path / folder).rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def bolts(tmp_path_factory):
    out = tmp_path_factory.mktemp("scenes") / "bolts"
    result = simulate("--part", "bolt", "--out", out, *SMALL)
    assert result.exit_code == 0, result.output
    return out, result


def test_command_names_what_it_wrote(bolts):
    out, result = bolts
    assert "6 scenes of 2 x bolt, 50 mm large, in a bin of half-width 70 mm; 48x48 pixels" in said(result)
    assert f"wrote {out}\nwrote {out / 'scenes.png'}\n" in result.output
    with Image.open(out / "scenes.png") as sheet:
        assert sheet.width > sheet.height > 2 * 48


def test_folder_is_read_back(bolts):
    folder = SceneFolder(bolts[0])
    assert len(folder) == 6 and folder.instances == 2 and folder.foreground == "mask"
    for index in range(6):
        rotation, translation = folder.poses(index)
        labels = folder.labels(index)
        assert rotation.shape == (2, 3, 3) and translation.shape == (2, 3)
        assert set(np.unique(labels)) == {0, 1, 2}
        np.testing.assert_array_equal(folder.mask(index), labels > 0)


def test_points_of_the_folder_lie_on_its_mesh(bolts):
    import open3d

    folder = SceneFolder(bolts[0])
    vertices, triangles = folder.object_mesh()
    surface = open3d.t.geometry.RaycastingScene()
    surface.add_triangles(vertices.astype(np.float32), triangles.astype(np.uint32))
    (rotation, translation), labels = folder.poses(3), folder.labels(3)
    for instance in range(2):
        points, _ = folder.camera.back_project(folder.depth(3), labels == instance + 1)
        own = (points - translation[instance]) @ rotation[instance]
        assert surface.compute_distance(own.astype(np.float32)).numpy().max() < 1e-4


def test_record_says_how_the_scenes_were_made(bolts):
    record = SceneFolder(bolts[0]).record
    assert record["part"] == "bolt" and record["seed"] == 0 and record["count"] == 6 and record["tilt"] == 0
    assert record["bin"] == pytest.approx(0.07) and record["camera_distance"] == pytest.approx(0.469)
    assert "--part bolt" in record["command"]
    assert np.shape(record["symmetries"]) == (6, 3, 3)


def test_same_command_again_makes_nothing(bolts):
    out, _ = bolts
    before = {file: file.stat().st_mtime_ns for file in (out / "depth").iterdir()}
    assert simulate("--part", "bolt", "--out", out, *SMALL).exit_code == 0
    assert {file: file.stat().st_mtime_ns for file in (out / "depth").iterdir()} == before


def test_broken_off_folder_is_refused_and_gone_on_with(bolts, tmp_path):
    whole, _ = bolts
    simulate_scenes(settings(), tmp_path / "a", 6)
    (tmp_path / "a" / "truth" / "poses" / "00003.json").unlink()
    (tmp_path / "a" / "depth" / "00004.npy").unlink()
    with pytest.raises(InputError, match="cut short: truth/poses/00003.json is missing; run the same"):
        SceneFolder(tmp_path / "a")
    (tmp_path / "a" / "truth" / "poses" / "00004.json").unlink()
    simulate_scenes(settings(), tmp_path / "a", 6)
    assert contents(tmp_path / "a") == contents(whole)


def test_folder_that_was_never_filled_is_refused(bolts, tmp_path):
    simulate_scenes(settings(), tmp_path / "a", 2)
    record = json.loads((tmp_path / "a" / "scenes.json").read_text())
    (tmp_path / "a" / "scenes.json").write_text(json.dumps(record | {"count": 9}))
    with pytest.raises(InputError, match="holds 2 of 9 scenes; run the same"):
        SceneFolder(tmp_path / "a")


def test_same_command_again_restores_the_mesh_that_was_replaced(tmp_path):
    simulate_scenes(settings(), tmp_path / "a", 1)
    mesh = tmp_path / "a" / "truth" / "object.ply"
    whole, nut = mesh.read_bytes(), BUILT_IN["nut"]()
    write_mesh(mesh, nut.vertices, nut.triangles)
    with pytest.raises(InputError, match="is not the one that the scenes were simulated of"):
        SceneFolder(tmp_path / "a").object_mesh()
    simulate_scenes(settings(), tmp_path / "a", 1).object_mesh()
    assert mesh.read_bytes() == whole


def test_more_scenes_are_added_and_the_first_stay(bolts, tmp_path):
    whole, _ = bolts
    simulate_scenes(settings(), tmp_path / "a", 2)
    assert len(simulate_scenes(settings(), tmp_path / "a", 6)) == 6
    assert contents(tmp_path / "a") == contents(whole)


@pytest.mark.slow
def test_processes_change_no_scene(bolts, tmp_path, monkeypatch):
    whole, _ = bolts
    monkeypatch.setattr(scene_processes, "_SHARE", 2)
    monkeypatch.setattr(scene_processes, "_FEWEST_SHARES", 1)
    steps = []
    simulate_scenes(
        settings(), tmp_path / "a", 6, processes=2, progress=lambda done, total: steps.append((done, total))
    )
    assert contents(tmp_path / "a") == contents(whole)
    assert steps == [(0, 6), (2, 6), (4, 6), (6, 6)]


def test_other_seed_makes_other_scenes(bolts, tmp_path):
    other = simulate_scenes(settings(seed=1), tmp_path / "a", 1)
    assert np.abs(other.poses(0)[1] - SceneFolder(bolts[0]).poses(0)[1]).max() > 0.01


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"instances": 3}, r"instances \(was 2, is 3\)"),
        ({"tilt": 30.0}, r"tilt \(was 0.0, is 30.0\)"),
        ({"seed": 5}, r"seed \(was 0, is 5\)"),
        ({"part": BUILT_IN["nut"]()}, r"part \(was bolt, is nut\), the mesh of the part"),
    ],
)
def test_folder_of_other_settings_is_refused(bolts, changed, message):
    out, _ = bolts
    before = contents(out)
    with pytest.raises(InputError, match=message):
        simulate_scenes(settings(**changed), out, 6)
    assert contents(out) == before


def test_folder_with_more_scenes_is_refused(bolts):
    with pytest.raises(InputError, match="holds 6 scenes, more than 4"):
        simulate_scenes(settings(), bolts[0], 4)


def test_overwrite_starts_again(tmp_path):
    simulate_scenes(settings(), tmp_path / "a", 3)
    (tmp_path / "a" / "notes.txt").write_text("mine")
    folder = simulate_scenes(settings(seed=1), tmp_path / "a", 2, overwrite=True)
    assert len(folder) == 2 and folder.record["seed"] == 1
    assert (tmp_path / "a" / "notes.txt").is_file()


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_of_other_files_is_left_alone(tmp_path, overwrite):
    own = write_own_scenes(tmp_path / "own")
    with pytest.raises(InputError, match="holds other files than simulated scenes"):
        simulate_scenes(settings(), own, 2, overwrite=overwrite)
    assert len(SceneFolder(own)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--part", "bolt", "--instances", "0"], "Number of instances must be from 1 to 50. Received: 0."),
        (["--part", "bolt", "--scenes", "0"], "Number of scenes must be from 1 to 100000. Received: 0."),
        (["--part", "bolt", "--size", "8"], "Size of the pictures in pixels must be from 32"),
        (["--part", "bolt", "--tilt", "90"], "Tilt of the camera in degrees must be from 0 to 80"),
        (["--part", "bolt", "--tilt", "nan"], "--tilt must be a number from 0 to 90; got nan"),
        (["--part", "bolt", "--seed", "-1"], "--seed must be a number from 0 to 4,294,967,295; got -1"),
        (
            ["--part", "bolt", "--bin", "0.04"],
            "bolt is 0.05 m large and does not fit a bin of half-width 0.04 m",
        ),
        (["--part", "screw"], "Unknown part 'screw'; choose nut, bolt, l-bracket, camera-head, or name a"),
        (["--part", "bolt", "--units", "mm"], "--units is for mesh files"),
        (["--part", "own.stl", "--units", "mm"], "Mesh own.stl does not exist"),
    ],
)
def test_bad_options_are_one_sentence_and_write_nothing(tmp_path, options, message):
    result = simulate(*options, "--out", tmp_path / "a")
    assert result.exit_code == 2
    assert message in said(result)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(("module", "name"), [("open3d", "Open3D"), ("mujoco", "MuJoCo")])
def test_missing_library_is_one_sentence(tmp_path, monkeypatch, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    result = simulate("--part", "bolt", "--out", tmp_path / "a")
    assert result.exit_code == 2
    assert f'{name} is not installed: pip install "tfapp[pose]".' in said(result)
    assert not (tmp_path / "a").exists()


def test_missing_system_library_names_the_packages(tmp_path, monkeypatch):
    def fail(name):
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("tfapp.pose.libraries.import_module", fail)
    result = simulate("--part", "bolt", "--out", tmp_path / "a")
    assert result.exit_code == 2
    assert "libGL.so.1" in said(result)
    assert "apt-get install libgl1 libx11-6 libgomp1 libusb-1.0-0" in said(result)


def test_parts_that_never_fit_end_with_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("tfapp.pose.simulation.simulator._MOST_TRIES", 2)
    with pytest.raises(WorkFailed, match="Scene 0 failed 2 times: .*; use fewer instances"):
        simulate_scenes(settings(instances=8, half_width=0.05), tmp_path / "a", 1)


@pytest.mark.slow
def test_simulation_does_not_load_tensorflow():
    code = (
        "import sys, tfapp.cli.main, tfapp.pose.simulation.simulate; "
        "print([name for name in ('tensorflow', 'keras', 'open3d', 'mujoco') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n"
