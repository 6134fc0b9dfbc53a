"""Precision that a training computes in: Keras's dtype policies, for the layers that are made within a block."""

from contextlib import contextmanager

from tfapp.errors import InputError

FLOAT32 = "float32"
# Not mixed_float16, which scales the loss: Keras 3.15 cannot load the optimizer of such a checkpoint again.
PRECISIONS = (FLOAT32, "mixed_bfloat16")


def check_precision(name):
    """Raise InputError for a name that is none of `PRECISIONS`."""
    if name not in PRECISIONS:
        raise InputError(f"Unknown `precision` {name!r}; choose one of: {', '.join(PRECISIONS)}.")


@contextmanager
def dtype_policy(name):
    """Have layers that are made within the block the dtype policy of Keras of this name; float32 leaves what is set."""
    import keras

    before = keras.config.dtype_policy()
    try:
        if name != FLOAT32:
            keras.config.set_dtype_policy(name)
        yield
    finally:
        keras.config.set_dtype_policy(before)
