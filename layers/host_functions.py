"""Functions of NumPy and SciPy that a graph calls: in threads over the scenes, and never where XLA compiles."""

import os
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf


def map_scenes(function, *arrays, threads=None):
    """Return the list of `function(*parts)` over the first axis of the arrays, computed in threads.

    Args:
        function: Function of one scene's part of every array; one of SciPy's that lets other threads run meanwhile.
        arrays: Arrays or lists of the same length.
        threads: Positive integer, or None for as many as TensorFlow takes for an operation: those that were set, else
            one for each core.
    """
    threads = threads or tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1
    if min(threads, len(arrays[0])) < 2:
        return [function(*parts) for parts in zip(*arrays, strict=True)]
    with ThreadPoolExecutor(min(threads, len(arrays[0]))) as pool:
        return list(pool.map(function, *arrays))


def compiles_with_xla():
    """Return whether the graph that is being built is one for XLA, which cannot call Python."""
    return tf.__internal__.get_enclosing_xla_context() is not None


def refuse_xla(name, value, others):
    """Raise ValueError if XLA compiles the graph in which a layer's or function's option calls Python."""
    if compiles_with_xla():
        raise ValueError(
            f"`{name}` must be {others} where XLA compiles, which cannot call SciPy; or use `jit_compile=False`. "
            f"Received: {name}={value!r}"
        )
