"""What TensorBoard would read of a folder."""

import tensorflow as tf


def summaries(folder):
    """Return {tag: {step: array}}."""
    found = {}
    for file in sorted(folder.glob("events.*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = tf.make_ndarray(value.tensor)
    return found
