"""What a training does otherwise where TensorFlow sees a GPU: its steps are compiled by XLA, and batches wait there."""

import tensorflow as tf

# A process trains on one: of several workers each leaves itself one, which has this name then.
DEVICE = "/GPU:0"
# Batches that wait in its memory.
WAITING = 2


def has_accelerator():
    """Return whether this process computes on a GPU. No device is initialised by the question."""
    return bool(tf.config.get_visible_devices("GPU"))


def jit_compile():
    """Return the `jit_compile` of Keras's `compile()` for this machine: False, or "auto" where there is a GPU.

    "auto" leaves out models that have a layer which XLA cannot compile (`supports_jit`), such as the hidden points of
    pose models, and platforms without XLA.
    """
    # On a CPU XLA is slower than TensorFlow's own operations: measured 1.7 times for a step of a U-Net, 1.9 times for
    # one of the transfer network. Keras's "auto" means that too, but only from some version on, and it counts devices
    # that this process may not use.
    return "auto" if has_accelerator() else False


def compile_for_this_machine(model):
    """Have a compiled model be trained as `jit_compile` says, also one that was kept on another machine."""
    # None is what Keras finds "auto" anew from.
    model.jit_compile = None if has_accelerator() else False


def waiting_on_accelerator(batches):
    """Return batches that are copied to the GPU while it is at those before them, where there is one.

    Args:
        batches: What `fit()` takes for `x`; only an endless `tf.data.Dataset` is changed.
    """
    if not (isinstance(batches, tf.data.Dataset) and has_accelerator()):
        return batches
    # Keras hands a dataset to its steps as it is: without this, each step begins with the copy of its batch. It has to
    # come last, and does not tell how many batches there are. Keras then finds the end of a finite dataset by a step
    # that fails, and what that has done till then counts: a mean over 3 batches was divided by 4.
    if batches.cardinality() != tf.data.INFINITE_CARDINALITY:
        return batches
    return batches.apply(tf.data.experimental.prefetch_to_device(DEVICE, WAITING))
