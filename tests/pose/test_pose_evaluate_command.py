"""`tfapp pose evaluate` and `tfapp pose show`, and other commands on a run of poses."""

import json
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

from tests.pose.pose_commands import check_refused, copy_run, files_of, tfapp
from tests.pose.posed_scenes import CONFIG
from tfapp.pose.evaluation.instances import k_means, pair_scores
from tfapp.pose.scenes.scene_folder import SceneFolder

# Options of the run on squares.
GIVEN = "instances points observed size hypotheses epochs batch_size decay_epochs held_out".split()
METHODS = ["ours", "K-means", "spectral, 10 neighbours", "spectral, rbf", "spectral clustering"]
PICTURES = ["figures/model.png", "figures/scenes-held-out.png", "figures/scenes-training.png", "pose.html"]


@pytest.fixture(scope="module")
def evaluated(bolt_run, bolt_scenes, tmp_path_factory):
    run = copy_run(bolt_run, tmp_path_factory.mktemp("runs") / "run")
    result = tfapp("pose", "evaluate", run)
    assert result.exit_code == 0, result.output
    return run, result.output


def test_evaluate_compares_with_clusterings_on_both_parts_of_the_scenes(evaluated):
    run, output = evaluated
    parts = json.loads((run / "metrics.json").read_text())["parts"]
    assert {part: parts[part]["scenes"] for part in parts} == {"training": 4, "held-out": 2}
    for part in parts:
        assert list(parts[part]["scores"]) == METHODS
        for scores in parts[part]["scores"].values():
            assert all(0 < scores[name] <= 1 for name in ("f1", "precision", "recall"))
        assert f"{part}, K-means" in output and f"{part}, spectral, rbf" in output


def test_evaluate_has_errors_of_the_poses_and_of_the_model(evaluated):
    run, output = evaluated
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 < metrics["parts"]["held-out"]["poses"]["translation_median"] < 0.1
    assert 0 < metrics["model"]["cad_to_learned"]["mean"] < 0.1
    assert "random points inside the part" in output and "average recall, MSSD" in output
    for part in metrics["parts"].values():
        for poses in (part["poses"], part["poses_in_best_frame"]):
            assert 0 < poses["targets"] <= 2 * part["scenes"]
            assert all(0 <= poses[f"{name}_recall"] <= 1 for name in ("mssd", "mspd"))
    training = metrics["parts"]["training"]
    assert training["poses_in_best_frame"]["rotation_mean"] <= training["poses"]["rotation_mean"] + 1e-9


def test_all_pixels_of_the_parts_are_scored_once(evaluated, bolt_scenes):
    run, _ = evaluated
    folder, record = SceneFolder(bolt_scenes), json.loads((run / "run.json").read_text())
    metrics = json.loads((run / "metrics.json").read_text())
    numbers = record["data"]["parts"]["held-out"]
    scores = []
    for number in numbers:
        rows, columns = np.nonzero(folder.parts(number))
        points = folder.camera.rays()[rows, columns] * folder.parts(number)[rows, columns, None]
        scores.append(pair_scores(k_means(points, 2), folder.labels(number)[rows, columns]).f1)
    # K-means from other starts, as the order of the points is another one.
    assert metrics["parts"]["held-out"]["scores"]["K-means"]["f1"] == pytest.approx(np.mean(scores), abs=0.02)


def test_the_page_tells_the_tables_and_the_remarks(evaluated):
    run, output = evaluated
    page = (run / "pose.html").read_text(encoding="utf-8")
    for text in ("average recall, MSPD", "random points of its surface", "Clusterings are at their best"):
        assert text in page and text in output


def test_evaluate_draws_the_model_the_scenes_and_a_page(evaluated):
    run, output = evaluated
    for name in ("figures/model-beside-part.png", *PICTURES):
        assert f"wrote {run / name}\n" in output
        if name.endswith(".png"):
            with Image.open(run / name) as picture:
                assert len(np.unique(np.asarray(picture))) > 50
    assert files_of(run) == sorted(
        ["figures/model-beside-part.png", *PICTURES, "metrics.json", "model.keras", "run.json"]
    )


def test_what_the_network_chooses_itself_is_evaluated_too(bolt_run, tmp_path):
    run = copy_run(bolt_run, tmp_path / "run")
    result = tfapp("pose", "evaluate", run, "--choose", "network", "--scenes", 1, "--no-baselines")
    assert result.exit_code == 0, result.output
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["choose"] == "network" and list(metrics["parts"]["training"]["scores"]) == ["ours"]


def test_show_needs_no_truth(squares_training, squares_run):
    run, options = squares_run.path, [f"--{name.replace('_', '-')}={getattr(CONFIG, name)}" for name in GIVEN]
    trained = tfapp("pose", "train", squares_training.scenes, "--out", run, *options)
    assert f"next: tfapp pose show {run}\n" in trained.output
    before = files_of(run)
    result = tfapp("pose", "show", run, "--scenes", 2)
    assert result.exit_code == 0, result.output
    assert files_of(run) == sorted([*before, *PICTURES])


