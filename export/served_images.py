"""What exports of models of images have in common, and the arguments that they share."""

from abc import abstractmethod
from dataclasses import dataclass

from tfapp.export.errors import ExportError
from tfapp.export.image_model import ImageModel
from tfapp.export.servable import Servable


@dataclass(frozen=True)
class ServedImages(Servable):
    """A model of images with what its export was asked for.

    Attributes:
        image_model: `ImageModel`.
        class_names: List of str, or None.
        warmup_sizes: Pairs (height, width) in pixels.
        examples: Images to compare besides the generated ones.
        meanings: What outputs mean, by alias.
    """

    image_model: ImageModel
    class_names: list | None
    warmup_sizes: list
    examples: list | tuple
    meanings = None

    @property
    @abstractmethod
    def requests(self):
        """`ImageRequests` of the model."""

    @property
    def model(self):
        return self.image_model.model

    @property
    def tolerance(self):
        return self.image_model.tolerance

    def warmup_requests(self):
        return self.requests.warmup(self.warmup_sizes)

    def further_requests(self):
        return self.requests.examples(self.examples)

    def meaning(self, alias, dtype):
        if alias == "image_bytes":
            return f"encoded PNG, JPEG, BMP or GIF (first frame) files, each {self._size('at its own size')}"
        low, high = (0, 255) if dtype == "uint8" else self.image_model.value_range
        size = self._size("of any height and width")
        images = f"{self.image_model.channel_order} images {size}, values {low:g} to {high:g}"
        return self.meanings.get(alias, images)

    def facts(self):
        size = self.image_model.size
        return {
            "images": {
                "channels": self.image_model.num_channels,
                "channel_order": self.image_model.channel_order,
                "size": None if None in size else list(size),
                "value_range": list(self.image_model.value_range),
                "uint8_range": [0, 255],
            },
            "num_classes": self.image_model.num_classes,
            "class_names": self.class_names,
        }

    def _size(self, otherwise):
        height, width = self.image_model.size
        return otherwise if None in (height, width) else f"{height} pixels high and {width} wide"


def checked_names(names, num_classes):
    """Return `names` as a list of str.

    Raises:
        ExportError: not one name per class.
    """
    names = [str(name) for name in names]
    if len(names) != num_classes:
        raise ExportError(
            f"`class_names` must name the {num_classes} classes of the model. Received: {len(names)} names."
        )
    return names


def checked_sizes(sizes):
    """Return `warmup_sizes` as a list of tuples.

    Raises:
        ExportError: one is not a pair of positive integers.
    """
    sizes = [tuple(size) for size in sizes]
    for size in sizes:
        if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
            raise ExportError(
                f"`warmup_sizes` must be pairs (height, width) of positive integers. Received: {size!r}."
            )
    return sizes
