"""A classifier that is trained for a figure, as a run that landscapes are drawn of."""

USUAL = "lenet-5"


def stem_of(name, data, model):
    """Return the name of the files of a figure: the figure, the images, and the network if it is not the usual one."""
    return "-".join([name, data.partition(":")[0], *[model] * (model != USUAL)])


def trained_classifier(data, model, epochs, images, learning_rate, seed, folder, progress):
    """Train by SGD with momentum 0.9, unless it was done before, and return the `SolverRun`.

    Args:
        data: `ClassificationSet`.
        model: One of `tfapp.models.CLASSIFIERS`.
        epochs: Of the training.
        images: How many training images, the first ones, or None for all; all, if there are fewer.
        learning_rate: Of the solver.
        seed: Of weights and order.
        folder: Where its folder stands.
        progress: `Progress`.

    Raises:
        InputError: For a network or images that cannot be used, or a training that diverged.
    """
    from tfapp.errors import InputError
    from tfapp.optimizers.catalogue import checked_value
    from tfapp.solvers.trainings.run import SolverRun
    from tfapp.solvers.trainings.training import Job, train
    from tfapp.solvers.trainings.workload import Workload

    try:
        rate = checked_value("sgd-momentum", learning_rate)
    except ValueError as error:
        raise InputError(str(error)) from error
    count = None if images is None or images >= len(data.train) else images
    workload = Workload(data.spec, model, weight_decay=0.0, train_images=count)
    # Whatever is wrong with the network is said before anything is written.
    workload.build(seed)
    job = Job(workload, "sgd-momentum", rate, seed, epochs)
    name = f"{data.spec.partition(':')[0]}-{model}-{job.folder}"
    with progress.task("training", epochs) as task:
        train(job, folder / name, lambda epoch: task(epoch))
        task(epochs)
    run = SolverRun.open(folder / name)
    run.check_trained()
    return run
