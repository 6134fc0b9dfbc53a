"""Train a pose model in a run folder, with Keras `fit()`; a killed run resumes."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np

from tfapp.claims import claiming
from tfapp.errors import InputError
from tfapp.optimizers import RateSchedule
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.observations import check_shown, observe, split_scenes
from tfapp.pose.run import PoseRun
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.pose.scenes_run import scenes_content
from tfapp.runs.accelerators import jit_compile
from tfapp.runs.callbacks import ReportProgress
from tfapp.runs.checkpoints import Checkpoints
from tfapp.runs.fitting import fit_or_resume, save_finished
from tfapp.runs.progress import SILENT


@claiming("out")
def train(
    scenes, out, config, *, command="", overwrite=False, callbacks=(), progress=SILENT, title="training"
):
    """Train the run in `out`, or resume it.

    Args:
        scenes: Folder of scenes.
        out: Run folder.
        config: A `PoseConfig`.
        command: Command line to keep in `run.json`.
        overwrite: Start again, removing an existing run in `out`.
        callbacks: Further Keras callbacks.
        progress: `Progress` that shows the scenes read, and the batches with loss and Chamfer distance.
        title: What the task of the training is called there.

    Returns:
        The finished `PoseRun`.

    Raises:
        InputError: For anything in the input that cannot be used; nothing is written then.
        TrainingDiverged: If the loss becomes NaN or infinite; the last good checkpoint is kept.
    """
    out = Path(out)
    config.check()
    folder = SceneFolder(
        scenes,
        config.foreground,
        object_id=config.object_id,
        camera_type=config.camera_type,
        shown=config.instances,
    )
    instances = _instances(config, folder)
    run = PoseRun.begun(out, overwrite)
    if run is not None:
        run.check_same(config, folder)
        training = run.splits["training"]
    else:
        training, held_out = split_scenes(len(folder), config.held_out, config.seed)
        training = _first(training, config.training_scenes, folder)
        check_shown(folder, np.concatenate([training, held_out]))
    with progress.task("scenes") as task:
        observations = observe(folder, config.observed, indices=training, seed=config.seed, progress=task)
    frame = frame_of(observations.points)
    keras.utils.set_random_seed(config.seed)
    camera = folder.common_camera
    steps = config.epochs * -(-len(training) // config.batch_size)
    model = PoseModel(**vars(config.settings(camera, frame, instances, steps)))
    if run is None:
        # Only now that nothing in the input can fail any more.
        run = PoseRun.create(
            out,
            command,
            config=asdict(config),
            instances=instances,
            frame=asdict(frame),
            **scenes_content(folder, training, held_out),
        )
    with progress.task(title) as task:
        watchers = [ReportProgress(task, _chamfer), *callbacks]
        seen = replace(observations, depth=observations.seen_by(camera))
        _train(run, model, config, seen, camera, watchers)
        run.record_extension(command, epochs=config.epochs)
        if task.total is None:
            task.finish("trained already")
    return run


def _chamfer(model):
    return f" Chamfer {float(model.get_metrics_result()['distance_mm']):.2f} mm"


def _instances(config, folder):
    said, asked = folder.instances, config.instances
    if said is None and asked is None:
        raise InputError(f"{folder.path} does not say how many parts each scene has; give `instances` N.")
    if None not in (said, asked) and said != asked:
        raise InputError(
            f"{folder.path} has {said} parts in every scene, not `instances` {asked}; leave it out."
        )
    return asked or said


def _first(training, count, folder):
    if count is not None and count > len(training):
        raise InputError(
            f"{folder.path} has {len(training)} scenes to learn from, fewer than `training_scenes` {count}."
        )
    return training[:count]


def _train(run, model, config, observations, camera, callbacks):
    kept, turned_by = Checkpoints(run.path), camera if config.turn else None

    def batches(epochs):
        return SceneBatches(observations, config.batch_size, config.seed, epochs, turned_by)

    def begin():
        compile_pose_model(model, config, len(batches(0)))
        return model

    fitted = fit_or_resume(
        kept,
        config.epochs,
        begin,
        lambda epochs: {"x": batches(epochs)},
        diverged=kept.diverged,
        callbacks=callbacks,
    )
    save_finished(fitted, run.path / run.model_file)


def compile_pose_model(model, config, steps):
    """Compile with Adam for the network and for the object model, whose learning rates fall in steps or by a schedule.

    Args:
        model: `PoseModel`.
        config: `PoseConfig`.
        steps: Batches of an epoch.
    """

    def adam(rate):
        if config.schedule is not None:
            falling = RateSchedule.parse(config.schedule).schedule(rate, steps, config.epochs)
        else:
            falling = keras.optimizers.schedules.ExponentialDecay(
                rate, config.decay_epochs * steps, config.decay, staircase=True
            )
        return keras.optimizers.Adam(falling)

    rates = config.learning_rate, config.model_learning_rate
    model.compile(*map(adam, rates), jit_compile=jit_compile())


class SceneBatches(keras.utils.PyDataset):
    """Batches of (depth, points) for `fit()`; every epoch has its own order.

    Args:
        observations: `Observations`, their depth as the model's camera sees it.
        batch_size: Scenes in a batch; the last one of an epoch may have fewer.
        seed: Of the orders.
        first_epoch: Epochs that were trained before: the orders continue.
        camera: `Camera` to turn each scene about, every time by another angle; None to leave them as they are.
    """

    def __init__(self, observations, batch_size, seed, first_epoch=0, camera=None):
        super().__init__()
        self._observations, self._batch_size, self._seed = observations, batch_size, seed
        self._camera = camera
        self._epoch = first_epoch
        self._shuffle()

    def __len__(self):
        return -(-len(self._observations) // self._batch_size)

    def __getitem__(self, index):
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        depth, points = self._observations.depth[chosen], self._observations.points[chosen]
        if self._camera is None:
            return depth, points
        angles = np.random.default_rng([self._seed, self._epoch, index]).uniform(0, 2 * np.pi, len(chosen))
        return turned(depth, points, angles, self._camera)

    def on_epoch_end(self):
        self._epoch += 1
        self._shuffle()

    def _shuffle(self):
        self._order = np.random.default_rng([self._seed, self._epoch]).permutation(len(self._observations))


def turned(depth, points, angles, camera):
    """Turn scenes of parts alone; what is outside of the turned picture is lost.

    Depth along the optical axis stays what it is when the camera turns about this axis, so that pixels only change
    their places: each takes that of the nearest pixel where it comes from. Points are turned exactly.

    Args:
        depth: Float array `(batch, height, width)` in metres, 0 where no part is.
        points: Float array `(batch, n, 3)` in the frame of the camera.
        angles: `(batch,)`, radians, from x towards y.
        camera: `Camera`.

    Returns:
        (depth, points), of the shapes and types given.
    """
    cos, sin = (function(angles)[:, None, None] for function in (np.cos, np.sin))
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    x, y = (columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    # The ray of each pixel, turned back.
    from_column = np.floor((cos * x + sin * y) * camera.fx + camera.cx).astype(int)
    from_row = np.floor((cos * y - sin * x) * camera.fy + camera.cy).astype(int)
    inside = (from_column >= 0) & (from_column < camera.width) & (from_row >= 0) & (from_row < camera.height)
    scenes = np.arange(len(depth))[:, None, None]
    taken = depth[scenes, from_row.clip(0, camera.height - 1), from_column.clip(0, camera.width - 1)]
    zero, one = np.zeros_like(cos), np.ones_like(cos)
    rotation = np.block([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])
    return np.where(inside, taken, 0).astype(depth.dtype), (points @ np.swapaxes(rotation, 1, 2)).astype(
        points.dtype
    )


@dataclass(frozen=True)
class CoordinateFrame:
    """The network's frame in that of the camera.

    Attributes:
        centre: Its origin in metres; on the optical axis, so that a camera that moves around a bin needs no other.
        unit: Length in metres that is 1 in it.
    """

    centre: tuple
    unit: float


def frame_of(points):
    """Return the `CoordinateFrame` of observed points.

    The origin lies on the optical axis at the median depth; the unit is such that 95 % of the points lie within 1 of
    it, across and along the axis.

    Args:
        points: Float array `(scenes, n, 3)` in metres, in the frame of the camera.
    """
    depth = float(np.median(points[..., 2]))
    away = np.abs(points - np.array([0.0, 0.0, depth])).max(-1)
    return CoordinateFrame((0.0, 0.0, round(depth, 6)), round(float(np.quantile(away, 0.95)), 6))
