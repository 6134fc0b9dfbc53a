"""The ends that a trained network can be tested and served with: its own, or converged total variation."""

import math

import keras

from tfapp.errors import InputError
from tfapp.layers import regularise, with_gap
from tfapp.layers.model_logits import UnclearOutput, ends_in_tv_layer, model_logits

# Converged, whatever the weight: a fixed number of iterations that does for lambda = 1 is too few for 4.
POST_TV = {"tolerance": 1e-3, "inference_iterations": 500}


def with_probabilities(model, source, post_tv=None, *, gap=False, output="auto"):
    """Return a model that ends in probabilities, on the variables of a trained one.

    Args:
        model: Keras model from images to logits or probabilities.
        source: Path of the model, for messages.
        post_tv: Weight >= 0 of converged total variation to put behind its logits, or None for its own end. It
            stops at a duality gap of 1e-3 per pixel.
        gap: Whether to return `[probabilities, gap]` with the duality gap per pixel, `(batch,)`.
        output: What the model gives: `logits`, `probabilities`, or `auto` to tell by its structure.

    Raises:
        InputError: For a TV weight behind a TV head, a gap without one, or a model that does not fit.
    """
    if post_tv is not None and not (math.isfinite(post_tv) and post_tv >= 0):
        raise InputError(f"--post-tv must be a number of at least 0; got {post_tv}.")
    regular = ends_in_tv_layer(model)
    if regular and post_tv is not None:
        raise InputError(f"--post-tv is for models without a TV head; {source} has one.")
    if gap and not regular and post_tv is None:
        raise InputError(
            f"--gap is the certificate of a TV head and {source} has none; add --post-tv 1, or train it with "
            "--head tv-softmax."
        )
    try:
        if regular:
            return with_gap(model) if gap else model
        if post_tv is not None:
            return regularise(model, post_tv, output=output, return_gap=gap, **POST_TV)
        inputs, logits, link = model_logits(model, output)
    except UnclearOutput:
        raise InputError(
            f"The last layers of {source} do not tell whether it gives logits or probabilities; say it by "
            "--model-output logits or --model-output probabilities."
        ) from None
    except ValueError as error:
        raise InputError(f"{source} cannot be used as a segmenter: {error}.") from error
    activation = keras.layers.Activation(link, dtype="float32")
    return keras.Model(inputs, activation(logits), name=model.name)
