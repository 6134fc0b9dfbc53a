"""Distillation of a refined run, kept in its folder `distilled/`; a killed one resumes after its last epoch."""

import shutil
from dataclasses import asdict, dataclass

import keras
import numpy as np

from tfapp.archives import DAMAGED, open_arrays
from tfapp.claims import claimed
from tfapp.errors import InputError
from tfapp.files import atomic_path, write_json
from tfapp.pose.distillation.distilled_network import FOLDER, MODEL, RECORD
from tfapp.pose.distillation.taught_model import TaughtPoseModel
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.observations import observe
from tfapp.pose.refinement.refined_run import read_refined, refinement_of
from tfapp.pose.scenes.camera import Camera
from tfapp.pose.served.exporting import served_run
from tfapp.pose.training import turned
from tfapp.runs.accelerators import jit_compile
from tfapp.runs.callbacks import ReportProgress
from tfapp.runs.checkpoints import Checkpoints
from tfapp.runs.fitting import fit_or_resume, save_finished
from tfapp.runs.progress import SILENT

_TAUGHT = "taught.npz"
# Poses that are less likely right are not taught.
_LEAST_CONFIDENCE = 0.5
# Scenes that the teacher looks at together.
_BATCH = 16
_RATE, _DECAY, _DECAY_EPOCHS = 1e-3, 0.31, 200


@dataclass(frozen=True)
class DistilOptions:
    """The options of `tfapp pose distil`, under the same names.

    Attributes:
        epochs: Epochs in all; a distillation of fewer is continued.
    """

    epochs: int = 600

    def check(self):
        """Raise InputError for numbers below 1."""
        if self.epochs < 1:
            raise InputError(f"`epochs` must be at least 1; got {self.epochs}.")


def distil_run(run, options=DistilOptions(), *, overwrite=False, progress=SILENT, callbacks=()):
    """Teach the network of a refined run the poses that the refinement finds in its training scenes.

    Args:
        run: `PoseRun` that is refined.
        options: `DistilOptions`.
        overwrite: Start again, instead of resuming a distillation or keeping a finished one.
        progress: `Progress`.
        callbacks: Further Keras callbacks.

    Returns:
        The `PoseModel` of the distilled network, whose object model is the refined one.

    Raises:
        InputError: The run is not refined, its model does not explain its scenes or is sure of no pose in them, it has
            two rotation channels, or it was distilled from another refinement, or for more epochs.
        TrainingDiverged: If the loss becomes NaN or infinite.
    """
    options.check()
    if run.config["channels"] != 1:
        raise InputError(
            f"{run.path} was trained with `channels` 2; a network with one rotation can be taught."
        )
    with claimed(run.path, "run"):
        return _distil(run, options, overwrite, progress, callbacks)


