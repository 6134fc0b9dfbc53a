"""Whole pipeline as one Keras model: poor images in, scores of classes out."""

import keras

from tfapp.errors import InputError
from tfapp.transfer.classifiers import read_classifiers
from tfapp.transfer.evaluation import CLASSIFIERS, TRANSFERRED


def scoring_model(backbone, network, machines, side):
    """Return a Keras model from images to scores, all of it in one graph of Keras's own layers.

    Input: float32 images `(batch, height, width, 3)` in [0, 1] of any size, as the poor camera gives them; they are
    resized bicubically to the size that the backbone sees. Output: float32 `(batch, classes)`, above 0 where the
    class is there. Weights are shared with the models.

    Args:
        backbone: `Backbone`.
        network: Transfer network, as `TransferRun.load_model` returns it; None to score the plain features.
        machines: `LinearClassifiers` on its features.
        side: Side in pixels of what the backbone sees.
    """
    images = keras.Input((None, None, 3), name="images")
    # The same operation as `tfapp.data.resolution.resize_bicubic`, which clips too: bicubic overshoots.
    resized = keras.layers.Resizing(side, side, interpolation="bicubic", antialias=True)(images)
    features = backbone.model(keras.ops.clip(resized, 0.0, 1.0))
    if network is not None:
        features = network(features)
    unit = keras.layers.UnitNormalization(name="unit_length")(features)
    scores = keras.layers.Dense(machines.weights.shape[1], name="scores")
    model = keras.Model(images, scores(unit), name="scoring_model")
    scores.set_weights([machines.weights, machines.biases])
    return model


def scoring_model_of(run):
    """Return the scoring model of an evaluated run, and the names of its classes.

    Args:
        run: `TransferRun`.

    Raises:
        InputError: The run was not trained or evaluated to its end, or its files have changed or are damaged.
    """
    network, file = run.load_model(), run.path / CLASSIFIERS / f"{TRANSFERRED}.npz"
    if not file.is_file():
        raise InputError(
            f"{run.path} has no classifiers yet; run `tfapp transfer evaluate {run.path}` first."
        )
    machines, class_names, _ = read_classifiers(file)
    if machines.weights.shape[0] != network.output_shape[-1]:
        raise InputError(
            f"{file} is of another network than {run.path} has now; run `tfapp transfer evaluate {run.path}` again."
        )
    return scoring_model(run.backbone(), network, machines, run.config.high), class_names