def test_evaluate_without_a_truth_says_the_distance(bolt_run, bolt_scenes, tmp_path):
    scenes = tmp_path / "bolts"
    shutil.copytree(bolt_scenes, scenes)
    shutil.rmtree(scenes / "truth")
    run = copy_run(bolt_run, tmp_path / "run", scenes)
    result = tfapp("pose", "evaluate", run)
    assert result.exit_code == 0, result.output
    assert "held-out: 2 scenes, Chamfer distance" in result.output and "F1" not in result.output
    assert "model" not in json.loads((run / "metrics.json").read_text())


def without_last_scene(scenes):
    (scenes / "scenes.json").unlink()
    for file in scenes.rglob("00005.*"):
        file.unlink()


def with_other_camera(scenes):
    camera = json.loads((scenes / "camera.json").read_text())
    (scenes / "camera.json").write_text(json.dumps(camera | {"fx": 2 * camera["fx"]}))


@pytest.mark.parametrize("command", ["evaluate", "show"])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (shutil.rmtree, "does not exist; expected a folder of scenes"),
        (lambda scenes: (scenes / "depth" / "00002.npy").unlink(), "is cut short: it holds 5 of 6 scenes"),
        (lambda scenes: shutil.rmtree(scenes / "mask"), "has no folder mask/"),
        (without_last_scene, "has other scenes than when"),
        (with_other_camera, "has another camera.json than when"),
    ],
    ids=["gone", "cut short", "without masks", "fewer", "camera"],
)
def test_scenes_that_are_gone_or_changed_are_one_sentence(
    bolt_run, bolt_scenes, tmp_path, command, change, sentence
):
    scenes = tmp_path / "bolts"
    shutil.copytree(bolt_scenes, scenes)
    change(scenes)
    run = copy_run(bolt_run, tmp_path / "run", scenes)
    check_refused(tfapp("pose", command, run), sentence)
    assert files_of(run) == ["model.keras", "run.json"]


@pytest.mark.parametrize("command", ["evaluate", "show"])
def test_scenes_whose_depth_changed_since_are_told(bolt_run, bolt_scenes, tmp_path, command):
    scenes = tmp_path / "bolts"
    shutil.copytree(bolt_scenes, scenes)
    run = copy_run(bolt_run, tmp_path / "run", scenes)
    for number in (1, 4):
        file = scenes / "depth" / f"{number:05}.npy"
        np.save(file, np.load(file) + np.float32(0.001))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        told = " ".join(tfapp("pose", command, run).output.split())
    assert "Depth or masks of 2 of the 6 scenes" in told and "the first is 00001: what is told" in told


@pytest.mark.parametrize(
    "change", [lambda matrix: 2 * matrix, lambda matrix: -matrix], ids=["scaled", "mirrored"]
)
def test_true_poses_that_are_no_rotations_are_one_sentence(bolt_run, bolt_scenes, tmp_path, change):
    scenes = tmp_path / "bolts"
    shutil.copytree(bolt_scenes, scenes)
    for file in (scenes / "truth" / "poses").iterdir():
        poses = json.loads(file.read_text())
        poses["rotation"][0] = change(np.array(poses["rotation"][0])).tolist()
        file.write_text(json.dumps(poses))
    run = copy_run(bolt_run, tmp_path / "run", scenes)
    result = tfapp("pose", "evaluate", run, "--no-baselines")
    check_refused(result, "hold a matrix that is no rotation; expected orthogonal 3x3 matrices")
    assert files_of(run) == ["model.keras", "run.json"]


@pytest.mark.parametrize("command", ["evaluate", "show"])
def test_unknown_choice_is_refused_before_scenes_are_read(bolt_run, tmp_path, command):
    run = copy_run(bolt_run, tmp_path / "run")
    check_refused(
        tfapp("pose", command, run, "--choose", "best"),
        "Unknown choice 'best'; choose one of: distance, network",
    )
    assert files_of(run) == ["model.keras", "run.json"]


@pytest.mark.parametrize("command", ["evaluate", "show"])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda run: (run / "model.keras").unlink(), "its training has not ended"),
        (lambda run: (run / "run.json").unlink(), "is not a run folder"),
        (lambda run: (run / "run.json").write_text('{"format": 1}'), "is a run of `tfapp train`; expected"),
        (lambda run: (run / "run.json").write_text('{"format": 9, "kind": "pose"}'), "by a newer tfapp"),
    ],
    ids=["unfinished", "no run", "segmenter", "newer"],
)
def test_folder_without_a_trained_pose_model_is_one_sentence(bolt_run, tmp_path, command, change, sentence):
    run = copy_run(bolt_run, tmp_path / "run")
    change(run)
    before = files_of(run)
    check_refused(tfapp("pose", command, run), sentence)
    assert files_of(run) == before


@pytest.mark.parametrize(
    "command",
    ["evaluate {run}", "predict {run} {run} --out {run}/labels", "report {run} --out {run}/page.html"],
)
def test_command_of_segmenters_is_one_sentence_on_a_run_of_poses(bolt_run, command):
    before = files_of(bolt_run)
    result = tfapp(*(word.format(run=bolt_run) for word in command.split()))
    check_refused(result, "is a run of `tfapp pose train`; expected the --out of `tfapp train`")
    assert files_of(bolt_run) == before
