"""A second layer on the same variables."""


def twin(layer, **changes):
    """Return a layer with some options changed that shares the variables of a built layer.

    Training one trains the other, and the twin is saved as the plain layer that it is.

    Args:
        layer: Built Keras layer that makes its own variables, such as a convolution.
        changes: Entries of its `get_config()` to replace.

    Raises:
        ValueError: If the changed layer needs other variables.
    """
    shared = {variable.name: variable for variable in layer.weights}
    copy = type(layer).from_config({**layer.get_config(), **changes})
    copy.add_weight = lambda *_, name=None, **__: shared[name]
    try:
        copy.build_from_config(layer.get_build_config())
    except KeyError as name:
        raise ValueError(
            f"`changes` must leave the variables as they are. Received: changes={changes} for {layer!r}, "
            f"which has no variable {name}"
        ) from None
    del copy.add_weight
    return copy
