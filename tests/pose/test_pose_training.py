"""Training a pose model in a run folder."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.pose.posed_scenes import write_scenes
from tfapp.errors import InputError
from tfapp.pose.config import PoseConfig
from tfapp.pose.observations import observe, split_scenes
from tfapp.pose.run import PoseRun
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.pose.training import train
from tfapp.runs.history import read_history

CONFIG = PoseConfig(instances=2, points=24, observed=30, size=32, epochs=3, batch_size=3, held_out=0.25)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("scenes") / "squares")


@pytest.fixture(scope="module")
def run(scenes, tmp_path_factory):
    return train(scenes, tmp_path_factory.mktemp("runs") / "run", CONFIG)


def weights(run):
    return run.load_model().get_weights()


def test_distance_falls(scenes, tmp_path):
    trained = train(scenes, tmp_path / "run", replace(CONFIG, epochs=30))
    history = [row["distance_mm"] for row in read_history(trained.path)]
    assert history[-1] < 0.8 * history[0]


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


def test_more_epochs_extend_a_run(scenes, tmp_path):
    train(scenes, tmp_path / "run", replace(CONFIG, epochs=1))
    longer = train(scenes, tmp_path / "run", replace(CONFIG, epochs=2))
    assert len(read_history(longer.path)) == 2 and longer.config["epochs"] == 2


def test_held_out_scenes_are_none_of_the_trained_ones(run):
    parts = run.splits
    assert len(parts["held-out"]) == 2
    assert sorted([*parts["training"], *parts["held-out"]]) == list(range(8))


def test_depth_that_is_trained_on_shows_the_parts_alone(scenes):
    folder = SceneFolder(scenes)
    observed = observe(folder, 30)
    assert np.all((observed.depth > 0) == [folder.mask(index) for index in range(8)])


def test_both_learning_rates_fall_together(scenes, tmp_path):
    model = train(scenes, tmp_path / "run", replace(CONFIG, epochs=2, decay_epochs=1)).load_model()
    rates = [float(optimizer.learning_rate) for optimizer in (model.optimizer, model.model_optimizer)]
    assert rates == pytest.approx([0.001 * 0.31**2, 0.003 * 0.31**2])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"instances": None}, "does not say how many parts each scene has; give --instances N"),
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
