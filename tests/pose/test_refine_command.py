"""`tfapp pose refine`, and the commands that use what it left."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from tests.pose.pose_commands import check_refused, copy_run, files_of, tfapp
from tests.pose.rendered_parts import EXTENT, part, pose, scenes_of
from tfapp.pose.distillation import distilled_run
from tfapp.pose.evaluation.registration import align
from tfapp.pose.refinement import refined_run
from tfapp.pose.refinement.alternation import RefinedModel, grown_model, mean_residual, next_round, place_new
from tfapp.pose.run import PoseRun

pytestmark = pytest.mark.slow
ROUNDS = ("--rounds", 3)


@pytest.fixture(scope="module")
def refined(bolt_run, bolt_scenes, tmp_path_factory):
    run = copy_run(bolt_run, tmp_path_factory.mktemp("runs") / "run")
    result = tfapp("pose", "refine", run, *ROUNDS, "--tensorboard", run.parent / "log")
    assert result.exit_code == 0, result.output
    return run, result.output


def test_a_refinement_leaves_model_history_and_record(refined):
    assert files_of(refined[0] / "refined") == ["history.csv", "model.npz", "refine.json"]
    rows = np.genfromtxt(refined[0] / "refined" / "history.csv", delimiter=",", names=True)
    assert rows["round"].tolist() == [1, 2, 3]


def test_rounds_are_curves_of_tensorboard(refined):
    assert len(list((refined[0].parent / "log").glob("events*"))) == 1


def test_evaluate_and_segment_go_by_the_refined_model(refined, bolt_scenes, tmp_path):
    run, _ = refined
    assert tfapp("pose", "evaluate", run, "--no-baselines").exit_code == 0
    assert json.loads((run / "metrics.json").read_text())["refined"] is True
    # Six scenes are too few for a model that explains them.
    file = run / "refined" / "refine.json"
    kept = file.read_text()
    file.write_text(json.dumps(json.loads(kept) | {"residual": 0.0}))
    assert tfapp("pose", "segment", run, bolt_scenes, "--out", tmp_path / "out").exit_code == 0
    file.write_text(kept)
    model = (run / "refined" / "model.npz").read_bytes()
    said = json.loads((tmp_path / "out" / "segment.json").read_text())["refined model"]
    assert said == hashlib.sha256(model).hexdigest()


def test_the_network_can_still_be_asked_for(refined):
    run, _ = refined
    assert tfapp("pose", "evaluate", run, "--no-baselines", "--no-refined").exit_code == 0
    assert "refined" not in json.loads((run / "metrics.json").read_text())


def test_a_broken_off_refinement_ends_with_the_same_model(refined, bolt_run, tmp_path, monkeypatch):
    run, rounds = copy_run(bolt_run, tmp_path / "run"), []

    def kill(*arguments):
        rounds.append(arguments)
        if len(rounds) == 3:
            raise KeyboardInterrupt
        return next_round(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(refined_run, "next_round", kill)
        assert tfapp("pose", "refine", run, *ROUNDS).exit_code == 130
    assert files_of(run / "refined") == ["history.csv", "state.npz"]
    assert tfapp("pose", "refine", run, *ROUNDS).exit_code == 0
    expected, found = (np.load(one / "refined" / "model.npz")["points"] for one in (refined[0], run))
    np.testing.assert_array_equal(found, expected)


def test_a_finished_refinement_is_kept(refined):
    before = (refined[0] / "refined" / "model.npz").stat().st_mtime_ns
    assert tfapp("pose", "refine", refined[0], *ROUNDS).exit_code == 0
    assert (refined[0] / "refined" / "model.npz").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--rounds", 2), "was refined with --rounds 3, not 2"),
        ((*ROUNDS, "--from", "clustering"), "was refined with --from network, not clustering"),
        (("--rounds", 0), "--rounds must be at least 1"),
        (("--from", "luck"), "choose one of: network, clustering"),
    ],
)
def test_other_options_are_refused(refined, options, sentence):
    check_refused(tfapp("pose", "refine", refined[0], *options), sentence)


def test_a_damaged_model_is_named(bolt_run, refined, tmp_path):
    run = copy_run(bolt_run, tmp_path / "run")
    (run / "refined").mkdir()
    for name in ("refine.json", "model.npz"):
        (run / "refined" / name).write_bytes((refined[0] / "refined" / name).read_bytes()[:300])
    (run / "refined" / "refine.json").write_bytes((refined[0] / "refined" / "refine.json").read_bytes())
    check_refused(tfapp("pose", "evaluate", run), "model.npz is damaged")


def test_a_run_that_was_trained_further_is_not_taken_for_refined(bolt_run, refined, tmp_path):
    run = copy_run(bolt_run, tmp_path / "run")
    (run / "refined").mkdir()
    for file in (refined[0] / "refined").iterdir():
        (run / "refined" / file.name).write_bytes(file.read_bytes())
    record = json.loads((run / "run.json").read_text())
    record["config"]["epochs"] += 1
    (run / "run.json").write_text(json.dumps(record))
    check_refused(tfapp("pose", "evaluate", run), "was refined after 2 epochs and has 3 now")


def test_a_refinement_of_other_weights_is_not_taken_for_that_of_the_run(bolt_run, refined, tmp_path):
    run = copy_run(bolt_run, tmp_path / "run")
    (run / "refined").mkdir()
    for file in (refined[0] / "refined").iterdir():
        (run / "refined" / file.name).write_bytes(file.read_bytes())
    record = run / "refined" / "refine.json"
    stored = json.loads(record.read_text())
    assert stored["weights"] == PoseRun.open(run).weights
    record.write_text(json.dumps(stored | {"weights": "ab" * 32}))
    check_refused(tfapp("pose", "evaluate", run), "was refined before its training went on; run")
    check_refused(tfapp("pose", "refine", run), "was refined before its training went on; run")


def test_a_run_that_is_not_refined_says_so(bolt_run, tmp_path):
    run = copy_run(bolt_run, tmp_path / "run")
    check_refused(tfapp("pose", "evaluate", run, "--refined"), "is not refined")


def test_the_network_chooses_among_its_own_alternatives_alone(refined):
    result = tfapp("pose", "evaluate", refined[0], "--refined", "--choose", "network")
    check_refused(result, "--refined poses are those that fit best; leave --choose network out")


@pytest.fixture(scope="module")
def from_nothing():
    """Forty views of the L, a model that grew from one of them and three rounds, the true poses, and a new view."""
    true = [[pose(seed)] for seed in range(40)]
    scenes = scenes_of(true)
    model = grown_model(scenes)
    for number in range(4):
        model = next_round(model, scenes, number)
    new = scenes_of([[pose(100 + seed)] for seed in range(8)])
    place_new(model, new)
    return model, scenes, true, new


def laid_onto_part(model):
    surface = part(0.0007)
    surface = surface[np.random.default_rng(0).permutation(len(surface))]
    return align(model.points, surface, EXTENT)


def angles(model, scenes, true):
    rotation = laid_onto_part(model)[0]
    cosines = [
        (np.trace((scenes.rotation[scene, 0] @ rotation.T).T @ poses[0][0]) - 1) / 2
        for scene, poses in enumerate(true)
    ]
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def test_from_no_pose_at_all_the_alternation_finds_the_poses_of_a_part(from_nothing):
    model, scenes, true, _ = from_nothing
    assert np.median(angles(model, scenes, true)) < 4


def test_new_views_get_poses_that_are_as_good(from_nothing):
    model, _, _, new = from_nothing
    assert np.median(angles(model, new, [[pose(100 + seed)] for seed in range(8)])) < 6


def test_the_residual_of_what_was_found_is_a_fraction_of_a_millimetre(from_nothing):
    model, scenes, _, _ = from_nothing
    assert mean_residual(scenes, model.extent) < 0.0006


def test_an_instance_that_is_not_placed_counts_as_a_miss():
    scenes = scenes_of([[pose(0)]])
    assert mean_residual(scenes, EXTENT) == pytest.approx(2 * 0.12 * EXTENT)


def test_a_model_of_few_points_is_not_taken_for_a_surface():
    points = part(0.01)
    assert float(RefinedModel(points, EXTENT, fused=False).to_fit().radius) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (lambda record: {"residual": 0.03 * record["extent"] + 0.01}, "does not explain its scenes"),
        (
            lambda record: {"residual": 0.0, "moved": 0.27, "rounds": 9},
            "does not divide its scenes the same way twice",
        ),
    ],
)
def test_a_model_that_is_no_part_is_refused_to_a_robot(refined, bolt_scenes, tmp_path, changes, said):
    run = tmp_path / "run"
    shutil.copytree(refined[0], run)
    record = json.loads((run / "refined" / "refine.json").read_text())
    (run / "refined" / "refine.json").write_text(json.dumps(record | changes(record)))
    result = tfapp("pose", "segment", run, bolt_scenes, "--out", tmp_path / "out")
    check_refused(result, said)
    assert not (tmp_path / "out").exists()
    assert said in tfapp("pose", "refine", run, *ROUNDS).output


def test_a_network_is_taught_what_the_refinement_is_sure_of_and_once(refined, tmp_path, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(refined[0], run)
    check_refused(tfapp("pose", "distil", run, "--epochs", 1), "does not explain its scenes")
    # Six scenes are too few for a model that explains them.
    file = run / "refined" / "refine.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"residual": 0.0}))
    monkeypatch.setattr(distilled_run, "_LEAST_CONFIDENCE", 1.1)
    check_refused(tfapp("pose", "distil", run, "--epochs", 2), "is sure of no pose in its")
    monkeypatch.setattr(distilled_run, "_LEAST_CONFIDENCE", 0.0)
    result = tfapp("pose", "distil", run, "--epochs", 2)
    assert result.exit_code == 0, result.output
    before = {path: path.stat().st_mtime_ns for path in (run / "distilled").glob("*.keras")}
    assert before and tfapp("pose", "distil", run, "--epochs", 2).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
