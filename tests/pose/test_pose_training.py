"""Training a pose model in a run folder, and the batches that it learns from."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from scipy.spatial import cKDTree

from tests.landscape.tensorboard_events import summaries
from tests.pose.posed_scenes import CAMERA, CONFIG, squares, write_scenes
from tfapp.errors import InputError
from tfapp.pose.observations import Observations, observe, split_scenes
from tfapp.pose.run import PoseRun
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.pose.tensorboard import PoseTensorBoard
from tfapp.pose.training import SceneBatches, frame_of, train, turned
from tfapp.runs.checkpoints import read_history


@pytest.fixture(scope="module")
def scenes(squares_training):
    return squares_training.scenes


@pytest.fixture(scope="module")
def run(squares_training):
    return squares_training.run


def weights(run):
    return run.load_model().get_weights()


@pytest.mark.slow
def test_distance_falls(scenes, tmp_path):
    trained = train(scenes, tmp_path / "run", replace(CONFIG, epochs=30, decay_epochs=25))
    history = [row["distance_mm"] for row in read_history(trained.path)]
    assert history[-1] < 0.8 * history[0]


@pytest.mark.slow
def test_killed_training_goes_on_to_the_same_weights(scenes, run, tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(scenes, tmp_path / "run", CONFIG, callbacks=[Kill()])
    with pytest.raises(InputError, match="its training has not ended"):
        PoseRun.open(tmp_path / "run").load_model()
    again = train(scenes, tmp_path / "run", CONFIG)
    for a, b in zip(weights(again), weights(run), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_more_epochs_extend_a_run_and_the_steps_of_its_tensorboard(squares_training, squares_run, tmp_path):
    log = shutil.copytree(squares_training.log, tmp_path / "log")
    config = replace(CONFIG, epochs=4)
    longer = train(squares_training.scenes, squares_run.path, config, callbacks=[PoseTensorBoard(log)])
    found = summaries(log)
    assert list(found["pose/loss"]) == [1, 2, 3, 4] and list(found["pose/model"]) == [2, 3, 4]
    assert len(read_history(longer.path)) == 4 and longer.config["epochs"] == 4


def test_held_out_scenes_are_none_of_the_trained_ones(run):
    parts = run.splits
    assert len(parts["held-out"]) == 2
    assert sorted([*parts["training"], *parts["held-out"]]) == list(range(8))


def test_first_scenes_that_are_not_held_out_are_learned_from(scenes, run, tmp_path):
    config = replace(CONFIG, training_scenes=4, epochs=1)
    few, usual = train(scenes, tmp_path / "run", config).splits, run.splits
    assert list(few["training"]) == list(usual["training"][:4])
    assert list(few["held-out"]) == list(usual["held-out"])


def test_depth_that_is_trained_on_shows_the_parts_alone(scenes):
    folder = SceneFolder(scenes)
    observed = observe(folder, 30)
    assert np.all((observed.depth > 0) == [folder.mask(index) for index in range(8)])


def test_both_learning_rates_fall_together(run):
    model = run.load_model()
    rates = [float(optimizer.learning_rate) for optimizer in (model.optimizer, model.model_optimizer)]
    assert rates == pytest.approx([0.001 * 0.31**3, 0.003 * 0.31**3])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"instances": None}, "does not say how many parts each scene has; give `instances` N"),
        ({"epochs": 0}, "`epochs` must be at least 1; got 0"),
        ({"learning_rate": -1.0}, "`learning_rate` must be a positive number; got -1.0"),
        ({"held_out": 1.0}, "`held_out` is a share from 0 to below 1; got 1.0"),
        ({"side": -0.1}, "`side` must be a positive length in metres; got -0.1"),
        ({"observed": 5000}, "too few for 5000"),
        ({"channels": 4}, "`channels` must be 1 or 2; got 4"),
    ],
    ids=str,
)
def test_unusable_options_are_refused_and_nothing_is_written(scenes, tmp_path, options, sentence):
    with pytest.raises(InputError, match=sentence):
        train(scenes, tmp_path / "run", replace(CONFIG, **options))
    assert not (tmp_path / "run").exists()


def test_scenes_held_out_are_the_first_of_a_permutation_that_the_seed_decides():
    order = np.random.default_rng(2).permutation(40)
    training, held_out = split_scenes(40, 0.25, 2)
    np.testing.assert_array_equal(held_out, np.sort(order[:10]))
    np.testing.assert_array_equal(training, np.sort(order[10:]))


def test_all_scenes_held_out_is_refused():
    with pytest.raises(InputError, match="leaves none to train on"):
        split_scenes(2, 0.9, 0)


def test_another_configuration_in_the_same_folder_is_refused(scenes, run):
    with pytest.raises(InputError, match="holds a run with another points \\(24, not 25\\)"):
        train(scenes, run.path, replace(CONFIG, points=25))


def test_other_scenes_in_the_same_folder_are_refused(run, tmp_path):
    other = write_scenes(tmp_path / "other", seed=1)
    with pytest.raises(InputError, match="holds a run with another scenes"):
        train(other, run.path, CONFIG)


def test_folder_of_something_else_is_not_overwritten(scenes, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty and not a run"):
        train(scenes, tmp_path, CONFIG, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_run_of_a_segmenter_is_refused(tmp_path):
    (tmp_path / "run.json").write_text('{"format": 1, "config": {}}')
    with pytest.raises(InputError, match="is a run of `tfapp train`"):
        PoseRun.open(tmp_path)


DEPTH, POINTS = squares(3)
ANGLES = np.array([0.3, 2.0, -1.2])


def test_no_angle_changes_nothing():
    depth, points = turned(DEPTH, POINTS, np.zeros(3), CAMERA)
    np.testing.assert_array_equal(depth, DEPTH)
    np.testing.assert_array_equal(points, POINTS)


def test_quarter_turn_of_a_square_picture_moves_whole_pixels():
    depth, _ = turned(DEPTH, POINTS, np.full(3, np.pi / 2), CAMERA)
    # From x, to the right, towards y, downwards.
    np.testing.assert_array_equal(depth, np.rot90(DEPTH, -1, axes=(1, 2)))


def test_points_lie_on_what_the_turned_picture_shows():
    depth, points = turned(DEPTH, POINTS, ANGLES, CAMERA)
    for scene in range(3):
        shown, _ = CAMERA.back_project(depth[scene])
        # The diagonal of a pixel, and as much again for the pixel that was the nearest.
        pixel = 2 * np.sqrt(2) * DEPTH[scene].max() / CAMERA.fx
        assert cKDTree(shown).query(points[scene])[0].max() < pixel


def test_points_keep_their_depth_and_turn_by_the_angle():
    _, points = turned(DEPTH, POINTS, ANGLES, CAMERA)
    np.testing.assert_array_equal(points[..., 2], POINTS[..., 2])
    before, after = (cloud[..., 0] + 1j * cloud[..., 1] for cloud in (POINTS, points))
    np.testing.assert_allclose(after, before * np.exp(1j * ANGLES)[:, None], atol=1e-6)


def test_every_epoch_turns_by_other_angles_and_a_resumed_one_by_the_same():
    pixels, intrinsics = np.zeros((*POINTS.shape[:2], 2), int), np.tile(CAMERA.intrinsics, (3, 1))
    scenes = Observations(np.arange(3), DEPTH, POINTS, pixels, intrinsics)
    batches = SceneBatches(scenes, 3, seed=4, camera=CAMERA)
    first = batches[0][1]
    batches.on_epoch_end()
    second = batches[0][1]
    assert not np.allclose(np.sort(first, 0), np.sort(second, 0))
    resumed = SceneBatches(scenes, 3, seed=4, first_epoch=1, camera=CAMERA)[0]
    np.testing.assert_array_equal(resumed[1], second)


def test_frame_lies_on_the_axis_at_the_median_depth():
    points = np.random.default_rng(0).normal([0.1, -0.2, 0.7], 0.05, (5, 100, 3))
    frame = frame_of(points)
    assert frame.centre == pytest.approx((0, 0, np.median(points[..., 2])), abs=1e-6)


@pytest.mark.slow
def test_most_points_lie_within_one_unit():
    points = np.random.default_rng(0).normal([0.0, 0.0, 0.7], 0.05, (5, 100, 3))
    frame = frame_of(points)
    away = np.abs(points - frame.centre).max(-1)
    assert np.mean(away <= frame.unit) == pytest.approx(0.95, abs=0.01)
