import json
import os
import shutil

import keras
import numpy as np
import pytest
from tensorboard_events import summaries

from tfapp.errors import InputError
from tfapp.landscape import TrajectoryRecorder, load_trajectory

L = keras.layers
STEPS = 3  # of an epoch: 10 samples in batches of 4


def net(seed=0, units=3, name="net"):
    keras.utils.set_random_seed(seed)
    layers = [L.Dense(units, name="hidden"), L.BatchNormalization(name="norm"), L.Dense(1, name="out")]
    model = keras.Sequential([keras.Input((4,)), *layers], name=name)
    # Tracing takes longer than these few steps.
    model.compile(keras.optimizers.Adam(0.05), loss="mse", run_eagerly=True)
    return model


def train(model, *callbacks, epochs=2, **options):
    rng = np.random.default_rng(1)
    x, y = rng.random((10, 4), np.float32), rng.random((10, 1), np.float32)
    model.fit(
        x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks), **options
    )


class Spy(keras.callbacks.Callback):
    """Keeps the weights after every step, in memory."""

    def on_train_begin(self, logs=None):
        self.weights = {0: self._copy()}

    def on_train_batch_end(self, batch, logs=None):
        self.weights[len(self.weights)] = self._copy()

    def _copy(self):
        return [v.numpy() for v in self.model.trainable_variables]


@pytest.fixture(scope="module")
def recorded_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trajectory")
    train(net(), TrajectoryRecorder(folder))
    return folder


@pytest.fixture
def recorded(recorded_once, tmp_path):
    """A copy of the trajectory of two epochs: checkpoints of the steps 0, 3 and 6."""
    return shutil.copytree(recorded_once, tmp_path / "recorded")


def assert_equal(weights, expected):
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "options,steps",
    [
        ({}, [0, 3, 6, 9, 12, 15]),
        ({"every": 2}, [0, 6, 12, 15]),
        ({"every": 1, "frequency": "step"}, list(range(16))),
        ({"every": 4, "frequency": "step"}, [0, 4, 8, 12, 15]),
    ],
)
def test_the_start_every_so_many_epochs_or_steps_and_the_end_are_recorded(tmp_path, options, steps):
    spy = Spy()
    train(net(), spy, TrajectoryRecorder(tmp_path, **options), epochs=5)
    trajectory = load_trajectory(tmp_path)
    assert trajectory.steps.tolist() == steps
    for index, step in enumerate(steps):
        assert_equal(trajectory[index], spy.weights[step])


def test_the_epochs_that_were_finished_are_recorded(tmp_path):
    train(net(), TrajectoryRecorder(tmp_path, 2), epochs=5)
    assert load_trajectory(tmp_path).epochs.tolist() == [0, 2, 4, 5]


def test_steps_that_end_an_epoch_count_it_as_finished(tmp_path):
    train(net(), TrajectoryRecorder(tmp_path, frequency="step"), epochs=2)
    assert load_trajectory(tmp_path).epochs.tolist() == [0, 0, 0, 1, 1, 1, 2]


def test_several_steps_in_one_call_are_recorded_where_a_multiple_was_passed(tmp_path):
    model = net()
    model.compile("sgd", loss="mse", steps_per_execution=2)
    train(model, TrajectoryRecorder(tmp_path, 3, frequency="step"), epochs=2)
    assert load_trajectory(tmp_path).steps.tolist() == [0, 3, 6]


def test_one_parameter_can_be_read_along_the_whole_path(recorded):
    trajectory = load_trajectory(recorded)
    assert len(trajectory) == 3 and trajectory.parameter(0).shape == (3, 4, 3)
    for index in range(3):
        np.testing.assert_array_equal(trajectory.parameter(0)[index], trajectory[index][0])


def test_moving_statistics_are_not_part_of_the_path(recorded):
    assert [p.shape for p in load_trajectory(recorded).parameters] == [
        v.shape for v in net().trainable_variables
    ]


def test_training_is_the_same_with_and_without_the_recorder(tmp_path):
    with_recorder, without = net(), net()
    train(with_recorder, TrajectoryRecorder(tmp_path, frequency="step"))
    train(without)
    assert_equal(with_recorder.get_weights(), without.get_weights())


def test_files_hold_no_pickles_and_nothing_half_written_is_left(tmp_path):
    train(net(), TrajectoryRecorder(tmp_path / "deep" / "path"))
    folder = tmp_path / "deep" / "path"
    assert sorted(file.name for file in folder.iterdir()) == [
        *[f"step-{step:010d}.npz" for step in (0, 3, 6)],
        "trajectory.json",
    ]
    with np.load(folder / "step-0000000003.npz", allow_pickle=False) as archive:
        assert {archive[name].dtype.kind for name in archive.files} == {"f", "U"}


