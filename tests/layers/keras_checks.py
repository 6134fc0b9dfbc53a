"""What Keras asks of every layer of its own, for ours.

`run_layer_test` stands in a module that Keras does not publish. It is taken nevertheless: what it checks (weights
after `build`, symbolic against real outputs, configuration, one training step, types under mixed precision) is
Keras's own contract of a layer, kept up with Keras, and no published function checks it. Should a version move it,
this file is the only place to mend.
"""

from keras.src import testing


def run_layer_test(layer_class, options, **expected):
    """Check a layer of these options as Keras does; `expected` as `keras.src.testing.TestCase` takes it."""
    testing.TestCase().run_layer_test(layer_class, options, **expected)
