"""Segmenter of anybody's in a `.keras` file, with what evaluation and export ask of a run."""

import math
from functools import cached_property
from pathlib import Path

from tfapp.data import Framing, read_class_names
from tfapp.data.typed_names import comma_separated
from tfapp.errors import InputError
from tfapp.layers.tv.attach import ends_in_tv_layer
from tfapp.models import at_own_size, check_placement, find_stride, fitted, with_probabilities
from tfapp.models.input_scale import chosen_scale
from tfapp.models.weights import load_keras_model
from tfapp.segmentation.exporting import export_segmenter


class KerasFile:
    """A trained Keras model for images, in a file of its own.

    Args:
        path: The `.keras` file. It is loaded in Keras's safe mode and never written to.
        resize: `(height, width)` that images are resized to, or None for their own size, or the size that
            the model is fixed to.
        input_scale: The value that the model takes for white: images in [0, 1] are multiplied by it. None to go by
            what the model declares, by the type of its input or its first layers; 1 if it declares nothing.
        output: What the model gives: `logits`, `probabilities`, or `auto` to tell by its structure.

    Attributes:
        title: Its column in a table: the name of the file.
        channels: Image channels, 1 or 3.
        num_classes: Number of classes; a model with one output channel has two.
        framing: `Framing` of the size that the network works at.
        input_scale: The value of white that it gets.
        has_tv_head: Whether it ends in total variation already.

    Raises:
        InputError: For a file that cannot be loaded, a model that is not a segmenter of such images, one whose answer
            is for a part of the image, or one that scales its images from a range that is not plain, without
            `input_scale`.
    """

    class_weights = None
    image_pairs = False
    loss = "cross-entropy"
    settings = {}
    trained_on = None
    after_export = ()
    export_remarks = ()
    serves_refined = False

    def __init__(self, path, *, resize=None, input_scale=None, output="auto"):
        self.path = Path(path)
        self.title = self.path.stem
        self.output = output
        if input_scale is not None and not (math.isfinite(input_scale) and input_scale > 0):
            raise InputError(f"`input_scale` must be a number above 0, such as 255; got {input_scale}.")
        self.model = load_keras_model(self.path)
        self.channels, fixed = _image_shape(self.model, self.path)
        if fixed and resize and fixed != tuple(resize):
            raise InputError(
                f"{self.path} takes images of {fixed[1]}x{fixed[0]} pixels only, which are resized to that; leave out "
                "`resize`."
            )
        self.input_scale, self._scale_reason = chosen_scale(self.model, self.path, input_scale)
        self._scale_was_said = input_scale is not None
        self._fixed = fixed
        self.framing = Framing(resize=fixed or resize)
        self.num_classes = self.network().output_shape[-1]
        check_placement(self.model, self.channels, self.path, self._fixed, self.stride, self.input_scale)

    @property
    def scale_sentence(self):
        """Which value the model gets for white, and why."""
        return f"{self.path} gets images with {self.input_scale:g} for white: {self._scale_reason}."

    @property
    def has_tv_head(self):
        return ends_in_tv_layer(self.model)

    @cached_property
    def stride(self):
        """The multiple that image sizes are mirrored up to, found by trial."""
        return 1 if self._fixed else find_stride(self.model, self.channels, self.path)

    @cached_property
    def weights(self):
        """SHA-256 over all weights, that of a run whose model this is."""
        from tfapp.landscape.fingerprint import hash_weights

        return hash_weights(self.model)

    def network(self, post_tv=None, *, gap=False):
        """Return a Keras model from network-sized images in [0, 1] to probabilities; see `with_probabilities`."""
        model = with_probabilities(self.model, self.path, post_tv, gap=gap, output=self.output)
        return fitted(model, self.channels, self._fixed, self.stride, self.input_scale)

    def segmenter(self, post_tv=None, *, gap=False):
        """Return the `network` for images of any size, with probabilities at each image's own size."""
        return at_own_size(self.network(post_tv, gap=gap), self.framing.resize)

    def export(self, base_dir, version=None, *, post_tv=None, gap=False, classes=None, **serving):
        """Write `base_dir/<version>` for TensorFlow Serving, and return that folder.

        Args:
            base_dir: Folder of the served model.
            version: Version to write; None for the highest plus one.
            post_tv: Weight of converged total variation behind the logits, or None.
            gap: Whether to serve the duality gap too.
            classes: Class names with commas between them, or a file of them like `classes.txt`; None to number them.
            serving: `max_pixels` and `status` of `tfapp.export.export`.

        Raises:
            InputError: Other names than the model has classes, or options that it cannot have.
            ExportError: As `tfapp.export.export`.
        """
        names = self._class_names(classes)
        facts = {
            "model_file": self.path.name,
            "input_scale": self.input_scale,
            "resize": self.framing.resize,
        }
        if not self._scale_was_said:
            facts["input_scale_reason"] = self._scale_reason
        return export_segmenter(
            self, base_dir, version, names, post_tv=post_tv, gap=gap, facts=facts, **serving
        )

    def _class_names(self, classes):
        if classes is None:
            return [f"class {index}" for index in range(self.num_classes)]
        names = read_class_names(Path(classes)) if Path(classes).is_file() else comma_separated(classes)
        if len(names) != self.num_classes:
            raise InputError(f"`classes` names {len(names)} classes; {self.path} has {self.num_classes}.")
        return [name.strip() for name in names]


def _image_shape(model, path):
    shape = getattr(model, "input_shape", None)
    if not (isinstance(shape, tuple) and len(shape) == 4 and shape[-1] in (1, 3)):
        raise InputError(
            f"{path} takes {shape or 'no one array'}; expected a model of one image (batch, height, width, channels) "
            "with 1 or 3 channels."
        )
    answer = model.output_shape
    if not (isinstance(answer, tuple) and len(answer) == 4):
        several = isinstance(answer, (list, dict))
        remedy = (
            ": save one of them by keras.Model(model.inputs, model.outputs[0]).save(...)" if several else ""
        )
        raise InputError(
            f"{path} answers {answer}; expected one answer (batch, height, width, classes){remedy}."
        )
    size = shape[1:3]
    return shape[-1], None if None in size else size
