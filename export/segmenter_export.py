"""Export a Keras segmenter for TensorFlow Serving."""

from dataclasses import dataclass

from tfapp.export.errors import ExportError
from tfapp.export.kinds import SEGMENTER
from tfapp.export.reference import example_requests, stored_requests, warmup_requests
from tfapp.export.segmenter import Segmenter, inspect_model
from tfapp.export.servable import Servable
from tfapp.export.signatures import endpoints
from tfapp.export.writer import write_version

# What its inputs and outputs mean, by alias; `images` depends on the model.
MEANINGS = {
    "image_bytes": "encoded PNG, JPEG, BMP or GIF (first frame) files, each at its own size",
    "probabilities": "class probabilities, float32, add up to 1 over the last axis",
    "labels": "index of the most probable class",
    "gap": "certificate of the TV head, per image: its energy is at most this far above the minimum, per pixel",
    "labels_png_bytes": "PNG of the most probable class of each pixel, at the size of its image",
}


def export(
    model,
    base_path,
    *,
    version=None,
    class_names=None,
    stride=1,
    value_range=(0.0, 1.0),
    warmup_sizes=((64, 64),),
    metadata=None,
    extra_examples=None,
):
    """Export `model` to `base_path/<version>/` and return that path.

    The folder is checked and published as `tfapp.export.writer.write_version` says.

    Signatures (`tfapp.export.signatures.endpoints`): `serving_default` float32 images, `serving_uint8`
    0..255 images, `serving_bytes` encoded files, each at its own size. Custom gradients are not exported.

    Args:
        model: Keras model from float32 images `(batch, height, width, channels)` of any height and width
            and 1 or 3 channels to class probabilities `(batch, height, width, classes)`, or to
            `[probabilities, gap]` as `tfapp.layers.with_gap` makes it: `serving_default` and `serving_uint8`
            then have the further output `gap`, float32 `(batch,)`.
        base_path: Folder of the model, which holds one folder per version; made if missing.
        version: Positive int, or None for the highest existing version plus one.
        class_names: One str per class, or None.
        stride: Height and width are padded inside the graph to multiples of it and the answer is cropped
            back; 1 if the model takes any size by itself.
        value_range: Lowest and highest image value that the model takes.
        warmup_sizes: Image sizes `(height, width)` in pixels to warm the server up for.
        metadata: Dict of JSON values kept in `assets.extra/export.json`; `git_commit` is shown at its top.
        extra_examples: Images `(height, width, channels)` in `value_range` to compare besides the
            generated ones; they are not stored.

    Returns:
        `pathlib.Path` of the version folder.

    Raises:
        ExportError: unusable arguments, a folder that cannot be written, or an artifact that does not
            answer as the model does (differences of probabilities beyond 1e-5, or four epsilons of the
            compute dtype for half precision).
    """
    segmenter = inspect_model(model, stride, value_range)
    served = ServedSegmenter(
        segmenter,
        _class_names(class_names, segmenter.num_classes),
        _sizes(warmup_sizes),
        extra_examples if extra_examples is not None else (),
    )
    return write_version(served, base_path, version, metadata)


@dataclass(frozen=True)
class ServedSegmenter(Servable):
    """A segmenter with what its export was asked for.

    Attributes:
        segmenter: `Segmenter`.
        class_names: List of str, or None.
        warmup_sizes: Pairs (height, width) in pixels.
        examples: Images to compare besides the generated ones.
    """

    segmenter: Segmenter
    class_names: list | None
    warmup_sizes: list
    examples: list | tuple
    kind = SEGMENTER

    @property
    def model(self):
        return self.segmenter.model

    @property
    def tolerance(self):
        return self.segmenter.tolerance

    def endpoints(self):
        return endpoints(self.segmenter)

    def stored_requests(self):
        return stored_requests(self.segmenter)

    def warmup_requests(self):
        return warmup_requests(self.segmenter, self.warmup_sizes)

    def further_requests(self):
        return example_requests(self.segmenter, self.examples)

    def meaning(self, alias, dtype):
        low, high = (0, 255) if dtype == "uint8" else self.segmenter.value_range
        images = f"{self._channel_order()} images of any height and width, values {low:g} to {high:g}"
        return MEANINGS.get(alias, images)

    def facts(self):
        stride = self.segmenter.stride
        return {
            "images": {
                "channels": self.segmenter.num_channels,
                "channel_order": self._channel_order(),
                "value_range": list(self.segmenter.value_range),
                "uint8_range": [0, 255],
            },
            "num_classes": self.segmenter.num_classes,
            "class_names": self.class_names,
            "padding": {"stride": stride, "rule": _padding_rule(stride)},
        }

    def _channel_order(self):
        return "RGB" if self.segmenter.num_channels == 3 else "grey"


def _padding_rule(stride):
    if stride == 1:
        return "images enter the model at their own size"
    return (
        f"height and width are padded inside the graph, on both sides alike, to multiples of {stride} by "
        "mirroring with the edge, and the answer is cropped back"
    )


def _class_names(names, num_classes):
    if names is None:
        return None
    names = [str(name) for name in names]
    if len(names) != num_classes:
        raise ExportError(
            f"`class_names` must name the {num_classes} classes of the model. Received: {len(names)} names."
        )
    return names


def _sizes(sizes):
    sizes = [tuple(size) for size in sizes]
    for size in sizes:
        if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
            raise ExportError(
                f"`warmup_sizes` must be pairs (height, width) of positive integers. Received: {size!r}."
            )
    return sizes
