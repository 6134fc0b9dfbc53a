"""Test a run, or a model in a file, under noise: one row of measures per noise, at the images' original size."""

from dataclasses import dataclass, field
from itertools import zip_longest

import keras
import numpy as np
import tensorflow as tf

from tfapp.data import weighted_labels
from tfapp.errors import InputError
from tfapp.models import before_projection, resize_probabilities
from tfapp.models.probabilities import as_class_maps, project_onto_simplex
from tfapp.models.tiling import AUTO, WHOLE_PIXELS, TiledNetwork
from tfapp.runs.progress import SILENT
from tfapp.segmentation.changed_data import hash_of_tested
from tfapp.segmentation.coding import TrainingData
from tfapp.segmentation.evaluation_data import EvaluationData as EvaluationData
from tfapp.segmentation.keras_file import KerasFile
from tfapp.segmentation.membrane_scores import MembraneScores, membrane_scores
from tfapp.segmentation.metrics import (
    PIXEL_LOSSES,
    RE_DEFINITION,
    class_iou,
    confusion_matrix,
    global_accuracy,
    mean_accuracy,
    mean_iou,
    regularisation_effect,
)
from tfapp.segmentation.shape_scores import ShapeScores, shape_scores


@dataclass(frozen=True)
class Row:
    """The measures of one segmenter under one noise; shares in [0, 1], RE in percent.

    `shapes` are the `ShapeScores` of each class, or None if they were not asked for. `mean_accuracy` is None where an
    earlier version measured.
    """

    noise: str
    kind: str
    amount: float
    accuracy: float
    mean_iou: float
    class_iou: tuple[float, ...]
    regularisation_effect: float
    shapes: tuple[ShapeScores, ...] | None = None
    mean_accuracy: float | None = None


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
        tested: `hash_of_tested` of what it was tested on; None where it was not stored, and of generated images.
        weights: `Run.weights` of the run as it was tested; None of other models, and where it was not stored.
        re_definition: `RE_DEFINITION` as of the test; None where it was not stored, when RE was counted otherwise.
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
    tested: str | None = None
    re_definition: str | None = RE_DEFINITION

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
        self._progress = progress

    def remark(self, sizes):
        """Return the first `Remark` on tiles of images of these (height, width) at the network, or None."""
        return next(filter(None, map(self._tiled.remark, sizes)), None)

    def probabilities(self, images, names=()):
        """Return float32 (batch, height, width, classes) for float images of one size; names are for the progress."""
        if self._tiled.tiling(images.shape[1:3]) is None:
            return self._forward(images)[0]
        return self._stacked(images, names, self._project)

    def outputs(self, images, names=()):
        """Return what the loss compares with the labels: the probabilities, or the numbers of a regression head."""
        if self._tiled.tiling(images.shape[1:3]) is None:
            return self._forward(images)[1]
        return self._stacked(images, names, np.asarray)

    def _stacked(self, images, names, finish):
        joined = self._joined(images, names, finish)
        # One large image is not copied.
        return np.stack(joined) if len(joined) > 1 else joined[0][None]

    def _joined(self, images, names, finish):
        return [
            self._tiled.joined(image, self._progress, name or "", finish)
            for image, name in zip_longest(images, names)
        ]

    def label_maps(self, images, sizes, names=()):
        """Return one int32 label map for each image at the given original (height, width)."""
        shape = images.shape[1:3]
        if self._tiled.tiling(shape) is not None and all(tuple(size) == shape for size in sizes):
            return self._joined(images, names, self._labels)
        return [
            tf.argmax(probabilities, -1, output_type=tf.int32).numpy()
            for probabilities in self.probabilities_at(images, sizes, names)
        ]

    def probabilities_at(self, images, sizes, names=()):
        """Yield the probabilities (height, width, classes) of each image at the given original (height, width)."""
        for probabilities, size in zip(self.probabilities(images, names), sizes, strict=True):
            same = probabilities.shape[:2] == tuple(size)
            yield probabilities if same else resize_probabilities(probabilities, size)

    def _labels(self, outputs):
        return np.argmax(self._project(outputs), -1).astype(np.int32)


def _nearest_probabilities(outputs):
    return project_onto_simplex(as_class_maps(tf.convert_to_tensor(outputs))).numpy()


def evaluate(segmenter, data, noises, *, seed=0, membranes=False, shapes=False, advance=lambda: None):
    """Evaluate one segmenter under all noises.

    Args:
        segmenter: A `Segmenter`.
        data: `EvaluationData` of the same source.
        noises: List of `Noise`; noise is added at the size that the network works at.
        seed: Seed of the noise.
        membranes: Whether to add the membrane scores; the name of a class for scores of that one in place of membranes.
        shapes: Whether to add the shape scores of each class.
        advance: Called after each noise, for a progress bar.

    Returns:
        An `Evaluation`.

    Raises:
        InputError: For membrane scores of data that have other classes than membranes, or that class, and one more.
    """
    scores = evaluate_membranes(segmenter, data, border_of(membranes)) if membranes else None
    rows = []
    for noise in noises:
        rows.append(measure(segmenter, data, noise, seed, shapes=shapes))
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
        tested=hash_of_tested(data.items),
    )


