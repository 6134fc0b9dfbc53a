"""Export a Keras segmenter for TensorFlow Serving."""

from tfapp.export.kinds import SEGMENTER
from tfapp.export.reference import SegmenterRequests, stored_requests
from tfapp.export.segmenter import inspect_model
from tfapp.export.served_images import ServedImages, checked_names, checked_sizes
from tfapp.export.signatures import endpoints
from tfapp.export.writer import write_version

# What its outputs mean, by alias.
MEANINGS = {
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
        None if class_names is None else checked_names(class_names, segmenter.num_classes),
        checked_sizes(warmup_sizes),
        extra_examples if extra_examples is not None else (),
    )
    return write_version(served, base_path, version, metadata)


class ServedSegmenter(ServedImages):
    """A `Segmenter` with what its export was asked for."""

    kind = SEGMENTER
    meanings = MEANINGS

    @property
    def requests(self):
        return SegmenterRequests(self.image_model)

    def endpoints(self):
        return endpoints(self.image_model)

    def stored_requests(self):
        return stored_requests(self.image_model)

    def facts(self):
        stride = self.image_model.stride
        return {**super().facts(), "padding": {"stride": stride, "rule": _padding_rule(stride)}}


def _padding_rule(stride):
    if stride == 1:
        return "images enter the model at their own size"
    return (
        f"height and width are padded inside the graph, on both sides alike, to multiples of {stride} by "
        "mirroring with the edge, and the answer is cropped back"
    )
