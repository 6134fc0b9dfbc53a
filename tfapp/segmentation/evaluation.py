"""Test a run, or a model in a file, under noise: one row of measures per noise, at the images' original size."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from tfapp.data import network_pair, weighted_labels
from tfapp.errors import InputError
from tfapp.models import before_projection, resize_probabilities
from tfapp.models.probabilities import project_onto_simplex
from tfapp.models.tiling import AUTO, WHOLE_PIXELS, TiledNetwork
from tfapp.runs.progress import SILENT
from tfapp.segmentation.class_order import in_order_of
from tfapp.segmentation.coding import TrainingData
from tfapp.segmentation.keras_file import KerasFile
from tfapp.segmentation.membrane_scores import MembraneScores, membrane_scores
from tfapp.segmentation.metrics import (
    PIXEL_LOSSES,
    class_iou,
    confusion_matrix,
    global_accuracy,
    mean_iou,
    regularisation_effect,
)
from tfapp.segmentation.tested_images import images_to_test

BATCH_PIXELS = 8 * 128 * 128
# Of images in colours 192 MiB, and as many masks.
KEPT_PIXELS = 1 << 24


@dataclass(frozen=True)
class Row:
    """The measures of one segmenter under one noise; shares in [0, 1], RE in percent."""

    noise: str
    kind: str
    amount: float
    accuracy: float
    mean_iou: float
    class_iou: tuple[float, ...]
    regularisation_effect: float


@dataclass(frozen=True)
class Evaluation:
    """The noise table of one segmenter.

    Attributes:
        title: Column title, such as `Unet`, `Unet+TV(1)`, `RUnet`.
        run: Path of the run, or of the file of the model, as text.
        loss: Mean loss on the clean test images at network size, the loss and its weights as in training.
        images: Number of test images.
        rows: One `Row` per noise, clean first.
        settings: `Run.settings`, to tell apart runs of one title; empty for other models.
        membranes: `MembraneScores` on the clean images at their own size, or None if they were not asked for.
        trained_on: `TrainingData` of the run; None of other models.
        tested_on: What names the data that it was tested on; "" where that is not known.
        names: Names of the test images; none where they are not known.
        weights: `Run.weights` of the run as it was tested; None of other models, and where it was not stored.
    """

    title: str
    run: str
    loss: float
    images: int
    class_names: tuple[str, ...]
    seed: int
    rows: tuple[Row, ...] = field(default_factory=tuple)
    settings: dict = field(default_factory=dict)
    membranes: MembraneScores | None = None
    trained_on: TrainingData | None = None
    tested_on: str = ""
    names: tuple[str, ...] = ()
    weights: str | None = None

    @property
    def clean(self):
        return self.rows[0]


class Segmenter:
    """A network with its own head or converged TV, as a function from network-sized images to probabilities.

    Args:
        source: `Run` or `KerasFile`.
        post_tv: Weight of converged TV behind its logits, or None for its own head.
        tile, margin: As of `TiledNetwork`, for images that are large at the size that the network works at.
        progress: `Progress` that the tiles of each image are reported to.

    Attributes:
        tile_remark: `remark` of its `TiledNetwork`.

    Raises:
        InputError: As of `TiledNetwork`.
    """

    def __init__(self, source, post_tv=None, *, tile=AUTO, margin=None, progress=SILENT):
        model = source.network(post_tv)
        self.title = source.title if post_tv is None else f"{source.title}+TV({post_tv:g})"
        # Traced at once: TensorFlow warns of retracing when many segmenters are called for the first time. What
        # it returns does not keep the model alive.
        self._model = both = keras.Model(model.input, [model.output, before_projection(model)])
        self._forward = tf.function(
            lambda images: both(images, training=False),
            input_signature=[tf.TensorSpec(model.input_shape, tf.float32)],
            autograph=False,
        ).get_concrete_function()
        unprojected = before_projection(model)
        self._project = np.asarray if unprojected is model.output else _nearest_probabilities
        self._tiled = TiledNetwork(keras.Model(model.input, unprojected), model.input_shape[-1], tile, margin)
        self.tile_remark = self._tiled.remark
        self._progress = progress

    def probabilities(self, images):
        """Return float32 (batch, height, width, classes) for float images of one size."""
        if self._tiled.tiling(images.shape[1:3]) is None:
            return self._forward(images)[0]
        return np.stack([self._tiled.joined(image, self._progress, self._project) for image in images])

    def outputs(self, image):
        """Return what the loss compares with the labels: the probabilities, or the numbers of a regression head.

        Args:
            image: float32 (height, width, channels).

        Returns:
            float32 (height, width, classes).
        """
        if self._tiled.tiling(image.shape[:2]) is None:
            return self._forward(image[None])[1][0].numpy()
        return self._tiled.joined(image, self._progress)

    def label_maps(self, images, sizes):
        """Return one int32 label map for each image at the given original (height, width)."""
        shape = images.shape[1:3]
        if self._tiled.tiling(shape) is not None and all(tuple(size) == shape for size in sizes):
            return [self._tiled.joined(image, self._progress, self._labels) for image in images]
        return [
            tf.argmax(probabilities, -1, output_type=tf.int32).numpy()
            for probabilities in self.probabilities_at(images, sizes)
        ]

    def probabilities_at(self, images, sizes):
        """Yield the probabilities (height, width, classes) of each image at the given original (height, width)."""
        for probabilities, size in zip(self.probabilities(images), sizes, strict=True):
            same = probabilities.shape[:2] == tuple(size)
            yield probabilities if same else resize_probabilities(probabilities, size)

    def _labels(self, outputs):
        return np.argmax(self._project(outputs), -1).astype(np.int32)


def _nearest_probabilities(outputs):
    return project_onto_simplex(tf.convert_to_tensor(outputs)).numpy()


class EvaluationData:
    """The test images of a run or a model at network size, read once for all noises and segmenters if they are few.

    Images, and masks, of more than `KEPT_PIXELS` pixels in all are read each time that they are needed, and one of each
    is kept. Masks of a dataset that is given are read in the order of the run's classes, as `in_order_of` says.

    Args:
        source: `Run` or `KerasFile`.
        dataset: `Dataset` to test on; None for the test images of the run.
        items: Its `Item`s to test on; None for what `images_to_test` says of them.

    Attributes:
        order_remark: Sentence on how its classes are read, if their order is not that of the run; otherwise None.
    """

    def __init__(self, source, dataset=None, items=None):
        self.source = source
        self.dataset, self.order_remark = dataset or source.dataset, None
        if dataset is None:
            self.items = source.items("test")
        else:
            _check_compatible(source, dataset)
            run = None if isinstance(source, KerasFile) else source
            self.items = images_to_test(run, dataset) if items is None else items
            if run is not None:
                self.dataset, self.order_remark = in_order_of(run, dataset)
            if self.dataset is not dataset:
                self.items = self.dataset.select([item.name for item in self.items])
        self.resize = source.framing.resize

    @cached_property
    def pairs(self):
        """Sequence of images and labels at network size."""
        return self._read(lambda item: network_pair(self.dataset, item, self.resize), self.size_of)

    @cached_property
    def images(self):
        """Sequence of the images of `pairs`."""
        return _Read(range(len(self.items)), lambda index: self.pairs[index][0], keep=0)

    @cached_property
    def masks(self):
        """Sequence of masks at original size."""
        return self._read(lambda item: item.read_mask(), lambda item: item.size)

    def _read(self, read, size_of):
        are_few = sum(math.prod(size_of(item)) for item in self.items) <= KEPT_PIXELS
        return _Read(self.items, read, keep=len(self.items) if are_few else 1)

    @property
    def largest(self):
        """Pixels of the largest image at the network."""
        return max(math.prod(self.size_of(item)) for item in self.items)

    def size_of(self, item):
        """Return the (height, width) of an item at the network."""
        return tuple(self.resize or item.size)

    def batches(self):
        """Return lists of indices; the images of one list have one size at the network."""
        by_size = {}
        for index, item in enumerate(self.items):
            by_size.setdefault(self.size_of(item), []).append(index)
        for shape, indices in by_size.items():
            step = max(1, BATCH_PIXELS // (shape[0] * shape[1]))
            yield from (indices[i : i + step] for i in range(0, len(indices), step))


class _Read:
    """Sequence of what is read of items when it is needed, of which so many are kept."""

    def __init__(self, items, read, keep):
        self._items, self._reader, self._keep, self._kept = items, read, keep, {}

    def __len__(self):
        return len(self._items)

    def __getitem__(self, index):
        if index in self._kept:
            return self._kept[index]
        if self._keep and len(self._kept) >= self._keep:
            self._kept.clear()  # before the next one takes its memory
        found = self._reader(self._items[index])
        if self._keep:
            self._kept[index] = found
        return found


def evaluate(segmenter, data, noises, *, seed=0, membranes=False, advance=lambda: None):
    """Evaluate one segmenter under all noises.

    Args:
        segmenter: A `Segmenter`.
        data: `EvaluationData` of the same source.
        noises: List of `Noise`; noise is added at the size that the network works at.
        seed: Seed of the noise.
        membranes: Whether to add the membrane scores.
        advance: Called after each noise, for a progress bar.

    Returns:
        An `Evaluation`.

    Raises:
        InputError: For membrane scores of data that have other classes than membranes and cells.
    """
    scores = evaluate_membranes(segmenter, data) if membranes else None
    rows = []
    for noise in noises:
        rows.append(measure(segmenter, data, noise, seed))
        advance()
    return Evaluation(
        title=segmenter.title,
        run=str(data.source.path),
        loss=_clean_loss(segmenter, data),
        images=len(data.items),
        class_names=tuple(data.dataset.class_names),
        seed=seed,
        rows=tuple(rows),
        settings=data.source.settings,
        membranes=scores,
        trained_on=data.source.trained_on,
        tested_on=data.dataset.spec,
        names=tuple(item.name for item in data.items),
        weights=None if isinstance(data.source, KerasFile) else data.source.weights,
    )


def store_metrics(run, evaluation):
    """Add an evaluation to the run's `metrics.json` under its title, keeping the others."""
    content = {
        "loss": evaluation.loss,
        "images": evaluation.images,
        "noise_seed": evaluation.seed,
        "class_names": list(evaluation.class_names),
        "rows": [
            {**vars(row), "class_iou": [None if np.isnan(v) else v for v in row.class_iou]}
            for row in evaluation.rows
        ],
        "membrane_scores": evaluation.membranes and evaluation.membranes._asdict(),
        "weights": evaluation.weights,
    }
    run.add_metrics(evaluation.title, content)