def _distil(run, options, overwrite, progress, callbacks):
    folder = run.path / FOLDER
    if overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    refined, _ = read_refined(run)
    taught = _taught(run, folder, progress)
    settings = {"refined model": refinement_of(run), "weights": run.weights}
    kept = Checkpoints(folder)

    def begin():
        return _student(run, refined, -(-len(taught["depth"]) // run.config["batch_size"]))

    with progress.task("distilling") as task:
        fitted = fit_or_resume(
            kept,
            options.epochs,
            begin,
            lambda epochs: {"x": TaughtBatches(taught, run, epochs)},
            diverged=kept.diverged,
            callbacks=[ReportProgress(task, _away), *callbacks],
        )
        if task.total is None:
            task.finish("distilled already")
    student = fitted.model
    plain = PoseModel(**asdict(student.settings))
    plain.network.set_weights(student.network.get_weights())
    plain.object_points.assign(student.object_points)
    plain.compile("adam", jit_compile=jit_compile())
    save_finished(fitted, folder / MODEL, plain)
    # Written last: it tells that the distillation is done.
    write_json(folder / RECORD, settings | {"epochs": options.epochs, "scenes": len(taught["depth"])})
    return plain


def _away(model):
    return f" {float(model.get_metrics_result()['distance_mm']):.2f} mm away"


def _student(run, refined, steps):
    """Return the compiled `TaughtPoseModel` that begins with the network of a run."""
    trained, symmetries = run.load_model(), refined.symmetries
    settings = asdict(trained.settings)
    keras.utils.set_random_seed(run.config["seed"])
    student = TaughtPoseModel(symmetries.rotations, symmetries.centre, **settings)
    student.network.set_weights(trained.network.get_weights())
    # In no order, so that the first ones are spread over the part.
    order = np.random.default_rng(run.config["seed"]).permutation(len(refined.points))
    points = refined.points[np.resize(order, settings["points"])] / settings["unit"]
    student.object_points.assign(points.astype(np.float32))
    falling = keras.optimizers.schedules.ExponentialDecay(
        _RATE, _DECAY_EPOCHS * steps, _DECAY, staircase=True
    )
    student.compile(keras.optimizers.Adam(falling), jit_compile=jit_compile())
    return student


def _taught(run, folder, progress):
    """Return depth of training scenes and what is taught of them: arrays by name; found once, and kept."""
    fingerprint = refinement_of(run)
    if (folder / _TAUGHT).is_file():
        try:
            with open_arrays(folder / _TAUGHT) as arrays:
                found = {name: arrays[name] for name in ("depth", "rotation", "translation", "weight")}
                same = str(arrays["refined model"]) == fingerprint
        except DAMAGED as error:
            raise InputError(
                f"{folder / _TAUGHT} is damaged ({error}); distil again with `overwrite`."
            ) from None
        if not same:
            raise InputError(
                f"{folder} is of another refinement than {run.path} has now; distil again with `overwrite`."
            )
        return found
    found = _teach(run, progress)
    folder.mkdir(exist_ok=True)
    with atomic_path(folder / _TAUGHT) as temporary, open(temporary, "wb") as file:
        np.savez(file, **found, **{"refined model": np.array(fingerprint)})
    return found


def _teach(run, progress):
    import tensorflow as tf

    from tfapp.layers import rotation_from_quaternion

    numbers = run.splits["training"]
    with progress.task("scenes") as task:
        observed = observe(
            run.folder(), run.config["observed"], indices=numbers, seed=run.config["seed"], progress=task
        )
    depth = observed.seen_by(Camera(**run.record["camera"]))
    teacher = tf.function(served_run(run).network, autograph=False)
    shape = tf.TensorSpec((None, *depth.shape[1:]), tf.float32)
    answers = []
    with progress.task("finding poses", len(depth)) as task:
        teach = teacher.get_concrete_function(shape)
        for first in range(0, len(depth), _BATCH):
            answers.append(teach(tf.constant(depth[first : first + _BATCH])))
            task(min(first + _BATCH, len(depth)))
    found = {name: np.concatenate([one[name] for one in answers]) for name in answers[0]}
    sure = found["found"] & (found["confidence"] >= _LEAST_CONFIDENCE)
    if not sure.any():
        raise InputError(
            f"The refinement of {run.path} is sure of no pose in its {len(depth)} training scenes: expected some with "
            f"a confidence of {_LEAST_CONFIDENCE:g}, the largest is {found['confidence'].max():.2g}. Refine on more "
            "scenes."
        )
    return {
        "depth": depth,
        "rotation": rotation_from_quaternion(found["quaternion"]).numpy(),
        "translation": found["translation"],
        "weight": sure.astype(np.float32),
    }


class TaughtBatches(keras.utils.PyDataset):
    """Batches of (depth, (rotation, translation, weight)) for `fit()`; every epoch has its own order.

    Args:
        taught: Arrays by these names.
        run: `PoseRun`: its batch size and seed, and whether each scene is turned about the optical axis anew.
        first_epoch: Epochs that were trained before: the orders continue.
    """

    def __init__(self, taught, run, first_epoch=0):
        super().__init__()
        self._taught, self._config, self._epoch = taught, run.config, first_epoch
        self._camera = Camera(**run.record["camera"]) if run.config["turn"] else None
        self._shuffle()

    def __len__(self):
        return -(-len(self._order) // self._config["batch_size"])

    def __getitem__(self, index):
        size = self._config["batch_size"]
        chosen = self._order[index * size : (index + 1) * size]
        depth, rotation, translation, weight = (
            self._taught[name][chosen] for name in ("depth", "rotation", "translation", "weight")
        )
        if self._camera is not None:
            angles = np.random.default_rng([self._config["seed"], self._epoch, index]).uniform(
                0, 2 * np.pi, len(chosen)
            )
            depth, translation = turned(depth, translation, angles, self._camera)
            rotation = (_about_axis(angles)[:, None] @ rotation).astype(np.float32)
        return depth, (rotation, translation, weight)

    def on_epoch_end(self):
        self._epoch += 1
        self._shuffle()

    def _shuffle(self):
        generator = np.random.default_rng([self._config["seed"], self._epoch])
        self._order = generator.permutation(len(self._taught["depth"]))


def _about_axis(angles):
    cos, sin, zero, one = np.cos(angles), np.sin(angles), np.zeros_like(angles), np.ones_like(angles)
    return np.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], -1).reshape(-1, 3, 3)