def store_metrics(run, evaluation):
    """Add an evaluation to the run's `metrics.json` under its title, keeping the others."""
    content = {
        "loss": evaluation.loss,
        "images": evaluation.images,
        "noise_seed": evaluation.seed,
        "class_names": list(evaluation.class_names),
        "rows": [_stored(row) for row in evaluation.rows],
        "membrane_scores": evaluation.membranes and evaluation.membranes._asdict(),
        "weights": evaluation.weights,
        "tested": evaluation.tested,
        "re_definition": evaluation.re_definition,
    }
    run.add_metrics(evaluation.title, content)


def _stored(row):
    stored = {**vars(row), "class_iou": _without_nan(row.class_iou)}
    shapes = stored.pop("shapes")
    if shapes:
        fields = ShapeScores._fields
        stored["shapes"] = [dict(zip(fields, _without_nan(one), strict=True)) for one in shapes]
    return stored


def _without_nan(values):
    return [None if np.isnan(value) else value for value in values]


def of_measures(title, remark):
    """Return the sentence on what is measured of images that are cut as a `Remark` on tiles says."""
    kept = " What is measured is not kept in `metrics.json`." if remark.is_inexact else ""
    return f"{title}: {remark.sentence}{kept}"


def measure(segmenter, data, noise, seed=0, *, shapes=False):
    """Return the `Row` of one segmenter under one `Noise`, with shape scores if asked for."""
    classes = data.dataset.num_classes
    confusion = np.zeros((classes, classes), np.int64)
    effects, by_image = [], []
    for indices in data.batches():
        noisy = [noise.add(data.images[i], seed, i) for i in indices]
        noisy = np.stack(noisy) if len(noisy) > 1 else noisy[0][None]
        sizes, names = ([data.masks[i].shape for i in indices], [data.items[i].name for i in indices])
        maps = segmenter.label_maps(noisy, sizes, names)
        for index, predicted in zip(indices, maps, strict=True):
            confusion += confusion_matrix(data.masks[index], predicted, classes, data.dataset.ignore_value)
            effects.append(regularisation_effect(predicted))
            if shapes:
                truth = data.masks[index]
                by_image.append(shape_scores(truth, predicted, classes, data.dataset.ignore_value))
    return Row(
        noise=noise.label,
        kind=noise.kind,
        amount=noise.amount,
        accuracy=global_accuracy(confusion),
        mean_iou=mean_iou(confusion),
        class_iou=tuple(float(v) for v in class_iou(confusion)),
        regularisation_effect=float(np.mean(effects)),
        shapes=tuple(map(ShapeScores.mean, zip(*by_image, strict=True))) if shapes else None,
        mean_accuracy=mean_accuracy(confusion),
    )


def _clean_loss(segmenter, data):
    total, weight = 0.0, 0.0
    pixel_loss = PIXEL_LOSSES[data.source.loss]
    for item, (image, labels) in zip(data.items, data.pairs, strict=True):
        labels, weights = weighted_labels(labels, data.dataset, data.source.class_weights)
        outputs = np.asarray(segmenter.outputs(image[None], [item.name])[0])
        # In double precision, of a large image a part at a time.
        step = max(1, WHOLE_PIXELS // image.shape[1])
        for begin in range(0, len(outputs), step):
            rows = slice(begin, begin + step)
            total += np.sum(weights[rows] * pixel_loss(outputs[rows].astype(np.float64), labels[rows]))
        weight += weights.sum(dtype=np.float64)
    return float(total / max(weight, 1e-12))


MEMBRANE = "membrane"


def border_of(membranes):
    """Return the name of the class that `membranes` of `evaluate` asks the scores for: membranes, if it is True."""
    return MEMBRANE if membranes is True else membranes


def check_membranes(dataset, border=MEMBRANE):
    """Raise InputError unless a dataset has two classes of which one is called membrane, or as `border` says."""
    if dataset.num_classes != 2 or border not in dataset.class_names:
        raise InputError(
            f"Membrane scores are for two classes of which one is called {border!r}; {dataset.spec} has "
            f"{', '.join(dataset.class_names) or 'none'}."
        )


def evaluate_membranes(segmenter, data, border=MEMBRANE):
    """Return the `MembraneScores` of one segmenter on the clean images, at the size of their masks.

    Pixels without a label are no part of a cell, and so in no score.

    Args:
        segmenter: A `Segmenter`.
        data: `EvaluationData` of the same source.
        border: Name of the class that parts the regions of the other one, such as `vessel`.

    Raises:
        InputError: For other classes than these two.
    """
    check_membranes(data.dataset, border)
    cell = 1 - data.dataset.class_names.index(border)
    probabilities = (
        next(segmenter.probabilities_at(image[None], [mask.shape], [item.name]))[..., cell]
        for item, image, mask in zip(data.items, data.images, data.masks, strict=True)
    )
    return membrane_scores((mask == cell for mask in data.masks), probabilities)
