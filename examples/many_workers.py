"""BPGrad on several machines: a training loop under `MultiWorkerMirroredStrategy`.

Keras's own `fit()` does not work under this strategy with the TensorFlow backend (whatever the optimizer), a loop
does. Start the same file on every machine with TensorFlow's usual variable, here two workers on one machine:

    export WORKERS='"cluster": {"worker": ["localhost:12345", "localhost:12346"]}'
    TF_CONFIG="{$WORKERS, \"task\": {\"type\": \"worker\", \"index\": 1}}" python examples/many_workers.py &
    TF_CONFIG="{$WORKERS, \"task\": {\"type\": \"worker\", \"index\": 0}}" python examples/many_workers.py

Every worker prints the same numbers: each step is that of one machine with the joined batch.
"""

import tensorflow as tf

# Before anything else: the strategy must be made before TensorFlow has run an operation.
STRATEGY = tf.distribute.MultiWorkerMirroredStrategy()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from tfapp.optimizers import BPGrad  # noqa: E402

BATCH, STEPS = 64, 40


def examples():
    """Return points and the class of each: whether it lies inside a circle."""
    x = np.random.default_rng(0).uniform(-1, 1, (BATCH, 2)).astype("float32")
    return x, (np.sum(x**2, 1) < 0.5).astype("float32")[:, None]


def main():
    """Train, and print the loss before, the smallest loss and the norm of the weights after."""
    with STRATEGY.scope():
        keras.utils.set_random_seed(0)
        hidden = keras.layers.Dense(16, "tanh")
        model = keras.Sequential([keras.Input((2,)), hidden, keras.layers.Dense(1)])
        optimizer = BPGrad(lipschitz=10.0)
        optimizer.build(model.trainable_variables)
        loss_of = keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")
    data = tf.data.Dataset.from_tensor_slices(examples()).batch(BATCH).repeat()
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    batches = iter(STRATEGY.experimental_distribute_dataset(data.with_options(options)))

    def step(batch):
        x, y = batch
        with tf.GradientTape() as tape:
            # This worker's share of the mean over the joined batch: losses and gradients are summed.
            loss = loss_of(y, model(x, training=True)) / BATCH
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables, loss=loss)
        return loss

    @tf.function
    def joined_step(batch):
        return STRATEGY.reduce("SUM", STRATEGY.run(step, args=(batch,)), axis=None)

    losses = [float(joined_step(next(batches))) for _ in range(STEPS)]
    norm = np.sqrt(sum(np.sum(weights**2) for weights in model.get_weights()))
    print(f"first {losses[0]:.6f} best {optimizer.measured()['best_loss']:.6f} norm {norm:.6f}")


if __name__ == "__main__":
    main()
