"""Runs of one network by several solvers, each in a folder that is named by the solver, its setting and the seed."""

from dataclasses import replace

from tfapp.optimizers.catalogue import value_text
from tfapp.runs.callbacks import TrainingDiverged


def setting_text(name, value):
    """Return the text that `tfapp.optimizers.catalogue.read_setting` reads a solver and its value from.

    Args:
        name: A solver with or without options, such as `adam:beta_1=0.99`.
        value: Of its parameter.

    Example:
        >>> setting_text("adam:beta_1=0.99", 1e-5)
        'adam=1e-05:beta_1=0.99'
    """
    base, *options = name.split(":")
    return ":".join([f"{base}={value}", *options])


def train_by(train, solver, value, spec, out, config, progress):
    """Train a network by a solver, or resume where it stood; return its run, or None if it diverged.

    Args:
        train: Function of what `training_by` returns, of `progress` and of `title`, to the run.
        solver, value, spec, out, config: As for `training_by`.
        progress: `Progress`.
    """
    arguments = training_by(solver, value, spec, out, config)
    try:
        return train(*arguments, progress=progress, title=arguments[1].name)
    except TrainingDiverged:
        return None


def training_by(solver, value, spec, out, config):
    """Return the arguments of a training that train a network by a solver: the data, the run folder, the configuration.

    Args:
        solver: One of `tfapp.optimizers.SOLVERS`, with or without options.
        value: Of its parameter.
        spec: Dataset as on the command line.
        out: Folder that holds the folder of the run.
        config: Settings of the training with a `seed` and a `solver`, the latter aside.
    """
    name = f"{solver}-{value_text(value)}-seed{config.seed}".replace(":", ",").replace("/", ",")
    return spec, out / name, replace(config, solver=setting_text(solver, value))
