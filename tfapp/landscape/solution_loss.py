"""What there must be before there is a surface: a compiled model, and a finite loss at its solution."""

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.error_lines import one_line


def check_arguments(model: keras.Model, n, seed, tolerance, budget) -> None:
    """Refuse numbers that `landscape` does not take, and a model that is not compiled or not built."""
    if n < 3:
        raise InputError(f"`n` must be at least 3. Received: n={n}.")
    if seed < 0:
        raise InputError(f"`seed` must be an integer >= 0. Received: seed={seed}.")
    if not 0 < tolerance < 1:
        raise InputError(f"`tolerance` must be a share between 0 and 1. Received: tolerance={tolerance}.")
    if budget is not None and not budget > 0:
        raise InputError(f"`budget` must be a positive number of seconds. Received: budget={budget}.")
    if not (model.built and model.compiled):
        raise InputError(
            f"Expected a compiled and built model. Received: {model.name!r} with compiled={model.compiled}, "
            f"built={model.built}; call `model.compile(loss=...)` and the model itself on one batch first."
        )


def evaluate_solution(model: keras.Model, x, y, sample_weight, batch_size: int) -> float:
    """Return the loss of `model.evaluate`, which every surface is checked against.

    It also lets Keras create the state of the loss, which must not happen inside a stateless scope.

    Raises:
        InputError: Keras cannot evaluate the model on these data, or the loss is not finite.
    """
    options = {"sample_weight": sample_weight, "batch_size": batch_size, "verbose": 0, "return_dict": True}
    try:
        loss = model.evaluate(x, y, **options)["loss"]
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Expected a model and data that `model.evaluate` takes. Received: {model.name!r} ({one_line(error)})."
        ) from error
    if not np.isfinite(loss):
        raise InputError(
            f"Expected a finite loss at the solution to draw what is around it. Received: {loss}; look at the "
            "weights and the data of the model."
        )
    return loss
