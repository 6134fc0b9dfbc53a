"""Closed surfaces of object models, and `tfapp pose model`."""

from collections import Counter

import numpy as np
import pytest
from meshes import boxes

from tests.pose.fitted_runs import run_of_mesh, run_of_points, surface_points
from tests.pose.pose_commands import check_refused, files_of, tfapp
from tfapp.errors import InputError
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.model_surface import closed_surface, outward_normals
from tfapp.pose.scenes.mesh_files import enclosed_volume, read_mesh, write_mesh
from tfapp.pose.simulation.parts import bolt, l_bracket

open3d = pytest.importorskip("open3d", reason="surfaces are made with the extra `pose`")
slow = pytest.mark.slow
VOXEL = 0.0015


def edges_meet(triangles):
    """Return whether each edge is run along once in either direction."""
    runs = Counter((int(a), int(b)) for t in triangles for a, b in zip(t, np.roll(t, -1), strict=True))
    return all(count == 1 and runs[b, a] == 1 for (a, b), count in runs.items())


@pytest.fixture(scope="module")
def bolt_points():
    return surface_points(bolt().vertices, bolt().triangles)


@pytest.fixture(scope="module")
def bolt_surface(bolt_points):
    return closed_surface(bolt_points, VOXEL)


@slow
def test_the_surface_of_a_bolt_is_closed_and_faces_outward(bolt_surface):
    assert edges_meet(bolt_surface.triangles)
    assert len(np.unique(bolt_surface.triangles)) == len(bolt_surface.vertices)
    true = enclosed_volume(bolt().vertices, bolt().triangles)
    assert bolt_surface.volume == pytest.approx(true, rel=0.02)


@slow
def test_the_surface_lies_on_the_part_and_its_points(bolt_surface):
    part = CadSurface(bolt().vertices, bolt().triangles)
    away = part.distance(CadSurface(bolt_surface.vertices, bolt_surface.triangles).sample(3000))
    assert np.median(away) < 1e-4 and away.max() < VOXEL
    found = bolt_surface.deviation()
    assert found.median < 1e-4 and found.largest < VOXEL and found.closed == 0


@slow
def test_a_part_that_was_seen_from_one_side_is_closed_and_told(bolt_points):
    surface = closed_surface(bolt_points[bolt_points[:, 0] > -0.001], VOXEL)
    assert edges_meet(surface.triangles)
    assert surface.volume == pytest.approx(enclosed_volume(bolt().vertices, bolt().triangles) / 2, rel=0.3)
    assert 0.1 < surface.deviation().closed < 0.3
    # Nothing is added beyond what was seen.
    assert surface.vertices[:, 0].min() > -0.001 - VOXEL


def test_points_of_one_flat_side_are_refused():
    points = np.random.default_rng(0).uniform(0, 0.05, (500, 3)) * [1, 1, 0.001]
    with pytest.raises(InputError, match="they are flat; show the part from more sides"):
        closed_surface(points, VOXEL)
    with pytest.raises(InputError, match="they are flat"):
        closed_surface(points * [1, 1, 0], VOXEL)


@slow
def test_normals_stand_on_the_surface_and_lead_outward():
    part = CadSurface(l_bracket().vertices, l_bracket().triangles)
    points = surface_points(part.vertices, part.triangles)
    normals = outward_normals(points)
    found = part.ray_casting_scene().compute_closest_points(points.astype(np.float32))
    agree = (normals * found["primitive_normals"].numpy()).sum(1)
    # At edges the normals of neighbours are means.
    assert np.mean(agree > 0.98) > 0.7 and np.mean(agree > 0) > 0.999


@pytest.fixture(scope="module")
def learned(tmp_path_factory, bolt_points):
    return run_of_points(tmp_path_factory.mktemp("learned"), bolt_points)


@slow
def test_the_command_writes_mesh_and_points_that_are_read_again(learned, tmp_path):
    command = ("pose", "model", learned)
    result = tfapp(
        *command, "--out", tmp_path / "part.stl", "--points", tmp_path / "points.ply", "--units", "mm"
    )
    assert result.exit_code == 0, result.output
    assert "cm³, in mm" in result.output and "0.0% of its surface" in result.output
    mesh = open3d.io.read_triangle_mesh(str(tmp_path / "part.stl")).remove_duplicated_vertices()
    assert mesh.is_watertight()
    assert mesh.get_volume() == pytest.approx(
        1e9 * enclosed_volume(bolt().vertices, bolt().triangles), rel=0.02
    )
    cloud = open3d.io.read_point_cloud(str(tmp_path / "points.ply"))
    assert len(cloud.points) == len(np.load(learned / "refined" / "model.npz")["points"])
    np.testing.assert_allclose(np.linalg.norm(cloud.normals, axis=1), 1, atol=1e-6)
    assert 45 < np.ptp(np.asarray(cloud.points), axis=0).max() < 51
    for name in ("part.ply", "part.obj"):
        assert tfapp(*command, "--out", tmp_path / name).exit_code == 0
        assert 0.045 < np.ptp(read_mesh(tmp_path / name)[0], axis=0).max() < 0.051


@slow
def test_a_known_part_is_the_mesh_of_its_file(tmp_path):
    vertices, triangles = boxes(((0, 0, 0), (40, 20, 10)))
    # Turned inside out, as some files are.
    write_mesh(tmp_path / "box.stl", vertices, triangles[:, ::-1])
    run = run_of_mesh(tmp_path, tmp_path / "box.stl", "mm")
    result = tfapp("pose", "model", run, "--out", tmp_path / "part.ply", "--units", "cm")
    assert result.exit_code == 0, result.output
    found = read_mesh(tmp_path / "part.ply")
    np.testing.assert_allclose(np.ptp(found[0], axis=0), [4, 2, 1], atol=1e-6)
    assert enclosed_volume(*found) == pytest.approx(8)
    write_mesh(tmp_path / "box.stl", vertices + [5, 0, 0], triangles)
    check_refused(
        tfapp("pose", "model", run, "--out", tmp_path / "other.ply"),
        "has another mesh, or in another place, than when",
    )
    assert not (tmp_path / "other.ply").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "Nothing is asked for; give --out, --points, or both"),
        (("--out", "part.step"), "--out must end in one of .stl, .obj, .ply; got part.step"),
        (("--points", "part.stl"), "--points must end in one of .ply; got part.stl"),
        (("--out", "part.stl", "--units", "ell"), "--units must be one of m, cm, mm, inch; got ell"),
        (("--out", "part.stl"), "is not a run folder"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    check_refused(tfapp("pose", "model", "run", *options), sentence)
    assert files_of(tmp_path) == []


def test_a_run_that_is_not_refined_has_no_surface(bolt_run, tmp_path):
    result = tfapp("pose", "model", bolt_run, "--out", tmp_path / "part.stl")
    check_refused(
        result, "is not refined, and points that a network learned are no surface; run `tfapp pose refine"
    )
    assert files_of(tmp_path) == []


@slow
def test_flat_points_leave_no_file(tmp_path):
    points = np.random.default_rng(0).uniform(0, 0.05, (500, 3)) * [1, 1, 0.001]
    run = run_of_points(tmp_path, points)
    check_refused(tfapp("pose", "model", run, "--out", tmp_path / "part.stl"), "they are flat")
    assert not (tmp_path / "part.stl").exists()
