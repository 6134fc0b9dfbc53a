"""Train a pose model in a run folder, with Keras `fit()`; a killed run goes on where it stood."""

import shutil
from pathlib import Path

import keras

from tfapp.checkpoints import RunRecorder, StopOnDivergence, latest_checkpoint
from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.pose.batches import SceneBatches
from tfapp.pose.frame import frame_of
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.observations import observe, split_scenes
from tfapp.pose.pose_run import MODEL, PoseRun, check_same, create_run
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.run_record import RECORD


def train(scenes, out, config, *, command="", overwrite=False, callbacks=(), progress=None):
    """Train, or go on with, the run in `out`.

    Args:
        scenes: Folder of scenes.
        out: Run folder.
        config: A `PoseConfig`.
        command: Command line to keep in `run.json`.
        overwrite: Start again, removing an existing run in `out`.
        callbacks: Further Keras callbacks.
        progress: Function of (scenes read, scenes in all), or None.

    Returns:
        The finished `PoseRun`.

    Raises:
        InputError: For anything in the input that cannot be used; nothing is written then.
        TrainingDiverged: If the loss becomes NaN or infinite; the last good checkpoint is kept.
    """
    out = Path(out)
    config.check()
    folder = SceneFolder(scenes, config.foreground)
    instances = _instances(config, folder)
    PoseRun.check_free(out)
    begun = (out / RECORD).is_file() and not overwrite
    if begun:
        run = PoseRun.open(out)
        check_same(run, config, folder)
        training = run.parts["training"]
    else:
        training, held_out = split_scenes(len(folder), config.held_out, config.seed)
    observations = observe(folder, config.observed, indices=training, seed=config.seed, progress=progress)
    frame = frame_of(observations.points)
    keras.utils.set_random_seed(config.seed)
    model = PoseModel(**vars(config.settings(folder.camera, frame, instances)))
    if not begun:
        # Only now that nothing in the input can fail any more.
        shutil.rmtree(out, ignore_errors=True)
        parts = {"training": training, "held-out": held_out}
        run = create_run(out, command, config, folder, frame, instances, parts)
    return _trained(run, model, config, observations, folder.camera, callbacks)


def _instances(config, folder):
    said, asked = folder.instances, config.instances
    if said is None and asked is None:
        raise InputError(f"{folder.path} does not say how many parts each scene has; give --instances N.")
    if None not in (said, asked) and said != asked:
        raise InputError(
            f"{folder.path} has {said} parts in every scene, not --instances {asked}; leave it out."
        )
    return asked or said


def _trained(run, model, config, observations, camera, callbacks):
    checkpoint, epoch = latest_checkpoint(run.path)
    if epoch > config.epochs:
        raise InputError(
            f"{run.path} already has {epoch} epochs; --epochs {config.epochs} would take some back."
        )
    turning = camera if config.turn else None
    batches = SceneBatches(observations, config.batch_size, config.seed, epoch, turning)
    if checkpoint is None:
        compile_pose_model(model, config, len(batches))
    else:
        model = keras.models.load_model(checkpoint)
    if epoch < config.epochs:
        model.fit(
            batches,
            epochs=config.epochs,
            initial_epoch=epoch,
            shuffle=False,
            verbose=0,
            callbacks=[StopOnDivergence(run.path), RunRecorder(run.path), *callbacks],
        )
        run.config["epochs"] = config.epochs
        run.save()
    if epoch < config.epochs or not (run.path / MODEL).is_file():
        with atomic_path(run.path / MODEL) as temporary:
            model.save(temporary)
    return run


def compile_pose_model(model, config, steps):
    """Compile with Adam for the network and for the object model, whose learning rates fall in steps.

    Args:
        model: `PoseModel`.
        config: `PoseConfig`.
        steps: Batches of an epoch.
    """

    def adam(rate):
        falling = keras.optimizers.schedules.ExponentialDecay(
            rate, config.decay_epochs * steps, config.decay, staircase=True
        )
        return keras.optimizers.Adam(falling)

    # XLA has no place for the hulls of the hidden points.
    model.compile(adam(config.learning_rate), adam(config.model_learning_rate), jit_compile=False)
