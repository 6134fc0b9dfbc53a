"""`tfapp pose fit`: poses without a network."""

import json
import re
import shutil

import numpy as np
import pytest

from tests.pose.fitted_runs import run_of_mesh
from tests.pose.meshes import boxes
from tests.pose.pose_commands import check_refused, files_of, tfapp
from tests.pose.posed_scenes import write_scenes
from tfapp.errors import InputError
from tfapp.pose.fitted_run import FitConfig, FittedRun, begin_fit, cad_model, instances_of
from tfapp.pose.scenes.mesh_files import read_mesh, write_mesh

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def fitted(bolt_scenes, tmp_path_factory):
    """The run of a known bolt, and what the command said."""
    run = tmp_path_factory.mktemp("fitted") / "run"
    mesh = bolt_scenes / "truth" / "object.ply"
    result = tfapp(
        "pose", "fit", bolt_scenes, "--cad", mesh, "--units", "m", "--instances", "1-4", "--out", run
    )
    assert result.exit_code == 0, result.output
    return run, result.output


@pytest.fixture(scope="module")
def evaluated(fitted):
    result = tfapp("pose", "evaluate", fitted[0], "--no-baselines")
    assert result.exit_code == 0, result.output
    return json.loads((fitted[0] / "metrics.json").read_text())["parts"]["held-out"]


@slow
def test_a_known_part_is_found_without_training(evaluated):
    assert evaluated["poses"]["rotation_median"] < np.radians(3)
    assert evaluated["poses"]["translation_median"] < 0.001


@slow
def test_instances_of_an_unknown_number_are_told_apart(evaluated):
    assert evaluated["scores"]["ours"]["f1"] > 0.98


@slow
def test_how_well_a_known_part_fits_is_told(fitted):
    assert re.search(r"in 6 scenes 0\.[01]\d mm are left of the median instance, and 9\d% of", fitted[1])
    assert "may not be the part" not in fitted[1]


@slow
@pytest.mark.filterwarnings("always:.* may not be the part of these scenes")
@pytest.mark.parametrize("factor", [0.4, 1.2, 10])
def test_a_mesh_of_another_size_is_told_by_all_that_use_it(factor, bolt_scenes, tmp_path):
    vertices, triangles = read_mesh(bolt_scenes / "truth" / "object.ply")
    write_mesh(tmp_path / "part.stl", 1000 * factor * vertices, triangles)
    run = tmp_path / "run"
    known = ("--cad", tmp_path / "part.stl", "--units", "mm", "--instances", "2")
    fitted = tfapp("pose", "fit", bolt_scenes, *known, "--out", run)
    assert "may not be the part of these scenes" in " ".join(fitted.output.split())
    for command in (
        ("model", run, "--out", tmp_path / "model.ply"),
        ("segment", run, bolt_scenes, "--out", tmp_path / "out"),
    ):
        assert "may not be the part of these scenes" in " ".join(tfapp("pose", *command).output.split())


@slow
def test_symmetries_of_the_known_part_are_told(fitted):
    assert "symmetries found: rotation by 60° about one axis" in fitted[1]


@slow
def test_poses_of_a_known_part_are_in_the_frame_of_its_file(fitted, bolt_scenes, tmp_path):
    """The frame is the mesh's own: a posed vertex lies where the part was measured."""
    assert tfapp("pose", "segment", fitted[0], bolt_scenes, "--out", tmp_path / "out").exit_code == 0
    poses = [json.loads(path.read_text()) for path in sorted((tmp_path / "out" / "poses").iterdir())]
    found = np.concatenate([one["translation"] for one in poses])
    true = [
        np.load(path) if path.suffix == ".npy" else json.loads(path.read_text())
        for path in sorted((bolt_scenes / "truth" / "poses").iterdir())
    ]
    true = np.concatenate([np.asarray(one["translation"]) for one in true])
    away = np.linalg.norm(found[:, None] - true, axis=2).min(1)
    assert np.median(away) < 0.001


@slow
def test_the_same_command_again_keeps_the_run(fitted, bolt_scenes):
    before = (fitted[0] / "refined" / "model.npz").read_bytes()
    mesh = bolt_scenes / "truth" / "object.ply"
    command = ("pose", "fit", bolt_scenes, "--cad", mesh, "--units", "m", "--out", fitted[0])
    assert tfapp(*command, "--instances", "1-4").exit_code == 0
    assert (fitted[0] / "refined" / "model.npz").read_bytes() == before
    check_refused(tfapp(*command, "--instances", "2"), "holds a run with another instances")