def test_a_second_fit_goes_on_where_the_first_ended(tmp_path):
    model, recorder = net(), TrajectoryRecorder(tmp_path)
    train(model, recorder)
    train(model, recorder)
    trajectory = load_trajectory(tmp_path)
    assert (trajectory.steps.tolist(), trajectory.epochs.tolist()) == ([0, 3, 6, 9, 12], [0, 1, 2, 3, 4])


@pytest.mark.slow
def test_a_resumed_training_leaves_the_trajectory_of_an_unbroken_one(tmp_path):
    train(net(), TrajectoryRecorder(tmp_path / "whole"), epochs=4)
    model = net()
    train(model, TrajectoryRecorder(tmp_path / "broken"), epochs=2)
    model.save(tmp_path / "model.keras")
    train(model, TrajectoryRecorder(tmp_path / "broken"), epochs=1)  # lost: the model was not saved after it
    (tmp_path / "broken" / ".step-0000000012.99.part.npz").write_bytes(b"killed here")
    resumed = keras.models.load_model(tmp_path / "model.keras")
    train(resumed, TrajectoryRecorder(tmp_path / "broken"), epochs=4, initial_epoch=2)
    for file in (tmp_path / "whole").iterdir():
        assert file.read_bytes() == (tmp_path / "broken" / file.name).read_bytes()
    assert len(list((tmp_path / "broken").iterdir())) == 6


def test_a_training_resumed_between_two_checkpoints_goes_on(tmp_path):
    model = net()
    train(model, TrajectoryRecorder(tmp_path, 2), epochs=2)
    train(model, epochs=1)
    train(model, TrajectoryRecorder(tmp_path, 2), epochs=5, initial_epoch=3)
    trajectory = load_trajectory(tmp_path)
    assert trajectory.steps.tolist() == [0, 6, 12, 15]
    assert trajectory.epochs.tolist() == [0, 2, 4, 5]


def test_a_checkpoint_that_a_kill_came_before_is_made_up_for(tmp_path):
    model = net()
    train(model, TrajectoryRecorder(tmp_path, 2), epochs=2)
    train(model, epochs=2)
    train(model, TrajectoryRecorder(tmp_path, 2), epochs=5, initial_epoch=4)
    assert load_trajectory(tmp_path).steps.tolist() == [0, 6, 12, 15]


def test_a_model_compiled_anew_goes_on_counting(tmp_path):
    model = net()
    train(model, TrajectoryRecorder(tmp_path))
    model.compile("sgd", loss="mse")
    train(model, TrajectoryRecorder(tmp_path))
    assert load_trajectory(tmp_path).steps.tolist() == [0, 3, 6, 9, 12]


def test_a_training_killed_before_its_first_checkpoint_may_begin_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(
            net(), TrajectoryRecorder(tmp_path), keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)
        )
    train(net(), TrajectoryRecorder(tmp_path))
    assert load_trajectory(tmp_path).steps.tolist() == [0, 3, 6]


def interrupt(batch, logs):
    raise KeyboardInterrupt


@pytest.mark.parametrize("seed", [0, 1])
def test_another_training_is_refused_and_the_first_one_kept(recorded, seed):
    before = contents(recorded)
    with pytest.raises(
        InputError, match="holds 3 checkpoints of another training, up to step 6; .*overwrite=True"
    ):
        train(net(seed), TrajectoryRecorder(recorded))
    assert contents(recorded) == before


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_overwrite_starts_again_but_only_once(tmp_path):
    train(net(), TrajectoryRecorder(tmp_path), epochs=4)
    model, recorder = net(1), TrajectoryRecorder(tmp_path, overwrite=True)
    train(model, recorder, epochs=1)
    train(model, recorder, epochs=1)
    assert load_trajectory(tmp_path).steps.tolist() == [0, 3, 6]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_another_model_is_refused_with_the_first_parameter_that_differs(recorded, overwrite):
    before = contents(recorded)
    with pytest.raises(
        InputError, match=r"has other parameters than model 'wide': parameter 1 .*\(4, 3\).*\(4, 5\)"
    ):
        train(net(units=5, name="wide"), TrajectoryRecorder(recorded, overwrite=overwrite))
    assert contents(recorded) == before


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "path").write_text("")
    with pytest.raises(InputError, match="Expected a folder for a trajectory.*which is a file"):
        train(net(), TrajectoryRecorder(tmp_path / "path"))


