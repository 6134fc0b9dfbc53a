"""Network that transfers features of low-resolution images, as a Keras layer."""

from numbers import Integral

import keras

from tfapp.layers.options import CheckedOptions


@keras.saving.register_keras_serializable(package="tfapp")
class FeatureTransfer(CheckedOptions, keras.layers.Layer):
    """Two fully connected layers that pull features of poor images towards clusters of features of sharp ones.

        y = W2 relu(W1 x + b1) + b2

    A training on cluster numbers by cross-entropy takes y as logits of the clusters; afterwards y itself is the
    transferred feature. The weights begin as K. He et al. (2015) draw them. Plugs in behind any backbone that
    gives one feature vector for an image.

    Args:
        hidden: Units N1 of the first layer, a positive integer.
        clusters: Units N2 of the second layer, a positive integer: the number of clusters.
        kernel_regularizer: Penalty of W1 and W2, as keras.layers.Dense takes it.

    Input shape:
        `(batch, features)`.

    Output shape:
        `(batch, clusters)`.

    Reference:
        Y. Wu, Z. Zhang, G. Wang, "Unsupervised Deep Feature Transfer for Low Resolution Image Classification",
        ICCV Workshops 2019, arXiv:1908.10012.

    Example:
        >>> import tensorflow as tf
        >>> FeatureTransfer(1024, 100)(tf.ones((8, 2048))).shape.as_list()
        [8, 100]
    """

    OPTIONS = BUILT_IN = ("hidden", "clusters", "kernel_regularizer")

    def __init__(self, hidden, clusters, *, kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.clusters = hidden, clusters
        self.kernel_regularizer = kernel_regularizer
        common = {
            "kernel_initializer": "he_normal",
            "kernel_regularizer": self.kernel_regularizer,
            "dtype": self.dtype_policy,
        }
        self.first = keras.layers.Dense(hidden, "relu", name="first", **common)
        self.second = keras.layers.Dense(clusters, name="second", **common)

    def checked(self, name, value):
        if name == "kernel_regularizer":
            return keras.regularizers.get(value)
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
        return int(value)

    def is_built_in(self, name):
        # Its parts are made with it.
        return "second" in self.__dict__

    def build(self, input_shape):
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ValueError(
                "`FeatureTransfer` needs one feature vector for each image, (batch, features). "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.first.build(input_shape)
        self.second.build((input_shape[0], self.hidden))
        self.built = True

    def call(self, features):
        return self.second(self.first(features))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.clusters)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "clusters": self.clusters,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
