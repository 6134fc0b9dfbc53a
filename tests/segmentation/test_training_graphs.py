"""Steps of a training are graphs of TensorFlow's own operations: no device waits for Python within one."""

import keras
import pytest
import tensorflow as tf

from tfapp.models import build
from tfapp.segmentation.compiling import compile_segmenter


@pytest.mark.parametrize(
    ("name", "head", "optimizer"),
    [
        ("unet", "softmax", "adam"),
        ("unet", "tv-softmax", "adam"),
        ("unet", "tv-softmax", "bpgrad"),
        ("segnet", "softmax", "sgd"),
        ("res-unet", "tv-softmax", "sgd"),
    ],
)
def test_no_step_calls_python(name, head, optimizer):
    from tfapp.optimizers import BPGrad

    model = build(name, 3, 3, head=head, base_width=2, depth=2 if name != "segnet" else 3)
    compile_segmenter(model, BPGrad() if optimizer == "bpgrad" else keras.optimizers.get(optimizer), 1e-3)
    kinds = [((2, 16, 16, 3), tf.float32), ((2, 16, 16), tf.int32), ((2, 16, 16), tf.float32)]
    batch = tuple(tf.TensorSpec(*kind) for kind in kinds)
    for step in (model.train_step, model.test_step):
        graph = tf.function(step, autograph=False).get_concrete_function(batch).graph
        assert b"Conv2D" in graph.as_graph_def().SerializeToString()
        # Of tf.numpy_function and tf.py_function, in the graph and in the functions that it calls.
        assert b"PyFunc" not in graph.as_graph_def().SerializeToString()
