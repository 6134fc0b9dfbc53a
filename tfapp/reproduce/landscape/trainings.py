"""Trainings of a table of Lu and Tong, and which of their weights are measured."""

from collections import defaultdict
from dataclasses import dataclass, replace
from inspect import signature

import numpy as np

from tfapp.errors import InputError
from tfapp.landscape import load_trajectory
from tfapp.landscape.fingerprint import hash_weights
from tfapp.models import MODELS
from tfapp.reproduce.landscape.protocol import EQUAL_BY_NETWORK
from tfapp.reproduce.landscape.tables import LARGE_BATCH
from tfapp.runs.ahead import do_ahead
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.architecture import OF_SOME_MODELS
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.run import TRAJECTORY, Run
from tfapp.segmentation.training import train

REFERENCE_NETWORK = "fcn-16s"
# Folder of the trainings of all epochs, in the folder of the results.
WHOLE = "whole"


class EpochRun(Run):
    """A run as it was after one of its epochs, of which it recorded the weights.

    Args:
        run: Finished `Run`.
        epoch: Number of the epoch, from 1.
    """

    def __init__(self, run, epoch):
        super().__init__(run.path, run.record)
        self.take_compared(run.dataset)
        self.epoch = epoch

    def load_model(self):
        """Return the compiled model with the weights of the epoch.

        Raises:
            InputError: They were not recorded, or the training has not ended.
        """
        model, trajectory = super().load_model(), load_trajectory(self.path / TRAJECTORY)
        found = np.flatnonzero(trajectory.epochs == self.epoch)
        if not len(found):
            raise InputError(
                f"{self.path / TRAJECTORY} has no weights of epoch {self.epoch}; train again with `overwrite`."
            )
        for variable, value in zip(model.trainable_variables, trajectory[int(found[-1])], strict=True):
            variable.assign(value)
        self._weights = hash_weights(model)
        return model


@dataclass(frozen=True)
class TrainedNetwork:
    """One training of a table: network, batch size, seed, its `Run`, and the epoch whose weights count."""

    network: str
    batch_size: int
    seed: int
    run: Run
    epoch: int

    @property
    def history(self) -> list[dict]:
        """The rows of the history, one for each epoch."""
        return read_history(self.run.path)

    @property
    def losses(self) -> dict:
        """From `training loss`, and `test loss` where it was watched, to the loss of the epoch."""
        row = self.history[self.epoch - 1]
        names = {"loss": "training loss"}
        if self.run.config.get("validate_on_test"):
            names["val_loss"] = "test loss"
        return {name: row[column] for column, name in names.items()}

    def file(self, name, suffix):
        """Return the path of what was measured of these weights: of another epoch than the last it has its number."""
        of_epoch = f"-epoch-{self.epoch:05d}" if isinstance(self.run, EpochRun) else ""
        return self.run.path / "landscape" / f"{name}{of_epoch}{suffix}"

    def at(self, epoch):
        """Return the training with the weights of another epoch."""
        return replace(self, run=EpochRun(self.run, epoch), epoch=epoch)


def train_whole(table, spec, out, config, seeds, frames, overwrite, progress):
    """Train what a table compares through all epochs, or resume it; arguments and result as of `train_to_reference`.

    Each is the same training for all tables; which of its weights count is chosen afterwards.
    """
    chosen = [(network, batch) for network in table.networks for batch in table.batch_sizes]
    calls = [
        _call(table, spec, out / WHOLE, config, *pair, seed, frames) for pair in chosen for seed in seeds
    ]
    if do_ahead(train, [(call, {"overwrite": overwrite}) for call in calls], progress):
        overwrite = False
    runs = [
        train(*call, overwrite=overwrite, progress=progress, title=f"{call[1].name} {number}/{len(calls)}")
        for number, call in enumerate(calls, 1)
    ]
    found = [(*pair, seed) for pair in chosen for seed in seeds]
    return [
        TrainedNetwork(*key, run, len(read_history(run.path))) for key, run in zip(found, runs, strict=True)
    ]


