"""Distribution that a model gives its labels, as its compiled loss implies it, and the Fisher matrix of its logits."""

from dataclasses import dataclass

import keras
import tensorflow as tf

# Of losses of Keras, their classes and functions: the distribution of which they are the negative log-likelihood.
_KINDS = {
    "SparseCategoricalCrossentropy": "categorical",
    "CategoricalCrossentropy": "categorical",
    "BinaryCrossentropy": "bernoulli",
    "MeanSquaredError": "normal",
    "sparse_categorical_crossentropy": "categorical",
    "categorical_crossentropy": "categorical",
    "binary_crossentropy": "bernoulli",
    "mean_squared_error": "normal",
}
_MEANS = ("sum_over_batch_size", "mean_with_sample_weight")
# The smallest probability that a logarithm is taken of.
_SMALLEST = 1e-30


@dataclass(frozen=True)
class OutputDistribution:
    """Distribution of the labels given a model's outputs `(batch, ..., channels)`.

    Where the outputs are probabilities, "logits" are those that they were made of, or their logarithms; of a normal
    distribution, of variance 1, they are its means. The compiled loss is `scale` times the mean over the batch of the
    negative log-likelihood -log p(y | logits), which is a sum over places and, but for "categorical", over channels.

    Attributes:
        kind: "categorical", "bernoulli" or "normal".
        from_logits: Whether the model's outputs are logits.
    """

    kind: str
    from_logits: bool

    def logits(self, outputs):
        """Return the logits of outputs."""
        if self.kind == "normal" or self.from_logits:
            return outputs
        # Keras's softmax and sigmoid leave them at their result for its own losses.
        logits = getattr(outputs, "_keras_logits", None)
        if logits is not None:
            return logits
        log = tf.math.log(tf.maximum(outputs, _SMALLEST))
        return log if self.kind == "categorical" else log - tf.math.log(tf.maximum(1 - outputs, _SMALLEST))

    def mean(self, logits):
        """Return the expected targets: probabilities, or the means."""
        return {"categorical": tf.nn.softmax, "bernoulli": tf.sigmoid, "normal": tf.identity}[self.kind](
            logits
        )

    def draw(self, logits, seed):
        """Return targets drawn from the distribution, of the shape of the logits; one-hot for "categorical".

        Args:
            logits: As `logits` returns them.
            seed: int32 `(2,)`; the same seed draws the same, but for code compiled by XLA, which draws others.
        """
        shape, dtype = tf.shape(logits), logits.dtype
        # Not `tf.random.stateless_categorical`, which XLA does not compile everywhere.
        options = {"dtype": dtype, "alg": "philox"}
        if self.kind == "normal":
            return logits + tf.random.stateless_normal(shape, seed, **options)
        smallest = dtype.as_numpy_dtype(_SMALLEST)
        uniform = tf.random.stateless_uniform(shape, seed, minval=smallest, **options)
        if self.kind == "bernoulli":
            return tf.cast(uniform < tf.sigmoid(logits), dtype)
        gumbel = -tf.math.log(-tf.math.log(uniform))
        return tf.one_hot(tf.argmax(logits + gumbel, -1), logits.shape[-1], dtype=dtype)

    def targets(self, labels, logits):
        """Return the labels of a dataset in the form that `draw` has, of the shape of the logits."""
        labels = tf.convert_to_tensor(labels)
        is_sparse = labels.shape.rank < logits.shape.rank or labels.shape[-1] != logits.shape[-1]
        if self.kind == "categorical" and is_sparse:
            labels = tf.reshape(labels, tf.shape(logits)[:-1])
            return tf.one_hot(tf.cast(labels, tf.int32), logits.shape[-1], dtype=logits.dtype)
        return tf.reshape(tf.cast(labels, logits.dtype), tf.shape(logits))

    def residual(self, logits, targets):
        """Return the gradient of -log p(targets | logits) by the logits."""
        return self.mean(logits) - targets

    def fisher_product(self, logits, vectors):
        """Return the Fisher matrix of the distribution by its logits times vectors, all of the logits' shape.

        It is diag(p) - p p' of softmax, p (1 - p) of a sigmoid, and 1 of a normal distribution.
        """
        if self.kind == "normal":
            return vectors
        p = self.mean(logits)
        if self.kind == "bernoulli":
            return p * (1 - p) * vectors
        return p * (vectors - tf.reduce_sum(p * vectors, -1, keepdims=True))

    def scale(self, logits):
        """Return c: the loss of Keras is c times the mean over the batch of -log p, up to a constant."""
        examples = tf.shape(logits)[0]
        entries = tf.cast(tf.size(logits) // examples, logits.dtype)
        if self.kind == "categorical":
            return tf.cast(logits.shape[-1], logits.dtype) / entries
        return (2.0 if self.kind == "normal" else 1.0) / entries


def distribution_of(loss, optimizer_name) -> OutputDistribution:
    """Return the distribution of which a compiled loss is the negative log-likelihood.

    Args:
        loss: What `compile` was given.
        optimizer_name: For messages.

    Raises:
        ValueError: For a loss that is none.
    """
    if isinstance(loss, (list, tuple, dict)) and len(loss) == 1:
        loss = next(iter(loss.values())) if isinstance(loss, dict) else loss[0]
    found = None if isinstance(loss, (list, tuple)) else keras.losses.get(loss)
    name = getattr(found, "__name__", type(found).__name__)
    # A loss of one's own may have the name of one of Keras's.
    known = found in (getattr(keras.losses, name, None), None) or type(found) is getattr(
        keras.losses, name, None
    )
    if found is None or name not in _KINDS or not known:
        raise ValueError(
            f"{optimizer_name} needs the distribution of the labels, so a model with one output, compiled with "
            "categorical, sparse categorical or binary cross-entropy or the mean squared error of Keras. "
            f"Received: loss={loss!r}."
        )
    config = found.get_config() if isinstance(found, keras.losses.Loss) else {}
    wrong = [
        f"{option}={config[option]!r}"
        for option, right in {"reduction": _MEANS, "ignore_class": (None,), "axis": (-1,)}.items()
        if option in config and config[option] not in right
    ]
    if wrong:
        raise ValueError(
            f"{optimizer_name} needs a loss that is the mean over all examples and places, its classes in the last "
            f"axis, none ignored. Received: {name} with {', '.join(wrong)}."
        )
    return OutputDistribution(_KINDS[name], bool(config.get("from_logits", False)))
