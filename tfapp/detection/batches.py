"""tf.data streams of images with the regions that a detector is trained on: seeded, startable at any step."""

from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from tfapp.data.augmentation import change_values, draw_changes, draw_symmetry
from tfapp.data.boxed import Boxes
from tfapp.detection.framing import padded_side, resized, scale_of, together
from tfapp.detection.sampling import regions_around, sample_anchors, sample_regions
from tfapp.errors import InputError

# Keep the draws of a detector's batches apart from each other and from those of the augmentation.
_ORDER, _REGIONS, _FOLD = 0x0DE7, 0x0DE8, 0x0DE9


@dataclass(frozen=True, eq=False)
class Sampler:
    """How images become batches.

    Attributes:
        images: `tfapp.data.boxed.BoxedImages`.
        shorter, longer: Sides of the images, as of `tfapp.detection.framing.scale_of`.
        stride: What divides the sides of a batch.
        count: Regions of each image.
        foreground: Largest share of objects among them.
        low: Least overlap of background with an object.
        proposals: Sequence of the proposals of each image, float32 (n, 4) in its pixels; None for regions around its
            objects and anchors.
        anchors: Function of (rows, columns) of the features to anchors float32 (n, 4), or None. With them the targets
            of a proposal network are among those of a batch.
        has_proposal_head: Whether there is one.
        augmentation: `tfapp.data.augmentation.Augmentation`, its symmetry `none` or `mirror`.
        offset_scale: `OffsetScale`; None for offsets as they are.
        failures: What was wrong with images in a stream, of which TensorFlow's own error keeps the text alone.
    """

    images: object
    shorter: int
    longer: int
    stride: int
    count: int
    foreground: float
    low: float
    proposals: object
    anchors: object
    has_proposal_head: bool
    augmentation: object
    offset_scale: object = None
    failures: list = field(default_factory=list)

    def batch(self, indices, seeds):
        """Return the batch of these images as a dictionary of arrays, each image with the draws of its own seed.

        Args:
            indices: Of the images.
            seeds: Pairs of non-negative integers, one for each.

        Returns:
            `images` (batch, height, width, 3), `regions` (batch, count, 4), `labels` and `weights` (batch, count),
            `offsets` (batch, count, 4); with a proposal head `anchor_labels`, `anchor_weights` (batch, anchors) and
            `anchor_offsets` (batch, anchors, 4).
        """
        framed = [self._framed(int(index), seed) for index, seed in zip(indices, seeds, strict=True)]
        images = together([image for image, *_ in framed], self.stride)
        rows, columns = (length // self.stride for length in images.shape[1:3])
        anchors = None if self.anchors is None else self.anchors(rows, columns)
        drawn = [
            self._targets(image.shape[:2], objects, proposals, anchors, seed)
            for (image, objects, proposals), seed in zip(framed, seeds, strict=True)
        ]
        return {"images": images} | {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}

    def _framed(self, index, seed):
        """Return the image, its `Boxes` and its proposals, mirrored, scaled and coloured as the seed says."""
        item = self.images[index]
        image, objects = item.read(), item.boxes
        proposals = None if self.proposals is None else self.proposals[index]
        mirrored = bool(draw_symmetry(self.augmentation.symmetry, seed)[0])
        (_, _, zoom), values = draw_changes(self.augmentation, seed)
        height, width = image.shape[:2]
        if mirrored:
            image = image[:, ::-1]
        image = resized(image, scale_of(height, width, self.shorter, self.longer) * zoom)
        image = change_values(self.augmentation, image, values).numpy()
        factors = np.float32([image.shape[0] / height, image.shape[1] / width])

        def moved(corners):
            if mirrored:
                corners = np.stack(
                    [corners[:, 0], width - corners[:, 3], corners[:, 2], width - corners[:, 1]], axis=1
                )
            return corners * np.tile(factors, 2)

        boxes = Boxes(moved(objects.corners), objects.labels, objects.difficult)
        return image, boxes, None if proposals is None else moved(proposals)

    def _targets(self, size, objects, proposals, anchors, seed):
        rng = np.random.default_rng([*map(int, seed), _REGIONS])
        regions = self._regions(size, objects, proposals, anchors, rng)
        offsets = regions.offsets
        if self.offset_scale is not None:
            offsets = self.offset_scale.normalised(offsets, regions.labels)
        found = {
            "regions": regions.boxes,
            "labels": regions.labels,
            "offsets": offsets,
            "weights": regions.weights,
        }
        if self.has_proposal_head:
            targets = sample_anchors(anchors, objects, rng)
            found |= {
                "anchor_labels": targets.labels,
                "anchor_offsets": targets.offsets,
                "anchor_weights": targets.weights,
            }
        return found

    def _regions(self, size, objects, proposals, anchors, rng):
        if proposals is None:
            inside = np.clip(anchors, 0, [*size, *size]).astype(np.float32)
            proposals = np.concatenate([regions_around(objects, size, rng), inside])
        return sample_regions(proposals, objects, self.count, rng, low=self.low, foreground=self.foreground)

    def regions_of(self, index):
        """Return `Regions` of an image, neither augmented nor normalised; its pixels are not read."""
        item = self.images[index]
        factor = scale_of(*item.size, self.shorter, self.longer).numpy()
        size = [round(length * float(factor)) for length in item.size]
        objects = Boxes(item.boxes.corners * factor, item.boxes.labels, item.boxes.difficult)
        proposals = None if self.proposals is None else self.proposals[index] * factor
        anchors = None
        if self.anchors is not None:
            anchors = self.anchors(*(padded_side(length, self.stride) // self.stride for length in size))
        return self._regions(size, objects, proposals, anchors, np.random.default_rng([index, _REGIONS]))

    @contextmanager
    def failing_in_words(self):
        """Have what is wrong with an image of a stream raised as the InputError that it was."""
        try:
            yield
        except tf.errors.OpError:
            if not self.failures:
                raise
            failure = self.failures[0]
        else:
            return
        # Outside of the handler, whose frames would keep the stream and its threads to the end of the process.
        raise failure


def as_keras(batch):
    """Return a batch of `Sampler.batch`, or tensors of it, as `fit()` takes it: inputs, targets, weights."""
    inputs = {"images": batch["images"], "regions": batch["regions"]}

    def with_label(labels, offsets):
        return tf.concat([tf.cast(labels, tf.float32)[..., None], offsets], axis=-1)

    targets = {"scores": batch["labels"], "offsets": with_label(batch["labels"], batch["offsets"])}
    weights = {"scores": batch["weights"], "offsets": batch["weights"]}
    if "anchor_labels" in batch:
        offsets = with_label(batch["anchor_labels"], batch["anchor_offsets"])
        targets |= {"objectness": batch["anchor_labels"], "anchor_offsets": offsets}
        weights |= {"objectness": batch["anchor_weights"], "anchor_offsets": batch["anchor_weights"]}
    return inputs, targets, weights


_SHAPES = {
    "images": (None, None, None, 3),
    "regions": (None, None, 4),
    "labels": (None, None),
    "offsets": (None, None, 4),
    "weights": (None, None),
    "anchor_labels": (None, None),
    "anchor_offsets": (None, None, 4),
    "anchor_weights": (None, None),
}


def training_stream(sampler, batch_size, seed, first_step=0):
    """Return the endless stream of training batches, as `fit()` takes them.

    Each pass has every image once, in an order of its own; a batch may go over the end of a pass.

    Args:
        sampler: `Sampler`.
        batch_size: Images of a batch.
        seed: Of the order and of all draws.
        first_step: Batch to start at.
    """
    count = len(sampler.images)

    def batch_at(step):
        positions = np.arange(int(step) * batch_size, (int(step) + 1) * batch_size)
        orders = {one: _order(count, seed, one) for one in set(positions // count)}
        indices = [orders[position // count][position % count] for position in positions]
        return sampler.batch(indices, [(seed ^ _FOLD, int(position)) for position in positions])

    steps = tf.data.Dataset.range(first_step, tf.int64.max)
    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return _stream(steps, batch_at, sampler).apply(endless).prefetch(2)


def ordered_batches(sampler, batch_size, seed, images=None):
    """Return one pass over images in order, as `fit()` takes its batches, the same in every pass.

    Args:
        sampler, batch_size, seed: As for `training_stream`.
        images: Indices of the images; None for all.
    """
    indices = np.arange(len(sampler.images)) if images is None else np.asarray(images)
    parts = [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]

    def batch_at(number):
        part = parts[int(number)]
        return sampler.batch(part, [(seed ^ _FOLD, int(index)) for index in part])

    stream = _stream(tf.data.Dataset.range(len(parts)), batch_at, sampler)
    return stream.apply(tf.data.experimental.assert_cardinality(len(parts))).prefetch(1)


def _order(count, seed, number):
    return np.random.default_rng([seed, int(number), _ORDER]).permutation(count)


def _stream(numbers, batch_at, sampler):
    names = [name for name in _SHAPES if sampler.has_proposal_head or not name.startswith("anchor")]
    kinds = [tf.int32 if name == "labels" else tf.float32 for name in names]

    def arrays_at(number):
        try:
            return _listed(batch_at(number), names)
        except InputError as error:
            sampler.failures.append(error)
            raise

    def load(number):
        arrays = tf.numpy_function(arrays_at, [number], kinds, stateful=False)
        for name, array in zip(names, arrays, strict=True):
            array.set_shape(_SHAPES[name])
        return as_keras(dict(zip(names, arrays, strict=True)))

    return numbers.map(load, num_parallel_calls=2, deterministic=True)


def _listed(batch, names):
    return [batch[name] for name in names]