def measure(segmenter, data, noise, seed=0):
    """Return the `Row` of one segmenter under one `Noise`."""
    classes = data.dataset.num_classes
    confusion = np.zeros((classes, classes), np.int64)
    effects = []
    for indices in data.batches():
        noisy = [noise.add(data.images[i], seed, i) for i in indices]
        noisy = np.stack(noisy) if len(noisy) > 1 else noisy[0][None]
        maps = segmenter.label_maps(noisy, [data.masks[i].shape for i in indices])
        for index, predicted in zip(indices, maps, strict=True):
            confusion += confusion_matrix(data.masks[index], predicted, classes, data.dataset.ignore_value)
            effects.append(regularisation_effect(predicted))
    return Row(
        noise=noise.label,
        kind=noise.kind,
        amount=noise.amount,
        accuracy=global_accuracy(confusion),
        mean_iou=mean_iou(confusion),
        class_iou=tuple(float(v) for v in class_iou(confusion)),
        regularisation_effect=float(np.mean(effects)),
    )


def _clean_loss(segmenter, data):
    total, weight = 0.0, 0.0
    pixel_loss = PIXEL_LOSSES[data.source.loss]
    for image, labels in data.pairs:
        labels, weights = weighted_labels(labels, data.dataset, data.source.class_weights)
        outputs = segmenter.outputs(image)
        # In double precision, of a large image a part at a time.
        step = max(1, WHOLE_PIXELS // image.shape[1])
        for begin in range(0, len(outputs), step):
            rows = slice(begin, begin + step)
            total += np.sum(weights[rows] * pixel_loss(outputs[rows].astype(np.float64), labels[rows]))
        weight += weights.sum(dtype=np.float64)
    return float(total / max(weight, 1e-12))


def _check_compatible(source, dataset):
    if dataset.image_pairs:
        raise InputError(f"{dataset.spec} holds image pairs; {source.path} labels images.")
    if isinstance(source, KerasFile):
        if (dataset.num_classes, dataset.channels) != (source.num_classes, source.channels):
            raise InputError(
                f"{dataset.spec} has {dataset.num_classes} classes and {dataset.channels} channel(s); "
                f"{source.path} gives {source.num_classes} and takes {source.channels}."
            )
    elif dataset.channels != source.channels:
        raise InputError(
            f"{dataset.spec} has images of {dataset.channels} channel(s); {source.path} was trained for "
            f"{source.channels}."
        )


MEMBRANE = "membrane"


def check_membranes(dataset):
    """Raise InputError unless a dataset has two classes of which one is called membrane."""
    if dataset.num_classes != 2 or MEMBRANE not in dataset.class_names:
        raise InputError(
            f"Membrane scores are for two classes of which one is called {MEMBRANE!r}; {dataset.spec} has "
            f"{', '.join(dataset.class_names) or 'none'}."
        )


def evaluate_membranes(segmenter, data):
    """Return the `MembraneScores` of one segmenter on the clean images, at the size of their masks.

    Args:
        segmenter: A `Segmenter`.
        data: `EvaluationData` of the same source.

    Raises:
        InputError: For other classes than membranes and cells.
    """
    check_membranes(data.dataset)
    cell = 1 - data.dataset.class_names.index(MEMBRANE)
    probabilities = (
        next(segmenter.probabilities_at(image[None], [mask.shape]))[..., cell]
        for image, mask in zip(data.images, data.masks, strict=True)
    )
    return membrane_scores((mask == cell for mask in data.masks), probabilities)