@pytest.mark.parametrize(
    "options,message",
    [
        ({"every": 0}, "`every` must be an integer >= 1. Received: every=0"),
        ({"every": 1.5}, "every=1.5"),
        ({"every": True}, "every=True"),
        ({"frequency": "batch"}, "`frequency` must be 'epoch' or 'step'. Received: frequency='batch'"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        TrajectoryRecorder(tmp_path / "path", log_dir=tmp_path / "log", **options)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("prepare", [lambda folder: None, lambda folder: folder.mkdir()])
def test_a_folder_without_a_trajectory_is_refused(tmp_path, prepare):
    prepare(tmp_path / "none")
    with pytest.raises(InputError, match="none, which has no trajectory.json"):
        load_trajectory(tmp_path / "none")


def test_a_trajectory_without_checkpoints_is_refused(recorded):
    for file in recorded.glob("step-*"):
        file.unlink()
    with pytest.raises(InputError, match="Expected checkpoints of a trajectory.*Received: none"):
        load_trajectory(recorded)


def test_a_damaged_record_is_refused(recorded):
    (recorded / "trajectory.json").write_text("{")
    with pytest.raises(InputError, match="trajectory.json is damaged"):
        load_trajectory(recorded)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (["a", "Dense", "kernel", [4, -3]], r"\"parameters\[0\]\[3\]\[1\]\" is -3, expected a whole number"),
        (["a", "Dense", 7, [4, 3]], r"\"parameters\[0\]\[2\]\" is 7, expected a text"),
        (["a", "Dense", "kernel"], r"\"parameters\[0\]\" is .*, expected a list of 4"),
    ],
)
def test_a_record_that_cannot_be_is_refused_with_its_entry(tmp_path, row, fault):
    (tmp_path / "trajectory.json").write_text(json.dumps({"format": 1, "parameters": [row]}))
    with pytest.raises(InputError, match=f"trajectory.json is damaged: {fault}"):
        load_trajectory(tmp_path)


def test_a_damaged_checkpoint_is_refused_by_name(recorded):
    os.truncate(recorded / "step-0000000003.npz", 100)
    with pytest.raises(InputError, match="step-0000000003.npz is not a checkpoint of a trajectory"):
        load_trajectory(recorded)


def test_a_checkpoint_of_another_model_among_the_others_is_refused(tmp_path, recorded):
    train(net(units=5), TrajectoryRecorder(tmp_path / "b"))
    os.replace(tmp_path / "b" / "step-0000000006.npz", recorded / "step-0000000006.npz")
    with pytest.raises(InputError, match="of another model than trajectory.json"):
        load_trajectory(recorded)


def test_the_record_can_be_read_by_people(recorded):
    record = json.loads((recorded / "trajectory.json").read_text())
    assert record["parameters"][0][1:] == ["Dense", "kernel", [4, 3]]


def scalars(folder):
    """Read what TensorBoard would: {tag: {step: value}}."""
    return {
        tag: {step: float(value) for step, value in steps.items()} for tag, steps in summaries(folder).items()
    }


def flat(weights):
    return np.concatenate([w.ravel().astype(np.float64) for w in weights])


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True])
def test_tensorboard_gets_norms_step_lengths_and_cosines_also_after_a_resume(tmp_path, broken):
    model, spy = net(), Spy()
    if broken:
        train(model, spy, TrajectoryRecorder(tmp_path, log_dir=tmp_path / "log"), epochs=1)
        early = spy.weights
        train(model, spy, TrajectoryRecorder(tmp_path, log_dir=tmp_path / "log"), epochs=2)
        weights = early | {step + STEPS: w for step, w in spy.weights.items()}
    else:
        train(model, spy, TrajectoryRecorder(tmp_path, log_dir=tmp_path / "log"), epochs=3)
        weights = spy.weights
    path = {step: flat(weights[step]) for step in (0, 3, 6, 9)}
    found = scalars(tmp_path / "log")
    assert found["trajectory/weight_norm"] == pytest.approx({s: np.linalg.norm(w) for s, w in path.items()})
    assert found["trajectory/step_length"] == pytest.approx(
        {step: np.linalg.norm(path[step] - path[step - STEPS]) for step in (3, 6, 9)}, rel=1e-5
    )
    assert found["trajectory/cosine_to_start"] == pytest.approx(
        {s: w @ path[0] / np.linalg.norm(w) / np.linalg.norm(path[0]) for s, w in path.items()}
    )
