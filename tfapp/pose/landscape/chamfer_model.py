"""The pose model with the Chamfer distance alone as its loss, to draw that around its weights."""

import keras
import tensorflow as tf

from tfapp.pose.model.pose_model import PoseModel


@keras.saving.register_keras_serializable("tfapp")
class ChamferModel(PoseModel):
    """A `PoseModel` whose loss is how far the object models are from what was observed, eq. 4.1 and 4.2.

    What it costs to say another alternative than the best one is left out: it teaches a layer that no pose depends
    on, and far from the solution it is so large that nothing of the poses would be seen. With one hypothesis and
    one rotation channel there is no difference.
    """

    @classmethod
    def of(cls, model):
        """Return one with the settings and weights of a compiled `PoseModel`, at the same step of its training."""
        copy = cls(**model.get_config())
        copy.set_weights(model.get_weights())
        copy.compile(keras.optimizers.SGD(), jit_compile=False)
        copy.optimizer.iterations.assign(model.optimizer.iterations)
        return copy

    def choice_loss(self, taken, logits):
        del logits
        return tf.zeros(tf.shape(taken)[:1])
