"""A served RUnet against a served U-Net: one image of 256x256x3, base width 16, depth 4, 2 and 3 classes, inference.

    python benchmarks/runet_served.py [--quick] [--threads 2] [--repetitions 15] [--json FILE]
    python benchmarks/runet_served.py --run RUN [--data SPEC]       # of a trained segmenter, on its first test image

The same network, in a plain graph, with a TV head and with a softmax; and a point of a loss landscape, which compiles
the head by XLA. How early a head with a `label_tolerance` stops depends on the logits: those of an untrained network
are replaced, in the same graph and after they were computed, by noisy ones of a Voronoi map. All take turns, and the
lower quartile stands for each. Exit code 1 above a target. `--quick` shows in a minute that it runs.
"""

import sys

import harness
import keras
import numpy as np
import tensorflow as tf
import tv_task
from harness import Comparison, milliseconds, stopwatch

from tfapp.landscape import filter_normalised_direction
from tfapp.landscape.point_loss import make_point_loss
from tfapp.landscape.samples import Batches
from tfapp.layers import TVSoftmax
from tfapp.models import build

SERVED_TARGET, POINT_TARGET = 3.0, 2.0  # of the head at its defaults
DEFAULTS = "inference defaults"
# The options of the heads by name. One of the numbers is that of the defaults: how far the two differ tells how far
# times of this machine repeat.
HEADS = {
    DEFAULTS: {},
    "label_tolerance 5e-4": {"label_tolerance": 5e-4},
    "30 iterations": {"inference_iterations": 30},
    "60 iterations": {"inference_iterations": 60},
    "100 iterations": {"inference_iterations": 100},
}
CONTRAST, NOISE = 6.0, 2.0  # of the logits


class Replaced(keras.layers.Layer):
    """Give other logits in place of the network's, which are computed all the same."""

    def __init__(self, logits):
        super().__init__(name="replaced")
        self._logits = tf.constant(logits)

    def build(self, shape):
        # A variable, as a graph leaves out what is multiplied by a constant 0.
        self.share = self.add_weight(name="share", shape=(), initializer="zeros", trainable=False)

    def call(self, logits):
        return self.share * logits + self._logits


def main(argv=None):
    parser = harness.parser(__doc__, threads=2, repetitions=15)
    parser.add_argument("--run", help="folder of `tfapp train`, whose network and lambda are taken")
    parser.add_argument("--data", help="its data, such as folder:PATH (default: where the run found them)")
    options = parser.parse_args(argv)
    harness.use_threads(options.threads)
    return harness.run(sections(options), options)


def sections(options):
    """Yield the title and the function, to a list of comparisons, of every section."""
    repetitions = 2 if options.quick else options.repetitions
    tasks = [trained(options)] if options.run else [untrained(classes, options.quick) for classes in (3, 2)]
    for title, network, tv_weight, image, labels in tasks:
        models = {name: with_head(network, tv_weight, given) for name, given in HEADS.items()}
        models["softmax"] = with_head(network, tv_weight, None)
        yield (
            f"served, {title}",
            lambda title=title, models=models, image=image: served(title, models, image, repetitions),
        )
        yield (
            f"a point of a landscape, {title}",
            lambda title=title, models=models, pair=(image, labels): point(title, models, *pair, repetitions),
        )


def untrained(classes, quick):
    """Return a title, a network to logits, lambda, an image and labels, of a network whose logits are replaced."""
    side, width, depth = (64, 4, 2) if quick else (256, 16, 4)
    keras.utils.set_random_seed(0)
    network = build("unet", classes, base_width=width, depth=depth)
    logits, labels = tv_task.voronoi_logits(side, classes, CONTRAST, NOISE)
    image = np.random.default_rng(0).random((1, side, side, 3), dtype=np.float32)
    replaced = keras.Model(network.input, Replaced(logits)(network.output))
    return f"{classes} classes", replaced, 1.0, image, labels


def trained(options):
    """Return the same of a trained run: its logits, the lambda of its head or 1, and its first test image."""
    from tfapp.data import open_dataset
    from tfapp.models.building import current_tv_weights, logits_of, tv_head
    from tfapp.segmentation.evaluation_data import EvaluationData
    from tfapp.segmentation.run import Run

    run = Run.open(options.run)
    dataset = run.dataset if options.data is None else open_dataset(options.data)
    image, labels = EvaluationData(run, dataset).pairs[0]
    model = run.load_model()
    head = tv_head(model)
    tv_weight = 1.0 if head is None else current_tv_weights(head)[0]
    labels = np.where(labels == dataset.ignore_value, 0, labels)
    return run.title, logits_of(model), tv_weight, image[None], labels[None]


def with_head(network, tv_weight, options):
    """Return the network with a TV head of these options, or with a softmax if they are None, compiled."""
    head = keras.layers.Softmax(dtype="float32") if options is None else TVSoftmax(tv_weight, **options)
    model = keras.Model(network.input, head(network.output))
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def served(title, models, image, repetitions):
    """The time of one image in a plain graph, of each head to a softmax."""

    def forward(model):
        return tf.function(lambda images: model(images, training=False), autograph=False)

    images = tf.constant(image)
    times = milliseconds(
        {name: stopwatch(forward(model), images) for name, model in models.items()}, repetitions
    )
    return _to_softmax(f"served, {title}", times, SERVED_TARGET)


def point(title, models, image, labels, repetitions):
    """The time of a point of a landscape over one image, of each head to a softmax."""
    batches = Batches(image, labels, None, 1)

    def loss(model):
        model.evaluate(image, labels, verbose=0)  # by which its metrics have their state
        directions = (filter_normalised_direction(model, seed) for seed in (0, 1))
        point_loss = make_point_loss(model, batches, *directions)
        return lambda: float(point_loss(tf.constant(0.1), tf.constant(-0.2))["loss"].numpy())

    times = milliseconds({name: stopwatch(loss(model)) for name, model in models.items()}, repetitions)
    return _to_softmax(f"a point, {title}", times, POINT_TARGET)


def _to_softmax(title, times, target):
    return [
        Comparison(
            f"{title}: RUnet, {name}: U-Net",
            times[name],
            times["softmax"],
            "ms",
            target if name == DEFAULTS else None,
        )
        for name in HEADS
    ]


if __name__ == "__main__":
    sys.exit(main())