def train_to_reference(table, spec, out, config, seeds, frames, overwrite, progress):
    """Train what a table compares to one training loss per seed, or resume where it stood.

    Args:
        table: The `FCNTable`.
        spec: Dataset as on the command line.
        out: Folder of all tables; those of one dataset share the runs in a folder of its name.
        config: The `TrainConfig` of all runs, network, batch size and seed aside.
        seeds: Seeds of training.
        frames: Frames of an epoch.
        overwrite: Whether to remove existing runs first.
        progress: `Progress`.

    Returns:
        A list of `TrainedNetwork`, by network, batch size and seed.
    """
    chosen = [(network, batch) for network in table.networks for batch in table.batch_sizes]
    reference = (REFERENCE_NETWORK, LARGE_BATCH)
    order = [reference, *(pair for pair in chosen if pair != reference)]
    total, found = len(seeds) * len(order), {}

    def call(pair, seed, until_loss):
        stopping = replace(config, until_loss=until_loss)
        return _call(table, spec, out, stopping, *pair, seed, frames)

    def reached(seed):
        return read_history(call(reference, seed, None)[1])[-1]["loss"]

    # The loss that the others of a seed are to reach is that of the reference.
    begun = {"overwrite": overwrite}
    if do_ahead(
        train, [(call(reference, seed, None), begun) for seed in seeds], progress, "references ahead"
    ):
        others = [(call(pair, seed, reached(seed)), begun) for seed in seeds for pair in order[1:]]
        do_ahead(train, others, progress)
        overwrite = False
    for seed in seeds:
        for pair in order:
            arguments = call(pair, seed, None if pair == reference else reached(seed))
            title = f"{arguments[1].name} {len(found) + 1}/{total}"
            run = train(*arguments, overwrite=overwrite, progress=progress, title=title)
            found[(*pair, seed)] = TrainedNetwork(*pair, seed, run, len(read_history(run.path)))
            if pair == reference and (told := nothing_learned(run, seed)):
                progress.say(told)
    return [found[(*pair, seed)] for pair in chosen for seed in seeds]


def nothing_learned(run, seed):
    """Return a sentence on a reference that gives every pixel the same class, at whose loss nothing can be compared.

    None for another, and for networks that make images.
    """
    if run.image_pairs:
        return None
    images, _, _ = run.sample("train", 16, 0)
    answers = run.load_model().predict(images, verbose=0)
    classes = answers.argmax(-1) if answers.shape[-1] > 1 else np.rint(answers)
    if np.ptp(classes):
        return None
    return (
        f"{run.path.name} learned nothing: it gives every pixel the same class, at a loss of "
        f"{read_history(run.path)[-1]['loss']:.3g}, which the others of seed {seed} have to reach. Leave that seed out."
    )


def _call(table, spec, out, config, network, batch, seed, frames):
    """Return the arguments of `train`."""
    options = {"batch_size": batch, "steps_per_epoch": -(-frames // batch), "seed": seed}
    path = out / spec.partition(":")[0] / f"{network}-batch{batch}-seed{seed}"
    return spec, path, replace(for_network(config, network), **options)


def for_network(config, network):
    """Return a `TrainConfig` for a network, without the options of the architecture that only others take."""
    takes = signature(MODELS[network]).parameters
    others = {name: getattr(TrainConfig, name) for name in OF_SOME_MODELS if name not in takes}
    return replace(config, model=network, **others)


def at_equal_loss(table, trained, until_loss=None):
    """Return the trainings with the weights at which those that a table compares have one training loss.

    Args:
        table: `FCNTable`, whose `chosen` says what is compared: all of a seed, or a network's of a seed.
        trained: List of `TrainedNetwork`, of all epochs.
        until_loss: The loss; None for the smallest that all that are compared reach.
    """
    groups = defaultdict(list)
    for one in trained:
        groups[_group(table, one)].append(one.history)
    targets = {key: common_loss(histories, until_loss) for key, histories in groups.items()}
    return [one.at(first_epoch(one.history, targets[_group(table, one)])) for one in trained]


def _group(table, one):
    return (one.seed, one.network) if table.chosen == EQUAL_BY_NETWORK else (one.seed,)


def common_loss(histories, until_loss=None) -> float:
    """Return the smallest training loss that each of some histories reaches, or the one that is asked for."""
    if until_loss is not None:
        return until_loss
    return max(min(row["loss"] for row in history) for history in histories)


def first_epoch(history, loss) -> int:
    """Return the first epoch whose training loss is no higher than `loss`; if none is, that of the smallest loss."""
    reached = (row["epoch"] for row in history if row["loss"] <= loss)
    return next(reached, min(history, key=lambda row: row["loss"])["epoch"])
