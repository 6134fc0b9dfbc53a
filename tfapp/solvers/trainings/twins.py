"""Twins: the same network with and without batch normalisation or shortcuts, trained alike while steps are measured."""

from dataclasses import replace

from tfapp.errors import InputError, either
from tfapp.models import CLASSIFIERS
from tfapp.models.classifiers.building import check_batch_norm
from tfapp.runs.measured_steps import train_measured
from tfapp.solvers.trainings.workload import objective

TWINS = ("none", "batch-norm", "shortcuts")
_RESIDUAL, _PLAIN = "resnet-", "plain-"


def twins_of(workload, twins) -> dict:
    """Return the workloads to compare, by a short name of their network.

    Args:
        workload: `Workload`.
        twins: `none`, `batch-norm` for the network without and with batch normalisation, or `shortcuts` for a residual
            network for CIFAR and its plain twin, whichever of them the workload has.

    Raises:
        InputError: For another word, a network that has no such twin, or `batch-norm` where the workload says already
            whether there is any.
    """
    name = workload.model
    if twins not in TWINS:
        raise InputError(f"Unknown `twins` {twins!r}; choose one of: {', '.join(TWINS)}.")
    if twins == "none":
        return {_named(workload): workload}
    if twins == "batch-norm":
        if workload.batch_norm is not None:
            raise InputError("`twins` batch-norm trains the network both ways; leave out `batch_norm`.")
        check_batch_norm(name, True)
        return {_named(one): one for one in (replace(workload, batch_norm=given) for given in (False, True))}
    pairs = _pairs()
    found = next((pair for pair in pairs if name in pair), None)
    if found is None:
        raise InputError(
            f"`twins` shortcuts is for {either([one for pair in pairs for one in pair])}; got {name}."
        )
    return {_named(one): one for one in (replace(workload, model=other) for other in found)}


def _pairs():
    depths = [name.removeprefix(_PLAIN) for name in CLASSIFIERS if name.startswith(_PLAIN)]
    return [(_PLAIN + depth, _RESIDUAL + depth) for depth in depths]


def _named(workload):
    suffix = {None: "", False: " without batch norm", True: " with batch norm"}[workload.batch_norm]
    return workload.model + suffix


def measured_training(workload, plan, seed, folder, task=None):
    """Train the network of a workload by plain gradient steps, and measure them.

    Args:
        workload: `Workload`.
        plan: `tfapp.runs.measured_steps.StepPlan`.
        seed: Of the initial weights and the order of the batches.
        folder: Folder of this training alone.
        task: As for `train_measured`.

    Returns:
        `MeasuredTraining`.

    Raises:
        InputError: As `train_measured`, or for a network or images that cannot be used.
    """
    settings = {"workload": workload.to_json(), "seed": seed}
    build, batches = lambda: (workload.build(seed), objective()), batches_after(workload, seed)
    return train_measured(folder, plan, settings, build, batches, task)


def batches_after(workload, seed):
    """Return a function of a number of updates to the endless batches after them, as `train_measured` takes it."""
    _, steps = workload.training_batches(seed, 0)

    def batches(first):
        epoch, rest = divmod(first, steps)
        return workload.training_batches(seed, epoch)[0].skip(rest)

    return batches