@slow
def test_a_model_grows_from_the_scenes_alone(bolt_scenes, tmp_path):
    command = ("pose", "fit", bolt_scenes, "--out", tmp_path / "run", "--rounds", 2, "--held-out", 0)
    result = tfapp(*command, "--instances", "2")
    assert result.exit_code == 0, result.output
    assert files_of(tmp_path / "run" / "refined") == ["history.csv", "model.npz", "refine.json"]
    assert tfapp("pose", "show", tmp_path / "run").exit_code == 0


@slow
def test_commands_of_networks_refuse_a_run_without_one(fitted, tmp_path):
    check_refused(tfapp("pose", "refine", fitted[0]), "is a run of `tfapp pose fit`")
    check_refused(tfapp("pose", "evaluate", fitted[0], "--choose", "network"), "has no network")
    check_refused(tfapp("landscape", fitted[0], "--n", "5"), "no landscape can be drawn")
    check_refused(tfapp("export", fitted[0], tmp_path / "served", "--no-refined"), "has no network")
    check_refused(tfapp("pose", "distil", fitted[0]), "is a run of `tfapp pose fit`")


@pytest.mark.parametrize(
    ("text", "instances"), [("3", (3, 3)), ("2-5", (2, 5)), ("auto", (1, 12)), (None, None)]
)
def test_numbers_of_instances_are_read(text, instances):
    assert instances_of(text) == instances


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--instances", "5-2"), "must be a number from 1 to 100, a range such as 1-12, or auto; got '5-2'"),
        (("--instances", "0"), "must be a number from 1 to 100"),
        (("--instances", "many"), "must be a number from 1 to 100"),
        ((), "does not say how many parts each scene has; give --instances"),
        (("--instances", "2", "--units", "mm"), "--units are those of a mesh"),
        (
            ("--instances", "2", "--cad", "no.stl", "--units", "ell"),
            "must be one of m, cm, mm, inch; got ell",
        ),
        (("--instances", "2", "--cad", "no.stl", "--units", "mm"), "does not exist"),
        (("--instances", "2", "--rounds", "0"), "--rounds must be at least 1; got 0"),
        (("--instances", "2", "--held-out", "1"), "is a share from 0 to below 1"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_anything_is_written(options, sentence, tmp_path):
    scenes = write_scenes(tmp_path / "squares")
    result = tfapp("pose", "fit", scenes, "--out", tmp_path / "run", *options)
    check_refused(result, sentence)
    assert not (tmp_path / "run").exists()


def test_a_mesh_in_other_units_is_refused(tmp_path, box_file):
    path = shutil.copy(box_file, tmp_path / "box.ply")
    check_refused(
        tfapp(
            "pose",
            "fit",
            write_scenes(tmp_path / "s"),
            "--instances",
            1,
            "--cad",
            path,
            "--units",
            "m",
            "--out",
            tmp_path / "run",
        ),
        "check --units",
    )


@slow
def test_a_mesh_that_changed_since_the_fit_is_refused_where_its_old_points_lie_on_it_too(tmp_path):
    box, beside = ((-20, -12, -6), (20, 12, 6)), ((30, 30, 30), (40, 40, 40))
    path = tmp_path / "part.ply"
    write_mesh(path, *boxes(box))
    run = run_of_mesh(tmp_path, path, "mm")
    config = FitConfig(instances="2", cad=path, units="mm")
    assert begin_fit(tmp_path / "scenes", run, config).path == run
    write_mesh(path, *boxes(box, beside))
    for command in (lambda: begin_fit(tmp_path / "scenes", run, config), FittedRun.open(run).beginning):
        with pytest.raises(
            InputError, match="part.ply has another mesh, .* than when .*run was fitted to it"
        ):
            command()


def test_points_of_a_known_part_lie_on_its_surface_everywhere(box_file):
    model = cad_model(box_file, "mm")
    vertices, _ = read_mesh(box_file)
    inside = np.abs(model.points) <= vertices.max(0) / 1000 + 1e-9
    on_side = np.isclose(np.abs(model.points), vertices.max(0) / 1000, atol=1e-6)
    assert inside.all()
    assert on_side.any(1).all()
    # All six sides.
    assert sorted(
        {(axis, side) for axis in range(3) for side in np.sign(model.points[on_side[:, axis], axis])}
    ) == [(axis, side) for axis in range(3) for side in (-1, 1)]


@pytest.fixture
def box_file(tmp_path):
    """A box of 40 x 24 x 12 about the origin, as a PLY file."""
    open3d = pytest.importorskip("open3d")
    box = open3d.geometry.TriangleMesh.create_box(40, 24, 12).translate((-20, -12, -6))
    open3d.io.write_triangle_mesh(str(tmp_path / "40.ply"), box)
    return tmp_path / "40.ply"
